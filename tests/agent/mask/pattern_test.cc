#include "agent/mask/pattern.h"

#include <ostream>
#include <string>

#include <doctest/doctest.h>

namespace pinaflux {
namespace {

bool field(std::string_view pattern, std::string_view name) {
  return Pattern(pattern, '.').matches(name);
}

TEST_CASE("a pattern without a wildcard matches its own name only") {
  CHECK(field("user", "user"));
  CHECK(field("a.b", "a.b"));
  CHECK_FALSE(field("user", "users"));
  CHECK_FALSE(field("user", "a.user"));
  CHECK_FALSE(field("user", "User"));
  CHECK_FALSE(field("a.b", "a"));
}

TEST_CASE("one star is exactly one step") {
  CHECK(field("*", "user"));
  CHECK(field("a.*.c", "a.b.c"));
  CHECK(field("a.*", "a."));
  CHECK_FALSE(field("*", "a.b"));
  CHECK_FALSE(field("a.*", "a"));
  CHECK_FALSE(field("a.*.c", "a.b.b.c"));
}

TEST_CASE("two stars are any number of steps, none included") {
  CHECK(field("**", "a"));
  CHECK(field("**", "a.b.c"));
  CHECK(field("**.user", "user"));
  CHECK(field("**.user", "a.b.user"));
  CHECK(field("a.**", "a"));
  CHECK(field("a.**.z", "a.z"));
  CHECK(field("a.**.m.**.z", "a.m.x.m.y.z"));
  CHECK_FALSE(field("**.user", "a.user.b"));
  CHECK_FALSE(field("a.**.z", "b.z"));
}

TEST_CASE("within a step a star is any characters") {
  CHECK(field("temp*", "temp_7"));
  CHECK(field("temp*", "temp"));
  CHECK(field("*_name", "first_name"));
  CHECK(field("a*b*c", "aXbbYc"));
  CHECK_FALSE(field("temp*", "temp.7"));
  CHECK_FALSE(field("a*b*c", "aXbYd"));
}

TEST_CASE("no name is too long to be matched") {
  std::string name;
  for (int i = 0; i < 255; ++i) name += "a.";
  name += "pw";
  REQUIRE(name.size() <= limits::kNameBytesMax);
  CHECK(field("**.pw", name));
  CHECK(field("**.pw", std::string(limits::kNameBytesMax - 3, '.') + ".pw"));
  CHECK_FALSE(field("**.px", name));
}

TEST_CASE("a pattern that cannot be a name is invalid and matches nothing") {
  CHECK_FALSE(Pattern("", '.').valid());
  CHECK_FALSE(Pattern("", '.').matches(""));
  const std::string long_text(limits::kNameBytesMax + 1, 'x');
  CHECK_FALSE(Pattern(long_text, '.').valid());
  CHECK_FALSE(Pattern(long_text, '.').matches(long_text));
}

TEST_CASE("the steps that wildcards matched are told, literal steps are not") {
  Pattern::StepSet wild;
  REQUIRE(Pattern("ward/*/bed/b*", '/').matches("ward/7/bed/b2", wild));
  CHECK(wild == Pattern::StepSet(0b1010));
  REQUIRE(Pattern("ward/**/pulse", '/').matches("ward/7/9/pulse", wild));
  CHECK(wild == Pattern::StepSet(0b0110));
  REQUIRE(Pattern("ward/**", '/').matches("ward", wild));
  CHECK(wild.none());
}

TEST_CASE("steps of a match that was tried and given up are not told") {
  Pattern::StepSet wild;
  REQUIRE(Pattern("**/*/x/y", '/').matches("a/x/b/x/y", wild));
  CHECK(wild == Pattern::StepSet(0b00111));
  REQUIRE(Pattern("**/x/*/z", '/').matches("x/b/x/c/z", wild));
  CHECK(wild == Pattern::StepSet(0b01011));
}

}  // namespace
}  // namespace pinaflux
