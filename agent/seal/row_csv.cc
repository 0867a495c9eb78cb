#include "agent/seal/row_csv.h"

#include "agent/data/identity.h"
#include "agent/seal/row_json.h"
#include "platform/base/text.h"

namespace pinaflux {

void append_csv_text(std::string& to, std::string_view text) {
  if (!text.empty() && text.find_first_of(",\"\r\n") == std::string_view::npos) {
    to += text;
    return;
  }
  to += '"';
  for (const char c : text) to.append(c == '"' ? 2 : 1, c);
  to += '"';
}

void append_csv_value(std::string& to, const Value& v) {
  switch (v.type()) {
    case Type::absent:
    case Type::null: return;
    case Type::boolean: to += v.as_boolean() ? "true" : "false"; return;
    case Type::int64: return append_integer(to, v.as_int64());
    case Type::uint64: return append_unsigned(to, v.as_uint64());
    case Type::float64: return append_double(to, v.as_float64());
    case Type::text: return append_csv_text(to, v.as_text());
    case Type::bytes: to += hex(v.as_bytes()); return;
  }
}

void append_csv_time(std::string& to, Stamp time) {
  if (time.boot == 0) {
    to += iso_time(time.ns);
  } else {
    to += std::to_string(time.ns) + "ns@" + std::to_string(time.boot);
  }
}

void append_csv_name(std::string& to, const std::string& field) {
  append_csv_text(to, field.starts_with('_') ? "_" + field : field);
}

}  // namespace pinaflux
