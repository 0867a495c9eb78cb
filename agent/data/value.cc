#include "agent/data/value.h"

namespace pinaflux {

const char* type_name(Type type) {
  switch (type) {
    case Type::absent: return "absent";
    case Type::null: return "null";
    case Type::boolean: return "boolean";
    case Type::int64: return "int64";
    case Type::uint64: return "uint64";
    case Type::float64: return "float64";
    case Type::text: return "text";
    case Type::bytes: return "bytes";
  }
  return "?";
}

}  // namespace pinaflux
