#include "agent/config/reader.h"

#include "agent/config/applies.h"
#include "agent/config/scalars.h"
#include "agent/config/units.h"
#include "platform/base/text.h"

namespace pinaflux::config {

namespace {

const Node kNothing{};

}  // namespace

const Node* Reader::node(std::string_view name) const {
  const Entry* entry = node_->find(name);
  return entry == nullptr ? nullptr : &entry->value;
}

const Place& Reader::key_place(std::string_view name) const {
  const Entry* entry = node_->find(name);
  return entry == nullptr ? place_ : entry->place;
}

const Place& Reader::value_place(std::string_view name) const {
  const Entry* entry = node_->find(name);
  if (entry == nullptr) return place_;
  return entry->value.place.text == nullptr ? entry->place : entry->value.place;
}

Reader Reader::section(std::string_view name) const {
  const Entry* entry = node_->find(name);
  const std::string path = (path_.empty() ? "" : path_ + ".") + std::string(name);
  if (entry == nullptr) return {kNothing, path, place_};
  return {entry->value, path, entry->place};
}

std::vector<Named> Reader::names(std::string_view name) const {
  std::vector<Named> all;
  const Node* map = node(name);
  if (map == nullptr) return all;
  const std::string path = (path_.empty() ? "" : path_ + ".") + std::string(name);
  const Key* key = find_key(path);
  if (key != nullptr && key->type == Type::list) {
    for (const Node& item : map->items) {
      if (item.is_map()) all.push_back({{}, {item, path + ".*", item.place}});
    }
    return all;
  }
  for (const Entry& entry : map->entries) {
    all.push_back({entry.key, {entry.value, path + ".*", entry.place}});
  }
  return all;
}

std::string Reader::text(std::string_view name) const {
  const Node* given = node(name);
  if (given != nullptr) return given->text;
  const Key* key = row_in(*node_, path_, name);
  return key == nullptr ? std::string() : std::string(key->fallback);
}

std::vector<std::string> Reader::texts(std::string_view name) const {
  const Node* given = node(name);
  std::vector<std::string> all;
  if (given != nullptr && given->is_list()) {
    for (const Node& item : given->items) {
      if (item.is_scalar()) all.push_back(item.text);
    }
  } else if (std::string one = text(name); !one.empty()) {
    all.push_back(std::move(one));
  }
  return all;
}

bool Reader::boolean(std::string_view name) const { return text(name) == "true"; }

std::int64_t Reader::integer(std::string_view name) const {
  return parse_integer<std::int64_t>(text(name)).value_or(0);
}

double Reader::number(std::string_view name) const {
  return parse_double(text(name)).value_or(0.0);
}

Duration Reader::duration(std::string_view name) const {
  return parse_duration(text(name)).value_or(Duration{});
}

std::uint64_t Reader::size(std::string_view name) const {
  return parse_size(text(name)).value_or(0);
}

std::string Reader::address(std::string_view name) const {
  const Key* key = row_in(*node_, path_, name);
  return key == nullptr ? std::string() : read_address(*key, text(name));
}

}  // namespace pinaflux::config
