// The table's order is that of the reference, of the schema and of suggestions. A key's parent stands before
// it. A key that is planned and not yet there is told apart from a mistake: who copies a configuration from
// a newer gateway learns what this one has instead.
#include "agent/config/keys.h"

#include "agent/config/key_table.h"
#include "agent/config/units.h"
#include "platform/base/text.h"

namespace pinaflux::config {

namespace {

struct Later {
  std::string_view path;
  std::string_view value;  // Empty: the key itself.
  std::string_view instead;
};
constexpr Later kLater[] = {
    {"sources.*.type", "modbus",
     "Modbus comes with a later version; this one reads mqtt, http, lines, file and system"},
    {"sources.*.type", "listener",
     "a broker of its own comes with a later version; type: mqtt subscribes at one that you run"},
    {"sources.*.registers", "", "Modbus comes with a later version"},
    {"sources.*.of", "",
     "this version reads all groups; a filter node, or a mask rule with drop, leaves out some"},
    {"pipeline.*.expression", "",
     "expressions come with a later version; this one has pass, filter, rename, deadband and "
     "window"},
};

void append_to(std::vector<Key>& all, std::span<const Key> keys) {
  all.insert(all.end(), keys.begin(), keys.end());
}

}  // namespace

KeysBelow::KeysBelow(std::string_view section, std::span<const Key> keys, When when) {
  for (const Key& key : keys) {
    paths_.push_back(std::string(section) + "." + std::string(key.path));
    keys_.push_back(key);
    keys_.back().path = paths_.back();
    if (key.path.find('.') == std::string_view::npos) keys_.back().when = when;
  }
}

std::span<const Key> all_keys() {
  static const std::vector<Key> kAll = [] {
    std::vector<Key> all;
    for (const auto part : {top_keys(), source_keys(), mask_keys(), pipeline_keys(), signal_keys(),
                            shaping_keys(), schema_keys(), lookup_keys(), alarm_keys(),
                            merge_keys(), execd_keys(), delivery_keys()}) {
      for (const Key& key : part) {
        all.push_back(key);
        if (key.path == "sources.*.password") append_to(all, source_tls_keys());
        if (key.path == "lanes.*.share") append_to(all, lane_budget_keys());
        if (key.path == "uplink") append_to(all, uplink_keys());
        if (key.path == "uplinks") append_to(all, named_uplink_keys());
      }
    }
    return all;
  }();
  return kAll;
}

const Key* find_key(std::string_view path) {
  for (const Key& key : all_keys()) {
    if (key.path == path) return &key;
  }
  return nullptr;
}

std::vector<const Key*> keys_below(std::string_view path) {
  std::vector<const Key*> below;
  for (const Key& key : all_keys()) {
    std::string_view rest = key.path;
    if (!path.empty()) {
      if (!rest.starts_with(path) || rest.size() <= path.size() || rest[path.size()] != '.')
        continue;
      rest.remove_prefix(path.size() + 1);
    }
    if (rest.find('.') == std::string_view::npos) below.push_back(&key);
  }
  return below;
}

std::string_view last_step(std::string_view path) { return path.substr(path.rfind('.') + 1); }

std::string_view later_key(std::string_view path) { return later_value(path, ""); }

std::string_view later_value(std::string_view path, std::string_view value) {
  for (const Later& later : kLater) {
    if (later.path == path && later.value == value) return later.instead;
  }
  return {};
}

bool is_one_of(std::string_view value, std::string_view choices) {
  Split rest(choices, '|');
  for (std::string_view choice; rest.next(choice);) {
    if (choice == value) return true;
  }
  return false;
}

std::string spoken_choices(std::string_view choices) {
  const auto all = split(choices, '|');
  std::string out;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i > 0) out += i + 1 == all.size() ? " or " : ", ";
    out += all[i];
  }
  return out;
}

std::string spoken_type(const Key& key) {
  switch (key.type) {
    case Type::section: return "a map of keys";
    case Type::names: return "a map of names";
    case Type::list: return "a list";
    case Type::pairs: return "a map of texts";
    case Type::text: return "a text";
    case Type::texts:
      return key.choices.empty() ? "a text or a list of texts"
                                 : "one or a list of " + spoken_choices(key.choices);
    case Type::name: return "a name: 1 to 64 of A-Z a-z 0-9 . _ -";
    case Type::choice: return spoken_choices(key.choices);
    case Type::boolean: return "true or false";
    case Type::integer: return "a whole number";
    case Type::number: return "a number";
    case Type::duration: return "a duration such as 250ms, 10s, 5m or 1h30m";
    case Type::size: return "a size such as 64KiB, 512MiB or 2GiB";
    case Type::value: return "a number, true, false or a text";
    case Type::broker: return "an address such as tls://broker.example:8883";
    case Type::proxy: return "an address such as http://proxy.example:3128";
    case Type::listen: return "an address such as tcp://127.0.0.1:8086";
    case Type::lines: return "stdin:, unix:///PATH or tcp://HOST:PORT";
    case Type::path: return "an absolute path";
    case Type::secret: return "{file: PATH} or {credential: NAME}";
  }
  return {};
}

namespace {

std::string bound(const Key& key, std::int64_t value) {
  if (key.type == Type::duration) return format_duration(Duration{value});
  if (key.type == Type::size) return format_size(static_cast<std::uint64_t>(value));
  return std::to_string(value);
}

}  // namespace

std::string spoken_range(const Key& key) {
  const bool text = key.type == Type::text || key.type == Type::texts || key.type == Type::path;
  const bool counted = text || key.type == Type::integer || key.type == Type::number ||
                       key.type == Type::duration || key.type == Type::size;
  if (!counted || (key.min == 0 && key.max == 0)) return {};
  if (text) return "at most " + std::to_string(key.max) + " bytes";
  if (key.max == kNumberMax) return "at least " + bound(key, key.min);
  if (key.min == key.max) return bound(key, key.min);
  return bound(key, key.min) + " to " + bound(key, key.max);
}

}  // namespace pinaflux::config
