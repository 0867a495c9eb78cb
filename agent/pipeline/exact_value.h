// Exact value: the same value as another type, where nothing of it is lost.
//
// Threads    Pure functions; any.
// Tests      tests/agent/pipeline/schema_test.cc, tests/agent/pipeline/cast_test.cc
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/data/value.h"
#include "agent/pipeline/node_kinds.h"

namespace pinaflux {

// unknown: absent, null.
FieldType field_type(Type type);
// "float", as configurations say it.
const char* field_type_name(FieldType type);
std::optional<FieldType> field_type_named(std::string_view name);

// "007" is a name, not a number.
bool has_leading_zero(std::string_view text);

// 5 and 5.0 (up to 2^53), 21.5 and "21.5" (at most 15 digits, or the shortest text of its double, in JSON's notation), true and "true", true and 1,
// text and bytes that are UTF-8; nothing for all else. A text that it makes is in `scratch`.
std::optional<Value> exactly(const Value& value, FieldType as, std::string& scratch);

}  // namespace pinaflux
