// Whatever rows there are, they come back: 100,000 made batches, of columns that change type, lean on their
// neighbours, are almost decimals, floats that were printed or steps of a converter, or of every odd double.

#include <algorithm>
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
#include "platform/base/random.h"

namespace pinaflux::seal {
namespace {

constexpr int kBatchesPerCase = 1'000;  // rapidcheck runs a hundred cases.

class Batches {
 public:
  explicit Batches(std::uint64_t seed) : random_(seed) {}

  bool come_back() {
    make();
    const auto effort = random_.one_in(20)  ? Effort::max
                        : random_.one_in(2) ? Effort::standard
                                            : Effort::fast;
    body_.clear();
    if (!writer_.write(rows_, effort, body_)) return false;
    back_.clear();
    opened_.reset();
    if (!reader_.read(body_, shapes_, opened_, back_)) return false;
    return std::ranges::equal(rows_, back_, [](const Row& a, const Row& b) {
      return a.shape == b.shape && a.time == b.time &&
             std::ranges::equal(a.cells(), b.cells(),
                                [](const Value& x, const Value& y) { return identical(x, y); });
    });
  }

 private:
  struct Column {
    std::uint64_t kind = 0;
    std::uint64_t odd_one_in = 0;
    double state = 0, step = 1;
  };

  void make() {
    rows_.clear();
    made_.reset();
    const std::size_t tables = 1 + random_.below(3),
                      count = random_.below(random_.one_in(50) ? 700 : 25);
    const std::uint64_t boot = random_.one_in(4) ? random_.u64() : 0;
    std::int64_t time = static_cast<std::int64_t>(random_.u64() >> random_.below(64));
    std::vector<std::vector<Column>> columns(tables);
    for (auto& table : columns) {
      table.resize(random_.below(random_.one_in(100) ? 60 : 6));
      for (Column& c : table) {
        c = {random_.below(14), random_.one_in(3) ? 1 + random_.below(9) : 0,
             static_cast<double>(random_.between(-5000, 5000)),
             100.0 / static_cast<double>(1 + random_.below(1023))};
      }
    }
    for (std::size_t n = 0; n < count; ++n) {
      const std::size_t t = random_.below(tables);
      auto cells = made_.array<Value>(columns[t].size());
      for (std::size_t f = 0; f < cells.size(); ++f) cells[f] = cell(columns[t][f]);
      time = static_cast<std::int64_t>(static_cast<std::uint64_t>(time) +
                                       random_.below(3) * 1'000'000);
      rows_.push_back(
          {shape(t, columns[t].size()), cells.data(), {time, random_.one_in(9) ? 0 : boot}});
    }
  }

  const Shape* shape(std::size_t table, std::size_t fields) {
    std::vector<std::string_view> names;
    for (std::size_t f = 0; f < fields; ++f) names.push_back(names_[f]);
    return shapes_.intern(names_[table], names);
  }

  double odd_double() {
    constexpr double kInf = std::numeric_limits<double>::infinity();
    const double odd[] = {-0.0,
                          5e-324,
                          -2.2250738585072014e-308,
                          1.7976931348623157e308,
                          kInf,
                          -kInf,
                          double_of(0x7ff0000000000001),
                          double_of(0xfff8dead00000001),
                          9007199254740993.0,
                          double_of(random_.u64())};
    return odd[random_.below(std::size(odd))];
  }

  Value text() {
    if (random_.one_in(2000)) return Value::text(made_.copy(std::string(65'536, 'x')));
    std::string bytes(random_.below(12), '\0');
    for (char& c : bytes) c = static_cast<char>(random_.below(256));
    return random_.one_in(2) ? Value::text(made_.copy(bytes))
                             : Value::bytes(as_bytes(made_.copy(bytes)));
  }

  Value cell(Column& c) {
    if (c.odd_one_in > 0 && random_.one_in(c.odd_one_in)) return odd();
    c.state += random_.one_in(3) ? static_cast<double>(random_.between(-20, 20)) : 0;
    const auto single = [](double v) { return static_cast<double>(static_cast<float>(v)); };
    switch (c.kind) {
      case 0: return Value::null();
      case 1: return Value::boolean(random_.one_in(5));
      case 2: return Value::int64(static_cast<std::int64_t>(c.state));
      case 3: return Value::uint64(~std::uint64_t{0} - random_.below(9));
      case 4: return Value::float64(std::round(c.state) / 100);
      case 5: return Value::float64(9.358 - std::round(c.state) / 1000);
      case 6: return Value::float64(single(c.state * 0.3712));
      case 7: return Value::float64(std::round(single(c.state * 0.03712) * 1e9) / 1e9);
      case 8: return Value::float64(std::round(single(std::round(c.state) * c.step) * 1e6) / 1e6);
      case 9: return Value::float64(std::round(std::round(c.state) * c.step * 1e3) / 1e3);
      case 10: return Value::text(names_[random_.below(4)]);
      case 11: return text();
      case 12: return random_.one_in(2) ? Value::int64(3) : Value::float64(c.state / 8);
      default: return Value::int64(static_cast<std::int64_t>(random_.u64() >> random_.below(64)));
    }
  }

  Value odd() {
    switch (random_.below(6)) {
      case 0: return Value();
      case 1: return Value::null();
      case 2: return Value::int64(std::numeric_limits<std::int64_t>::min());
      case 3: return Value::int64(std::numeric_limits<std::int64_t>::max());
      case 4: return text();
      default: return Value::float64(odd_double());
    }
  }

  static std::vector<std::string> make_names() {
    std::vector<std::string> names;
    for (int n = 0; n < 60; ++n) names.push_back("n" + std::to_string(n));
    return names;
  }

  Random random_;
  std::vector<std::string> names_ = make_names();
  Shapes shapes_;
  Arena made_{64u << 20}, opened_{10u << 20};
  std::vector<Row> rows_, back_;
  BodyWriter writer_;
  BodyReader reader_;
  Buffer body_;
};

TEST_CASE("whatever rows are written, the same are read") {
  CHECK(rc::check([](std::uint64_t seed) {
    Batches batches(seed);
    for (int n = 0; n < kBatchesPerCase; ++n) {
      if (!batches.come_back()) RC_FAIL("batch " + std::to_string(n));
    }
  }));
}

}  // namespace
}  // namespace pinaflux::seal
