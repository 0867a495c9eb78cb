#include "agent/seal/envelope.h"

#include <cmath>
#include <cstring>
#include <limits>

#include <doctest/doctest.h>

#include "agent/data/limits.h"
#include "agent/seal/line.h"
#include "platform/base/random.h"

namespace pinaflux {
namespace {

struct SealFixture {
  Shapes shapes;
  Arena made{64u << 20};
  Arena opened{64u << 20};
  std::vector<Row> rows;
  Sealer sealer;
  Opener opener;

  const Shape* shape(std::string_view stream, std::vector<std::string_view> fields) {
    return shapes.intern(stream, fields);
  }
  Row& row(const Shape* of, std::vector<Value> cells, Stamp time = {1, 0}) {
    auto memory = made.array<Value>(cells.size());
    std::copy(cells.begin(), cells.end(), memory.begin());
    rows.push_back({of, memory.data(), time});
    return rows.back();
  }
  static Header header() {
    Header h;
    h.gateway = "pump-7";
    h.lane = "normal";
    h.epoch.fill(0xab);
    h.range.first = 101;
    h.floor = 90;
    h.generation = 3;
    return h;
  }
  Buffer sealed(Effort effort = Effort::standard) {
    Header h = header();
    Buffer bytes;
    std::size_t taken = 0;
    REQUIRE(sealer.seal(rows, effort, limits::kEnvelopeBytesMax, h, bytes, taken).has_value());
    REQUIRE(taken == rows.size());
    return bytes;
  }
  void check_round_trip(Effort effort = Effort::standard) {
    Buffer body;
    REQUIRE(sealer.seal_body(rows, effort, body).has_value());
    std::vector<Row> back;
    opened.reset();
    const auto ok = opener.open_body(body, shapes, opened, back);
    REQUIRE_MESSAGE(ok.has_value(), ok.error().what);
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
};

TEST_CASE_FIXTURE(SealFixture, "every kind of value comes back to the bit") {
  const Shape* s = shape("s", {"v"});
  const double nan = std::bit_cast<double>(0x7ff8dead00000001ull);
  for (double d :
       {0.0, -0.0, 0.1, 0.1 + 0.2, 1e300, -1e-300, 5e-324, 74.93588199999998, 1e15 + 0.3,
        9007199254740993.0, static_cast<double>(INFINITY), -static_cast<double>(INFINITY), nan}) {
    row(s, {Value::float64(d)});
  }
  for (std::int64_t i :
       {std::int64_t{0}, std::int64_t{-1}, std::numeric_limits<std::int64_t>::min(),
        std::numeric_limits<std::int64_t>::max()}) {
    row(s, {Value::int64(i)});
  }
  row(s, {Value::uint64(std::numeric_limits<std::uint64_t>::max())});
  row(s, {Value::boolean(true)});
  row(s, {Value::boolean(false)});
  row(s, {Value::null()});
  row(s, {Value()});
  row(s, {Value::text("")});
  row(s, {Value::text("\xff\xfe not utf-8 \x00 with nul")});
  row(s, {Value::bytes(as_bytes("bytes"))});
  check_round_trip();
}

TEST_CASE_FIXTURE(SealFixture, "rows of many shapes keep their order") {
  const Shape* a = shape("a", {"x", "y"});
  const Shape* b = shape("b", {});
  const Shape* c = shape("a", {"y", "x"});
  for (int i = 0; i < 300; ++i) {
    if (i % 7 == 0) row(b, {}, {i, 5});
    if (i % 3 == 0) row(c, {Value::int64(i), Value::text("t")}, {i * 1000, 0});
    row(a, {Value::float64(i / 10.0), Value::null()}, {1'700'000'000'000'000'000 + i, 0});
  }
  check_round_trip(Effort::fast);
  check_round_trip(Effort::max);
}

TEST_CASE_FIXTURE(SealFixture, "no rows at all come back as no rows") {
  check_round_trip();
  const Shape* s = shape("empty", {"v"});
  (void)s;
  check_round_trip();
}

TEST_CASE_FIXTURE(SealFixture, "ten thousand columns come back") {
  std::vector<std::string> names(10'000);
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = "field_" + std::to_string(i);
  const std::vector<std::string_view> views(names.begin(), names.end());
  const Shape* s = shapes.intern("wide", views);
  REQUIRE(s != nullptr);
  std::vector<Value> cells(10'000);
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i % 3 != 0) cells[i] = Value::int64(static_cast<std::int64_t>(i));
  }
  row(s, cells);
  row(s, cells);
  check_round_trip();
}

Value random_value(Random& random, Arena& arena) {
  switch (random.below(9)) {
    case 0: return Value();
    case 1: return Value::null();
    case 2: return Value::boolean(random.one_in(2));
    case 3: return Value::int64(static_cast<std::int64_t>(random.u64()) >> random.below(64));
    case 4: return Value::uint64(random.u64());
    case 5: return Value::float64(std::bit_cast<double>(random.u64()));
    case 6: return Value::float64(static_cast<double>(random.between(-100000, 100000)) / 1000.0);
    default: {
      std::string t;
      for (auto n = random.below(20); n > 0; --n) t += static_cast<char>(random.below(256));
      const auto kept = arena.copy(t);
      return random.one_in(2) ? Value::text(kept) : Value::bytes(as_bytes(kept));
    }
  }
}

TEST_CASE_FIXTURE(SealFixture, "random rows of random shapes come back, whatever the effort") {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    Random random(seed);
    rows.clear();
    made.reset();
    std::vector<const Shape*> kinds;
    for (std::uint64_t k = 0; k <= random.below(4); ++k) {
      std::vector<std::string> names(static_cast<std::size_t>(random.below(6)));
      for (std::size_t f = 0; f < names.size(); ++f) names[f] = "f" + std::to_string(f);
      std::vector<std::string_view> views(names.begin(), names.end());
      kinds.push_back(shapes.intern("s" + std::to_string(k), views));
    }
    for (auto n = random.below(60); n > 0; --n) {
      const Shape* of = kinds[random.below(kinds.size())];
      std::vector<Value> cells(of->field_count());
      for (Value& cell : cells) cell = random_value(random, made);
      row(of, cells,
          {static_cast<std::int64_t>(random.u64()), random.one_in(4) ? random.u64() : 0});
    }
    INFO("seed ", seed);
    check_round_trip(static_cast<Effort>(seed % 3));
  }
}

TEST_CASE_FIXTURE(SealFixture, "an envelope opens to its header and rows") {
  const Shape* s = shape("boiler", {"temperature", "on"});
  for (int i = 0; i < 10; ++i) {
    row(s, {Value::float64(20.5 + i), Value::boolean(i % 2 == 0)}, {1'000'000 * i, 0});
  }
  const Buffer bytes = sealed();
  std::vector<Row> back;
  const auto h = opener.open(bytes, shapes, opened, back);
  REQUIRE(h.has_value());
  check_same(back);
  CHECK(h->gateway == "pump-7");
  CHECK(h->lane == "normal");
  CHECK(h->range == Range{101, 110});
  CHECK(h->count == 10);
  CHECK(h->floor == 90);
  CHECK(h->time_first == Stamp{0, 0});
  CHECK(h->time_last == Stamp{9'000'000, 0});
  CHECK(h->previous == kNoDigest);
  CHECK(h->hash != kNoDigest);
  for (std::size_t i = 0; i < 30; ++i) CHECK((bytes[i] >= 0x20 && bytes[i] < 0x7f));
}

TEST_CASE_FIXTURE(SealFixture, "a draft that is finished is the envelope that is sealed at once") {
  row(shape("s", {"v"}), {Value::int64(1)}, {5, 0});
  Header h = header();
  Buffer bytes{'x'};
  std::size_t taken = 0;

  REQUIRE(sealer.draft(rows, Effort::standard, limits::kEnvelopeBytesMax, h, bytes, taken));
  CHECK(h.hash == kNoDigest);
  Sealer::finish(h, MutableBytes(bytes).subspan(1));

  CHECK(Buffer(bytes.begin() + 1, bytes.end()) == sealed());
  CHECK(Opener::verify(Bytes(bytes).subspan(1))->hash == h.hash);
}

// For ever: what an envelope of version 1 looks like.
TEST_CASE_FIXTURE(SealFixture, "the header is the golden line") {
  row(shape("s", {"v"}), {Value::int64(1)}, {5, 0});
  const Buffer bytes = sealed();
  const auto end = as_text(bytes).find(" h=");
  CHECK(as_text(bytes).substr(0, end) ==
        "pinaflux-env/1 g=pump-7 l=normal e=q6urq6urq6urq6urq6urqw s=101-101 f=90 t=5ns,5ns c=3");
}

// For ever: the whole envelope of FORMAT.md opens.
TEST_CASE_FIXTURE(SealFixture, "the envelope of FORMAT.md opens to its rows") {
  const Shape* boiler = shape("boiler", {"temp", "on", "state"});
  const Shape* door = shape("door", {"open"});
  constexpr std::int64_t kSecond = 1'000'000'000, kStart = 1'700'000'000 * kSecond;
  row(boiler, {Value::float64(20.5), Value::boolean(true), Value::text("heat")}, {kStart, 0});
  row(boiler, {Value::int64(21), Value::boolean(true), Value::text("heat")}, {kStart + kSecond, 0});
  row(door, {Value::null()}, {kStart + 3 * kSecond / 2, 0});
  row(boiler, {Value::float64(21.25), Value::boolean(true), Value::text("heat")},
      {kStart + 2 * kSecond, 0});
  const std::string text =
      "pinaflux-env/1 g=pump-7 l=normal e=q6urq6urq6urq6urq6urqw s=101-104 f=90 "
      "t=1700000000s,1700000002s c=3 h=3C58SAAULdOp89L5ebiPuw\n";
  constexpr std::string_view kFrame =
      "28b52ffd2459c9020001040206626f696c6572030474656d70026f6e05737461746504646f6f7201046f70656e"
      "40040200238080d0e2c6bfce972f80a8d6b90704ff00c9009a003b000822228420016432020002020206010102"
      "0868656174020001d645af54";
  Buffer envelope(text.begin(), text.end());
  envelope.resize(text.size() + kFrame.size() / 2);
  REQUIRE(unhex(kFrame, MutableBytes(envelope).subspan(text.size())));
  std::vector<Row> back;
  const auto h = opener.open(envelope, shapes, opened, back);
  REQUIRE_MESSAGE(h.has_value(), h.error().what);
  check_same(back);
  CHECK(h->range == Range{101, 104});
  CHECK(h->time_last == Stamp{kStart + 2 * kSecond, 0});
}

TEST_CASE_FIXTURE(SealFixture, "unknown keys are carried, and sealed again as they came") {
  row(shape("s", {"v"}), {Value::int64(1)}, {5, 0});
  Header h = header();
  h.extra = {{"colour", "blue"}, {"x-42", "a:b,c/d"}, {"Z", "!"}};
  const auto sealed_with = [&](Header with) {
    Buffer bytes;
    std::size_t taken = 0;
    REQUIRE(sealer.seal(rows, Effort::fast, limits::kEnvelopeBytesMax, with, bytes, taken));
    return bytes;
  };
  const Buffer bytes = sealed_with(h);
  std::vector<Row> back;
  const auto opened_header = opener.open(bytes, shapes, opened, back);

  REQUIRE(opened_header.has_value());
  CHECK(opened_header->extra == h.extra);
  CHECK(sealed_with(*opened_header) == bytes);
}

TEST_CASE_FIXTURE(SealFixture,
                  "versions to come are refused as newer, not as damage, with what to do") {
  row(shape("s", {"v"}), {Value::int64(1)}, {5, 0});
  const Buffer bytes = sealed();
  for (const std::string_view version : {"3", "10", "1.1", "1x", "2x"}) {
    CAPTURE(version);
    Buffer later(bytes.begin(), bytes.begin() + 13);
    append(later, version);
    later.insert(later.end(), bytes.begin() + 14, bytes.end());
    std::vector<Row> back;
    for (const Error& error : {Opener::header(later).error(), Opener::verify(later).error(),
                               opener.open(later, shapes, opened, back).error()}) {
      CHECK(error.code == Code::newer);
      CHECK(std::string_view(error.what).contains("newer version of this program"));
    }
    CHECK(back.empty());
  }
}

constexpr std::string_view kTrace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST_CASE_FIXTURE(SealFixture, "a trace context is carried, and told from what is none") {
  row(shape("s", {"v"}), {Value::int64(1)}, {5, 0});
  Header h = header();
  h.extra.emplace_back("trace", kTrace);
  Buffer bytes;
  std::size_t taken = 0;
  REQUIRE(sealer.seal(rows, Effort::fast, limits::kEnvelopeBytesMax, h, bytes, taken));
  const auto back = Opener::verify(bytes);
  REQUIRE(back.has_value());
  CHECK(trace_of(*back) == kTrace);
  CHECK(trace_of(header()).empty());
}

// Somebody else's mistake: no reason to lose records.
TEST_CASE_FIXTURE(SealFixture,
                  "a malformed trace context costs nothing but itself, and is never written") {
  row(shape("s", {"v"}), {Value::int64(1)}, {5, 0});
  Header h = header();
  h.extra.emplace_back("xrace", "00-abc-def-01");
  Buffer bytes;
  std::size_t taken = 0;
  REQUIRE(sealer.seal(rows, Effort::fast, limits::kEnvelopeBytesMax, h, bytes, taken));
  std::ranges::search(bytes, std::string_view("xrace")).front() = 't';
  const auto back = Opener::header(bytes);

  REQUIRE(back.has_value());
  CHECK(trace_of(*back).empty());
  CHECK(back->extra == std::vector{std::pair<std::string, std::string>("trace", "00-abc-def-01")});
  h.extra[0].first = "trace";
  CHECK(sealer.seal(rows, Effort::fast, limits::kEnvelopeBytesMax, h, bytes, taken).error().code ==
        Code::invalid);
}

TEST_CASE("a traceparent is what W3C says") {
  const std::string good(kTrace);
  CHECK(seal::valid_traceparent(good));
  CHECK(seal::valid_traceparent("cc" + good.substr(2)));
  CHECK(seal::valid_traceparent("cc" + good.substr(2) + "-what-comes"));
  CHECK_FALSE(seal::valid_traceparent(""));
  CHECK_FALSE(seal::valid_traceparent(good + "-x"));  // Version 00 ends there.
  CHECK_FALSE(seal::valid_traceparent("cc" + good.substr(2) + "x"));
  CHECK_FALSE(seal::valid_traceparent("ff" + good.substr(2)));  // No version.
  CHECK_FALSE(seal::valid_traceparent(good.substr(0, 54)));
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = bad[at] == '-' ? '0' : 'A';  // Lower-case letters only.
    CHECK_FALSE(seal::valid_traceparent(bad));
  }
  CHECK_FALSE(seal::valid_traceparent("00-" + std::string(32, '0') + good.substr(35)));
  CHECK_FALSE(seal::valid_traceparent(good.substr(0, 36) + std::string(16, '0') + "-01"));
}

TEST_CASE_FIXTURE(SealFixture,
                  "a damaged or cut envelope is refused at every byte, and never opens wrongly") {
  const Shape* s = shape("s", {"v", "t"});
  for (int i = 0; i < 50; ++i) row(s, {Value::float64(i / 8.0), Value::text("abc")}, {i, 0});
  const Buffer good = sealed();
  std::vector<Row> back;
  for (std::size_t i = 0; i < good.size(); ++i) {
    Buffer bad = good;
    bad[i] ^= 0x10;
    opened.reset();
    back.clear();
    CHECK_FALSE(opener.open(bad, shapes, opened, back).has_value());
    back.clear();
    CHECK_FALSE(opener.open(Bytes(good).first(i), shapes, opened, back).has_value());
  }
}

TEST_CASE_FIXTURE(SealFixture, "a body of random bytes, or a bomb, is refused") {
  Random random(1);
  std::vector<Row> back;
  for (int n = 0; n < 2000; ++n) {
    Buffer body;
    Writer to(body);
    for (auto k = random.below(40); k > 0; --k) to.u8(static_cast<std::uint8_t>(random.u64()));
    opened.reset();
    back.clear();
    CHECK_FALSE(opener.open_body(body, shapes, opened, back).has_value());
  }
}

TEST_CASE_FIXTURE(SealFixture, "an envelope of none carries its extra pairs") {
  Header h = header();
  h.extra.emplace_back("lost", "5-9:evicted");
  Buffer bytes;
  std::size_t taken = 7;
  REQUIRE(sealer.seal({}, Effort::fast, limits::kEnvelopeBytesMax, h, bytes, taken).has_value());
  CHECK(taken == 0);
  std::vector<Row> back;
  const auto opened_header = opener.open(bytes, shapes, opened, back);
  REQUIRE(opened_header.has_value());
  CHECK(opened_header->count == 0);
  CHECK(opened_header->range.count() == 0);
  CHECK(opened_header->extra == h.extra);
  h.extra[0].second = "two words";
  CHECK(sealer.seal({}, Effort::fast, 1000, h, bytes, taken).error().code == Code::invalid);
  h.extra[0] = {"s", "1-2"};
  CHECK(sealer.seal({}, Effort::fast, 1000, h, bytes, taken).error().code == Code::invalid);
  h.extra.clear();
  h.lane = "a/b";
  CHECK(sealer.seal({}, Effort::fast, 1000, h, bytes, taken).error().code == Code::invalid);
}

TEST_CASE_FIXTURE(SealFixture,
                  "a thinned envelope holds the seqs of its range that a number divides") {
  const Shape* s = shape("s", {"v"});
  for (int i = 0; i < 25; ++i) row(s, {Value::int64(104 + i * 4)}, {i, 0});
  Header h = header();
  h.range = {101, 200};
  h.every = 4;
  h.extra.emplace_back("through", std::string(64, 'c'));
  Buffer bytes;
  std::size_t taken = 0;
  REQUIRE(sealer.seal(rows, Effort::fast, limits::kEnvelopeBytesMax, h, bytes, taken).has_value());
  std::vector<Row> back;
  const auto header = opener.open(bytes, shapes, opened, back);

  REQUIRE(header.has_value());
  check_same(back);
  CHECK(header->range == Range{101, 200});
  CHECK(header->every == 4);
  CHECK(header->count == 25);
  CHECK(header->range.nth(0, 4) == 104);
  CHECK(header->range.nth(24, 4) == 200);
  CHECK(hex(chain_end(*header)) == std::string(64, 'c'));
  CHECK(sealer.seal(rows, Effort::fast, 100, h, bytes, taken).error().code == Code::full);
}

TEST_CASE_FIXTURE(SealFixture, "a thinned envelope whose number does not fit its rows is refused") {
  row(shape("s", {"v"}), {Value::int64(1)}, {5, 0});
  Buffer bytes = sealed();
  const auto said = [&](const std::string& pair) {
    Buffer changed = bytes;
    const auto end = std::ranges::search(changed, std::string_view(" h=")).begin();
    changed.insert(end, pair.begin(), pair.end());
    return Opener::header(changed);
  };
  CHECK(said(" n=2").has_value());
  CHECK_FALSE(said(" n=1").has_value());
  CHECK_FALSE(said(" n=0").has_value());
  CHECK_FALSE(said(" n=-2").has_value());
  CHECK_FALSE(said(" n=2 n=2").has_value());
}

// A signature can only stand behind the hash.
TEST_CASE_FIXTURE(SealFixture, "pairs behind the hash are carried and not covered by it") {
  row(shape("s", {"v"}), {Value::int64(1)}, {5, 0});
  Buffer bytes = sealed();
  const std::string_view more = " sig=abc";
  bytes.insert(std::ranges::find(bytes, '\n'), more.begin(), more.end());
  std::vector<Row> back;
  const auto h = opener.open(bytes, shapes, opened, back);
  REQUIRE(h.has_value());
  CHECK(h->extra.empty());
  CHECK(h->appended == std::vector{std::pair<std::string, std::string>("sig", "abc")});
  check_same(back);
}

// Whoever relays an envelope could write it there.
TEST_CASE_FIXTURE(SealFixture, "what the hash must cover is not believed behind it") {
  row(shape("s", {"v"}), {Value::int64(1)}, {5, 0});
  const Buffer good = sealed();
  const auto with = [&](std::string_view more) {
    Buffer bytes = good;
    bytes.insert(std::ranges::find(bytes, '\n'), more.begin(), more.end());
    return Opener::verify(bytes);
  };
  for (const std::string_view known : {" n=2", " p=q6urq6urq6urq6urq6urqw"}) {
    CAPTURE(known);
    const auto header = with(known);
    REQUIRE_FALSE(header.has_value());
    CHECK(header.error().code == Code::corrupt);
  }
  const std::string through = " through=" + std::string(64, 'c');
  const auto relayed = with(" lost=5-9:evicted" + through + " trace=" + std::string(kTrace));
  REQUIRE(relayed.has_value());
  CHECK(relayed->extra.empty());
  CHECK(relayed->appended.size() == 3);
  CHECK(chain_end(*relayed) == relayed->hash);
  CHECK(trace_of(*relayed).empty());
}

TEST_CASE_FIXTURE(SealFixture, "whatever the limit, the bytes stay within it and no row is lost") {
  const Shape* s = shape("s", {"n", "t"});
  Random random(4);
  for (int i = 0; i < 3000; ++i) {
    // Dense at first, then not: the first guess is wrong.
    const auto noise = i < 1500 ? 0 : random.u64();
    row(s,
        {Value::int64(static_cast<std::int64_t>(noise)),
         Value::text(made.copy(std::to_string(noise) + std::to_string(i)))},
        {i * 1000, 0});
  }
  const std::vector<Row> all = rows;
  for (Effort effort : {Effort::fast, Effort::standard}) {
    for (std::size_t bytes_max : {300u, 1'000u, 5'000u, 20'000u, 120'000u}) {
      std::span<const Row> left(all);
      while (!left.empty()) {
        Header h = header();
        Buffer bytes;
        std::size_t taken = 0;
        REQUIRE(sealer.seal(left, effort, bytes_max, h, bytes, taken).has_value());
        REQUIRE(bytes.size() <= bytes_max);
        REQUIRE((taken > 0 && taken <= left.size()));
        REQUIRE(h.range == Range{101, 100 + taken});
        std::vector<Row> back;
        opened.reset();
        REQUIRE(opener.open(bytes, shapes, opened, back).has_value());
        rows.assign(left.begin(), left.begin() + static_cast<std::ptrdiff_t>(taken));
        check_same(back);
        left = left.subspan(taken);
      }
    }
  }
}

TEST_CASE_FIXTURE(SealFixture, "an envelope takes as many rows as fit, and says how many") {
  const Shape* s = shape("s", {"noise"});
  Random random(2);
  for (int i = 0; i < 2000; ++i) {
    std::string noise;
    for (int k = 0; k < 200; ++k) noise += static_cast<char>(random.u64());
    row(s, {Value::text(made.copy(noise))}, {i, 0});
  }
  Header h = header();
  Buffer bytes;
  std::size_t taken = 0;
  REQUIRE(sealer.seal(rows, Effort::fast, 50'000, h, bytes, taken).has_value());
  CHECK(bytes.size() <= 50'000);
  CHECK(bytes.size() > 35'000);
  CHECK(taken < rows.size());
  CHECK(h.count == taken);
  rows.resize(1);
  bytes.clear();
  CHECK(sealer.seal(rows, Effort::fast, 100, h, bytes, taken).error().code == Code::full);
  CHECK(bytes.empty());
}

}  // namespace
}  // namespace pinaflux
