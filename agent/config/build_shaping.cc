// Nodes that give values and records another form. What a field becomes stands in a few words: "F to C", "int or keep".
#include <algorithm>
#include <array>

#include "agent/config/build.h"
#include "agent/pipeline/exact_value.h"
#include "agent/pipeline/unit.h"
#include "platform/base/regex_captures.h"
#include "platform/base/text.h"

namespace pinaflux::config {

namespace {

std::string in_quotes(std::string_view text) { return "'" + printable(text, 40) + "'"; }

// Of a piece of a value's text.
Place place_of(const Node& node, std::string_view piece) {
  const auto at = piece.empty() ? 0 : static_cast<std::size_t>(piece.data() - node.text.data());
  return place_in(node, at, piece.size());
}

// "A BETWEEN B": both; else all of it, and nothing.
std::array<std::string_view, 2> around(std::string_view text, std::string_view between) {
  const std::size_t at = text.find(between);
  if (at == std::string_view::npos) return {trim(text), {}};
  return {trim(text.substr(0, at)), trim(text.substr(at + between.size()))};
}

void check_field_name(const Entry& pair, Findings& findings) {
  if (pair.key.size() <= limits::kNameBytesMax) return;
  findings.error(pair.place, "this is no name of a field", "names have 1 to 512 bytes");
}

const MeasureUnit* read_unit(const Node& node, std::string_view name, const MeasureUnit* other,
                             Findings& findings) {
  const MeasureUnit* const unit = find_unit(name);
  if (unit != nullptr) return unit;
  const auto meant = closest_unit(name);
  findings.error(place_of(node, name), "there is no unit " + in_quotes(name),
                 meant              ? "did you mean '" + std::string(*meant) + "'?"
                 : other != nullptr ? "known here: " + units_like(*other)
                                    : "'pinaflux config explain pipeline.*.convert' lists them");
  return nullptr;
}

std::size_t within(const Reader& r, std::string_view name, std::int64_t max) {
  return static_cast<std::size_t>(std::clamp<std::int64_t>(r.integer(name), 1, max));
}

void check_pattern(const Parse& parse, const Node* node, Findings& findings) {
  if (node == nullptr || !node->is_scalar() || parse.pattern.empty()) return;  // Said.
  const RegexCaptures regex(parse.pattern);
  if (regex.fault().what != nullptr) {
    refuse_regex(*node, "pattern", regex.fault(), "pipeline.*.parse.pattern", findings);
  }
  for (const std::string& name : regex.names()) {
    if (parse.prefix.size() + name.size() <= limits::kNameBytesMax) continue;
    findings.error(node->place, "with its prefix the name of a group has more than 512 bytes",
                   "write a shorter one, or a shorter prefix");
  }
}

}  // namespace

Convert build_convert(const Reader& r, Findings& findings) {
  Convert convert;
  const Node* fields = r.node("convert");
  if (fields == nullptr) return convert;
  for (const Entry& pair : fields->entries) {
    if (!pair.value.is_scalar()) continue;  // Said.
    check_field_name(pair, findings);
    const auto [from, to] = around(pair.value.text, " to ");
    convert.fields.push_back({pair.key, std::string(from), std::string(to)});
    if (from.empty() || to.empty()) {
      findings.error(pair.value.place, "a conversion is from one unit to another",
                     "for example " + printable(pair.key, 40) + ": F to C");
      continue;
    }
    const MeasureUnit* const known = find_unit(to);
    const MeasureUnit* const before = read_unit(pair.value, from, known, findings);
    const MeasureUnit* const after = read_unit(pair.value, to, before, findings);
    if (before == nullptr || after == nullptr) continue;
    if (before == after) {
      findings.error(pair.value.place, "both are " + in_quotes(from),
                     "take the field out, or say another unit");
    } else if (before->kind != after->kind) {
      findings.error(place_of(pair.value, to), in_quotes(from) + " cannot become " + in_quotes(to),
                     "it can become one of " + units_like(*before));
    }
  }
  return convert;
}

TypeCast build_cast(const Reader& r, Findings& findings) {
  using Otherwise = TypeCast::Otherwise;
  static constexpr std::array<std::string_view, 4> kTypes{"bool", "int", "float", "text"};
  static constexpr std::array<std::string_view, 2> kElse{"keep", "drop"};
  TypeCast cast;
  const Node* fields = r.node("cast");
  if (fields == nullptr) return cast;
  for (const Entry& pair : fields->entries) {
    if (!pair.value.is_scalar()) continue;  // Said.
    check_field_name(pair, findings);
    const auto [type, otherwise] = around(pair.value.text, " or ");
    if (!std::ranges::contains(kTypes, type)) {
      const auto meant = closest(type, kTypes);
      findings.error(place_of(pair.value, type), in_quotes(type) + " is no type",
                     meant ? "did you mean '" + std::string(*meant) + "'?"
                           : "it takes bool, int, float or text");
      continue;
    }
    const bool says_else = type.size() < trim(pair.value.text).size();
    if (says_else && !std::ranges::contains(kElse, otherwise)) {
      findings.error(
          place_of(pair.value, otherwise),
          in_quotes(otherwise) + " is not what can be done with a value that has no equal",
          "say 'or keep', 'or drop', or nothing: then the record is refused");
    }
    cast.fields.push_back({pair.key, *field_type_named(type),
                           otherwise == "keep"   ? Otherwise::keep
                           : otherwise == "drop" ? Otherwise::drop
                                                 : Otherwise::refuse});
  }
  return cast;
}

Parse build_parse(const Reader& r, Findings& findings) {
  Parse parse;
  const std::string as = r.text("as");
  parse.as = as == "json"        ? Parse::As::json
             : as == "pattern"   ? Parse::As::pattern
             : as == "delimited" ? Parse::As::delimited
                                 : Parse::As::pairs;
  parse.of = r.text("of");
  parse.names = r.texts("names");
  parse.pattern = r.text("pattern");
  parse.separator = parse.as == Parse::As::delimited ? ',' : ' ';
  // A longer one has been said.
  if (const auto given = r.text("separator"); given.size() == 1) parse.separator = given[0];
  if (const auto given = r.text("equals"); given.size() == 1) parse.equals = given[0];
  parse.prefix = r.text("prefix");
  parse.keep = r.boolean("keep");
  parse.all_text = r.text("types") == "text";
  parse.pass = r.text("else") == "pass";
  parse.fields_max = within(r, "fields_max", 256);
  if (parse.as == Parse::As::pattern) check_pattern(parse, r.node("pattern"), findings);
  const Node* list = r.node("names");
  for (std::size_t i = 0; i < parse.names.size(); ++i) {
    if (parse.prefix.size() + parse.names[i].size() <= limits::kNameBytesMax) continue;
    const bool item = list != nullptr && i < list->items.size();
    findings.error(item ? list->items[i].place : r.value_place("names"),
                   "with its prefix this name has more than 512 bytes",
                   "write a shorter one, or a shorter prefix");
  }
  const bool pairs = parse.as == Parse::As::pairs;
  if (parse.separator == '"' || (pairs && parse.equals == '"')) {
    findings.error(r.value_place(parse.separator == '"' ? "separator" : "equals"),
                   "a quote separates nothing: values stand in quotes", "say another byte");
  }
  if (pairs && parse.separator == parse.equals) {
    findings.error(r.value_place(r.has("separator") ? "separator" : "equals"),
                   "'separator' and 'equals' are the same byte",
                   "say what is between one pair and the next");
  }
  return parse;
}

SplitArray build_split(const Reader& r) {
  SplitArray split{.of = r.text("of"), .as = r.text("as"), .every = r.duration("every")};
  split.pass = r.text("else") == "pass";
  split.records_max = within(r, "records_max", 256);
  split.fields_max = within(r, "fields_max", 256);
  return split;
}

}  // namespace pinaflux::config
