#include "agent/data/value.h"

#include <limits>
#include <string>

#include <doctest/doctest.h>

#include "agent/data/identity.h"

namespace pinaflux {
namespace {

TEST_CASE("a value gives back what went in, and knows its type") {
  CHECK(Value().type() == Type::absent);
  CHECK(Value::null().type() == Type::null);
  CHECK(Value::boolean(true).as_boolean());
  CHECK(Value::int64(std::numeric_limits<std::int64_t>::min()).as_int64() ==
        std::numeric_limits<std::int64_t>::min());
  CHECK(Value::uint64(~0ull).as_uint64() == ~0ull);
  CHECK(Value::float64(-0.5).as_float64() == -0.5);
  CHECK(Value::text("abc").as_text() == "abc");
  CHECK(Value::text("").as_text().empty());
  CHECK(Value::bytes(as_bytes("a\0b")).as_bytes().size() == 1);
  CHECK(std::string(type_name(Type::float64)) == "float64");
}

TEST_CASE("identical means the same type and the same bits, or the same text") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::string one = "same", two = "same";
  CHECK(identical(Value::float64(nan), Value::float64(nan)));
  CHECK_FALSE(identical(Value::float64(0.0), Value::float64(-0.0)));
  CHECK_FALSE(identical(Value::int64(1), Value::float64(1.0)));
  CHECK_FALSE(identical(Value::int64(1), Value::uint64(1)));
  CHECK(identical(Value::text(one), Value::text(two)));
  CHECK_FALSE(identical(Value::text(one), Value::bytes(as_bytes(two))));
  CHECK_FALSE(identical(Value(), Value::null()));
}

TEST_CASE("any number is a double, anything else is 0") {
  CHECK(Value::int64(-3).to_double() == -3.0);
  CHECK(Value::uint64(~0ull).to_double() == 0x1p64);
  CHECK(Value::float64(0.1).to_double() == 0.1);
  CHECK(Value::boolean(true).to_double() == 0.0);
  CHECK(Value::text("7").to_double() == 0.0);
}

TEST_CASE("hex goes there and back, and refuses what is not hex") {
  const std::uint8_t bytes[] = {0x00, 0x9f, 0xff};
  std::uint8_t back[3] = {};
  CHECK(hex(bytes) == "009fff");
  CHECK(unhex("009fff", back));
  CHECK(back[1] == 0x9f);
  CHECK_FALSE(unhex("009ff", back));
  CHECK_FALSE(unhex("009fff00", back));
  CHECK_FALSE(unhex("009ffg", back));
  CHECK_FALSE(unhex(" 09fff", back));
}

TEST_CASE("a range counts both ends, and is empty when it ends before it begins") {
  CHECK(Range{1, 1}.count() == 1);
  CHECK(Range{5, 9}.count() == 5);
  CHECK(Range{5, 4}.count() == 0);
  CHECK(Range{}.count() == 1);
}

}  // namespace
}  // namespace pinaflux
