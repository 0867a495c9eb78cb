#include "agent/seal/body.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <doctest/doctest.h>

#include "agent/data/identity.h"
#include "agent/seal/kinds.h"
#include "platform/base/random.h"

namespace pinaflux::seal {
namespace {

struct BodyFixture {
  Shapes shapes;
  Arena made{64u << 20};
  Arena opened{10u << 20};  // What envelope.h promises to be enough.
  std::vector<Row> rows;
  BodyWriter writer;
  BodyReader reader;

  void row(const Shape* of, std::initializer_list<Value> cells, Stamp time = {}) {
    auto memory = made.array<Value>(cells.size());
    std::copy(cells.begin(), cells.end(), memory.begin());
    rows.push_back({of, memory.data(), time});
  }
  const Shape* shape(std::string_view stream, std::vector<std::string_view> fields) {
    return shapes.intern(stream, fields);
  }
  // Everything into one column of one field.
  void column(const std::vector<Value>& cells) {
    rows.clear();
    const Shape* s = shape("s", {"v"});
    for (const Value& v : cells) row(s, {v});
  }
  Buffer written(Effort effort = Effort::standard) {
    Buffer body;
    REQUIRE(writer.write(rows, effort, body).has_value());
    return body;
  }
  Status open(Bytes body, std::vector<Row>& back) {
    opened.reset();
    return reader.read(body, shapes, opened, back);
  }
  void check_round_trip(Effort effort = Effort::standard) {
    std::vector<Row> back;
    const Status read = open(written(effort), back);
    REQUIRE_MESSAGE(read.has_value(), read.error().what);
    check_same(back);
  }
  void check_same(const std::vector<Row>& back) {
    REQUIRE(back.size() == rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      REQUIRE(back[i].shape == rows[i].shape);
      REQUIRE(back[i].time == rows[i].time);
      for (std::size_t f = 0; f < rows[i].shape->field_count(); ++f) {
        REQUIRE(identical(back[i].values[f], rows[i].values[f]));
      }
    }
  }
  void check_all_efforts() {
    check_round_trip(Effort::fast);
    check_round_trip(Effort::fast);  // And with hints.
    check_round_trip(Effort::standard);
    check_round_trip(Effort::max);
  }
};

// For ever: the plain bytes of a body, as the first writer wrote it. FORMAT.md explains each of them.
TEST_CASE_FIXTURE(BodyFixture, "the golden body of FORMAT.md opens for ever") {
  const Shape* boiler = shape("boiler", {"temp", "on", "state"});
  const Shape* door = shape("door", {"open"});
  constexpr std::int64_t kSecond = 1'000'000'000, kStart = 1'700'000'000 * kSecond;
  row(boiler, {Value::float64(20.5), Value::boolean(true), Value::text("heat")}, {kStart, 0});
  row(boiler, {Value::int64(21), Value::boolean(true), Value::text("heat")}, {kStart + kSecond, 0});
  row(door, {Value::null()}, {kStart + 3 * kSecond / 2, 0});
  row(boiler, {Value::float64(21.25), Value::boolean(true), Value::text("heat")},
      {kStart + 2 * kSecond, 0});
  const std::string golden =
      "0104"  // Version; rows.
      "02"
      "06626f696c6572"
      "03"
      "0474656d70"
      "026f6e"
      "057374617465"  // Two shapes: boiler, ...
      "04646f6f72"
      "01"
      "046f70656e"  // ... door.
      "4004"        // The third row is a door.
      "0200"        // Boots.
      "23"
      "8080d0e2c6bfce972f"
      "80a8d6b907"
      "04"
      "ff00c9009a003b00"  // Times.
      "08"
      "22"
      "22842001"
      "6432"
      "0200"  // temp
      "02"
      "0202"  // on
      "06"
      "01"
      "01"
      "0208"
      "68656174"
      "0200"  // state
      "01";   // open
  Buffer body(golden.size() / 2);
  REQUIRE(unhex(golden, body));
  std::vector<Row> back;
  REQUIRE(open(body, back).has_value());
  check_same(back);
  check_all_efforts();
}

TEST_CASE_FIXTURE(BodyFixture, "doubles of every kind come back to the bit") {
  const double inf = std::numeric_limits<double>::infinity();
  const std::vector<double> odd = {0.0,
                                   -0.0,
                                   5e-324,
                                   2.2250738585072014e-308,
                                   1.7976931348623157e308,
                                   inf,
                                   -inf,
                                   0.1 + 0.2,
                                   9007199254740993.0,
                                   1e22,
                                   1e23,
                                   1e-22,
                                   double_of(0x7ff0000000000001),
                                   double_of(0xfff8dead00000001),
                                   double_of(0x7ff8000000000000),
                                   74.93588199999998,
                                   1e15 + 0.3};
  Random random(7);
  for (int n = 0; n < 400; ++n) {
    std::vector<Value> cells;
    const auto scale = random.below(12), oddness = random.below(6);
    for (auto left = 1 + random.below(60); left > 0; --left) {
      double v = static_cast<double>(random.between(-99999, 99999)) / kPower[scale];
      if (oddness == 1 && random.one_in(10)) v = odd[random.below(odd.size())];
      if (oddness == 2) v = static_cast<double>(static_cast<float>(v));
      if (oddness == 3) v = double_of(random.u64());
      if (oddness == 4) v = double_of(bits_of(v) + random.below(5) - 2);
      if (oddness == 5) v = odd[random.below(odd.size())];
      cells.push_back(Value::float64(v));
    }
    column(cells);
    check_round_trip(static_cast<Effort>(n % 3));
  }
}

TEST_CASE_FIXTURE(BodyFixture, "whole numbers among fractions keep their types") {
  constexpr std::int64_t kWhole = std::int64_t{1} << 53;
  for (std::int64_t edge : {kWhole - 1, kWhole, kWhole + 1, -kWhole, -kWhole - 1}) {
    column({Value::int64(edge), Value::float64(0.5), Value::int64(3)});
    check_all_efforts();
  }
  column({Value::int64(20), Value::float64(20.5), Value::int64(-1)});
  CHECK(std::ranges::count(written(), kKindNumber) == 1);
  check_all_efforts();
  for (double d :
       {20.0, -0.0, 0.0, 1e300, static_cast<double>(NAN), static_cast<double>(INFINITY)}) {
    column({Value::int64(20), Value::float64(20.5), Value::float64(d), Value::null(), Value()});
    check_all_efforts();
  }
}

TEST_CASE_FIXTURE(BodyFixture, "texts come back, repeated or not, and among bytes") {
  std::vector<Value> cells;
  for (int i = 0; i < 300; ++i) {
    const std::string unique = "text " + std::to_string(i * i);
    cells.push_back(i % 3 == 0 ? Value::text(made.copy(unique)) : Value::text("same"));
    if (i % 7 == 0) cells.push_back(Value::bytes(as_bytes(std::string_view("\0\xff", 2))));
    if (i % 11 == 0) cells.push_back(Value::text(""));
  }
  column(cells);
  check_all_efforts();
  cells.clear();
  for (int i = 0; i < 5000; ++i) cells.push_back(Value::text(made.copy("t" + std::to_string(i))));
  column(cells);
  check_all_efforts();
}

TEST_CASE_FIXTURE(BodyFixture, "times come back at both ends of time and across boots") {
  const Shape* s = shape("s", {});
  constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min(),
                         kMax = std::numeric_limits<std::int64_t>::max();
  for (std::int64_t ns : {kMin, kMax, std::int64_t{0}, kMin, std::int64_t{-1}, kMax})
    row(s, {}, {ns, 0});
  check_all_efforts();
  for (int i = 0; i < 20; ++i) row(s, {}, {i * 1'000'000, i < 10 ? 77u : ~0ull});
  check_all_efforts();
}

TEST_CASE_FIXTURE(BodyFixture, "a sensor that changes its habits costs a hint, never a value") {
  const Shape* s = shape("s", {"v"});
  Random random(9);
  for (int batch = 0; batch < 100; ++batch) {
    rows.clear();
    made.reset();
    for (int i = 0; i < 40; ++i) {
      const auto whole = static_cast<double>(random.between(0, 10000));
      if (batch % 30 < 10) row(s, {Value::float64(whole / 10)});
      if (batch % 30 >= 10 && batch % 30 < 20) row(s, {Value::float64(whole / 1000)});
      if (batch % 30 >= 20)
        row(s, {random.one_in(3) ? Value::null() : Value::float64(std::sqrt(whole))});
    }
    check_round_trip(Effort::fast);
  }
}

TEST_CASE_FIXTURE(BodyFixture, "what a writer takes, the promised arena opens") {
  std::vector<std::string> names(10'000);
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = "f" + std::to_string(i);
  const std::vector<std::string_view> views(names.begin(), names.end());
  const Shape* wide = shape("wide", views);
  const Shape* narrow = shape("narrow", {"a", "b", "c"});
  auto cells = made.array<Value>(10'000);
  std::ranges::fill(cells, Value::text("x"));
  for (int i = 0; i < 20; ++i) rows.push_back({wide, cells.data(), {i, 0}});
  for (int i = 0; i < 20'000; ++i)
    row(narrow, {Value::int64(i), Value(), Value::boolean(i % 3 == 0)});
  check_round_trip(Effort::fast);
  while (rows.size() * 3 <= kCellsMax) rows.push_back(rows.back());
  Buffer body;
  CHECK(writer.write(rows, Effort::fast, body).error().code == Code::full);
}

TEST_CASE_FIXTURE(BodyFixture, "as many records as there may be, of two streams in turns") {
  const Shape* const even = shape("even", {"v"});
  const Shape* const odd = shape("odd", {"w"});
  for (std::size_t i = 0; i < kRowsMax; ++i)
    row(i % 2 == 0 ? even : odd, {Value::int64(static_cast<std::int64_t>(i * i))});
  check_round_trip(Effort::fast);
  row(even, {Value()});
  Buffer body;
  CHECK(writer.write(rows, Effort::fast, body).error().code == Code::full);
}

TEST_CASE_FIXTURE(BodyFixture, "a body that was changed anywhere opens to rows or to an error") {
  const Shape* a = shape("a", {"x", "y"});
  const Shape* b = shape("b", {"z"});
  for (int i = 0; i < 30; ++i) {
    row(a, {i % 4 == 0 ? Value::int64(i) : Value::float64(i / 7.0), Value::text("t")}, {i, 0});
    if (i % 3 == 0) row(b, {i % 2 == 0 ? Value::null() : Value::boolean(true)}, {i, 3});
  }
  const Buffer good = written();
  std::vector<Row> back;
  for (std::size_t i = 0; i < good.size(); ++i) {
    if (!open(Bytes(good).first(i), back)) CHECK(back.empty());
    back.clear();
    for (unsigned flip = 1; flip < 256; ++flip) {
      Buffer bad = good;
      bad[i] = static_cast<std::uint8_t>(bad[i] ^ flip);
      if (!open(bad, back)) CHECK(back.empty());
      back.clear();
    }
  }
}

TEST_CASE_FIXTURE(BodyFixture, "bodies that declare too much are refused before memory is taken") {
  std::vector<Row> back;
  const auto read = [&](auto fill) {
    Buffer body;
    Writer to(body);
    to.u8(kBodyVersion);
    fill(to);
    const Status s = open(body, back);
    return s ? Code::internal : s.error().code;
  };
  CHECK(read([](Writer& to) { to.varint(kRowsMax + 1); }) == Code::corrupt);
  CHECK(read([](Writer& to) { to.varint(~0ull); }) == Code::corrupt);
  const auto table = [](Writer& to, std::uint64_t count, std::uint64_t fields) {
    to.varint(count);
    to.varint(1);
    to.text("s");
    to.varint(fields);
    for (std::uint64_t f = 0; f < fields; ++f) to.text("f" + std::to_string(f));
    for (int times = 0; times < 2; ++times) to.raw(as_bytes(std::string_view("\x02\0", 2)));
    for (std::uint64_t f = 0; f < fields; ++f) to.u8(1);
  };
  CHECK(read([&](Writer& to) { table(to, kRowsMax, 1); }) == Code::internal);  // All null: fine.
  CHECK(read([&](Writer& to) { table(to, kRowsMax, 9999); }) == Code::corrupt);
  CHECK(read([&](Writer& to) { table(to, 5, limits::kFieldsMax + 1); }) == Code::corrupt);
  back.clear();
  Arena small(1 << 16);
  Buffer body;
  Writer to(body);
  to.u8(kBodyVersion);
  table(to, 60'000, 1);
  CHECK(reader.read(body, shapes, small, back).error().code == Code::full);
  CHECK(back.empty());
}

TEST_CASE_FIXTURE(BodyFixture, "a field that stands twice in a stream is damage") {
  std::vector<Row> back;
  Buffer body;
  Writer to(body);
  to.u8(kBodyVersion);
  to.varint(1);
  to.varint(1);
  to.text("s");
  to.varint(2);
  to.text("f");
  to.text("f");
  to.raw(as_bytes(std::string_view("\x02\0\x02\0\x01\x01", 6)));
  CHECK(open(body, back).error().code == Code::corrupt);
}

TEST_CASE_FIXTURE(BodyFixture, "another version of the body is newer, not damage") {
  column({Value::int64(1)});
  Buffer body = written();
  body[0] = kBodyVersion + 1;
  std::vector<Row> back;
  CHECK(open(body, back).error().code == Code::newer);
}

}  // namespace
}  // namespace pinaflux::seal
