#include "agent/pipeline/execd.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <set>
#include <string>

#include <doctest/doctest.h>

#include "tests/agent/pipeline/execd_kit.h"

namespace pinaflux {
namespace {

using Lines = ExecdFixture::Lines;

TEST_CASE_FIXTURE(ExecdFixture, "records are asked in their order, and what is answered goes on") {
  execd();
  take(boiler(1, 10));
  take(boiler(2, 11));
  CHECK(drained().empty());
  CHECK(
      asked() ==
      Lines{
          R"({"id":1,"stream":"boiler","time":"1970-01-01T00:00:10.000000000Z","fields":{"v":1}})",
          R"({"id":2,"stream":"boiler","time":"1970-01-01T00:00:11.000000000Z","fields":{"v":2}})"});
  CHECK((outside().unanswered() == 2 && outside().asked() == 2));
  CHECK(answer(R"({"id":1,"fields":{"v":1,"score":0.5}})").empty());
  CHECK(drained() == Lines{R"(boiler @10 {"v":1,"score":0.5})"});
  CHECK(answer(R"({"id":2,"stream":"scores","time":"1970-01-01T00:01:00Z","fields":{"score":1}})")
            .empty());
  CHECK(drained() == Lines{R"(scores @60 {"score":1})"});
  CHECK((outside().unanswered() == 0 && outside().answers() == 2));
}

TEST_CASE_FIXTURE(ExecdFixture,
                  "a record becomes several, none, or a dead letter with the reason") {
  Execd o = options();
  o.records_max = 2;
  execd(o);
  for (int i = 1; i <= 4; ++i) take(boiler(i, i));
  CHECK(asked().size() == 4);
  CHECK(
      answer(
          R"({"id":1,"records":[{"fields":{"v":1}},{"stream":"b","time":"1970-01-01T00:00:09.5+00:00","fields":{"w":2}}]})")
          .empty());
  CHECK(answer(R"({"id":2})").empty());
  CHECK(answer("{\"id\":3,\"error\":\"no \\u001b[2J such sensor\"}").empty());
  CHECK(answer(R"({"id":4,"error":null,"fields":{"v":4}})").empty());
  CHECK(drained() == Lines{R"(boiler @1 {"v":1})", R"(b @9 {"w":2})", R"(boiler @4 {"v":4})",
                           R"(refused: no \x1b[2J such sensor)"});
}

TEST_CASE_FIXTURE(ExecdFixture, "a value that comes back is the record's own, bit for bit") {
  execd();
  const double nan = std::bit_cast<double>(std::uint64_t{0x7ff8'0000'dead'beef});
  const std::string odd = "a\xff\x01\"z";
  const std::uint8_t raw[] = {0, 255, 10};
  const RecordFixture::Cells cells = {
      {"i", Value::int64(INT64_MIN)}, {"u", Value::uint64(UINT64_MAX)},
      {"f", Value::float64(5.0)},     {"z", Value::float64(-0.0)},
      {"n", Value::float64(nan)},     {"inf", Value::float64(-INFINITY)},
      {"t", Value::text(odd)},        {"b", Value::bytes(raw)},
      {"null", Value::null()},        {"gone", Value()},
      {"yes", Value::boolean(true)},  {"a.b", Value::text("[1,2]")}};
  take(record("boiler", cells, {77, 9}));
  const Lines lines = asked();
  REQUIRE(lines.size() == 1);
  CHECK(
      lines[0] ==
      R"({"id":1,"stream":"boiler","since_boot_ns":77,"boot":9,"fields":{"i":-9223372036854775808,)"
      R"("u":18446744073709551615,"f":5,"z":-0,"n":"NaN","inf":"-Infinity","t":"a)"
      "\xef\xbf\xbd"
      R"(\u0001\"z","b":"00ff0a","null":null,"yes":true,"a.b":"[1,2]"}})");
  // As another program writes the same.
  CHECK(
      answer(R"({"fields": {"yes":true,"i":-9223372036854775808,"u":18446744073709551615,"f":5.0,)"
             R"("z":0,"n":"NaN","inf":"-Infinity","t":"a\ufffd\u0001\"z","b":"00ff0a","null":null,)"
             R"("a.b":"[1,2]","list":[1, {}],"o":{"p":{"q":1.5}}}, "id": 1})")
          .empty());
  std::vector<Pipeline::Refused> refused;
  CHECK(pipeline->drain({}, group, refused));
  REQUIRE(group.records[0].size() == 1);
  const Record& back = group.records[0][0];
  CHECK(back.time() == Stamp{77, 9});
  for (const auto& [name, value] : cells) {
    CAPTURE(name);
    const int i = back.shape().find(name);
    REQUIRE((i >= 0) == (name != "gone"));
    if (i >= 0) CHECK(identical(back.cells()[static_cast<std::size_t>(i)], value));
  }
  CHECK(back.cells()[static_cast<std::size_t>(back.shape().find("list"))].as_text() == "[1, {}]");
  CHECK(back.cells()[static_cast<std::size_t>(back.shape().find("o.p.q"))].as_float64() == 1.5);
}

TEST_CASE_FIXTURE(ExecdFixture, "what is no answer says why, and the next process is asked again") {
  Execd o = options();
  o.fields_max = 1;
  const std::pair<const char*, const char*> kBad[] = {
      {"hello", "it is no JSON object"},
      {"", "it is no JSON object"},
      {R"({"id":1,"fields":{"v":1})", "it is no JSON"},
      {R"({"id":1}x)", "it is no JSON"},
      {R"({"fields":{"v":1}})", "its id is not that of the oldest line without an answer"},
      {R"({"id":2,"fields":{"v":1}})", "its id is not that of the oldest line without an answer"},
      {R"({"id":1.0})", "its id is not that of the oldest line without an answer"},
      {R"({"id":1,"fields":[1]})", "its fields are no JSON object"},
      {R"({"id":1,"records":{}})", "its records are no JSON array"},
      {R"({"id":1,"records":[{"fields":{"v":1}},{"fields":{"v":2}}]})",
       "it has more than records_max records"},
      {R"({"id":1,"records":[{"stream":"b"}]})", "one of its records has no fields"},
      {R"({"id":1,"fields":{"a":1,"b":2,"v":1}})", "a record has more than fields_max new fields"},
      {R"({"id":1,"fields":{"v":NaN}})", "it is no JSON"},
      {R"({"id":1,"stream":"pinaflux/x","fields":{"v":1}})",
       "its stream is no name of a stream, or one of the agent's own"},
      {R"({"id":1,"stream":5,"fields":{"v":1}})", "its stream, time or error is no text"},
      {R"({"id":1,"time":"today","fields":{"v":1}})",
       "its time is none such as 2026-07-25T06:14:09.123Z"},
      {R"({"id":1,"time":"2262-01-01T00:00:00Z","fields":{"v":1}})",
       "its time is none such as 2026-07-25T06:14:09.123Z"}};
  for (const auto& [line, why] : kBad) {
    CAPTURE(line);
    execd(o);
    take(boiler(1));
    take(boiler(2));
    CHECK(asked().size() == 2);
    CHECK(answer(line) == why);
    outside().failed(why);
    outside().began();
    CHECK(drained().empty());
    const Lines again = asked();
    REQUIRE(again.size() == 2);
    CHECK(again[0].starts_with(R"({"id":3,)"));
    CHECK(answer(R"({"id":3,"fields":{"v":1}})").empty());
    CHECK(answer(R"({"id":4,"fields":{"v":2}})").empty());
    CHECK(drained().size() == 2);
  }
}

TEST_CASE_FIXTURE(ExecdFixture, "an answer to nothing, and a line without an end, are none") {
  execd();
  CHECK(answer("{\"id\":1}") == "it answers what it was not asked");
  take(boiler(1));
  CHECK(asked().size() == 1);
  const std::string much(Outside::kAnswerBytesMax / 2 + 1, ' ');
  CHECK(outside().answered(as_bytes(much)) == nullptr);
  CHECK(std::string(outside().answered(as_bytes(much))) == "a line has more than 1 MiB");
}

TEST_CASE_FIXTURE(ExecdFixture, "lines come in pieces, as a pipe cuts them") {
  execd();
  for (int i = 1; i <= 3; ++i) take(boiler(i));
  std::string text;
  while (!outside().unwritten().empty()) {
    text += as_text(outside().unwritten()).substr(0, 7);
    outside().wrote(std::min<std::size_t>(7, outside().unwritten().size()));
  }
  CHECK(std::ranges::count(text, '\n') == 3);
  const std::string said =
      "{\"id\":1,\"fields\":{\"v\":1}}\r\n{\"id\":2,\"fields\":{\"v\":2}}\n{\"id\":3,\"fields\":{"
      "\"v\":3}}\n";
  for (const char c : said) CHECK(outside().answered(as_bytes(std::string_view(&c, 1))) == nullptr);
  CHECK(drained().size() == 3);
}

TEST_CASE_FIXTURE(ExecdFixture, "half an answer, or half a question, ends with its process") {
  execd();
  take(boiler(1));
  const Bytes half = outside().unwritten().first(10);
  CHECK(half.size() == 10);
  outside().wrote(10);
  CHECK(outside().answered(as_bytes("{\"id\":1,\"fie")) == nullptr);
  outside().failed("killed");
  outside().began();
  CHECK(asked().at(0).starts_with("{\"id\":2,"));
  CHECK(answer("{\"id\":2,\"fields\":{\"v\":1}}").empty());
  CHECK(drained().size() == 1);
}

TEST_CASE_FIXTURE(ExecdFixture,
                  "so many unanswered hold back, by their number and by their bytes") {
  Execd o = options();
  o.in_flight_max = 3;
  execd(o);
  take(boiler(1));
  take(boiler(2));
  CHECK_FALSE(pipeline->holds_back());
  take(boiler(3));
  CHECK(pipeline->holds_back());
  CHECK(asked().size() == 3);
  CHECK(answer("{\"id\":1}").empty());
  CHECK_FALSE(pipeline->holds_back());
  execd();
  const std::string text(60'000, 'x');
  for (int i = 0; i < 18; ++i) {
    CHECK_FALSE(pipeline->holds_back());
    arena.reset();
    take(record("boiler", {{"t", Value::text(text)}}));
  }
  CHECK(pipeline->holds_back());
}

TEST_CASE_FIXTURE(ExecdFixture, "a record whose line may not come back is too large") {
  execd();
  const std::string text(Outside::kAnswerBytesMax / 6, 'x');
  CHECK(give(record("boiler", {{"t", Value::text(text)}})) == Pipeline::Verdict::refused);
  CHECK(reason == Reason::too_large);
  const std::string worst(64 * 1024, '\x01');
  take(record("boiler", {{"t", Value::text(worst)}}));
  const Lines lines = asked();
  REQUIRE(lines.size() == 1);
  CHECK(answer(lines[0]).empty());
  CHECK(drained().size() == 1);
}

TEST_CASE_FIXTURE(ExecdFixture,
                  "with refuse_after, who ends it so often in a row is a dead letter") {
  Execd o = options();
  o.refuse_after = 3;
  execd(o);
  take(boiler(1));
  take(boiler(2));
  for (int i = 0; i < 5; ++i) outside().failed("it was asked nothing yet");
  CHECK(asked().size() == 2);
  outside().failed("one");
  CHECK(asked().size() == 2);
  outside().failed("two");
  CHECK(drained().empty());
  CHECK(asked().size() == 2);
  outside().failed("exit status 3");
  CHECK(drained() == Lines{"refused: the process ended 3 times with it: exit status 3"});
  CHECK(outside().unanswered() == 1);
  CHECK(asked().size() == 1);
  outside().failed("");
  CHECK(asked().size() == 1);
  outside().failed("");
  CHECK((drained().empty() && outside().unanswered() == 1));
}

TEST_CASE_FIXTURE(ExecdFixture,
                  "what stays in the state is what is unanswered, and what is not given") {
  execd();
  take(boiler(1));
  CHECK(asked().size() == 1);
  CHECK(answer("{\"id\":1,\"fields\":{\"v\":1}}").empty());
  CHECK(drained().size() == 1);
  CHECK(saved().empty());  // Answered within the turn: nothing was ever written.
  take(boiler(2));
  take(boiler(3));
  const auto first = saved();
  CHECK(first.size() == 2);
  CHECK(first[0].key.starts_with("pipeline/n/aq"));
  std::size_t bytes = 0;
  for (const StateEdit& edit : first) bytes += edit.key.size() + edit.value.size();
  MESSAGE("bytes of state for a record that waits: ", bytes / 2);
  CHECK(asked().size() == 2);
  CHECK(answer("{\"id\":2,\"fields\":{\"v\":2}}").empty());
  const auto second = saved();
  REQUIRE(second.size() == 2);
  CHECK(second[0].value.empty());
  CHECK(second[1].key.starts_with("pipeline/n/q"));
  CHECK(drained().size() == 1);
  const auto third = saved();
  REQUIRE(third.size() == 1);
  CHECK((third[0].key == second[1].key && third[0].value.empty()));
}

TEST_CASE_FIXTURE(
    ExecdFixture,
    "another command keeps what is unanswered; another kind of node takes none of it") {
  execd();
  for (int i = 1; i <= 3; ++i) take(boiler(i, i));
  CHECK(asked().size() == 3);
  CHECK(answer("{\"id\":1,\"error\":\"no\"}").empty());
  const auto states = pipeline->snapshot();
  Execd o = options();
  o.command = {"/usr/bin/other"};
  make(NodeKind(o));
  pipeline->restore(states);
  CHECK(outside().unanswered() == 2);
  CHECK(drained() == Lines{"refused: no"});
  outside().began();
  CHECK(asked().size() == 2);
  make(NodeKind(Merge{.streams = {"a/x", "a/y"}, .every = Duration::seconds(1), .stream = "m"}));
  pipeline->restore(states);
  CHECK(drained().empty());
  make(NodeKind(Alert{.when = "v > 0"}));
  take(boiler(7));
  const auto alert = pipeline->snapshot();
  CHECK(!alert.empty());
  execd();
  pipeline->restore(alert);
  CHECK((outside().unanswered() == 0 && drained().empty()));
}

TEST_CASE_FIXTURE(
    ExecdFixture,
    "what waits in a node that is gone becomes dead letters, a part with each commit") {
  execd();
  for (int i = 1; i <= 20; ++i) take(boiler(i, i));
  CHECK(asked().size() == 20);
  CHECK(answer("{\"id\":1,\"error\":\"no\"}").empty());
  CHECK(answer("{\"id\":2,\"fields\":{\"v\":200}}").empty());
  const auto states = pipeline->snapshot();
  SUBCASE("it is another kind") { make(NodeKind(PassThrough{})); }
  SUBCASE("it is a kind that holds records, too") {
    make(NodeKind(Merge{.streams = {"a/x", "a/y"}, .every = Duration::seconds(1), .stream = "m"}));
  }
  SUBCASE("it has another name") {
    make(PipelineOptions{{"in"}, {{"m", {"in"}, options()}}, {{"out", {"m"}}}});
  }
  CHECK(pipeline->restore(states) == 20);
  group.reset();
  while (group.arena.allocate(256) != nullptr) {
  }
  CHECK((saved().empty() && group.refusals.empty()));  // A group without room takes none.
  std::multiset<std::int64_t> values;
  std::size_t erased = 0;
  for (const std::size_t expected : {16, 4, 0}) {
    group.reset();
    erased += saved().size();
    REQUIRE((group.kept.size() == expected && group.refusals.size() == expected));
    for (const KeptRecord& kept : group.kept) {
      CHECK((kept.node == "n behind n" && kept.why.contains("no such node")));
      CHECK(group.refusals[kept.refusal].reason == Reason::node_failed);
      values.insert(kept.record.cells()[0].as_int64());
    }
  }
  CHECK(erased == 20);
  std::multiset<std::int64_t> all{200};
  for (int i = 1; i <= 20; ++i) {
    if (i != 2) all.insert(i);
  }
  CHECK(values == all);
  CHECK((drained().empty() && pipeline->snapshot().empty()));
}

TEST_CASE_FIXTURE(ExecdFixture, "what is damaged in the state is erased, whatever was damaged") {
  execd();
  take(boiler(1));
  CHECK(asked().size() == 1);
  CHECK(answer("{\"id\":1,\"error\":\"no\"}").empty());
  take(boiler(2));
  const auto states = pipeline->snapshot();
  for (const StateEdit& edit : states) {
    for (std::size_t i = 0; i < edit.value.size(); ++i) {
      for (const int bit : {1, 128}) {
        auto damaged = edit;
        damaged.value[i] ^= static_cast<std::uint8_t>(bit);
        execd();
        pipeline->restore(
            {damaged,
             {edit.key, Buffer(damaged.value.begin(),
                               damaged.value.begin() + static_cast<std::ptrdiff_t>(i))}});
        std::vector<Pipeline::Refused> refused;
        pipeline->drain({}, group, refused);
        (void)asked();
        group.reset();
      }
    }
  }
}

TEST_CASE_FIXTURE(ExecdFixture, "streams and lists of fields that depend on data come to an end") {
  execd();
  const std::size_t before = shapes.count();
  std::size_t refusals = 0;
  for (int i = 1; i <= 400; ++i) {
    take(boiler(1));
    CHECK(asked().size() == 1);
    CHECK(answer("{\"id\":" + std::to_string(i) + ",\"fields\":{\"f" + std::to_string(i) + "\":1}}")
              .empty());
    for (const std::string& line : drained()) refusals += line.starts_with("refused") ? 1 : 0;
    group.reset();
  }
  CHECK(refusals == 400 - ExecdStep::kShapesMoreMax);
  CHECK(shapes.count() <= before + ExecdStep::kShapesMoreMax + 1);
  take(boiler(1));
  CHECK(asked().size() == 1);
  CHECK(answer("{\"id\":401,\"fields\":{\"v\":1}}").empty());
  CHECK(drained().size() == 1);
}

TEST_CASE_FIXTURE(ExecdFixture, "what a window before it holds stays there while it holds back") {
  Execd o = options();
  o.in_flight_max = 1;
  const TimeWindow window{.every = Duration::seconds(60), .of = {"v"}, .give = {"max"}};
  make(PipelineOptions{{"in"}, {{"w", {"in"}, window}, {"n", {"w"}, o}}, {{"out", {"n"}}}});
  outside().began();
  for (const std::int64_t second : {10, 70, 130, 190}) take(boiler(second, second));
  CHECK(drained().empty());
  CHECK(pipeline->holds_back());
  CHECK(outside().unanswered() == 1);
  CHECK(asked().size() == 1);
  CHECK(answer("{\"id\":1,\"error\":\"no\"}").empty());
  CHECK(drained() ==
        Lines{"refused behind w: no"});  // The source never had it: it cannot be replayed.
  CHECK(outside().unanswered() == 1);
}

}  // namespace
}  // namespace pinaflux
