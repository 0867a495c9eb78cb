// Node: a configuration as a tree of maps, lists and scalars, each with its place in a file.
//
// Promise    Scalars are text: what they mean is decided by the table of keys. Entries keep their order.
// Ownership  Places view the ConfigText; nothing changes a Node once it is built.
// Threads    Values; any.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/config/finding.h"

namespace pinaflux::config {

struct Entry;

struct Node {
  // empty: nothing after the colon, `~` or `null`. damaged: already reported, to be passed over.
  enum class Kind { empty, scalar, list, map, damaged };
  Kind kind = Kind::empty;
  Place place;
  std::string text;  // Of a scalar.
  bool quoted = false;
  std::vector<Node> items;     // Of a list.
  std::vector<Entry> entries;  // Of a map.

  bool is_map() const { return kind == Kind::map; }
  bool is_list() const { return kind == Kind::list; }
  bool is_scalar() const { return kind == Kind::scalar; }
  const Entry* find(std::string_view key) const;
};

struct Entry {
  std::string key;
  Place place;  // Of the key.
  Node value;
};

inline const Entry* Node::find(std::string_view key) const {
  for (const Entry& entry : entries) {
    if (entry.key == key) return &entry;
  }
  return nullptr;
}

// "a map", "a list", for messages.
inline const char* kind_name(const Node& node) {
  switch (node.kind) {
    case Node::Kind::map: return "a map";
    case Node::Kind::list: return "a list";
    case Node::Kind::empty: return "nothing";
    default: return "a single value";
  }
}

}  // namespace pinaflux::config
