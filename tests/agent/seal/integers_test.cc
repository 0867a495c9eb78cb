#include "agent/seal/integers.h"

#include <doctest/doctest.h>

#include "agent/data/identity.h"
#include "platform/base/random.h"

namespace pinaflux::seal {
namespace {

using Series = std::vector<std::uint64_t>;

struct IntegersFixture {
  CodeWriter code;
  CodeReader coded;
  Neighbours neighbours;
  Compressor compressor;
  Parts parts;
  IntegerWriter writer{code, neighbours, compressor, parts};
  IntegerReader reader{coded, neighbours};

  Buffer written(const Series& series, Effort effort = Effort::standard, SeriesHint hint = {}) {
    Buffer bytes;
    code.begin();
    writer.write(series, effort, hint, bytes);
    code.finish(bytes);
    return bytes;
  }
  Read read(Bytes bytes, Series& back) {
    coded.begin(bytes);
    Reader from(bytes);
    const Read r = reader.read(from, back);
    return r != Read::ok || coded.ends_with(from.left()) ? r : Read::damaged;
  }
  void check_round_trip(const Series& series, Effort effort, SeriesHint hint) {
    Series back(series.size());
    REQUIRE(read(written(series, effort, hint), back) == Read::ok);
    REQUIRE(back == series);
  }
  std::string opened(const std::string& golden, std::size_t count) {
    Buffer bytes(golden.size() / 2);
    REQUIRE(unhex(golden, bytes));
    Series back(count);
    REQUIRE(read(bytes, back) == Read::ok);
    std::string text;
    for (const std::uint64_t v : back) text += std::to_string(v) + " ";
    return text;
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
    const auto shift = random.below(64), shape = random.below(6);
    const std::uint64_t few[] = {random.u64(), random.u64() >> shift, random.u64() >> shift, 7};
    const std::uint64_t unit = 1 + random.below(1000), start = random.u64();
    std::uint64_t v = start;
    for (auto left = random.below(80); left > 0; --left) {
      if (shape == 0) v = random.u64() >> shift;
      if (shape == 1) v += unit * random.below(1000);
      if (shape == 2 && random.one_in(9)) v = random.u64() >> shift;
      if (shape == 3) v += unit;
      if (shape == 4) v = start + random.below(2);
      if (shape == 5) v = few[random.below(4)];
      s.push_back(v);
    }
    all.push_back(s);
  }
  for (const Series& s : all) {
    for (Effort effort : {Effort::fast, Effort::standard, Effort::max}) {
      for (unsigned hint : {0, 1, 2, 3, 4, 5, 255}) {
        for (unsigned layout : {0, 1, 2, 3, 4, 5, 6, 7, 255}) {
          const auto context = static_cast<std::uint8_t>(random.below(Coding::kContexts));
          const auto shift = static_cast<std::uint8_t>(random.below(64));
          check_round_trip(s, effort,
                           {static_cast<std::uint8_t>(hint), static_cast<std::uint8_t>(layout),
                            context, 0, shift, random.one_in(2)});
        }
      }
    }
  }
}

TEST_CASE_FIXTURE(IntegersFixture, "a series comes back whatever part is left out") {
  Random random(8);
  for (std::size_t n = 0; n < kPartCount; ++n) {
    const auto part = static_cast<Part>(n);
    CHECK(part_of(part_name(part)) == part);
    parts = {};
    parts.remove(part);
    for (int i = 0; i < 20; ++i) {
      Series s;
      for (int left = 100; left > 0; --left)
        s.push_back(random.one_in(1 + random.below(8)) ? (random.u64() >> (3 * i)) * 6 : 12);
      for (Effort effort : {Effort::fast, Effort::standard, Effort::max})
        check_round_trip(s, effort, {});
    }
  }
  CHECK_FALSE(part_of("nothing").has_value());
}

// For ever: bytes of a series, as earlier writers wrote them. One for each prediction and layout.
TEST_CASE_FIXTURE(IntegersFixture, "the golden bytes of a series open for ever") {
  CHECK(opened("020e", 3) == "7 7 7 ");            // delta, zeros
  CHECK(opened("200105060902", 4) == "5 6 9 2 ");  // plain, planes
  CHECK(opened("210104030201", 4) == "2 18446744073709551614 1 18446744073709551615 ");  // zigzag
  CHECK(opened("409601", 9) == "0 1 1 0 1 0 0 1 1 ");                      // plain, bits
  CHECK(opened("0b64c8010002", 8) == "100 200 300 400 500 600 700 800 ");  // unit, delta2
  CHECK(opened("14c80100030a", 3) == "100 103 110 ");                      // offset, varints
  CHECK(opened("500206040806", 12) == "0 0 0 0 0 0 9 0 0 0 0 7 ");         // plain, sparse
  CHECK(opened("300205090203", 7) == "5 5 5 9 9 9 9 ");                    // plain, runs
  CHECK(opened("70000f310400000200000493798e90", 10) == "9 0 0 1 70 0 0 2 9 0 ");  // prefix
  CHECK(opened("10e80700030102010302010003020102", 14) == "1000 0 3 1 2 1 3 2 1 0 3 2 1 2 ");
  CHECK(opened("0603120eba01c0252001010001020000", 6) == "100 7 100 2500 7 7 ");  // list
  CHECK(opened("0e050203120eba01c0252001010001020000", 6) == "501 36 501 12501 36 36 ");
}

TEST_CASE_FIXTURE(IntegersFixture, "the golden bytes of each context of the coder open for ever") {
  for (const char* golden : {"600000066d2939eb0e", "6002004106034078e33e", "60000106c91e24ee0e",
                             "600201410603927a1f3f"}) {
    CAPTURE(golden);
    CHECK(opened(golden, 10) == "9 0 0 1 70 0 0 2 9 0 ");
  }
}

TEST_CASE_FIXTURE(IntegersFixture,
                  "an unknown prediction, layout or context is newer, not damage") {
  Series back(4);
  for (unsigned head = 0; head < 256; ++head) {
    const bool by_key = (head & 7) == static_cast<unsigned>(Predict::key);  // Without keys: damage.
    const bool has_misses = (head & 7) < kPredictCount;
    const bool listed = (head & 7) == static_cast<unsigned>(Predict::listed) && (head >> 4) == 0;
    const bool known = by_key || listed || (has_misses && (head >> 4) < kLayoutCount);
    Buffer bytes(64, 1);
    bytes[0] = static_cast<std::uint8_t>(head);
    CHECK_MESSAGE((read(bytes, back) == Read::newer) == !known, "head ", head);
  }
  CHECK(read(Buffer{0x60, 0, Coding::kContexts, 0, 0, 0, 0}, back) == Read::newer);
}

TEST_CASE_FIXTURE(IntegersFixture, "a series that leans on what is not there is damage") {
  Series back(4);
  CHECK(read(Buffer{0x60, 0, Coding::reference, 1, 0, 0, 0, 0}, back) == Read::damaged);
  CHECK(read(Buffer{0x05, 0}, back) == Read::damaged);                  // By key.
  CHECK(read(Buffer{0x60, 64, 0, 0, 0, 0, 0}, back) == Read::damaged);  // A shift of all bits.
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
      const Read r = read(Bytes(bytes).first(cut), back);  // A cut code may mean other values.
      REQUIRE((r == Read::damaged || (r == Read::ok && back != s)));
    }
  }
}

TEST_CASE_FIXTURE(IntegersFixture, "counts that lie are damage") {
  const auto read = [this](Buffer bytes) {
    Series back(10);
    return IntegersFixture::read(bytes, back);
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

TEST_CASE_FIXTURE(IntegersFixture, "a list that lies is damage") {
  const auto read = [this](Buffer bytes) {
    Series back(4);
    return IntegersFixture::read(bytes, back);
  };
  constexpr std::uint8_t kList = 0x06, kVarints = 0x10, kZeros = 0x00;
  CHECK(read({kList, 2, kVarints, 5, 9, kVarints, 1, 0, 0, 1}) == Read::ok);
  CHECK(read({kList, 2, kVarints, 5, 9, kVarints, 1, 0, 0, 2}) ==
        Read::damaged);                                                        // The third of two.
  CHECK(read({kList, 2, kVarints, 5, 9, 0x11, 1, 0, 0, 0}) == Read::damaged);  // The place -1.
  CHECK(read({kList, 4, kVarints, 5, 9, 8, 7, kZeros}) == Read::ok);
  CHECK(read({kList, 0, kZeros}) == Read::damaged);
  CHECK(read({kList, 5, kVarints, 5, 9, 8, 7, 6, kZeros}) == Read::damaged);  // More than values.
  CHECK(read({kList, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}) == Read::damaged);
  CHECK(read({kList, 1, kList, 1, kZeros, kZeros, kZeros}) == Read::damaged);  // A list of lists.
  CHECK(read({kList, 1, kZeros, kList, 1, kZeros, kZeros}) == Read::damaged);
  CHECK(read({kList, 1, 0x07, kZeros}) == Read::newer);
  CHECK(read({kList | 0x10, 1, kZeros, kZeros}) == Read::newer);
}

TEST_CASE_FIXTURE(IntegersFixture, "numbers at uneven distances are listed where that is shorter") {
  Random random(11);
  Series prices, series;
  for (int n = 0; n < 20; ++n) prices.push_back(random.u64() >> 24);
  for (int n = 0; n < 400; ++n) series.push_back(prices[random.below(prices.size())]);
  const auto is_list = [this](const Series& values, Effort effort) {
    return (written(values, effort)[0] & kPredictMask) == static_cast<unsigned>(Predict::listed);
  };
  for (const Effort effort : {Effort::fast, Effort::standard, Effort::max}) {
    CHECK(is_list(series, effort));
    CHECK(written(series, effort).size() < 400 * 5 / 8 + 20 * 5 + 40);
    parts.remove(Part::list);
    CHECK_FALSE(is_list(series, effort));
    parts = {};
    for (std::size_t i = 0; i < series.size(); ++i) CHECK_FALSE(is_list({i, i * i}, effort));
  }
  // A hint that does not hold any more: all different.
  Series squares;
  for (std::uint64_t i = 0; i < 300; ++i) squares.push_back(i * i * i);
  check_round_trip(squares, Effort::standard, {.predict = 0, .layout = 2, .listed = true});
  check_round_trip(squares, Effort::fast, {.predict = 0, .listed = true});
}

}  // namespace
}  // namespace pinaflux::seal
