#include "platform/base/arena.h"

#include <cstdint>
#include <string>
#include <vector>

#include <doctest/doctest.h>

namespace pinaflux {
namespace {

TEST_CASE("pieces are aligned and do not touch each other") {
  Arena arena(1024 * 1024);
  for (std::size_t align : {1u, 2u, 4u, 8u, 16u}) {
    arena.copy("x");  // Out of step.
    void* piece = arena.allocate(24, align);
    REQUIRE(piece != nullptr);
    CHECK(reinterpret_cast<std::uintptr_t>(piece) % align == 0);
  }
  const auto first = arena.array<std::uint64_t>(100);
  const auto second = arena.array<std::uint64_t>(100);
  for (std::uint64_t& n : first) n = 1;
  for (std::uint64_t& n : second) n = 2;
  for (std::uint64_t n : first) REQUIRE(n == 1);
}

TEST_CASE("a copy is the same text elsewhere, an empty one is not nothing") {
  Arena arena(1024);
  const std::string text = "abc";
  const auto copy = arena.copy(text);
  CHECK(copy == text);
  CHECK(copy.data() != text.data());
  CHECK(arena.copy("").data() != nullptr);
}

TEST_CASE("beyond the limit nothing is given") {
  Arena arena(1024);
  CHECK(arena.allocate(1025) == nullptr);
  CHECK(arena.array<std::uint64_t>(SIZE_MAX / 4).data() == nullptr);
  Arena second(1024);
  CHECK(second.allocate(1024) != nullptr);
  CHECK(second.allocate(1, 1) == nullptr);
  CHECK(second.copy("x").data() == nullptr);
}

TEST_CASE("an arena of many blocks gives out its whole size but the ends of its blocks") {
  const std::size_t bytes_max = 4 * 1024 * 1024, piece = 60'000;
  Arena arena(bytes_max);
  std::size_t given = 0;
  while (arena.allocate(piece) != nullptr) given += piece;
  CHECK(given >= bytes_max * 7 / 8);
  CHECK(given <= bytes_max);
}

TEST_CASE("bytes used grow with what was given and are 0 after a reset") {
  Arena arena(4 * 1024 * 1024);
  std::size_t before = arena.bytes_used();
  CHECK(before == 0);
  for (int i = 0; i < 40; ++i) {
    REQUIRE(arena.allocate(50'000) != nullptr);
    CHECK(arena.bytes_used() >= before + 50'000);
    before = arena.bytes_used();
  }
  arena.reset();
  CHECK(arena.bytes_used() == 0);
}

TEST_CASE("the blocks are used again after a reset, large ones too") {
  Arena arena(4 * 1024 * 1024);
  std::vector<void*> first, second;
  for (std::size_t bytes : {100'000u, 200'000u, 1'000'000u, 100u}) {
    first.push_back(arena.allocate(bytes));
  }
  arena.reset();
  for (std::size_t bytes : {100'000u, 200'000u, 1'000'000u, 100u}) {
    second.push_back(arena.allocate(bytes));
  }
  CHECK(first == second);
}

TEST_CASE("what is refused once does not spoil the arena for the time after the reset") {
  Arena arena(1024 * 1024);
  while (arena.allocate(100'000) != nullptr) {
  }
  arena.reset();
  int given = 0;
  while (arena.allocate(100'000) != nullptr) ++given;
  CHECK(given >= 8);
}

TEST_CASE("a reset that wipes leaves nothing to read, in any block") {
  Arena arena(1024 * 1024);
  std::vector<std::string_view> copies;
  for (int i = 0; i < 6; ++i) copies.push_back(arena.copy(std::string(100'000, 's')));
  arena.reset(true);
  for (std::string_view copy : copies) {
    REQUIRE(copy.data() != nullptr);
    CHECK(copy.find('s') == std::string_view::npos);  // The blocks are kept: they can be looked at.
  }
}

}  // namespace
}  // namespace pinaflux
