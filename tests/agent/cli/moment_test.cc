#include "agent/cli/moment.h"

#include <doctest/doctest.h>

namespace pinaflux {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr WallTime kNow{1'700'000'000 * kSecond};

std::int64_t seconds(std::string_view text) {
  const auto moment = parse_moment(text, kNow);
  return moment ? moment->ns / kSecond : -1;
}

TEST_CASE("a day, a moment and an age are moments") {
  CHECK(seconds("2023-11-14") == 1'699'920'000);
  CHECK(seconds("2023-11-14T22:13:20Z") == 1'700'000'000);
  CHECK(seconds("90s") == 1'700'000'000 - 90);
  CHECK(seconds("36h") == 1'700'000'000 - 36 * 3600);
  CHECK(seconds("7d") == 1'700'000'000 - 7 * 86'400);
}

TEST_CASE("what is no moment is refused") {
  for (const char* text : {"", "7", "d", "-7d", "2023-02-30", "2023-11-14T22:13:20", "2023-11-14 ",
                           "2023-11-14T24:00:00Z", "14.11.2023", "2023-1-1", "yesterday"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_moment(text, kNow).has_value());
  }
}

}  // namespace
}  // namespace pinaflux
