// FieldTypes: what the nodes of a pipeline make certain of the fields that come out of them.
//
// Promise    A type that is not in the answer comes nowhere, whatever the sources bring: schemas, casts, units and statistics
//            settle types, and what is not settled may be any. Absent and null are of every type.
// Limits     By name, not by stream; expressions, tables, scripts and programs of the operator's are not looked into.
// Ownership  Views the options, which must outlive it and what it says.
// Threads    Any, one at a time.
// Tests      tests/agent/config/field_types_test.cc, tests/agent/config/bad/type_*.yaml
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "agent/pipeline/pipeline.h"

namespace pinaflux::config {

// A bit for each FieldType that a field may have.
using TypeSet = std::uint8_t;
constexpr TypeSet type_set(FieldType type) {
  return static_cast<TypeSet>(1u << static_cast<unsigned>(type));
}
inline constexpr TypeSet kBooleans = type_set(FieldType::boolean);
inline constexpr TypeSet kIntegers = type_set(FieldType::integer);
inline constexpr TypeSet kReals = type_set(FieldType::real);
inline constexpr TypeSet kTexts = type_set(FieldType::text);
inline constexpr TypeSet kBytes = type_set(FieldType::bytes);
inline constexpr TypeSet kNumbers = kIntegers | kReals;
inline constexpr TypeSet kAnyType = kBooleans | kNumbers | kTexts | kBytes;

struct FieldFact {
  TypeSet types = kAnyType;            // None: no record has the field, or each has null there.
  const NodeOptions* since = nullptr;  // The node that made it so; null where any may come.
};

class FieldTypes {
 public:
  // Of nodes without cycles and without unknown names.
  explicit FieldTypes(const PipelineOptions& options);

  // Of the records that come to a node.
  FieldFact before(const NodeOptions& node, std::string_view field);

 private:
  struct After;
  FieldFact at(std::string_view port, std::string_view field);

  const PipelineOptions* options_;
  std::map<std::string_view, const NodeOptions*> nodes_;
  std::map<std::pair<const NodeOptions*, std::string_view>, FieldFact> known_;  // Of one question.
  std::size_t depth_ = 0;
};

}  // namespace pinaflux::config
