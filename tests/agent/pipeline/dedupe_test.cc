#include "agent/pipeline/dedupe.h"

#include <cmath>

#include <doctest/doctest.h>

#include "tests/agent/pipeline/pipeline_kit.h"

namespace pinaflux {
namespace {

struct DedupeFixture : PipelineFixture {
  static Dedupe by(std::vector<std::string> keys) {
    return {.within = Duration::seconds(60), .keys = std::move(keys)};
  }
  void dedupe(Dedupe options) { make(NodeKind(std::move(options))); }
  bool id(Value value, std::int64_t second = 0, std::uint64_t boot = 0, std::int64_t now = 0) {
    return keeps(record("s", {{"id", value}, {"n", Value::int64(++count)}}, at(second, boot)),
                 instant(now));
  }
  std::int64_t count = 0;
};

TEST_CASE_FIXTURE(DedupeFixture, "a key that was there a while ago is dropped") {
  dedupe(by({"id"}));
  CHECK(id(Value::int64(1), 100));
  CHECK_FALSE(id(Value::int64(1), 100));
  CHECK_FALSE(id(Value::float64(1.0), 159));
  CHECK(id(Value::text("1"), 159));
  CHECK(id(Value::int64(1), 160));
  CHECK_FALSE(id(Value::int64(1), 101));
  CHECK(id(Value::int64(1), 100));
}

TEST_CASE_FIXTURE(DedupeFixture, "what has none of the key fields passes") {
  dedupe(by({"id", "other"}));
  CHECK(keeps(record("s", {{"n", Value::int64(1)}})));
  CHECK(keeps(record("s", {{"n", Value::int64(1)}})));
  CHECK(id(Value()));
  CHECK(id(Value()));
  CHECK(id(Value::null()));
  CHECK_FALSE(id(Value::null()));
  const std::string long_key(1'100, 'k');
  CHECK(id(Value::text(long_key)));
  CHECK(id(Value::text(long_key)));
}

TEST_CASE_FIXTURE(DedupeFixture, "without fields all of them are the key") {
  dedupe(by({}));
  const auto all = [&](const char* stream, RecordFixture::Cells cells) {
    return keeps(record(stream, cells));
  };
  CHECK(all("s", {{"a", Value::int64(1)}, {"b", Value::text("x")}}));
  CHECK_FALSE(all("s", {{"a", Value::int64(1)}, {"b", Value::text("x")}}));
  CHECK_FALSE(all("s", {{"a", Value::float64(1)}, {"b", Value::text("x")}, {"c", Value()}}));
  CHECK(all("t", {{"a", Value::int64(1)}, {"b", Value::text("x")}}));
  CHECK(all("s", {{"a", Value::int64(1)}, {"b", Value::text("y")}}));
  CHECK(all("s", {{"a", Value::int64(1)}, {"c", Value::text("x")}}));
  CHECK(all("s", {{"a", Value::int64(1)}, {"b", Value::bytes(as_bytes("x"))}}));
  CHECK(all("s", {{"a", Value::int64(1)}, {"b", Value::null()}}));
  CHECK(all("s", {{"a", Value::int64(1)}}));
  CHECK(all("s", {{"a", Value::float64(NAN)}}));
  CHECK_FALSE(all("s", {{"a", Value::float64(NAN)}}));
  const std::string large(30'000, 'x');
  CHECK(all("s", {{"a", Value::text(large)}}));
  CHECK_FALSE(all("s", {{"a", Value::text(large)}}));
  CHECK(all("s", {{"a", Value::text(large + "y")}}));
}

TEST_CASE_FIXTURE(DedupeFixture, "thousands of records that differ a little are different") {
  Dedupe options = by({});
  options.keys_max = 32'768;
  dedupe(options);
  int kept = 0;
  for (int i = 0; i < 20'000; ++i) {
    arena.reset();
    group.reset();
    kept += keeps(record("s", {{"a", Value::int64(i % 200)}, {"b", Value::int64(i / 200)}}));
  }
  CHECK(kept == 20'000);
}

// A hash of 64 bits that multiplies has pairs that are alike behind any beginning: the highest bit of 8 bytes, and what
// becomes of it in the next 8.
TEST_CASE_FIXTURE(DedupeFixture, "what is made to look alike is different") {
  for (std::size_t at = 0; at < 8; ++at) {
    dedupe(by({}));
    std::string bytes(40, 'a');
    CHECK(keeps(record("s", {{"a", Value::bytes(as_bytes(bytes))}})));
    for (const std::size_t i : {at + 7, at + 11, at + 15}) bytes[i] = static_cast<char>('a' ^ 0x80);
    CHECK(keeps(record("s", {{"a", Value::bytes(as_bytes(bytes))}})));
  }
}

TEST_CASE_FIXTURE(DedupeFixture, "an older record passes, and the newest stays what it was") {
  dedupe(by({"id"}));
  turn = at(1'000);
  CHECK(id(Value::int64(1), 1'000));
  CHECK(id(Value::int64(1), 900));
  CHECK_FALSE(id(Value::int64(1), 1'010));
  turn = at(100);  // The clock was set back.
  CHECK(id(Value::int64(1), 100));
  CHECK_FALSE(id(Value::int64(1), 110));
}

TEST_CASE_FIXTURE(DedupeFixture, "between boots arrival decides") {
  dedupe(by({"id"}));
  CHECK(id(Value::int64(1), 100, 0, 10));
  CHECK_FALSE(id(Value::int64(1), 100, 7, 69));
  CHECK(id(Value::int64(1), 100, 7, 70));
}

TEST_CASE_FIXTURE(DedupeFixture, "what was there is known after a crash") {
  dedupe(by({"id"}));
  CHECK(id(Value::int64(1), 100, 0, 500));
  const auto states = saved();
  REQUIRE(states.size() == 1);
  CHECK_FALSE(id(Value::int64(1), 101));
  CHECK(saved().empty());
  dedupe(by({"id"}));
  pipeline->restore(states);
  CHECK_FALSE(id(Value::int64(1), 159));
  CHECK(id(Value::int64(1), 160));
  dedupe(by({"id"}));
  pipeline->restore(states);
  CHECK(id(Value::int64(1), 100, 7));  // Of another boot: nothing is known of its arrival.
  dedupe(by({"n"}));
  pipeline->restore(states);
  CHECK(id(Value::int64(1), 100));
}

TEST_CASE_FIXTURE(DedupeFixture, "the least recently used key is forgotten") {
  Dedupe options = by({"id"});
  options.keys_max = 2;
  dedupe(options);
  CHECK(id(Value::int64(1)));
  CHECK(id(Value::int64(2)));
  CHECK_FALSE(id(Value::int64(1)));
  CHECK(id(Value::int64(3)));
  CHECK_FALSE(id(Value::int64(1)));
  CHECK(id(Value::int64(2)));
}

TEST_CASE_FIXTURE(DedupeFixture, "a record that is refused elsewhere leaves no trace") {
  make({{"in"},
        {{"n", {"in"}, by({"id"})}, {"r", {"in"}, Rename{.fields = {{"u", "id"}}}}},
        {{"out", {"n", "r"}}}});
  CHECK(give(record("s", {{"id", Value::int64(1)}, {"u", Value::int64(1)}})) ==
        Pipeline::Verdict::refused);
  CHECK(saved().empty());
  CHECK(give(record("s", {{"id", Value::int64(1)}})) == Pipeline::Verdict::taken);
  CHECK(group.records[0].size() == 2);
}

TEST_CASE_FIXTURE(DedupeFixture, "options that make no sense are refused") {
  const auto refused = [&](Dedupe options) {
    return !Pipeline::make({{"in"}, {{"n", {"in"}, options}}, {{"out", {"n"}}}}, shapes);
  };
  CHECK_FALSE(refused(by({})));
  CHECK(refused({}));
  CHECK(refused({.within = Duration::seconds(1), .keys = {}, .keys_max = 0}));
  CHECK(refused({.within = Duration::seconds(1), .keys = {}, .keys_max = 32'769}));
}

}  // namespace
}  // namespace pinaflux
