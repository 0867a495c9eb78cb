// SchemaRule: what is declared of one field, ready to be held against values.
//
// Threads    Immutable; any.
// Tests      tests/agent/pipeline/schema_test.cc
#pragma once

#include <vector>

#include "agent/data/value.h"
#include "agent/pipeline/node_kinds.h"
#include "platform/base/result.h"

namespace pinaflux {

struct SchemaRule {
  SchemaCheck::Field field;
  std::vector<Value> one_of;  // Views of the field's.

  // Whether values of its type are looked at.
  bool looks() const { return field.has_min || field.has_max || !one_of.empty(); }
  // What a value of its type breaks: "is below its min"; nullptr: nothing.
  const char* broken(const Value& value) const;
};

// What the declared fields of one stream take on disk, at most, with its name and what a new declaration says of them.
std::size_t declared_bytes_max(const std::vector<SchemaCheck::Field>& fields);

// Errors: SchemaStep::make's. To be moved, never copied: they view themselves.
Result<std::vector<SchemaRule>> make_rules(const std::vector<SchemaCheck::Field>& fields);

}  // namespace pinaflux
