// A record is held against its stream's schema in two steps. First a look, cell by cell, which finds what there is to say and what would
// change; nothing is changed by it. Then the schema learns all of that at once, as one version, and the record goes on.
//
// Most records change nothing, and bring what was there before: then a byte of each cell's plan says that its type needs no look, and
// the record goes on as it came. Plans are by shape, and hold as long as their stream's schema does not change (its generation).
//
// A schema only grows: fields are added and become optional, an integer becomes a float, once each. So a stream's versions come to an end,
// whatever it brings. A walk that is discarded puts back copies of the schemas that it has changed; changes are rare enough for that.

#include "agent/pipeline/schema_check.h"

#include <algorithm>
#include <utility>

#include "agent/pipeline/band_step.h"
#include "agent/pipeline/exact_value.h"
#include "agent/pipeline/kept_value.h"
#include "agent/pipeline/key_limits.h"
#include "platform/base/text.h"

namespace pinaflux {

namespace {

constexpr std::uint32_t kNoField = StreamSchema::kNone;

std::uint8_t type_bit(Type type) {
  return static_cast<std::uint8_t>(1u << static_cast<unsigned>(type));
}

std::string type_said(FieldType is, const char* between, FieldType was) {
  return std::string("is ") + field_type_name(is) + between + field_type_name(was);
}

}  // namespace

Result<std::unique_ptr<Step>> SchemaStep::make(const SchemaCheck& options, Shapes& shapes) {
  if (options.streams_max == 0 || options.fields_max == 0) {
    return fail(Code::invalid, "schema needs room for 1 stream and 1 field or more");
  }
  if (options.streams_max > kStreamsMax) return fail(Code::full, "schema has at most 1024 streams");
  if (options.fields_max > kFieldsMax) return fail(Code::full, "schema has at most 4096 fields");
  if (options.fields.size() > options.fields_max) {
    return fail(Code::full, "schema declares more fields than its fields_max");
  }
  if (options.streams_max * declared_bytes_max(options.fields) > kKeysBytesMax) {
    return fail(Code::full, "schema declares more fields than so many streams have room for");
  }
  auto rules = make_rules(options.fields);
  if (!rules) return std::unexpected(rules.error());
  return std::unique_ptr<Step>(new SchemaStep(options, std::move(*rules), shapes));
}

SchemaStep::SchemaStep(const SchemaCheck& options, std::vector<SchemaRule> rules, Shapes& shapes)
    : drift_(options.drift),
      streams_max_(options.streams_max),
      fields_max_(options.fields_max),
      rules_(std::move(rules)),
      shapes_(&shapes) {}

void SchemaStep::take(const Record& record, Flow& flow) {
  no_room_ = false;
  stream_ = record.shape().stream();
  if (record.shape().field_count() > fields_max_) {
    fail_with({}, "it has more than " + std::to_string(fields_max_) + " fields");
    return flow.refuse(Reason::node_failed);
  }
  Plan* const known = plan_of(record.shape(), flow.moment.stamp);
  if (known == nullptr) return flow.refuse(Reason::node_failed);
  Plan& plan = *known;
  const Place& place = places_[plan.place];
  places_[plan.place].used = ++uses_;
  if (plan.settled) {
    const auto cells = record.cells();
    std::size_t i = 0;
    while (i < cells.size() && (plan.passes[i] & type_bit(cells[i].type())) != 0) ++i;
    if (i == cells.size()) return flow.emit(record);
  }
  if (!look(record, plan, place, flow.texts)) {
    return flow.refuse(no_room_ ? Reason::too_large : Reason::node_failed);
  }
  if (!drift_said_.empty()) {
    if (drift_ == Drift::quarantine) return flow.emit(record, NodePort::drifted);
    failure_ = std::move(drift_said_);
    return flow.refuse(Reason::node_failed);
  }
  if (!learn(plan.place, flow.moment.stamp)) return flow.refuse(Reason::node_failed);
  emit(record, plan, flow);
}

// ---- plans

SchemaStep::Plan* SchemaStep::plan_of(const Shape& shape, Stamp now) {
  if (shape.id() >= plans_.size()) plans_.resize(shape.id() + 1);
  Plan& plan = plans_[shape.id()];
  if (plan.generation != 0 && plan.generation == places_[plan.place].generation) return &plan;
  plan.place = place_of(shape.stream());
  if (!places_[plan.place].declared && !declare(plan.place, now)) return nullptr;
  make_plan(shape, plan);
  return &plan;
}

void SchemaStep::make_plan(const Shape& shape, Plan& plan) const {
  const Place& place = places_[plan.place];
  plan.generation = place.generation;
  plan.fields.clear();
  plan.passes.clear();
  plan.missing.clear();
  std::vector<bool> there(place.schema.fields.size());
  std::uint32_t next = 0;  // Most shapes have their fields in the schema's order.
  for (const std::string& name : shape.fields()) {
    const bool there_next = next < there.size() && place.schema.fields[next].name == name;
    const std::uint32_t at = there_next ? next : place.schema.find(name);
    if (at != kNoField) next = at + 1;
    plan.fields.push_back(at);
    plan.passes.push_back(at == kNoField ? type_bit(Type::absent)
                                         : passing(place.schema.fields[at]));
    if (at != kNoField) there[at] = true;
  }
  for (std::uint32_t at = 0; at < there.size(); ++at) {
    if (!there[at] && !place.schema.fields[at].optional) plan.missing.push_back(at);
  }
  plan.settled = plan.missing.empty() && place.schema.version != 0;
}

const SchemaRule* SchemaStep::rule_of(const StreamSchema::Field& field) const {
  return field.rule == kNoField ? nullptr : &rules_[field.rule];
}

std::uint8_t SchemaStep::passing(const StreamSchema::Field& field) const {
  const SchemaRule* rule = rule_of(field);
  unsigned passes = field.optional ? type_bit(Type::absent) : 0u;
  if (rule == nullptr || !rule->field.required) passes |= type_bit(Type::null);
  if (rule != nullptr && rule->looks()) return static_cast<std::uint8_t>(passes);
  for (const Type type :
       {Type::boolean, Type::int64, Type::uint64, Type::float64, Type::text, Type::bytes}) {
    if (field_type(type) == field.type) passes |= type_bit(type);
  }
  return static_cast<std::uint8_t>(passes);
}

std::size_t SchemaStep::place_of(std::string_view stream) {
  const std::uint64_t hash = stable_hash(stream);
  const auto is_it = [&](const Place& place) {
    return place.used != 0 && place.hash == hash && place.schema.stream == stream;
  };
  const auto known = std::ranges::find_if(places_, is_it);
  if (known != places_.end()) return static_cast<std::size_t>(known - places_.begin());
  auto at = std::ranges::min_element(places_, {}, &Place::used);
  if (at == places_.end() || (at->used != 0 && places_.size() < streams_max_)) {
    at = places_.insert(places_.end(), Place());
  }
  const auto index = static_cast<std::size_t>(at - places_.begin());
  Place& place = begin_change(index);
  place = Place();
  place.schema.stream = stream;
  place.hash = hash;
  place.used = ++uses_;
  end_change(place);
  return index;
}

// What is declared now, and what no longer is. False: there is no room for it.
bool SchemaStep::declare(std::size_t index, Stamp now) {
  Place& place = begin_change(index);
  place.declared = true;
  items_.clear();
  auto& fields = place.schema.fields;
  const std::uint32_t next = place.schema.version + 1;
  const std::size_t before = fields.size();
  for (StreamSchema::Field& field : fields) field.rule = kNoField;
  for (std::uint32_t rule = 0; rule < rules_.size(); ++rule) {
    const SchemaCheck::Field& its = rules_[rule].field;
    const std::uint32_t at = place.schema.find(its.name);
    if (at == kNoField) {
      fields.push_back({its.name, its.type, !its.required, true, next, its.unit, rule});
      continue;
    }
    StreamSchema::Field& field = fields[at];
    field.rule = rule;
    if (!field.declared || field.type != its.type || field.unit != its.unit ||
        field.optional == its.required) {
      items_.push_back({Item::Kind::declared, at, field.type, its.type});
    }
    field.declared = true;
    field.type = its.type;
    field.unit = its.unit;
    field.optional = !its.required;
  }
  for (std::uint32_t at = 0; at < before; ++at) {
    StreamSchema::Field& field = fields[at];
    if (!field.declared || field.rule != kNoField) continue;
    field.declared = false;
    field.unit.clear();
    items_.push_back({Item::Kind::undeclared, at, field.type, field.type});
  }
  if (fields.size() == before && items_.empty()) return true;
  place.schema.change(items_, now);
  end_change(place);
  return fields.size() == before || has_room(fields.size(), 0);
}

// ---- a look at a record

bool SchemaStep::look(const Record& record, const Plan& plan, const Place& place, Arena& texts) {
  cells_.assign(record.cells().begin(), record.cells().end());
  copied_ = false;
  open_ = place.schema.version == 0;
  moved_.clear();
  added_.clear();
  items_.clear();
  drift_said_.clear();
  for (std::uint32_t i = 0; i < cells_.size(); ++i) {
    if ((plan.passes[i] & type_bit(cells_[i].type())) != 0) continue;
    if (plan.fields[i] == kNoField) {
      const std::string& name = record.shape().fields()[i];
      added_.push_back({name, field_type(cells_[i].type())});
      drift(name, "is new");
    } else if (!look_at(i, plan.fields[i], place, texts)) {
      return false;
    }
  }
  for (const std::uint32_t field : plan.missing) {
    if (!lacks(field, place)) return false;
  }
  return move(record, place);
}

bool SchemaStep::look_at(std::uint32_t cell, std::uint32_t field, const Place& place,
                         Arena& texts) {
  const StreamSchema::Field& its = place.schema.fields[field];
  const FieldType has = field_type(cells_[cell].type());
  if (has == FieldType::unknown) return lacks(field, place);
  if (its.type == FieldType::unknown) {
    items_.push_back({Item::Kind::retyped, field, its.type, has});
  } else if (its.type != has && !retype(cell, field, place, texts)) {
    return false;
  }
  const SchemaRule* rule = rule_of(its);
  const char* broken = rule == nullptr || field_type(cells_[cell].type()) != its.type
                           ? nullptr
                           : rule->broken(cells_[cell]);
  return broken == nullptr || fail_with(its.name, broken);
}

// Absent, or null where it is required.
bool SchemaStep::lacks(std::uint32_t field, const Place& place) {
  const StreamSchema::Field& its = place.schema.fields[field];
  const SchemaRule* rule = rule_of(its);
  if (rule != nullptr && rule->field.required)
    return fail_with(its.name, "is required and missing");
  items_.push_back({Item::Kind::missing, field});
  drift(its.name, "is missing");
  return true;
}

bool SchemaStep::retype(std::uint32_t cell, std::uint32_t field, const Place& place, Arena& texts) {
  const StreamSchema::Field& its = place.schema.fields[field];
  Value& value = cells_[cell];
  const FieldType has = field_type(value.type());
  const bool strict = drift_ == Drift::quarantine || drift_ == Drift::reject;
  if (!strict || (its.type == FieldType::real && has == FieldType::integer)) {
    if (auto same = exactly(value, its.type, scratch_)) {
      if (!keep_value(*same, texts)) return no_room_ = true, false;
      value = *same;
      copied_ = true;
      return true;
    }
  }
  if (its.rule != kNoField)
    return fail_with(its.name, type_said(has, ", and declared is ", its.type));
  if (strict) {
    drift(its.name, type_said(has, ", and was ", its.type));
    return true;
  }
  if (drift_ == Drift::coerce) {
    return fail_with(its.name, type_said(has, " that is not exactly ", its.type));
  }
  if (its.type == FieldType::integer && has == FieldType::real) {
    items_.push_back({Item::Kind::retyped, field, its.type, has});
    return true;
  }
  moved_.push_back({cell, has});
  value = Value();
  copied_ = true;
  if (!its.optional) items_.push_back({Item::Kind::missing, field});
  return true;
}

// What its field cannot hold goes to a field of its own.
bool SchemaStep::move(const Record& record, const Place& place) {
  for (const Moved& moved : moved_) {
    const std::string& field = record.shape().fields()[moved.cell];
    std::string name = field + "_" + field_type_name(moved.type);
    if (moved_.size() > kMovedMax) return fail_with(field, "is one of more than 8 of another type");
    if (name.size() > limits::kNameBytesMax || record.shape().find(name) >= 0) {
      return fail_with(field, "is of another type, and no name is free for it");
    }
    const std::uint32_t at = place.schema.find(name);
    if (at == kNoField) {
      added_.push_back({std::move(name), moved.type, true});
      continue;
    }
    const StreamSchema::Field& to = place.schema.fields[at];
    if (to.type != moved.type || to.rule != kNoField) {
      return fail_with(field, "is of another type, and the field for it too");
    }
  }
  return true;
}

// "stream 'boiler': field 'temp' is above its max"
bool SchemaStep::fail_with(std::string_view field, std::string_view what) {
  failure_ = "stream '" + printable(stream_, 40) + "': ";
  if (!field.empty()) failure_ += "field '" + printable(field, 40) + "' ";
  failure_ += what;
  return false;
}

// Of a stream whose schema is closed.
void SchemaStep::drift(std::string_view field, std::string_view what) {
  if (drift_ == Drift::evolve || drift_ == Drift::coerce || open_ || !drift_said_.empty()) return;
  fail_with(field, what);
  drift_said_ = std::move(failure_);
}

// ---- what a record changes

// For a stream of so many fields, and so many bytes more of all streams.
bool SchemaStep::has_room(std::size_t fields, std::size_t more) {
  if (fields > fields_max_) {
    return fail_with({}, "it has had more than " + std::to_string(fields_max_) + " fields");
  }
  return bytes() + more <= kKeysBytesMax ||
         fail_with({}, "it has changed, and what is known of all streams has no room for it");
}

bool SchemaStep::learn(std::size_t index, Stamp now) {
  const StreamSchema& known = places_[index].schema;
  if (known.version != 0 && added_.empty() && items_.empty()) return true;
  std::size_t more = 64 + 8 * std::min(items_.size(), StreamSchema::kItemsMax);
  for (const Added& added : added_) more += added.name.size() + 12;
  if (!has_room(known.fields.size() + added_.size(), more)) return false;
  Place& place = begin_change(index);
  for (Added& added : added_) {
    place.schema.fields.push_back({.name = std::move(added.name),
                                   .type = added.type,
                                   .optional = added.optional,
                                   .since = place.schema.version + 1});
  }
  for (const Item& item : items_) {
    StreamSchema::Field& field = place.schema.fields[item.field];
    if (item.kind == Item::Kind::missing) field.optional = true;
    if (item.kind == Item::Kind::retyped) field.type = item.to;
  }
  place.schema.change(items_, now);
  end_change(place);
  return true;
}

void SchemaStep::emit(const Record& record, Plan& plan, Flow& flow) {
  if (!copied_) return flow.emit(record);
  const Shape* shape = &record.shape();
  if (!moved_.empty()) {
    shape = shape_of(record, plan);
    if (shape == nullptr && given_.size() == kShapesMoreMax) {
      fail_with({}, "so many combinations of types (256) have no room");
      return flow.refuse(Reason::node_failed);
    }
    if (shape == nullptr) return flow.refuse(Reason::shapes_exhausted);
  }
  const auto cells = flow.cells.array<Value>(shape->field_count());
  if (cells.data() == nullptr && shape->field_count() > 0) return flow.refuse(Reason::too_large);
  std::ranges::copy(cells_, cells.begin());
  for (std::size_t i = 0; i < moved_.size(); ++i) {
    cells[cells_.size() + i] = record.cells()[moved_[i].cell];
  }
  flow.emit(Record::derived(record, Row{shape, cells.data(), record.time()}));
}

const Shape* SchemaStep::shape_of(const Record& record, Plan& plan) {
  if (plan.shape != nullptr && plan.moved == moved_) return plan.shape;
  std::vector<std::string> more;
  for (const Moved& moved : moved_) {
    more.push_back(record.shape().fields()[moved.cell] + "_" + field_type_name(moved.type));
  }
  std::vector<std::string_view> names(record.shape().fields().begin(),
                                      record.shape().fields().end());
  names.insert(names.end(), more.begin(), more.end());
  const auto same = [&](const Shape* shape) {
    return shape->stream() == record.shape().stream() && std::ranges::equal(shape->fields(), names);
  };
  const auto known = std::ranges::find_if(given_, same);
  const Shape* shape = known == given_.end() ? nullptr : *known;
  if (shape == nullptr && given_.size() < kShapesMoreMax) {
    shape = shapes_->intern(record.shape().stream(), names);
    if (shape != nullptr) given_.push_back(shape);
  }
  if (shape == nullptr) return nullptr;
  plan.moved = moved_;
  return plan.shape = shape;
}

// ---- changes, and what becomes of them

SchemaStep::Place& SchemaStep::begin_change(std::size_t place) {
  if (std::ranges::find(undo_, place, &Undo::place) == undo_.end()) {
    undo_.push_back({place, places_[place]});
  }
  return places_[place];
}

void SchemaStep::end_change(Place& place) {
  place.generation = ++generations_;
  place.bytes = place.schema.encode().size();
  place.changed = true;
}

void SchemaStep::commit() {
  for (const Undo& undo : undo_) {
    const bool gone = undo.before.schema.stream != places_[undo.place].schema.stream;
    if (undo.before.used != 0 && gone) forgotten_.push_back(undo.before.hash);
  }
  undo_.clear();
}

void SchemaStep::discard() {
  for (Undo& undo : undo_) {
    places_[undo.place] = std::move(undo.before);
    places_[undo.place].generation = ++generations_;
  }
  undo_.clear();
}

std::size_t SchemaStep::bytes() const {
  std::size_t bytes = 0;
  for (const Place& place : places_) bytes += place.bytes;
  return bytes;
}

StateEdit SchemaStep::edit_of(std::string_view prefix, const Place& place) const {
  return {band_edit_key(prefix, place.hash), place.schema.encode()};
}

void SchemaStep::save(std::string_view prefix, std::vector<StateEdit>& to) {
  for (const std::uint64_t hash : forgotten_) {
    const auto has = [&](const Place& place) { return place.used != 0 && place.hash == hash; };
    if (std::ranges::none_of(places_, has)) to.push_back({band_edit_key(prefix, hash), {}});
  }
  forgotten_.clear();
  for (Place& place : places_) {
    if (std::exchange(place.changed, false)) to.push_back(edit_of(prefix, place));
  }
}

void SchemaStep::snapshot(std::string_view prefix, std::vector<StateEdit>& to) const {
  for (const Place& place : places_) {
    if (place.used != 0) to.push_back(edit_of(prefix, place));
  }
}

void SchemaStep::restore(Bytes value) {
  auto schema = StreamSchema::decode(value);
  if (!schema) return;
  const std::uint64_t hash = stable_hash(schema->stream);
  if (places_.size() == streams_max_) return forgotten_.push_back(hash);
  Place& place = places_.emplace_back();
  place.schema = std::move(*schema);
  place.hash = hash;
  place.used = ++uses_;
  end_change(place);
  place.changed = false;
}

}  // namespace pinaflux
