#include "agent/pipeline/filter.h"

#include <cmath>
#include <limits>

#include <doctest/doctest.h>

#include "tests/agent/pipeline/pipeline_kit.h"

namespace pinaflux {
namespace {

using Compare = FieldFilter::Compare;
using With = decltype(FieldFilter::with);

struct FilterFixture : RecordFixture {
  bool passes(Step& step, const Record& record) {
    return !StepFlow(step, record, arena).emitted.empty();
  }

  bool keeps(Compare compare, With with, Value value, bool keep_missing = false) {
    auto filter = FilterStep::make({"v", compare, std::move(with), keep_missing});
    REQUIRE(filter.has_value());
    return passes(**filter, record("s", {{"other", Value::int64(1)}, {"v", value}}));
  }

  // Which of equal, less, greater hold: "=", "<", ">", "" for none. The other three follow from them.
  std::string order(Value value, With with) {
    std::string signs;
    const bool equal = keeps(Compare::equal, with, value);
    const bool less = keeps(Compare::less, with, value);
    const bool greater = keeps(Compare::greater, with, value);
    CHECK(keeps(Compare::not_equal, with, value) == !equal);
    CHECK(keeps(Compare::less_equal, with, value) == (less || equal));
    CHECK(keeps(Compare::greater_equal, with, value) == (greater || equal));
    if (equal) signs += "=";
    if (less) signs += "<";
    if (greater) signs += ">";
    return signs;
  }
};

constexpr std::int64_t kBig = 9'007'199'254'740'993;  // 2^53 + 1: no double has it.

TEST_CASE_FIXTURE(FilterFixture, "numbers compare by value, whatever their types") {
  const std::int64_t five = 5;
  CHECK(order(Value::int64(5), five) == "=");
  CHECK(order(Value::float64(5.0), five) == "=");
  CHECK(order(Value::uint64(5), five) == "=");
  CHECK(order(Value::int64(5), 5.0) == "=");
  CHECK(order(Value::int64(4), 4.5) == "<");
  CHECK(order(Value::int64(-4), -4.5) == ">");
  CHECK(order(Value::float64(4.5), five) == "<");
  CHECK(order(Value::float64(-4.5), std::int64_t{-4}) == "<");
  CHECK(order(Value::float64(0.0), -0.0) == "=");
  CHECK(order(Value::uint64(~0ull), std::int64_t{-1}) == ">");
}

TEST_CASE_FIXTURE(FilterFixture, "integers beyond a double's precision are compared exactly") {
  const double as_double = 9'007'199'254'740'992.0;
  CHECK(order(Value::int64(kBig), as_double) == ">");
  CHECK(order(Value::float64(as_double), kBig) == "<");
  CHECK(order(Value::uint64(~0ull), 0x1p64) == "<");
  CHECK(order(Value::int64(std::numeric_limits<std::int64_t>::max()), 0x1p63) == "<");
  CHECK(order(Value::int64(std::numeric_limits<std::int64_t>::min()), -0x1p63) == "=");
  CHECK(order(Value::int64(0), INFINITY) == "<");
  CHECK(order(Value::int64(0), -INFINITY) == ">");
}

TEST_CASE_FIXTURE(FilterFixture, "NaN is equal to nothing and in no order") {
  CHECK(order(Value::float64(NAN), 1.0) == "");
  CHECK(order(Value::float64(NAN), NAN) == "");
  CHECK(order(Value::int64(1), NAN) == "");
  CHECK(order(Value::float64(NAN), std::int64_t{1}) == "");
}

TEST_CASE_FIXTURE(FilterFixture,
                  "text and bytes compare by their bytes, booleans false before true") {
  CHECK(order(Value::text("abc"), std::string("abc")) == "=");
  CHECK(order(Value::text("abc"), std::string("abd")) == "<");
  CHECK(order(Value::text("z"), std::string("abc")) == ">");
  CHECK(order(Value::bytes(as_bytes("abc")), std::string("abc")) == "=");
  CHECK(order(Value::boolean(true), true) == "=");
  CHECK(order(Value::boolean(false), true) == "<");
}

TEST_CASE_FIXTURE(FilterFixture, "between other types nothing is equal, less or greater") {
  CHECK(order(Value::text("5"), std::int64_t{5}) == "");
  CHECK(order(Value::int64(5), std::string("5")) == "");
  CHECK(order(Value::boolean(true), std::int64_t{1}) == "");
  CHECK(order(Value::int64(1), true) == "");
  CHECK(order(Value::text("x"), 1.0) == "");
}

TEST_CASE_FIXTURE(FilterFixture, "a missing field is what keep_missing says, null is missing") {
  for (Compare compare : {Compare::exists, Compare::equal, Compare::not_equal}) {
    for (Value value : {Value(), Value::null()}) {
      CHECK_FALSE(keeps(compare, 1.0, value));
      CHECK(keeps(compare, 1.0, value, true));
    }
  }
  CHECK(keeps(Compare::exists, {}, Value::boolean(false)));

  auto filter = FilterStep::make({"v", Compare::exists, {}, false});
  REQUIRE(filter.has_value());
  CHECK_FALSE(passes(**filter, record("s", {{"w", Value::int64(1)}})));
  CHECK(passes(**filter, record("s", {{"w", Value::int64(1)}, {"v", Value::int64(1)}})));
}

}  // namespace
}  // namespace pinaflux
