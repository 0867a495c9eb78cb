#include "platform/base/json_writer.h"

#include <cmath>
#include <limits>

#include <doctest/doctest.h>

namespace pinaflux {
namespace {

TEST_CASE("nested objects and arrays get their commas right") {
  JsonWriter j;
  j.begin_object().key("a").number(1).key("b").begin_array();
  j.string("x").null().boolean(true).begin_object().end_object().end_array();
  j.key("c").number(-0.5).key("d").raw("{}").end_object();
  CHECK(j.text() == R"({"a":1,"b":["x",null,true,{}],"c":-0.5,"d":{}})");
}

TEST_CASE("control characters are escaped and bytes that are not UTF-8 are replaced") {
  std::string t;
  append_json_string(t, std::string_view("a\"\\\n\x01\x7f\xff\xc3\xa9", 9));
  CHECK(t == "\"a\\\"\\\\\\n\\u0001\\u007f\xef\xbf\xbd\xc3\xa9\"");
}

TEST_CASE("numbers are exact, and what JSON cannot say is null") {
  JsonWriter j;
  j.begin_array().number(std::numeric_limits<std::uint64_t>::max());
  j.number(std::numeric_limits<std::int64_t>::min()).number(0.1).number(std::nan("")).end_array();
  CHECK(j.text() == "[18446744073709551615,-9223372036854775808,0.1,null]");
}

}  // namespace
}  // namespace pinaflux
