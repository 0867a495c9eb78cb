// keep_value: a value that a step makes, with its text or bytes in the group's arena.
#pragma once

#include "agent/data/record.h"
#include "platform/base/arena.h"
#include "platform/base/bytes.h"

namespace pinaflux {

// False: there is no room; the value is as before.
inline bool keep_value(Value& value, Arena& arena) {
  if (!value.is_view()) return true;
  const std::string_view copy = arena.copy(value.as_text());
  if (copy.data() == nullptr) return false;
  value = value.type() == Type::text ? Value::text(copy) : Value::bytes(as_bytes(copy));
  return true;
}

}  // namespace pinaflux
