#include "agent/data/shape.h"

#include <algorithm>
#include <functional>

#include "agent/data/limits.h"

namespace pinaflux {

namespace {

std::uint64_t hash_of(std::string_view stream, std::span<const std::string_view> fields) {
  std::uint64_t h = std::hash<std::string_view>{}(stream);
  for (std::string_view f : fields) h = (h ^ std::hash<std::string_view>{}(f)) * 0x100000001b3u;
  return h;
}

bool within_limits(std::string_view stream, std::span<const std::string_view> fields) {
  if (stream.size() > limits::kNameBytesMax || fields.size() > limits::kFieldsMax) return false;
  return std::ranges::all_of(fields, [](auto f) { return f.size() <= limits::kNameBytesMax; });
}

}  // namespace

Shapes::Shapes() = default;
Shapes::~Shapes() = default;

int Shape::find(std::string_view field) const {
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    if (fields_[i] == field) return static_cast<int>(i);
  }
  return -1;
}

const Shape* Shapes::intern(std::string_view stream, std::span<const std::string_view> fields) {
  const std::uint64_t hash = hash_of(stream, fields);
  for (auto [it, end] = by_hash_.equal_range(hash); it != end; ++it) {
    const Shape& s = *it->second;
    if (s.stream_ == stream && std::ranges::equal(s.fields_, fields)) return &s;
  }
  std::size_t bytes = stream.size();
  for (std::string_view f : fields) bytes += f.size() + sizeof(std::string);
  if (!within_limits(stream, fields) || shapes_.size() >= limits::kShapesMax ||
      bytes > limits::kShapeBytesMax - bytes_) {
    return nullptr;
  }
  auto shape = std::make_unique<Shape>();
  shape->id_ = static_cast<std::uint32_t>(shapes_.size());
  shape->hash_ = hash;
  shape->stream_ = stream;
  shape->fields_.assign(fields.begin(), fields.end());
  bytes_ += bytes;
  const Shape* made = shape.get();
  shapes_.push_back(std::move(shape));
  by_hash_.emplace(hash, made);
  return made;
}

}  // namespace pinaflux
