#include "agent/data/raw_lane.h"

#include <algorithm>

namespace pinaflux {

namespace {

constexpr char kBetween = ' ';  // No source's name has one.

template <typename T>
T& at(std::vector<T>& all, std::size_t index) {
  if (index >= all.size()) all.resize(index + 1);
  return all[index];
}

const Shape* intern(Shapes& shapes, std::string_view stream, const Shape& like) {
  std::vector<std::string_view> names;
  std::ranges::copy(like.fields(), std::back_inserter(names));
  return shapes.intern(stream, names);
}

}  // namespace

const Shape* RawShapes::kept(SourceIndex source, std::string_view name, const Shape& shape) {
  const Shape*& known = at(at(kept_, source), shape.id());
  if (known != nullptr) return known;
  return known = intern(shapes_, std::string(name) + kBetween + std::string(shape.stream()), shape);
}

std::optional<RawShapes::Origin> RawShapes::origin(const Shape& kept) {
  Origin& known = at(origins_, kept.id());
  if (known.shape != nullptr) return known;
  const std::string_view stream = kept.stream();
  const std::size_t between = stream.find(kBetween);
  if (between == std::string_view::npos) return std::nullopt;
  const Shape* const shape = intern(shapes_, stream.substr(between + 1), kept);
  if (shape == nullptr) return std::nullopt;
  known = {stream.substr(0, between), shape};
  return known;
}

}  // namespace pinaflux
