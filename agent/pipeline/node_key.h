// NodeKey: the bytes by which a node tells keys apart: a stream and values of fields.
//
// Promise    Two keys have the same bytes if and only if their values are equal: as bytes for text, by type and
//            value for numbers, where 5 and 5.0 are the same (the integer 5).
// Limits     A key that does not fit into its place is full(): the caller decides what that means.
// Ownership  Views of the place that the caller gave.
// Threads    Values; any.
// Tests      tests/agent/pipeline/deadband_test.cc
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "agent/data/value.h"

namespace pinaflux {

class KeyWriter {
 public:
  static constexpr std::size_t kBytesMax = 1'024;

  explicit KeyWriter(std::span<char> to) : to_(to) {}

  void value(const Value& value);
  void number(Type type, std::uint64_t bits);
  void text(Type type, std::string_view text);
  bool full() const { return full_; }
  std::string_view result() const { return {to_.data(), size_}; }

 private:
  void raw_bytes(std::string_view bytes);

  std::span<char> to_;
  std::size_t size_ = 0;
  bool full_ = false;
};

// What stored bits say of a value; a text is viewed.
Value remembered_value(Type type, std::uint64_t bits, std::string_view text);

// Reads them back, in their order; nothing where they are damaged.
class KeyReader {
 public:
  explicit KeyReader(std::string_view from) : from_(from) {}
  std::optional<Value> value();
  bool at_end() const { return from_.empty(); }

 private:
  std::string_view from_;
};

}  // namespace pinaflux
