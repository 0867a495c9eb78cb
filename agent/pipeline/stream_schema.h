// StreamSchema: which fields the records of one stream have had, and what changed when.
//
// Limits     kChangesMax changes, the oldest go first; of each, kItemsMax items. A field is never taken out.
// Ownership  Values.
// Threads    Values; any.
// Tests      tests/agent/pipeline/schema_test.cc
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/data/record.h"
#include "agent/pipeline/node_kinds.h"
#include "platform/base/bytes.h"

namespace pinaflux {

struct StreamSchema {
  static constexpr std::string_view kMark = "pfS1";  // Its bytes begin so.
  static constexpr std::size_t kChangesMax = 16;
  static constexpr std::size_t kItemsMax = 32;
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  struct Field {
    std::string name;
    FieldType type = FieldType::unknown;  // unknown: it was null in all records.
    bool optional = false;                // Records may lack it.
    bool declared = false;
    std::uint32_t since = 0;     // The version that added it.
    std::string unit;            // As declared.
    std::uint32_t rule = kNone;  // Place of its declaration; not stored.
  };
  struct Item {
    enum class Kind : std::uint8_t { missing, retyped, declared, undeclared };
    Kind kind = Kind::missing;
    std::uint32_t field = 0;
    FieldType from = FieldType::unknown, to = FieldType::unknown;
  };
  // Beside its items: the fields that are there since its version.
  struct Change {
    std::uint32_t version = 0;
    Stamp time;
    std::vector<Item> items;
    std::uint32_t more = 0;  // Items beyond kItemsMax.
  };

  std::string stream;
  std::uint32_t version = 0;  // Of the last change.
  std::vector<Field> fields;
  std::vector<Change> changes;

  std::uint32_t find(std::string_view field) const;   // Or kNone.
  void change(std::vector<Item>& items, Stamp time);  // To the next version.

  Buffer encode() const;
  // Nothing: damaged, or no schema at all.
  static std::optional<StreamSchema> decode(Bytes value);
};

struct NodeSchema {
  std::string node;
  StreamSchema schema;
};
// Of a piece of the pipeline's state, as Pipeline::save() gives them; nothing: it is something else, or damaged.
std::optional<NodeSchema> schema_of_state(std::string_view key, Bytes value);

}  // namespace pinaflux
