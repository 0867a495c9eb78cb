// Shape: the stream and the ordered field names that many records share; interned, so that a pointer
// names it and every station compiles its work once per shape instead of once per record.
//
// Promise    Two records of one Shapes have the same shape if and only if the pointers are equal.
// Limits     limits::kShapesMax shapes, kFieldsMax fields, kNameBytesMax a name: nullptr beyond.
// Ownership  Shapes owns every Shape for its whole life: none is ever removed.
// Threads    Shapes: one owner (the loop). A Shape is immutable: any thread may read it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace pinaflux {

class Shape {
 public:
  std::uint32_t id() const { return id_; }  // Dense, from 0: stations index their plans by it.
  std::string_view stream() const { return stream_; }
  std::span<const std::string> fields() const { return fields_; }
  std::size_t field_count() const { return fields_.size(); }
  // Of stream and fields: the same in every Shapes of a program.
  std::uint64_t hash() const { return hash_; }
  // Position of a field, or -1.
  int find(std::string_view field) const;

 private:
  friend class Shapes;
  std::uint32_t id_ = 0;
  std::uint64_t hash_ = 0;
  std::string stream_;
  std::vector<std::string> fields_;
};

class Shapes {
 public:
  Shapes();
  ~Shapes();
  Shapes(const Shapes&) = delete;
  Shapes& operator=(const Shapes&) = delete;

  // The shape of this stream and these fields in this order; nullptr when a limit would be passed.
  // Duplicate field names are the caller's error: the record is bad before it gets here.
  const Shape* intern(std::string_view stream, std::span<const std::string_view> fields);
  std::size_t count() const { return shapes_.size(); }

 private:
  std::vector<std::unique_ptr<Shape>> shapes_;
  std::unordered_multimap<std::uint64_t, const Shape*> by_hash_;
  std::size_t bytes_ = 0;
};

}  // namespace pinaflux
