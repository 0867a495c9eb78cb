#include "agent/cli/terminal_text.h"

#include <doctest/doctest.h>

namespace pinaflux {
namespace {

std::string shown(std::string_view text) { return terminal_text(as_bytes(text)); }

TEST_CASE("text stays as it is") {
  CHECK(shown("{\"a\":\t1,\n \"temp\xc3\xa9rature\": \"\xe2\x82\xac \xf0\x9f\x98\x80\"}") ==
        "{\"a\":\t1,\n \"temp\xc3\xa9rature\": \"\xe2\x82\xac \xf0\x9f\x98\x80\"}");
  CHECK(shown("").empty());
}

TEST_CASE("what a terminal would obey does not reach it") {
  CHECK(shown("a\x1b[2Jb\r\x07\x7f") == "a?[2Jb???");
  CHECK(shown("\xc2\x9b"
              "2J\xc2\xa0") == "?2J\xc2\xa0");
  CHECK(shown(std::string_view("\0", 1)) == "?");
}

TEST_CASE("what is not UTF-8 is one '?' a byte") {
  CHECK(shown("\x9b"
              "1\xff\xc3") == "?1??");
  CHECK(shown("\xc0\xaf\xed\xa0\x80") == "?????");
}

}  // namespace
}  // namespace pinaflux
