// Reader: the values of one section of a tree, with the table's defaults for what is not given.
//
// Promise    What check_tree() has reported reads as the default, or as nothing: builders go on, and find
//            what else is wrong.
// Ownership  Views the tree.
// Threads    Immutable; any.
// Tests      tests/agent/config/load_test.cc
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config/keys.h"
#include "agent/config/node.h"
#include "platform/base/time.h"

namespace pinaflux::config {

struct Named;

class Reader {
 public:
  // `path` as in the table, `place` of the key that holds the section.
  Reader(const Node& node, std::string path, const Place& place)
      : node_(&node), path_(std::move(path)), place_(place) {}

  bool has(std::string_view name) const { return node_->find(name) != nullptr; }
  const Node* node(std::string_view name) const;  // The value; null if not given.
  const Place& place() const { return place_; }
  const Place& key_place(std::string_view name) const;  // Of the section where it is not given.
  const Place& value_place(std::string_view name) const;

  Reader section(std::string_view name) const;
  std::vector<Named> names(std::string_view name) const;  // Of a map of names, or of a list.
  std::string text(std::string_view name) const;
  std::vector<std::string> texts(std::string_view name) const;
  bool boolean(std::string_view name) const;
  std::int64_t integer(std::string_view name) const;
  double number(std::string_view name) const;
  Duration duration(std::string_view name) const;
  std::uint64_t size(std::string_view name) const;
  std::string address(std::string_view name) const;  // As platform/network.h takes it.

 private:
  const Node* node_;
  std::string path_;
  Place place_;
};

struct Named {
  std::string name;  // Empty in a list.
  Reader reader;
};

}  // namespace pinaflux::config
