// MadeRows: batches of rows from a seed: what sources bring, and what none should. For tests of what seals them.
//
// Values     Integers that walk and that do not, decimals, printed floats, steps of a converter, every odd double, texts
//            of any bytes up to 64 KiB, absent and null; columns that change their type, among odd cells or for good.
// Batches    0 to 700 rows of up to three tables; rarely a table of 10,000 columns.
// Ownership  Rows live until the next make(), shapes as long as this.
// Threads    One owner.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "agent/data/record.h"
#include "platform/base/arena.h"
#include "platform/base/random.h"

namespace pinaflux::kit {

class MadeRows {
 public:
  static constexpr std::size_t kColumnsMax = 10'000;
  static constexpr std::size_t kTextBytesMax = 65'536;

  explicit MadeRows(std::uint64_t seed) : random_(seed) {}

  std::span<const Row> make() {
    rows_.clear();
    made_.reset();
    if (random_.one_in(5'000)) {
      make_wide();
    } else {
      make_tables();
    }
    return rows_;
  }
  Random& random() { return random_; }
  Shapes& shapes() { return shapes_; }

 private:
  struct Column {
    std::uint64_t kind = 0, later = 0;  // `later` from the row `change` on.
    std::size_t change = 0;
    std::uint64_t odd_one_in = 0;
    double state = 0, step = 1;
  };
  static constexpr std::uint64_t kKinds = 15;

  void make_tables() {
    const std::size_t tables = 1 + random_.below(3),
                      count = random_.below(random_.one_in(50) ? 700 : 25);
    const std::uint64_t boot = random_.one_in(4) ? random_.u64() : 0;
    std::int64_t time = static_cast<std::int64_t>(random_.u64() >> random_.below(64));
    std::vector<std::vector<Column>> columns(tables);
    for (auto& table : columns) {
      table.resize(random_.below(random_.one_in(100) ? 60 : 6));
      for (Column& c : table) c = column(count);
    }
    for (std::size_t n = 0; n < count; ++n) {
      const std::size_t t = random_.below(tables);
      time = static_cast<std::int64_t>(static_cast<std::uint64_t>(time) +
                                       random_.below(3) * 1'000'000);
      row(t, columns[t], {time, random_.one_in(9) ? 0 : boot});
    }
  }

  void make_wide() {
    std::vector<Column> columns(kColumnsMax);
    const std::size_t count = 1 + random_.below(3);
    for (Column& c : columns) c = column(count);
    for (std::size_t n = 0; n < count; ++n) row(0, columns, {static_cast<std::int64_t>(n), 0});
  }

  Column column(std::size_t rows) {
    Column c{.kind = random_.below(kKinds),
             .odd_one_in = random_.one_in(3) ? 1 + random_.below(9) : 0,
             .state = static_cast<double>(random_.between(-5000, 5000)),
             .step = 100.0 / static_cast<double>(1 + random_.below(1023))};
    c.later = random_.one_in(8) ? random_.below(kKinds) : c.kind;
    c.change = random_.below(rows + 1);
    return c;
  }

  void row(std::size_t table, std::vector<Column>& columns, Stamp time) {
    auto cells = made_.array<Value>(columns.size());
    for (std::size_t f = 0; f < cells.size(); ++f) cells[f] = cell(columns[f]);
    rows_.push_back({shape(table, columns.size()), cells.data(), time});
  }

  const Shape* shape(std::size_t table, std::size_t fields) {
    views_.clear();
    for (std::size_t f = 0; f < fields; ++f) views_.push_back(names_[f]);
    return shapes_.intern(names_[table], views_);
  }

  Value cell(Column& c) {
    if (c.odd_one_in > 0 && random_.one_in(c.odd_one_in)) return odd();
    c.state += random_.one_in(3) ? static_cast<double>(random_.between(-20, 20)) : 0;
    return value(rows_.size() < c.change ? c.kind : c.later, c);
  }

  Value value(std::uint64_t kind, const Column& c) {
    const auto single = [](double v) { return static_cast<double>(static_cast<float>(v)); };
    switch (kind) {
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
      case 13: return Value::uint64(random_.u64() >> random_.below(64));
      default: return Value::int64(static_cast<std::int64_t>(random_.u64() >> random_.below(64)));
    }
  }

  Value odd() {
    switch (random_.below(7)) {
      case 0: return Value();
      case 1: return Value::null();
      case 2: return Value::int64(std::numeric_limits<std::int64_t>::min());
      case 3: return Value::int64(std::numeric_limits<std::int64_t>::max());
      case 4: return text();
      case 5: return Value::uint64(random_.one_in(2) ? 0 : ~std::uint64_t{0});
      default: return Value::float64(odd_double());
    }
  }

  double odd_double() {
    constexpr double kInf = std::numeric_limits<double>::infinity();
    const double odd[] = {-0.0,
                          5e-324,
                          -2.2250738585072014e-308,
                          1.7976931348623157e308,
                          kInf,
                          -kInf,
                          std::bit_cast<double>(0x7ff0000000000001),
                          std::bit_cast<double>(0xfff8dead00000001),
                          9007199254740993.0,
                          std::bit_cast<double>(random_.u64())};
    return odd[random_.below(std::size(odd))];
  }

  Value text() {
    const bool long_one = random_.one_in(2000), random_bytes = !long_one || random_.one_in(2);
    std::string bytes(long_one ? kTextBytesMax : random_.below(12), 'x');
    if (random_bytes) {
      for (char& c : bytes) c = static_cast<char>(random_.below(256));
    }
    const auto kept = made_.copy(bytes);
    return random_.one_in(2) ? Value::text(kept) : Value::bytes(as_bytes(kept));
  }

  static std::vector<std::string> make_names() {
    std::vector<std::string> names;
    for (std::size_t n = 0; n < kColumnsMax; ++n) names.push_back("n" + std::to_string(n));
    return names;
  }

  Random random_;
  std::vector<std::string> names_ = make_names();
  std::vector<std::string_view> views_;
  Shapes shapes_;
  Arena made_{64u << 20};
  std::vector<Row> rows_;
};

}  // namespace pinaflux::kit
