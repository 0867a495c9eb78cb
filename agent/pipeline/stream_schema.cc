// Little-endian, texts as a varint length and bytes:
//
//   "pfS1" | stream | varint version | varint fields | for each: name | u8 type | u8 flags (1 optional, 2 declared) | varint since | unit
//   varint changes | for each: varint version | u64 time.ns | u64 time.boot | varint items | for each: u8 kind | varint field | u8 from | u8 to
//                              | varint more
//
// An item names its field by place: names are there once, and what is kept of changes is small.

#include "agent/pipeline/stream_schema.h"

#include <algorithm>
#include <utility>

namespace pinaflux {

namespace {

constexpr std::uint8_t kOptional = 1, kDeclared = 2;

std::optional<FieldType> read_field_type(Reader& from) {
  const std::uint8_t type = from.u8();
  if (type > static_cast<std::uint8_t>(FieldType::bytes)) return {};
  return static_cast<FieldType>(type);
}

bool read_field(Reader& from, StreamSchema::Field& field) {
  field.name = from.text();
  const auto type = read_field_type(from);
  const std::uint8_t flags = from.u8();
  field.optional = (flags & kOptional) != 0;
  field.declared = (flags & kDeclared) != 0;
  field.since = static_cast<std::uint32_t>(from.varint());
  field.unit = from.text();
  field.type = type.value_or(FieldType::unknown);
  return type.has_value() && !from.failed();
}

bool read_change(Reader& from, std::size_t fields, StreamSchema::Change& change) {
  change.version = static_cast<std::uint32_t>(from.varint());
  change.time.ns = static_cast<std::int64_t>(from.u64());
  change.time.boot = from.u64();
  const std::uint64_t count = from.varint();
  if (from.failed() || count > StreamSchema::kItemsMax) return false;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint8_t kind = from.u8();
    const std::uint64_t field = from.varint();
    const auto was = read_field_type(from), is = read_field_type(from);
    const bool known = kind <= static_cast<std::uint8_t>(StreamSchema::Item::Kind::undeclared);
    if (!known || field >= fields || !was || !is) return false;
    change.items.push_back({static_cast<StreamSchema::Item::Kind>(kind),
                            static_cast<std::uint32_t>(field), *was, *is});
  }
  change.more = static_cast<std::uint32_t>(from.varint());
  return !from.failed();
}

}  // namespace

std::uint32_t StreamSchema::find(std::string_view field) const {
  const auto at = std::ranges::find(fields, field, &Field::name);
  return at == fields.end() ? kNone : static_cast<std::uint32_t>(at - fields.begin());
}

void StreamSchema::change(std::vector<Item>& items, Stamp time) {
  Change change{.version = ++version, .time = time};
  if (items.size() > kItemsMax) {
    change.more = static_cast<std::uint32_t>(items.size() - kItemsMax);
    items.resize(kItemsMax);
  }
  change.items = items;
  if (changes.size() == kChangesMax) changes.erase(changes.begin());
  changes.push_back(std::move(change));
}

Buffer StreamSchema::encode() const {
  Buffer value;
  Writer to(value);
  to.raw(as_bytes(kMark));
  to.text(stream);
  to.varint(version);
  to.varint(fields.size());
  for (const Field& field : fields) {
    to.text(field.name);
    to.u8(static_cast<std::uint8_t>(field.type));
    to.u8(static_cast<std::uint8_t>((field.optional ? kOptional : 0) |
                                    (field.declared ? kDeclared : 0)));
    to.varint(field.since);
    to.text(field.unit);
  }
  to.varint(changes.size());
  for (const Change& change : changes) {
    to.varint(change.version);
    to.u64(static_cast<std::uint64_t>(change.time.ns));
    to.u64(change.time.boot);
    to.varint(change.items.size());
    for (const Item& item : change.items) {
      to.u8(static_cast<std::uint8_t>(item.kind));
      to.varint(item.field);
      to.u8(static_cast<std::uint8_t>(item.from));
      to.u8(static_cast<std::uint8_t>(item.to));
    }
    to.varint(change.more);
  }
  return value;
}

std::optional<StreamSchema> StreamSchema::decode(Bytes value) {
  Reader from(value);
  StreamSchema schema;
  if (as_text(from.raw(kMark.size())) != kMark) return {};
  schema.stream = from.text();
  schema.version = static_cast<std::uint32_t>(from.varint());
  const std::uint64_t fields = from.varint();
  if (from.failed() || fields > from.left()) return {};
  for (std::uint64_t i = 0; i < fields; ++i) {
    if (!read_field(from, schema.fields.emplace_back())) return {};
  }
  const std::uint64_t changes = from.varint();
  if (from.failed() || changes > kChangesMax) return {};
  for (std::uint64_t i = 0; i < changes; ++i) {
    if (!read_change(from, schema.fields.size(), schema.changes.emplace_back())) return {};
  }
  if (from.failed() || from.left() != 0) return {};
  return schema;
}

std::optional<NodeSchema> schema_of_state(std::string_view key, Bytes value) {
  constexpr std::string_view kBefore = "pipeline/";
  const std::size_t end = key.rfind('/');
  if (!key.starts_with(kBefore) || end <= kBefore.size()) return {};
  auto schema = StreamSchema::decode(value);
  if (!schema) return {};
  return NodeSchema{std::string(key.substr(kBefore.size(), end - kBefore.size())),
                    std::move(*schema)};
}

}  // namespace pinaflux
