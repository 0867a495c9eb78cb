#include "agent/config/applies.h"

namespace pinaflux::config {

std::string selected(std::string_view selector, const Node& section, std::string_view path) {
  const Entry* given = section.find(selector);
  if (given != nullptr) return given->value.text;
  const Key* key = find_key(std::string(path) + "." + std::string(selector));
  return key == nullptr ? std::string() : std::string(key->fallback);
}

Applies applies(const Key& key, const Node& section, std::string_view path) {
  if (key.when.key.empty()) return Applies::yes;
  const std::string value = selected(key.when.key, section, path);
  if (is_one_of(value, key.when.values)) return Applies::yes;
  const Key* selector = find_key(std::string(path) + "." + std::string(key.when.key));
  const bool missing = value.empty() && (selector == nullptr || selector->required);
  if (missing || (!value.empty() && !is_one_of(value, selector->choices))) return Applies::unknown;
  return Applies::no;
}

const Key* row_in(const Node& section, std::string_view path, std::string_view name) {
  for (const Key* key : keys_below(path)) {
    if (last_step(key->path) == name && applies(*key, section, path) != Applies::no) return key;
  }
  return nullptr;
}

}  // namespace pinaflux::config
