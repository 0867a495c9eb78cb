#include "agent/seal/integers.h"

#include <doctest/doctest.h>

#include "agent/data/identity.h"
#include "platform/base/random.h"

namespace pinaflux::seal {
namespace {

using Series = std::vector<std::uint64_t>;

struct IntegersFixture {
  IntegerWriter writer;

  Buffer written(const Series& series, Effort effort = Effort::standard) {
    Buffer bytes;
    std::uint8_t hint = IntegerWriter::kNoHint;
    writer.write(series, effort, hint, bytes);
    return bytes;
  }
  void check_round_trip(const Series& series, Effort effort, std::uint8_t hint) {
    Buffer bytes;
    writer.write(series, effort, hint, bytes);
    Series back(series.size());
    Reader from(bytes);
    REQUIRE(read_integers(from, back) == Read::ok);
    REQUIRE(from.left() == 0);
    REQUIRE(back == series);
  }
};

std::uint64_t signed_bits(std::int64_t v) { return static_cast<std::uint64_t>(v); }

TEST_CASE_FIXTURE(IntegersFixture, "a series comes back whatever the hint and the effort") {
  constexpr std::uint64_t kLow = 1ull << 63, kHigh = ~0ull;
  std::vector<Series> all = {{},
                             {0},
                             {kHigh},
                             {kLow, kHigh},
                             {1, 2},
                             {0, kLow, 0, kLow, 0, kLow, 0, kLow, 0, kLow},
                             {kLow, 0, kHigh, kLow - 1, 5, 5, 5, 5, 5, 5, 5}};
  Random random(1);
  for (int n = 0; n < 300; ++n) {
    Series s;
    const auto shift = random.below(64), shape = random.below(5);
    const std::uint64_t unit = 1 + random.below(1000), start = random.u64();
    std::uint64_t v = start;
    for (auto left = random.below(80); left > 0; --left) {
      if (shape == 0) v = random.u64() >> shift;
      if (shape == 1) v += unit * random.below(1000);
      if (shape == 2 && random.one_in(9)) v = random.u64() >> shift;
      if (shape == 3) v += unit;
      if (shape == 4) v = start + random.below(2);
      s.push_back(v);
    }
    all.push_back(s);
  }
  for (const Series& s : all) {
    for (Effort effort : {Effort::fast, Effort::standard, Effort::max}) {
      for (unsigned hint : {0, 1, 2, 3, 4, 5, 255}) {
        check_round_trip(s, effort, static_cast<std::uint8_t>(hint));
      }
    }
  }
}

// For ever: one series for each layout but runs (below).
TEST_CASE_FIXTURE(IntegersFixture, "the bytes of a series are the golden bytes") {
  const auto golden = [&](const Series& s) { return hex(written(s)); };
  CHECK(golden({7, 7, 7}) == "020e");  // delta, zeros
  CHECK(golden({5, 6, 9, 2}) ==
        "2001"
        "05060902");  // plain, planes
  CHECK(golden({0, 1, 1, 0, 1, 0, 0, 1, 1}) ==
        "40"
        "9601");                                                              // plain, bits
  CHECK(golden({100, 200, 300, 400, 500, 600, 700, 800}) == "0b64c8010002");  // unit, delta2
  CHECK(golden({0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 7}) ==
        "50"
        "020604"
        "0806");  // plain, sparse
  CHECK(golden({1000, 0, 3, 1, 2, 1, 3, 2, 1, 0, 3, 2, 1, 2}) ==
        "10"
        "e807"
        "00030102010302010003020102");  // plain, varints
}

TEST_CASE_FIXTURE(IntegersFixture, "an unknown prediction or layout is newer, not damage") {
  Series back(4);
  for (unsigned head = 0; head < 256; ++head) {
    const bool known = (head & 7) < kPredictCount && (head >> 4) <= 5;
    Buffer bytes(64, 1);
    bytes[0] = static_cast<std::uint8_t>(head);
    Reader from(bytes);
    CHECK_MESSAGE((read_integers(from, back) == Read::newer) == !known, "head ", head);
  }
}

TEST_CASE_FIXTURE(IntegersFixture, "a series that is cut is damaged at every byte") {
  Random random(3);
  for (int n = 0; n < 200; ++n) {
    Series s;
    for (int i = 0; i < 40; ++i)
      s.push_back(random.one_in(1 + random.below(8)) ? random.u64() >> 40 : 0);
    s.push_back(signed_bits(-n));
    const Buffer bytes = written(s, n % 2 == 0 ? Effort::standard : Effort::max);
    Series back(s.size());
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
      Reader from(Bytes(bytes).first(cut));
      REQUIRE(read_integers(from, back) == Read::damaged);
    }
  }
}

TEST_CASE_FIXTURE(IntegersFixture, "counts that lie are damage") {
  const auto read = [](Buffer bytes) {
    Series back(10);
    Reader from(bytes);
    return read_integers(from, back);
  };
  CHECK(read({0x30, 0xff, 0xff, 0xff, 0xff, 0x0f}) == Read::damaged);  // Runs beyond the series.
  CHECK(read({0x30, 2, 1, 2, 4, 3}) == Read::damaged);                 // 5 + 4 of 10.
  CHECK(read({0x30, 2, 1, 2, 4, 5}) == Read::damaged);                 // 5 + 6 of 10.
  CHECK(read({0x30, 2, 1, 2, 4, 4}) == Read::ok);
  CHECK(read({0x50, 1, 10, 0}) == Read::damaged);  // The eleventh.
  CHECK(read({0x50, 1, 9, 0}) == Read::ok);
  CHECK(read({0x20, 0}) == Read::damaged);  // Planes of no width.
  CHECK(read({0x20, 9}) == Read::damaged);
}

}  // namespace
}  // namespace pinaflux::seal
