// bucket, coarsen, noise and ff1, and rules on a record's own time.

#include <cmath>
#include <limits>
#include <map>
#include <string>

#include <doctest/doctest.h>

#include "tests/agent/mask/mask_kit.h"

namespace pinaflux {
namespace {

using Operator = MaskRule::Operator;

struct OperatorFixture : MaskFixture {
  void rule(MaskRule rule) { rules({std::move(rule)}); }
  // What becomes of field x.
  std::string x(Value value) {
    const auto outcome = masker->mask(raw("s", {{"x", value}}), arena);
    return outcome.record ? text_of(outcome.record->cells()[0]) : reason_name(outcome.reason);
  }
};

TEST_CASE_FIXTURE(OperatorFixture, "a bucket's value is its lower edge") {
  rule({.field = "x", .with = Operator::bucket, .width = 10});
  CHECK(x(Value::int64(19)) == "10");
  CHECK(x(Value::int64(20)) == "20");
  CHECK(x(Value::int64(-1)) == "-10");
  CHECK(x(Value::int64(-10)) == "-10");
  CHECK(x(Value::float64(19.9)) == "10");
  CHECK(x(Value::float64(-0.5)) == "-10");
  CHECK(x(Value::float64(0.5)) == "0");
  CHECK(x(Value::null()) == "null");
  CHECK(x(Value::text("19")) == "mask_failed");
  CHECK(x(Value::boolean(true)) == "mask_failed");
  CHECK(x(Value::int64(std::numeric_limits<std::int64_t>::min())) == "mask_failed");
}

TEST_CASE_FIXTURE(OperatorFixture, "a bucket of tenths is exact, and the same a second time") {
  rule({.field = "x", .with = Operator::bucket, .width = 0.01});
  for (int i = -500; i <= 500; ++i) {
    CAPTURE(i);
    const double edge = i / 100.0;
    CHECK(x(Value::float64(edge)) == format_double(edge == 0 ? 0 : edge));
    CHECK(x(Value::float64(edge + 0.004)) == format_double(edge == 0 ? 0 : edge));
  }
}

TEST_CASE_FIXTURE(OperatorFixture, "a bucket of a large number is never the one above it") {
  rule({.field = "x", .with = Operator::bucket, .width = 1});
  CHECK(x(Value::float64(1700000000.7)) == format_double(1700000000));
  CHECK(x(Value::float64(1700000000.99999)) == format_double(1700000000));
  CHECK(x(Value::float64(1e15 + 0.875)) == format_double(1e15));
  rule({.field = "x", .with = Operator::bucket, .width = 0.1});
  CHECK(x(Value::float64(300000000.97)) == format_double(300000000.9));
  for (int i = 0; i < 1'000; ++i) {
    const double edge = (3e12 + i) / 10.0;
    CHECK(x(Value::float64(edge)) == format_double(edge));
  }
}

TEST_CASE_FIXTURE(OperatorFixture, "buckets with edges have no place below the first") {
  rule({.field = "x", .with = Operator::bucket, .edges = {0, 18, 64.5}});
  CHECK(x(Value::int64(0)) == "0");
  CHECK(x(Value::int64(17)) == "0");
  CHECK(x(Value::int64(18)) == "18");
  CHECK(x(Value::float64(18)) == "18");
  CHECK(x(Value::int64(100)) == "64.5");
  CHECK(x(Value::int64(-1)) == "mask_failed");
  CHECK(x(Value::float64(NAN)) == "mask_failed");
}

TEST_CASE_FIXTURE(OperatorFixture, "times in texts go back to their step, in their own offset") {
  const auto to = [&](Duration step, const char* text) {
    rule({.field = "x", .with = Operator::coarsen, .to = step});
    return x(Value::text(text));
  };
  const Duration hour = Duration::hours(1), minute = Duration::minutes(1);
  CHECK(to(hour, "2026-01-31T23:59:58.75+10:00") == "'2026-01-31T23:00:00+10:00'");
  CHECK(to(minute, "2026-01-31t23:59:58,7Z") == "'2026-01-31t23:59:00Z'");
  CHECK(to(Duration::seconds(1), "2026-01-31 23:59:60.1") == "'2026-01-31 23:59:59'");
  CHECK(to(Duration::days(1), "2026-01-31T23:59:58-0330") == "'2026-01-31T00:00:00-0330'");
  CHECK(to(Duration::minutes(15), "2026-01-31T23:59+02") == "'2026-01-31T23:45+02'");
  CHECK(to(hour, "2026-01-31") == "'2026-01-31'");
  for (const char* text :
       {"", "now", "12:30:00", "2026-01-31T", "2026-01-31T12", "2026-13-01", "2026-01-31T24:00",
        "2026-01-31T12:00:00.Z", "2026-01-31T12:00:00Zx", "2026-01-31T12:00:00+",
        "2026-01-31T12:00:00.1234567890123456789012345678"}) {
    CAPTURE(text);
    CHECK(to(hour, text) == "mask_failed");
  }
}

TEST_CASE_FIXTURE(OperatorFixture,
                  "times in numbers go back in their unit, and another unit is refused") {
  const auto to = [&](Duration tick, Value value) {
    rule({.field = "x", .with = Operator::coarsen, .to = Duration::hours(1), .tick = tick});
    return x(value);
  };
  CHECK(to(Duration::seconds(1), Value::int64(1'769'903'999)) == "1769900400");
  CHECK(to(Duration::seconds(1), Value::float64(1'769'903'999.25)) == "1769900400");
  CHECK(to(Duration::milliseconds(1), Value::int64(1'769'903'999'123)) == "1769900400000");
  CHECK(to(Duration::nanoseconds(1), Value::int64(1'769'903'999'123'456'789)) ==
        "1769900400000000000");
  CHECK(to(Duration::seconds(1), Value::int64(1'769'903'999'123)) == "mask_failed");
  CHECK(to(Duration::milliseconds(1), Value::int64(1'769'903'999)) == "mask_failed");
  CHECK(to(Duration::milliseconds(1), Value::float64(NAN)) == "mask_failed");
  CHECK(to(Duration::milliseconds(1), Value::boolean(true)) == "mask_failed");
  CHECK(to(Duration::milliseconds(1), Value::null()) == "null");
}

TEST_CASE_FIXTURE(OperatorFixture,
                  "a record's own time goes back to the coarsest step that is asked for") {
  rules({{.stream = "s/*", .time = Duration::minutes(1)},
         {.stream = "s/h", .time = Duration::hours(1)}});
  const auto time_of = [&](std::string_view stream, Stamp time) {
    RawRecord record = raw(stream, {{"x", Value::int64(1)}});
    record.row.time = time;
    return masker->mask(record, arena).record->time();
  };
  constexpr std::int64_t kSecond = 1'000'000'000;
  const Stamp time{1'769'903'999 * kSecond + 5, 0};
  CHECK(time_of("s/m", time) == Stamp{1'769'903'940 * kSecond, 0});
  CHECK(time_of("s/h", time) == Stamp{1'769'900'400 * kSecond, 0});
  CHECK(time_of("other", time) == time);
  CHECK(time_of("s/m", Stamp{61 * kSecond, 7}) == Stamp{60 * kSecond, 7});
  CHECK(time_of("s/m", Stamp{-1, 0}) == Stamp{-60 * kSecond, 0});
}

TEST_CASE_FIXTURE(OperatorFixture, "noise is within its width, spread evenly, and on a grid") {
  rule({.field = "x", .with = Operator::noise, .key_id = "k1", .width = 0.5});
  double least = 1e9, most = -1e9, sum = 0;
  constexpr int kCount = 4'000;
  for (int i = 0; i < kCount; ++i) {
    RawRecord record = raw("s", {{"x", Value::float64(20.0)}});
    record.row.time.ns = i;
    const double noisy = masker->mask(record, arena).record->cells()[0].as_float64();
    CHECK(std::abs(noisy * 1000 - std::round(noisy * 1000)) < 1e-6);
    least = std::min(least, noisy - 20.0);
    most = std::max(most, noisy - 20.0);
    sum += noisy - 20.0;
  }
  CHECK((least >= -0.5 && least < -0.49));
  CHECK((most <= 0.5 && most > 0.49));
  CHECK(std::abs(sum / kCount) < 0.02);
}

TEST_CASE_FIXTURE(OperatorFixture, "noise of integers is an integer, each as often") {
  rule({.field = "x", .with = Operator::noise, .key_id = "k1", .width = 2});
  std::map<std::int64_t, int> seen;
  for (int i = 0; i < 1'000; ++i) {
    RawRecord record = raw("s", {{"x", Value::int64(100)}});
    record.row.time.ns = i;
    ++seen[masker->mask(record, arena).record->cells()[0].as_int64()];
  }
  REQUIRE(seen.size() == 5);
  CHECK(seen.begin()->first == 98);
  for (const auto& [value, count] : seen) CHECK(count > 120);
  CHECK(x(Value::text("1")) == "mask_failed");
}

TEST_CASE_FIXTURE(OperatorFixture,
                  "noise is the same for the same reading, another for any other") {
  const MaskRule noise{.field = "**", .with = Operator::noise, .key_id = "k1", .width = 1'000'000};
  rule(noise);
  const std::string first = masked("s", {{"x", Value::int64(5)}});
  CHECK(masked("s", {{"x", Value::int64(5)}}) == first);
  CHECK(masked("t", {{"x", Value::int64(5)}}).substr(3) != first.substr(3));
  CHECK(masked("s", {{"y", Value::int64(5)}}).substr(5) != first.substr(5));
  const auto added_to = [&](std::int64_t value) {
    return mask("s", {{"x", Value::int64(value)}})->cells()[0].as_int64() - value;
  };
  CHECK(added_to(5) != added_to(6));
  MaskRule other = noise;
  other.key_id = "k2";
  rule(other);
  CHECK(masked("s", {{"x", Value::int64(5)}}) != first);
}

TEST_CASE_FIXTURE(OperatorFixture, "noise that a large double would swallow is refused") {
  rule({.field = "x", .with = Operator::noise, .key_id = "k1", .width = 0.5});
  CHECK(x(Value::float64(1e15)) == "mask_failed");
  CHECK(x(Value::float64(INFINITY)) == "mask_failed");
  CHECK(x(Value::float64(NAN)) == "nan");
}

// AES key: HKDF-SHA-256 of the vault's key, no salt, info "pinaflux mask ff1"; by another implementation in Python.
TEST_CASE_FIXTURE(OperatorFixture, "ff1 changes digits and nothing else") {
  rule({.field = "x", .with = Operator::ff1, .key_id = "k1"});
  CHECK(x(Value::text("0123456789")) == "'3622856896'");
  CHECK(x(Value::text("tel 01-2345/6789!")) == "'tel 36-2285/6896!'");
  CHECK(x(Value::text("12345")) == "mask_failed");
  CHECK(x(Value::text(std::string(57, '1'))) == "mask_failed");
  CHECK(x(Value::text("")) == "mask_failed");
  CHECK(x(Value::null()) == "null");
  CHECK(x(Value::boolean(true)) == "mask_failed");
  CHECK(x(Value::float64(1234567.5)) == "mask_failed");
  CHECK(x(Value::bytes(as_bytes("0123456789"))) == "mask_failed");
}

TEST_CASE_FIXTURE(OperatorFixture,
                  "ff1 of an integer is an integer of as many digits, and no two are the same") {
  rule({.field = "x", .with = Operator::ff1, .key_id = "k1"});
  std::map<std::string, int> seen;
  for (int i = 100'000; i < 102'000; ++i) ++seen[x(Value::int64(i))];
  CHECK(seen.size() == 2'000);
  for (const auto& [text, count] : seen) CHECK((text.size() == 6 && text[0] != '0'));
  CHECK(x(Value::int64(-123456))[0] == '-');
  CHECK(x(Value::int64(-123456)).size() == 7);
  CHECK(x(Value::int64(12345)) == "mask_failed");
  const auto same_type = [&](Value value) {
    const auto record = mask("s", {{"x", value}});
    REQUIRE(record.has_value());
    CHECK(record->cells()[0].type() == value.type());
    CHECK(text_of(record->cells()[0]).size() == text_of(value).size());
    CHECK(text_of(record->cells()[0]) != text_of(value));
  };
  same_type(Value::int64(std::numeric_limits<std::int64_t>::max()));
  same_type(Value::int64(std::numeric_limits<std::int64_t>::min()));
  same_type(Value::uint64(std::numeric_limits<std::uint64_t>::max()));
  same_type(Value::float64(9007199254740991.0));
}

TEST_CASE_FIXTURE(OperatorFixture, "by value ff1 works on what was found") {
  rule({.value = only(Detector::card), .with = Operator::ff1, .key_id = "k1"});
  const std::string text = x(Value::text("paid 4111 1111 1111 1111 in 2026"));
  CHECK(text.size() == std::string("'paid 4111 1111 1111 1111 in 2026'").size());
  CHECK(text.starts_with("'paid "));
  CHECK(text.ends_with(" in 2026'"));
  CHECK(text.find("4111 1111") == std::string::npos);
  CHECK(x(Value::int64(4111111111111111)).size() == 16);
  CHECK(x(Value::int64(4111111111111111)) != "4111111111111111");
  CHECK(x(Value::text("no 1234567")) == "'no 1234567'");
}

TEST_CASE_FIXTURE(OperatorFixture, "of a letter ff1 refuses what it would encrypt again") {
  const auto letter = [&](Value value) {
    const auto outcome = masker->mask(raw("s", {{"x", value}}), arena, Masker::Origin::letter);
    return outcome.record ? text_of(outcome.record->cells()[0]) : reason_name(outcome.reason);
  };
  rule({.field = "x", .with = Operator::ff1, .key_id = "k1"});
  CHECK(letter(Value::text("0123456789")) == "mask_failed");
  CHECK(letter(Value::int64(123456)) == "mask_failed");
  CHECK(letter(Value::null()) == "null");
  CHECK(letter(Value()) == "-");
  rule({.value = only(Detector::card), .with = Operator::ff1, .key_id = "k1"});
  CHECK(letter(Value::text("4111111111111111")) == "mask_failed");
  CHECK(letter(Value::int64(4111111111111111)) == "mask_failed");
  CHECK(letter(Value::text("fine")) == "'fine'");
  rule({.field = "x", .with = Operator::bucket, .width = 10});
  CHECK(letter(Value::int64(20)) == "20");
}

TEST_CASE_FIXTURE(OperatorFixture, "parameters that make no sense are refused at once") {
  const auto code = [&](MaskRule rule) {
    auto made = Masker::make({{std::move(rule)}}, shapes, vault);
    return made ? std::string("accepted") : std::string(code_name(made.error().code));
  };
  CHECK(code({.field = "x", .with = Operator::bucket}) == "invalid");
  CHECK(code({.field = "x", .with = Operator::bucket, .width = NAN}) == "invalid");
  CHECK(code({.field = "x", .with = Operator::bucket, .edges = {2, 1}}) == "invalid");
  CHECK(code({.field = "x", .with = Operator::bucket, .edges = {1, 1}}) == "invalid");
  CHECK(code({.field = "x", .with = Operator::bucket, .edges = {1, INFINITY}}) == "invalid");
  CHECK(code({.field = "x", .with = Operator::coarsen}) == "invalid");
  CHECK(code({.field = "x", .with = Operator::coarsen, .to = Duration::minutes(7)}) == "invalid");
  CHECK(code({.field = "x", .with = Operator::coarsen, .to = Duration::milliseconds(500)}) ==
        "invalid");
  CHECK(code({.field = "x", .with = Operator::noise, .key_id = "k1"}) == "invalid");
  CHECK(code({.field = "x", .with = Operator::noise, .key_id = "k9", .width = 1}) == "not_found");
  CHECK(code({.field = "x", .with = Operator::ff1, .key_id = "k9"}) == "not_found");
  CHECK(
      code({.value = only(Detector::card), .with = Operator::noise, .key_id = "k1", .width = 1}) ==
      "invalid");
  CHECK(code({.field = "x", .on_field_name = true, .with = Operator::ff1, .key_id = "k1"}) ==
        "invalid");
  CHECK(code({.time = Duration::minutes(1)}) == "accepted");
  CHECK(code({.time = Duration::seconds(7)}) == "invalid");
  CHECK(code({.field = "x", .time = Duration::minutes(1)}) == "invalid");
}

}  // namespace
}  // namespace pinaflux
