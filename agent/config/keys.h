// Keys: the one table of everything that may stand in a configuration.
//
// Promise    Typing, defaults, errors, `config explain`, the reference and the JSON Schema all come from
//            here: what is not in the table does not exist.
// Paths      Steps by '.'; `*` stands for a name that the operator chose, or for an element of a list:
//            "sources.*.every", "mask.*.field".
// Threads    Immutable; any.
// Tests      tests/agent/config/documents_test.cc
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pinaflux::config {

enum class Type : std::uint8_t {
  section,  // A map of the keys below it.
  names,    // A map of names that the operator chose; below "*".
  list,     // A list of maps; below "*".
  pairs,    // A map of texts to texts.
  text,
  texts,  // One text or a list of them.
  name,   // 1 to 64 of A-Z a-z 0-9 . _ -
  choice,
  boolean,
  integer,
  number,
  duration,  // min and max in nanoseconds.
  size,      // min and max in bytes.
  value,     // A number, true, false or text: what is compared with.
  broker,    // tcp://HOST[:PORT] or tls://HOST[:PORT]
  proxy,     // http://HOST:PORT
  listen,    // tcp://HOST:PORT
  lines,     // stdin:, unix:///PATH or tcp://HOST:PORT
  path,      // Absolute.
  secret,    // {file: PATH} or {credential: NAME}, read at load.
};

// "No upper bound" of numbers: up to it integers are exact in a double.
inline constexpr std::int64_t kNumberMax = 1ll << 53;

// The key exists only where its neighbour `key` has one of `values` ("mqtt|http").
struct When {
  std::string_view key;
  std::string_view values;
};

struct Key {
  std::string_view path;
  Type type = Type::text;
  std::string_view fallback = {};  // The default as an operator writes it; empty: none.
  std::string_view choices = {};   // "json|ndjson"
  std::int64_t min = 0;            // Of numbers; of texts and pairs: bytes, or entries.
  std::int64_t max = 0;            // 0 with min 0: no bounds.
  bool required = false;           // Where `when` holds.
  bool may_be_empty = false;       // Of texts.
  bool may_repeat = false;         // Of a list of them.
  When when = {};
  std::string_view group = {};  // Exactly one of the neighbours of a group is given.
  std::string_view example = {};
  std::string_view doc = {};
};

std::span<const Key> all_keys();
// The first row of that path: a path may have several, each with another `when`.
const Key* find_key(std::string_view path);
// The keys one step below, in the order of the table; "" for the top.
std::vector<const Key*> keys_below(std::string_view path);
std::string_view last_step(std::string_view path);

// What `path` will hold in a later version, and what this one offers instead; empty if we know nothing of it.
std::string_view later_key(std::string_view path);
// The same of a value, such as `type: modbus`.
std::string_view later_value(std::string_view path, std::string_view value);

bool is_one_of(std::string_view value, std::string_view choices);
// "a|b|c" as "a, b or c".
std::string spoken_choices(std::string_view choices);
// "a duration such as 5m", "one of json, ndjson, influx or raw".
std::string spoken_type(const Key& key);
// "10ms to 1h", "at least 16MiB", or nothing.
std::string spoken_range(const Key& key);

}  // namespace pinaflux::config
