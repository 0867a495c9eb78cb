// Whatever rows there are, they come back: 100,000 made batches, of columns that change type, lean on their
// neighbours, are almost decimals, floats that were printed or steps of a converter, or of every odd double. What
// was met is counted by looking at the values, so that no kind of them can get lost from the maker unseen.

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>

#include <doctest/doctest.h>

#pragma clang diagnostic push  // It uses what C++23 deprecates.
#pragma clang diagnostic ignored "-Wdeprecated-declarations"
#include <rapidcheck.h>
#pragma clang diagnostic pop

#include "agent/seal/body.h"
#include "agent/seal/kinds.h"
#include "tests/kit/made_rows.h"

namespace pinaflux::seal {
namespace {

constexpr int kBatchesPerCase = 1'000;  // rapidcheck runs a hundred cases.
constexpr std::size_t kEnough = 5;      // Batches of each kind, of all.

// Batches in which something was met.
class Met {
 public:
  enum What : std::size_t {
    nan_payload,
    negative_zero,
    denormal,
    infinite,
    int64_min,
    int64_max,
    uint64_max,
    text_of_64_kib,
    bytes_of_64_kib,
    invalid_utf8,
    columns_10000,
    type_change,
    absent_and_null,
    several_shapes,
    no_rows,
    kCount
  };

  void look(std::span<const Row> rows) {
    std::array<bool, kCount> here{};
    here[no_rows] = rows.empty();
    for (const Row& row : rows) {
      here[columns_10000] |= row.shape->field_count() == 10'000;
      here[several_shapes] |= row.shape != rows[0].shape;
      for (std::size_t f = 0; f < row.shape->field_count(); ++f) look(row, f, rows[0], here);
    }
    for (std::size_t n = 0; n < kCount; ++n) counts_[n] += here[n] ? 1 : 0;
  }
  const std::array<std::size_t, kCount>& counts() const { return counts_; }

 private:
  static void look(const Row& row, std::size_t field, const Row& first,
                   std::array<bool, kCount>& here) {
    const Value& v = row.values[field];
    const bool both = row.shape == first.shape;
    here[type_change] |= both && v.type() > Type::null && first.values[field].type() > Type::null &&
                         v.type() != first.values[field].type();
    here[absent_and_null] |=
        both && v.type() == Type::absent && first.values[field].type() == Type::null;
    switch (v.type()) {
      case Type::int64:
        here[int64_min] |= v.as_int64() == std::numeric_limits<std::int64_t>::min();
        here[int64_max] |= v.as_int64() == std::numeric_limits<std::int64_t>::max();
        return;
      case Type::uint64: here[uint64_max] |= v.as_uint64() == ~std::uint64_t{0}; return;
      case Type::float64: return look(v.as_float64(), here);
      case Type::text:
        here[text_of_64_kib] |= v.as_text().size() == 65'536;
        here[invalid_utf8] |= v.as_text().contains('\xff');
        return;
      case Type::bytes: here[bytes_of_64_kib] |= v.as_bytes().size() == 65'536; return;
      default: return;
    }
  }
  static void look(double v, std::array<bool, kCount>& here) {
    const bool quiet_zero = (bits_of(v) & 0x7fffffffffffffff) == 0x7ff8000000000000;
    here[nan_payload] |= std::isnan(v) && !quiet_zero;
    here[negative_zero] |= v == 0 && std::signbit(v);
    here[denormal] |= std::fpclassify(v) == FP_SUBNORMAL;
    here[infinite] |= std::isinf(v);
  }

  std::array<std::size_t, kCount> counts_{};
};

class Batches {
 public:
  Batches(std::uint64_t seed, Met& met) : made_(seed), met_(met) {}

  bool come_back() {
    const std::span<const Row> rows = made_.make();
    met_.look(rows);
    const auto effort = made_.random().one_in(20)  ? Effort::max
                        : made_.random().one_in(2) ? Effort::standard
                                                   : Effort::fast;
    body_.clear();
    if (!writer_.write(rows, effort, body_)) return false;
    back_.clear();
    opened_.reset();
    if (!reader_.read(body_, made_.shapes(), opened_, back_)) return false;
    return std::ranges::equal(rows, back_, [](const Row& a, const Row& b) {
      return a.shape == b.shape && a.time == b.time &&
             std::ranges::equal(a.cells(), b.cells(),
                                [](const Value& x, const Value& y) { return identical(x, y); });
    });
  }

 private:
  kit::MadeRows made_;
  Met& met_;
  Arena opened_{10u << 20};
  std::vector<Row> back_;
  BodyWriter writer_;
  BodyReader reader_;
  Buffer body_;
};

TEST_CASE("whatever rows are written, the same are read") {
  Met met;
  CHECK(rc::check([&](std::uint64_t seed) {
    Batches batches(seed, met);
    for (int n = 0; n < kBatchesPerCase; ++n) {
      if (!batches.come_back()) RC_FAIL("batch " + std::to_string(n));
    }
  }));
  for (std::size_t what = 0; what < Met::kCount; ++what) {
    CAPTURE(what);
    CHECK(met.counts()[what] >= kEnough);
  }
}

}  // namespace
}  // namespace pinaflux::seal
