#include "agent/data/anchor.h"

#include <doctest/doctest.h>

namespace pinaflux {
namespace {

const Anchor kAnchor{0x9f, Instant{95'000}, WallTime{1'000'095'000}, Duration{7}};

struct AnchorFixture {
  Arena arena{4096};
  Shapes shapes;
  const Shape* shape = shapes.intern(kAnchorStream, kAnchorFields);
};

TEST_CASE("a stamp of the anchor's boot becomes calendar time, before the anchor and after it") {
  CHECK(kAnchor.resolve({5'000, 0x9f}) == Stamp::wall({1'000'005'000}));
  CHECK(kAnchor.resolve({200'000, 0x9f}) == Stamp::wall({1'000'200'000}));
}

TEST_CASE("a stamp of another boot, of the calendar, or of no sane clock stays as it is") {
  for (const Stamp stamp :
       {Stamp{5'000, 0x9e}, Stamp{5'000, 0}, Stamp{-1, 0x9f}, Stamp{Anchor::kNsMax, 0x9f}}) {
    CHECK(kAnchor.resolve(stamp) == stamp);
  }
}

TEST_CASE_FIXTURE(AnchorFixture, "an anchor comes back from its record") {
  const auto row = anchor_row(kAnchor, *shape, arena);
  REQUIRE(row.has_value());
  CHECK(row->time == Stamp::wall(kAnchor.wall));
  CHECK(read_anchor(*row) == kAnchor);
}

TEST_CASE_FIXTURE(AnchorFixture, "a record that only looks like an anchor is none") {
  auto row = anchor_row(kAnchor, *shape, arena);
  REQUIRE(row.has_value());
  Value values[4];
  std::ranges::copy(row->cells(), values);
  row->values = values;
  const Value good[] = {values[0], values[1], values[2], values[3]};
  const std::pair<int, Value> bad[] = {{0, Value::text("9f")},
                                       {0, Value::text("0000000000000000")},
                                       {0, Value::text("000000000000009g")},
                                       {0, Value::int64(1)},
                                       {1, Value::float64(1.0)},
                                       {1, Value::int64(-1)},
                                       {2, Value::int64(Anchor::kNsMax)},
                                       {3, Value::int64(-1)}};
  for (const auto& [at, value] : bad) {
    std::ranges::copy(good, values);
    values[at] = value;
    CHECK_FALSE(read_anchor(*row).has_value());
  }
  std::ranges::copy(good, values);
  row->shape = shapes.intern("plant/anchor", kAnchorFields);
  CHECK_FALSE(read_anchor(*row).has_value());
}

TEST_CASE("a full arena takes no anchor") {
  Arena none(8);
  Shapes shapes;
  CHECK_FALSE(anchor_row(kAnchor, *shapes.intern(kAnchorStream, kAnchorFields), none).has_value());
}

TEST_CASE("the name of a boot is sixteen hex digits, and comes back") {
  CHECK(boot_name(0x9f) == "000000000000009f");
  CHECK(boot_name(~0ull) == "ffffffffffffffff");
  CHECK(parse_boot("00000000000000ff") == 255);
  CHECK_FALSE(parse_boot("ff").has_value());
  CHECK_FALSE(parse_boot("0000000000000000").has_value());
  CHECK_FALSE(parse_boot("-00000000000000f").has_value());
}

}  // namespace
}  // namespace pinaflux
