#include "platform/base/bytes.h"

#include <doctest/doctest.h>

#include "platform/base/arena.h"
#include "platform/base/result.h"

using namespace pinaflux;

TEST_CASE("what a writer wrote, a reader reads") {
  Buffer bytes;
  Writer writer(bytes);
  writer.u8(7);
  writer.u32(0x01020304);
  writer.u64(UINT64_MAX);
  writer.varint(300);
  writer.varint(UINT64_MAX);
  writer.signed_varint(INT64_MIN);
  writer.text("abc");

  Reader reader(bytes);
  CHECK(reader.u8() == 7);
  CHECK(reader.u32() == 0x01020304);
  CHECK(reader.u64() == UINT64_MAX);
  CHECK(reader.varint() == 300);
  CHECK(reader.varint() == UINT64_MAX);
  CHECK(reader.signed_varint() == INT64_MIN);
  CHECK(reader.text() == "abc");
  CHECK(reader.left() == 0);
  CHECK_FALSE(reader.failed());
}

TEST_CASE("integers are little-endian on every machine") {
  Buffer bytes;
  Writer(bytes).u32(0x01020304);
  CHECK(bytes == Buffer{4, 3, 2, 1});
}

TEST_CASE("a reader that runs out fails, and stays failed") {
  const Buffer bytes = {1, 2};
  Reader reader(bytes);
  CHECK(reader.u32() == 0);
  CHECK(reader.failed());
  CHECK(reader.u8() == 0);
}

TEST_CASE("a varint longer than 64 bits, or a length beyond the end, fails") {
  const Buffer eleven(11, 0xff);
  Reader overlong(eleven);
  (void)overlong.varint();
  CHECK(overlong.failed());
  const Buffer lying = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 'a'};
  Reader length(lying);
  CHECK(length.text().empty());
  CHECK(length.failed());
}

TEST_CASE("wiped bytes are zero") {
  Buffer bytes = {1, 2, 3};
  wipe(bytes);
  CHECK(bytes == Buffer{0, 0, 0});
  wipe({});
}

TEST_CASE("an arena keeps within its limit and gives the same memory again after a reset") {
  Arena arena(1024);
  CHECK(arena.allocate(2000) == nullptr);
  void* first = arena.allocate(100);
  REQUIRE(first != nullptr);
  CHECK(arena.allocate(1000) == nullptr);
  arena.reset(true);
  CHECK(arena.bytes_used() == 0);
  CHECK(arena.allocate(100) == first);
  CHECK(arena.copy("abc") == "abc");
  CHECK(arena.copy("").data() != nullptr);
}

TEST_CASE("every code has a name of its own") {
  CHECK(std::string_view(code_name(Code::not_found)) == "not_found");
  for (int a = 0; a <= static_cast<int>(Code::internal); ++a) {
    CHECK(std::string_view(code_name(static_cast<Code>(a))) != "unknown");
  }
}
