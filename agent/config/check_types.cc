// What a node asks of a field, held against what the nodes before it make certain. Reported is only what no record can bring: what
// a node takes as it comes (a deadband's text, a condition's null) is none of it.
#include <algorithm>

#include "agent/config/build.h"
#include "agent/config/field_types.h"
#include "agent/pipeline/exact_value.h"
#include "platform/base/text.h"

namespace pinaflux::config {

namespace {

std::string field_quoted(std::string_view name) { return "'" + printable(name, 40) + "'"; }

// "text", "a number", "text or a bool"
std::string types_said(TypeSet types) {
  std::string text;
  const auto add = [&](TypeSet all, const char* name) {
    if ((types & all) != all) return;
    types = static_cast<TypeSet>(types & ~all);
    (text += text.empty() ? "" : " or ") += name;
  };
  add(kNumbers, "a number");
  add(kIntegers, "an int");
  add(kReals, "a float");
  add(kTexts, "text");
  add(kBytes, "bytes");
  add(kBooleans, "a bool");
  return text;
}

// The name of a field: where it stands, among others or before a colon.
Place field_place(const Reader& r, std::string_view key, std::string_view field) {
  const Node* node = r.node(key);
  if (node == nullptr) return r.key_place(key);
  for (const Node& item : node->items) {
    if (item.is_scalar() && item.text == field) return item.place;
  }
  for (const Entry& pair : node->entries) {
    if (pair.key == field) return pair.place;
  }
  return r.value_place(key);
}

// What of `from` can be the same as something of `to`, by exactly().
bool can_become(TypeSet from, FieldType to) {
  const TypeSet same = to == FieldType::bytes  ? kBytes | kTexts
                       : to == FieldType::text ? kAnyType
                                               : kAnyType & ~kBytes;
  return (from & same) != 0;
}

class NodeTypes {
 public:
  NodeTypes(FieldTypes& types, const std::vector<NodeOptions>& nodes, const std::vector<Named>& all,
            Findings& findings)
      : types_(types), nodes_(nodes), all_(all), findings_(findings) {}

  void check(std::size_t index) {
    node_ = &nodes_[index];
    reader_ = &all_[index].reader;
    std::visit(*this, node_->kind);
  }

  template <class Kind>
  void operator()(const Kind&) {}

  void operator()(const FieldFilter& filter) {
    const Reader r = reader_->section("filter");
    const FieldFact fact = before(filter.field);
    const Place place = r.value_place("field");
    if (fact.types == 0 && !filter.keep_missing) return gone(place, filter.field, fact);
    using Compare = FieldFilter::Compare;
    if (filter.compare == Compare::exists || filter.compare == Compare::not_equal) return;
    static constexpr TypeSet kWith[] = {kAnyType, kBooleans, kNumbers, kNumbers, kTexts | kBytes};
    const std::size_t with = filter.with.index();
    if (fact.types == 0 || (fact.types & kWith[with]) != 0) return;
    static constexpr const char* kCompared[] = {"", "true or false", "a number", "a number",
                                                "a text"};
    clash(place, filter.field, fact, std::string("is compared with ") + kCompared[with],
          "compare it with what it is, or cast it in between");
  }

  void operator()(const Deadband& deadband) {
    const Place place = reader_->section("deadband").value_place("of");
    if (is_gone(place, deadband.field) || !(deadband.swing > 0.0)) return;
    number(place, deadband.field, "no line leads over it");
  }

  void operator()(const ChangeRate& rate) { numbers("rate", rate.of, "has no rate"); }
  void operator()(const Anomaly& anomaly) { numbers("anomaly", anomaly.of, "has no score"); }

  void operator()(const TimeWindow& window) {
    const Reader r = reader_->section("window");
    const bool of_all = std::ranges::contains(window.give, "distinct");
    for (const std::string& field : window.of) {
      const Place place = field_place(r, "of", field);
      if (is_gone(place, field) || of_all) continue;
      const FieldFact fact = before(field);
      if ((fact.types & (kNumbers | kBooleans)) != 0) continue;
      clash(place, field, fact, "has none of these statistics",
            "give distinct, cast it to a number in between, or take it out");
    }
  }

  void operator()(const Convert& convert) {
    for (const Convert::Field& field : convert.fields) {
      const Place place = field_place(*reader_, "convert", field.name);
      if (!is_gone(place, field.name)) number(place, field.name, "has no unit");
    }
  }

  void operator()(const TypeCast& cast) {
    for (const TypeCast::Field& field : cast.fields) {
      const Place place = field_place(*reader_, "cast", field.name);
      const bool refuses = field.otherwise == TypeCast::Otherwise::refuse;
      const FieldFact fact = before(field.name);
      if (is_gone(place, field.name) || !refuses || can_become(fact.types, field.to)) continue;
      clash(place, field.name, fact, "is never the same as " + types_said(type_set(field.to)),
            "cast it to text, or take it out");
    }
  }

  void operator()(const Parse& parse) { text("parse", parse.of, "only text is parsed"); }
  void operator()(const SplitArray& split) {
    text("split", split.of, "only an array, which is text, is split");
  }

  void operator()(const Lookup& lookup) {
    (void)is_gone(reader_->section("lookup").value_place("of"), lookup.of);
  }

  void operator()(const Select& select) {
    const auto missing = [&](const std::string& field) { return before(field).types == 0; };
    if (select.drop || !std::ranges::all_of(select.fields, missing)) return;
    const std::string& first = select.fields.front();
    gone(field_place(*reader_, "select", first), first, before(first));
  }

  void operator()(const SchemaCheck& schema) {
    const bool strict = schema.drift == SchemaCheck::Drift::quarantine ||
                        schema.drift == SchemaCheck::Drift::reject;
    for (const Named& item : reader_->section("schema").names("fields")) {
      const auto at =
          std::ranges::find(schema.fields, item.reader.text("name"), &SchemaCheck::Field::name);
      if (at == schema.fields.end()) continue;
      const FieldFact fact = before(at->name);
      if (fact.types == 0 && at->required) {
        gone(item.reader.value_place("name"), at->name, fact);
      } else if (fact.types != 0) {
        declared(item.reader, *at, fact, strict);
      }
    }
  }

 private:
  void declared(const Reader& r, const SchemaCheck::Field& field, const FieldFact& fact,
                bool strict) {
    const bool converts = can_become(fact.types, field.type);
    const TypeSet alike =
        field.type == FieldType::real ? kNumbers : type_set(field.type);  // As they come.
    if (strict ? (fact.types & alike) != 0 : converts) return;
    const std::string type = field_type_name(field.type);
    clash(r.value_place("type"), field.name, fact, "is never " + type + " here",
          converts ? "declare what it is, cast it in between, or say drift: coerce"
                   : "declare what it is, or give it another name before");
  }

  FieldFact before(std::string_view field) { return types_.before(*node_, field); }

  void numbers(std::string_view kind, const std::vector<std::string>& of, std::string_view why) {
    const Reader r = reader_->section(kind);
    for (const std::string& field : of) {
      const Place place = field_place(r, "of", field);
      if (!is_gone(place, field)) number(place, field, why);
    }
  }

  void number(const Place& place, std::string_view field, std::string_view why) {
    const FieldFact fact = before(field);
    if ((fact.types & kNumbers) != 0) return;
    const bool bytes = fact.types == kBytes;
    clash(place, field, fact, why,
          bytes ? "name a field that is a number" : "cast it to a number in between");
  }

  void text(std::string_view kind, std::string_view field, std::string_view why) {
    const Place place = reader_->section(kind).value_place("of");
    const FieldFact fact = before(field);
    if (is_gone(place, field) || (fact.types & kTexts) != 0) return;
    clash(place, field, fact, why,
          fact.types == kBytes ? "cast it to text in between" : "name a field that is text");
  }

  bool is_gone(const Place& place, std::string_view field) {
    const FieldFact fact = before(field);
    if (fact.types == 0) gone(place, field, fact);
    return fact.types == 0;
  }

  void gone(const Place& place, std::string_view field, const FieldFact& fact) {
    findings_.error(place, "no record that comes here has " + field_quoted(field),
                    since(fact, "does not give it") + meant(field, *fact.since));
  }

  // What the field is called where it went.
  static std::string meant(std::string_view field, const NodeOptions& since) {
    std::string name;
    if (const auto* rename = std::get_if<Rename>(&since.kind)) {
      for (const auto& [from, to] : rename->fields) name = from == field ? to : name;
    } else if (const auto* window = std::get_if<TimeWindow>(&since.kind)) {
      const auto gives = [](const std::string& one) { return one != "count"; };
      const auto first = std::ranges::find_if(window->give, gives);
      const bool has = first != window->give.end() && std::ranges::contains(window->of, field);
      if (has) name = joined({field, "_", *first});
    }
    if (name.empty()) return "keep it there, or name another field";
    return "did you mean " + field_quoted(name) + "?";
  }

  void clash(const Place& place, std::string_view field, const FieldFact& fact,
             std::string_view why, std::string_view way) {
    findings_.error(place,
                    joined({field_quoted(field), " is ", types_said(fact.types), ", and ", why}),
                    joined({since(fact, "makes it so"), way}));
  }

  // "'typed' makes it so (pinaflux.yaml:7): "
  std::string since(const FieldFact& fact, std::string_view does) const {
    const auto index = static_cast<std::size_t>(fact.since - nodes_.data());
    return joined({field_quoted(fact.since->name), " ", does, " (",
                   all_[index].reader.place().spoken(), "): "});
  }

  FieldTypes& types_;
  const std::vector<NodeOptions>& nodes_;
  const std::vector<Named>& all_;
  Findings& findings_;
  const NodeOptions* node_ = nullptr;
  const Reader* reader_ = nullptr;
};

}  // namespace

void check_types(const Reader& root, Building& building) {
  const PipelineOptions& pipeline = building.to.pipeline;
  const auto all = root.names("pipeline");
  FieldTypes types(pipeline);
  NodeTypes nodes(types, pipeline.nodes, all, building.findings);
  for (std::size_t i = 0; i < pipeline.nodes.size(); ++i) nodes.check(i);
}

}  // namespace pinaflux::config
