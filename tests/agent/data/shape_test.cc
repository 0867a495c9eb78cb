#include "agent/data/shape.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "agent/data/limits.h"

namespace pinaflux {
namespace {

const Shape* intern(Shapes& shapes, std::string_view stream, std::vector<std::string_view> fields) {
  return shapes.intern(stream, fields);
}

TEST_CASE("two records have the same shape if and only if the pointers are equal") {
  Shapes shapes;
  const Shape* shape = intern(shapes, "s", {"a", "b"});
  REQUIRE(shape != nullptr);
  CHECK(intern(shapes, std::string("s"), {std::string("a"), "b"}) == shape);
  CHECK(intern(shapes, "t", {"a", "b"}) != shape);
  CHECK(intern(shapes, "s", {"b", "a"}) != shape);
  CHECK(intern(shapes, "s", {"a"}) != shape);
  CHECK(intern(shapes, "s", {"a", "b", "c"}) != shape);
  CHECK(intern(shapes, "s", {"ab"}) != intern(shapes, "sa", {"b"}));
  CHECK(shapes.count() == 7);
}

TEST_CASE("a shape tells its names and their positions") {
  Shapes shapes;
  const Shape* shape = intern(shapes, "hall/1", {"t", "h", ""});
  CHECK(shape->stream() == "hall/1");
  CHECK(shape->field_count() == 3);
  CHECK(shape->find("t") == 0);
  CHECK(shape->find("h") == 1);
  CHECK(shape->find("") == 2);
  CHECK(shape->find("x") == -1);
}

TEST_CASE("ids are dense from 0, and shapes stay where they are") {
  Shapes shapes;
  std::vector<const Shape*> made;
  for (int i = 0; i < 1'000; ++i) made.push_back(intern(shapes, "s" + std::to_string(i), {"a"}));
  for (std::uint32_t i = 0; i < 1'000; ++i) {
    REQUIRE(made[i]->id() == i);
    REQUIRE(intern(shapes, "s" + std::to_string(i), {"a"}) == made[i]);
  }
}

TEST_CASE("a name of 512 bytes is the longest") {
  Shapes shapes;
  const std::string longest(limits::kNameBytesMax, 'x');
  CHECK(intern(shapes, longest, {longest}) != nullptr);
  CHECK(intern(shapes, longest + "x", {"a"}) == nullptr);
  CHECK(intern(shapes, "s", {longest + "x"}) == nullptr);
  CHECK(shapes.count() == 1);
}

TEST_CASE("a record of 10,000 fields is the widest") {
  Shapes shapes;
  std::vector<std::string> names;
  for (std::size_t i = 0; i <= limits::kFieldsMax; ++i) names.push_back(std::to_string(i));
  std::vector<std::string_view> fields(names.begin(), names.end());
  CHECK(intern(shapes, "s", fields) == nullptr);
  fields.pop_back();
  CHECK(intern(shapes, "s", fields) != nullptr);
}

TEST_CASE("shapes beyond their number are refused, known ones are found still") {
  Shapes shapes;
  for (std::size_t i = 0; i < limits::kShapesMax; ++i) {
    REQUIRE(intern(shapes, "s" + std::to_string(i), {"a"}) != nullptr);
  }
  CHECK(intern(shapes, "one more", {"a"}) == nullptr);
  CHECK(intern(shapes, "s0", {"a"}) != nullptr);
  CHECK(shapes.count() == limits::kShapesMax);
}

TEST_CASE("all names together are bounded") {
  Shapes shapes;
  const std::string name(limits::kNameBytesMax - 8, 'x');
  std::size_t made = 0;
  while (intern(shapes, name + std::to_string(made), {name}) != nullptr) ++made;
  CHECK(made > 0);
  CHECK(made < limits::kShapesMax);
  CHECK(made * 2 * name.size() <= limits::kShapeBytesMax);
  CHECK(intern(shapes, "small", {"a"}) != nullptr);  // What is left serves smaller ones.
}

}  // namespace
}  // namespace pinaflux
