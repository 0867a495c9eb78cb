#include "agent/pipeline/parse.h"

#include "agent/pipeline/field_names.h"
#include "agent/pipeline/json_text.h"
#include "agent/pipeline/pieces.h"
#include "platform/base/text.h"

namespace pinaflux {

namespace {

Status check_parse(const Parse& options) {
  if (options.of.empty()) return fail(Code::invalid, "parse names no field");
  const bool pairs = options.as == Parse::As::pairs;
  if (pairs && options.separator == options.equals) {
    return fail(Code::invalid, "parse: pairs are separated by what is within them");
  }
  if (options.separator == '"' || (pairs && options.equals == '"')) {
    return fail(Code::invalid, "parse: a quote separates nothing");
  }
  const auto& names = options.names;
  if (options.as == Parse::As::delimited && (names.empty() || !are_distinct(names))) {
    return fail(Code::invalid, "parse: no names, one that is empty, or one twice");
  }
  if (options.fields_max == 0) return fail(Code::invalid, "parse has room for no field");
  return {};
}

}  // namespace

Result<std::unique_ptr<Step>> ParseStep::make(const Parse& options, Shapes& shapes) {
  if (auto s = check_parse(options); !s) return std::unexpected(s.error());
  std::unique_ptr<RegexCaptures> pattern;
  if (options.as == Parse::As::pattern) {
    pattern = std::make_unique<RegexCaptures>(options.pattern);
    if (pattern->fault().what != nullptr)
      return fail(Code::invalid, "parse: its pattern is no regular expression of ours");
  }
  return std::unique_ptr<Step>(new ParseStep(options, shapes, std::move(pattern)));
}

ParseStep::ParseStep(const Parse& options, Shapes& shapes, std::unique_ptr<RegexCaptures> pattern)
    : options_(options),
      pattern_(std::move(pattern)),
      column_(options.of),
      made_(shapes, fields_max()) {}

std::size_t ParseStep::fields_max() const {
  if (pattern_ != nullptr) return pattern_->names().size();
  return options_.as == Parse::As::delimited ? options_.names.size() : options_.fields_max;
}

Step::Computed ParseStep::computed() const { return {.copies = true, .fields = fields_max()}; }

void ParseStep::take(const Record& record, Flow& flow) {
  const int place = column_.position(record.shape());
  const Value value = place < 0 ? Value() : record.cells()[static_cast<std::size_t>(place)];
  if (value.type() == Type::absent || value.type() == Type::null) return flow.emit(record);
  no_room_ = false;
  made_.clear();
  why_ = value.type() == Type::text ? read(value.as_text(), flow.texts) : "it is no text";
  if (no_room_) return flow.refuse(Reason::too_large);
  if (why_ != nullptr) return options_.pass ? flow.emit(record) : flow.refuse(Reason::node_failed);
  made_.emit(record, options_.keep ? -1 : place, record.time(), flow);
}

const char* ParseStep::read(std::string_view text, Arena& texts) {
  switch (options_.as) {
    case Parse::As::pairs: return read_pairs(text, texts);
    case Parse::As::delimited: return read_delimited(text, texts);
    case Parse::As::pattern: return read_pattern(text);
    case Parse::As::json: break;
  }
  JsonText json(text, texts, options_.all_text);
  const char* const why = json.document(options_.prefix, made_);
  no_room_ = json.no_room();
  return why;
}

const char* ParseStep::read_pairs(std::string_view text, Arena& texts) {
  Pieces pieces(trim(text), options_.separator, texts, options_.all_text);
  for (pieces.skip_blanks(); !pieces.at_end(); pieces.skip_blanks()) {
    std::string_view name;
    Value value;
    if (!pieces.name(options_.equals, name)) return "a piece of it is no pair";
    const char* why = pieces.value(value);
    no_room_ = pieces.no_room();
    if (why == nullptr && value.type() != Type::absent)
      why = made_.add(options_.prefix, name, value);
    if (why != nullptr) return why;
    pieces.skip_blanks();
    pieces.take_separator();
  }
  return nullptr;
}

const char* ParseStep::read_delimited(std::string_view text, Arena& texts) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.ends_with('\r')) text.remove_suffix(1);
  Pieces pieces(text, options_.separator, texts, options_.all_text);
  for (std::size_t i = 0; i < options_.names.size(); ++i) {
    if (i > 0 && !pieces.take_separator()) return "it has fewer values than names";
    Value value;
    const char* why = pieces.value(value);
    no_room_ = pieces.no_room();
    if (why == nullptr) why = made_.add(options_.prefix, options_.names[i], value);
    if (why != nullptr) return why;
  }
  return pieces.at_end() ? nullptr : "it has more values than names";
}

const char* ParseStep::read_pattern(std::string_view text) {
  switch (pattern_->find(text)) {
    case RegexCaptures::Found::no: return "the pattern does not match it";
    case RegexCaptures::Found::too_many_steps: return "the pattern takes too many steps with it";
    case RegexCaptures::Found::yes: break;
  }
  for (std::size_t i = 0; i < pattern_->names().size(); ++i) {
    const std::string_view group = pattern_->group(i);
    Value value;
    if (!group.empty()) value = options_.all_text ? Value::text(group) : number_or_text(group);
    const char* const why = made_.add(options_.prefix, pattern_->names()[i], value);
    if (why != nullptr) return why;
  }
  return nullptr;
}

std::string ParseStep::failure() const {
  return made_.shapes_full() ? "it gives more than 256 lists of fields"
                             : joined({"field '", printable(options_.of, 40),
                                       "': ", why_ == nullptr ? "it cannot be read" : why_});
}

}  // namespace pinaflux
