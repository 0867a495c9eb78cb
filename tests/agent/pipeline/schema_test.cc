#include <cmath>

#include <doctest/doctest.h>

#include "agent/pipeline/exact_value.h"
#include "agent/pipeline/key_limits.h"
#include "agent/pipeline/schema_check.h"
#include "tests/agent/pipeline/schema_kit.h"
#include "tests/kit/heap_calls.h"

namespace pinaflux {
namespace {

using Drift = SchemaCheck::Drift;

TEST_CASE_FIXTURE(SchemaFixture, "a record that fits goes on as it came") {
  schema({.fields = {temp()}});
  const Record first = record("boiler", {{"temp", Value::float64(21.5)}, {"n", Value::int64(1)}});
  CHECK(comes(first) == "temp=21.5 n=1");
  CHECK(group.records[0].back().row().values == first.row().values);
  CHECK(known("boiler").version == 2);  // What is declared, and `n`.
  CHECK(comes(record("boiler", {{"temp", Value::float64(22)}, {"n", Value::null()}})) ==
        "temp=22.0 n=null");
  CHECK(known("boiler").version == 2);
}

TEST_CASE_FIXTURE(SchemaFixture, "what is declared is held against every record") {
  SchemaCheck::Field mode{.name = "mode", .type = FieldType::text, .one_of = {"auto", "manual"}};
  SchemaCheck::Field gear{.name = "gear", .type = FieldType::integer, .one_of = {"1", "2"}};
  for (const Drift drift : {Drift::evolve, Drift::coerce, Drift::quarantine, Drift::reject}) {
    make(drift, {temp(), mode, gear});
    const auto said = [&](RecordFixture::Cells cells) { return comes(record("b", cells)); };
    const auto refused = [](const char* what) {
      return "n: stream 'b': field " + std::string(what);
    };
    CHECK(said({{"temp", Value::float64(150)}, {"mode", Value::text("auto")}}) ==
          "temp=150.0 mode='auto'");
    CHECK(said({{"temp", Value::int64(-40)}}) == "temp=-40.0");
    CHECK(said({{"temp", Value::float64(150.1)}}) == refused("'temp' is above its max"));
    CHECK(said({{"temp", Value::int64(-41)}}) == refused("'temp' is below its min"));
    CHECK(said({{"temp", Value::float64(NAN)}}) == refused("'temp' is no number, and has a range"));
    CHECK(said({{"temp", Value::null()}}) == refused("'temp' is required and missing"));
    CHECK(said({{"temp", Value()}}) == refused("'temp' is required and missing"));
    CHECK(said({{"mode", Value::text("auto")}}) == refused("'temp' is required and missing"));
    CHECK(said({{"temp", Value::text("hot")}}) == refused("'temp' is text, and declared is float"));
    CHECK(said({{"temp", Value::int64(1)}, {"mode", Value::text("eco")}}) ==
          refused("'mode' is none of its one_of"));
    CHECK(said({{"temp", Value::int64(1)}, {"gear", Value::int64(3)}}) ==
          refused("'gear' is none of its one_of"));
    CHECK(said({{"temp", Value::int64(1)}, {"gear", Value::int64(2)}}) == "temp=1.0 gear=2");
    CHECK(known("b").version == 1);
  }
}

TEST_CASE_FIXTURE(SchemaFixture, "evolve learns, and no value is changed but exactly") {
  schema({});
  const auto x = [&](Value value) { return comes(record("s", {{"x", value}})); };
  CHECK(x(Value::null()) == "x=null");
  CHECK(x(Value::int64(5)) == "x=5");
  CHECK(x(Value::float64(5.0)) == "x=5");
  CHECK(x(Value::text("7")) == "x=7");
  CHECK(x(Value::text("007")) == "x=absent x_text='007'");
  CHECK(x(Value::boolean(true)) == "x=1");
  CHECK(x(Value::text("5.5")) == "x=absent x_text='5.5'");
  CHECK(x(Value::float64(5.5)) == "x=5.5");  // From here on it is a float.
  CHECK(x(Value::text("5.5")) == "x=5.5");
  CHECK(x(Value::int64(5)) == "x=5.0");
  CHECK(x(Value::int64((std::int64_t{1} << 53) + 1)) == "x=absent x_int=9007199254740993");
  CHECK(x(Value::float64(NAN)) == "x=nan");
  CHECK(x(Value::text("nan")) == "x=absent x_text='nan'");
  CHECK(history("s") == "1; 2 x unknown>int; 3 x missing +x_text; 4 x int>float; 5 +x_int");
  CHECK(comes(record("s", {{"x", Value::text("n/a")}, {"x_text", Value::text("mine")}})) ==
        "n: stream 's': field 'x' is of another type, and no name is free for it");
}

TEST_CASE("a value is another type's only if nothing of it is lost") {
  std::string scratch;
  const auto can = [&](Value value, FieldType as) {
    return exactly(value, as, scratch).has_value();
  };
  for (const char* text : {"0", "-5", "21.5", "1e3", "123456789012345", "0.1", "-0.5", "2.5e-3"}) {
    CAPTURE(text);
    CHECK(can(Value::text(text), FieldType::real));
  }
  for (const char* text : {"", " 1", "1 ", "+1", "01", "-01", "0x1", "1,5", "inf", "NaN", "1e999",
                           "1e-999", "1234567890123456789.5", "21.5 C"}) {
    CAPTURE(text);
    CHECK_FALSE(can(Value::text(text), FieldType::real));
  }
  CHECK(can(Value::text("18446744073709551615"), FieldType::integer));
  CHECK_FALSE(can(Value::text("18446744073709551616"), FieldType::integer));
  CHECK_FALSE(can(Value::float64(-0.0), FieldType::integer));
  CHECK_FALSE(can(Value::float64(INFINITY), FieldType::integer));
  CHECK_FALSE(can(Value::float64(0x1p60), FieldType::integer));
  CHECK_FALSE(can(Value::int64(2), FieldType::boolean));
  CHECK(can(Value::float64(1), FieldType::boolean));
  CHECK_FALSE(can(Value::text("True"), FieldType::boolean));
  CHECK_FALSE(can(Value::float64(NAN), FieldType::text));
  CHECK_FALSE(can(Value::bytes(as_bytes("\xff")), FieldType::text));
  CHECK(exactly(Value::float64(21.5), FieldType::text, scratch)->as_text() == "21.5");
  CHECK(exactly(Value::boolean(false), FieldType::text, scratch)->as_text() == "false");
}

TEST_CASE_FIXTURE(SchemaFixture, "coerce learns fields, but their types stay") {
  make(Drift::coerce, {});
  CHECK(comes(record("s", {{"x", Value::int64(5)}, {"on", Value::boolean(true)}})) ==
        "x=5 on=true");
  CHECK(comes(record("s", {{"x", Value::text("6")}, {"y", Value::float64(1.5)}})) == "x=6 y=1.5");
  CHECK(comes(record("s", {{"x", Value::float64(7.0)}, {"on", Value::text("false")}})) ==
        "x=7 on=false");
  CHECK(comes(record("s", {{"x", Value::float64(7.5)}})) ==
        "n: stream 's': field 'x' is float that is not exactly int");
  CHECK(history("s") == "1; 2 on missing +y; 3 y missing");
}

TEST_CASE_FIXTURE(SchemaFixture,
                  "quarantine puts aside what drifts, unchanged, and learns nothing of it") {
  make(PipelineOptions{{"in"},
                       {{"n", {"in"}, SchemaCheck{.drift = Drift::quarantine}}},
                       {{"out", {"n"}}, {"aside", {"n.drifted"}}}});
  const auto give_x = [&](Value value) {
    CHECK(give(record("s", {{"x", value}})) == Pipeline::Verdict::taken);
  };
  give_x(Value::float64(1.5));
  give_x(Value::text("2.5"));
  give_x(Value::int64(3));
  CHECK(give(record("s", {{"y", Value::float64(1.5)}})) == Pipeline::Verdict::taken);
  REQUIRE(group.records[0].size() == 2);
  CHECK(told(group.records[0][1]) == "x=3.0");
  REQUIRE(group.records[1].size() == 2);
  CHECK(told(group.records[1][0]) == "x='2.5'");
  CHECK(told(group.records[1][1]) == "y=1.5");
  CHECK(history("s") == "1");
}

TEST_CASE_FIXTURE(SchemaFixture,
                  "reject takes the first record, or what is declared, and nothing else") {
  make(Drift::reject, {});
  CHECK(comes(record("s", {{"x", Value::int64(1)}})) == "x=1");
  CHECK(comes(record("s", {{"x", Value::text("1")}})) ==
        "n: stream 's': field 'x' is text, and was int");
  CHECK(comes(record("s", {{"x", Value::int64(1)}, {"y", Value::int64(1)}})) ==
        "n: stream 's': field 'y' is new");
  CHECK(comes(record("s", {{"x", Value()}})) == "n: stream 's': field 'x' is missing");
  CHECK(reason == Reason::node_failed);
  make(Drift::reject, {temp()});
  CHECK(comes(record("s", {{"temp", Value::int64(1)}, {"y", Value::int64(1)}})) ==
        "n: stream 's': field 'y' is new");
  CHECK(comes(record("s", {{"temp", Value::int64(1)}})) == "temp=1.0");
}

TEST_CASE_FIXTURE(SchemaFixture, "a schema is there after a restart, and says when it changed") {
  schema({});
  turn = at(100);
  comes(record("s", {{"x", Value::int64(1)}}));
  turn = at(200);
  comes(record("s", {{"x", Value::float64(1.5)}}));
  const auto states = saved();
  REQUIRE(states.size() == 1);
  CHECK(states[0].key.starts_with("pipeline/n/"));
  CHECK(saved().empty());
  schema({});
  pipeline->restore(states);
  CHECK(comes(record("s", {{"x", Value::int64(2)}})) == "x=2.0");
  CHECK(saved().empty());
  const StreamSchema known = this->known("s");
  REQUIRE(known.changes.size() == 2);
  CHECK(known.changes[0].time == at(100));
  CHECK(known.changes[1].time == at(200));
}

TEST_CASE_FIXTURE(SchemaFixture, "another declaration is a change, too") {
  schema({});
  comes(record("s", {{"temp", Value::int64(1)}}));
  auto states = saved();
  schema({.fields = {temp()}});
  pipeline->restore(states);
  CHECK(comes(record("s", {{"temp", Value::int64(1)}})) == "temp=1.0");
  CHECK(history("s") == "1; 2 temp declared float");
  states = saved();
  schema({.fields = {temp()}});
  pipeline->restore(states);
  comes(record("s", {{"temp", Value::int64(1)}}));
  CHECK(saved().empty());
  schema({});
  pipeline->restore(states);
  CHECK(comes(record("s", {{"temp", Value::int64(999)}})) == "temp=999.0");
  CHECK(history("s") == "1; 2 temp declared float; 3 temp undeclared");
  states = saved();
  schema({});
  pipeline->restore(states);
  CHECK(comes(record("s", {{"temp", Value::int64(1)}})) == "temp=1.0");
  CHECK(saved().empty());  // Once is enough.
  SchemaCheck::Field temp{.name = "temp", .type = FieldType::real};
  schema({.fields = {temp}});
  pipeline->restore(states);
  comes(record("s", {{"temp", Value::int64(1)}}));
  states = saved();
  temp.required = true;
  schema({.fields = {temp}});
  pipeline->restore(states);
  comes(record("s", {{"temp", Value::int64(1)}}));
  CHECK(history("s").ends_with("4 temp declared float; 5 temp declared float"));
}

TEST_CASE_FIXTURE(SchemaFixture, "what was null so far gets its first type, however drift is met") {
  for (const Drift drift : {Drift::evolve, Drift::coerce, Drift::quarantine, Drift::reject}) {
    make(drift, {});
    const auto x = [&](Value value) { return comes(record("s", {{"x", value}})); };
    CHECK(x(Value::null()) == "x=null");
    CHECK(x(Value::float64(1.5)) == "x=1.5");
    CHECK(x(Value::int64(2)) == "x=2.0");
    CHECK(x(Value::null()) == "x=null");
    CHECK(history("s") == "1; 2 x unknown>float");
  }
}

TEST_CASE_FIXTURE(
    SchemaFixture,
    "a field of another type has only a place that is of its type, and not declared") {
  const Record text = record("s", {{"x", Value::text("n/a")}});
  const std::string none = "n: stream 's': field 'x' is of another type, and the field for it too";
  schema({});
  comes(record("s", {{"x", Value::int64(1)}, {"x_text", Value::int64(1)}}));
  CHECK(comes(text) == none);
  schema({.fields = {{.name = "x_text", .type = FieldType::text, .one_of = {"a"}}}});
  comes(record("s", {{"x", Value::int64(1)}}));
  CHECK(comes(text) == none);
}

TEST_CASE_FIXTURE(SchemaFixture,
                  "of more schemas than there is room for, some are restored, the others erased") {
  std::vector<StateEdit> states;
  schema({});
  for (const char* stream : {"a", "b", "c"}) {
    comes(record(stream, {{"x", Value::int64(1)}}));
  }
  states = saved();
  schema({.streams_max = 2});
  pipeline->restore(states);
  CHECK(pipeline->snapshot().size() == 2);
  const auto edits = saved();
  REQUIRE(edits.size() == 1);
  CHECK(edits[0].value.empty());
}

TEST_CASE("of changes the last 16 are kept, and of one the first 32 items") {
  StreamSchema schema{.stream = "s"};
  for (int i = 0; i < 40; ++i) schema.fields.push_back({.name = std::to_string(i)});
  for (std::uint32_t i = 0; i < 20; ++i) {
    std::vector<StreamSchema::Item> items(i == 19 ? 40 : 1);
    schema.change(items, {i, 0});
  }
  REQUIRE(schema.changes.size() == 16);
  CHECK(schema.changes.front().version == 5);
  CHECK(schema.changes.back().version == 20);
  CHECK(schema.changes.back().time.ns == 19);
  CHECK(schema.changes.back().items.size() == 32);
  CHECK(schema.changes.back().more == 8);
  CHECK(schema.changes.front().more == 0);
  const auto again = StreamSchema::decode(schema.encode());
  REQUIRE(again.has_value());
  CHECK(again->changes.back().more == 8);
}

TEST_CASE_FIXTURE(SchemaFixture, "what a refused walk has learned leaves no trace") {
  Script refuses{.text = "if record.y then error('no') end"};
  make(PipelineOptions{
      {"in"}, {{"n", {"in"}, SchemaCheck{}}, {"lua", {"n"}, refuses}}, {{"out", {"lua"}}}});
  const Record good = record("s", {{"x", Value::int64(1)}});
  CHECK(give(record("t", {{"y", Value::int64(1)}})) == Pipeline::Verdict::refused);
  CHECK(saved().empty());
  CHECK(give(good) == Pipeline::Verdict::taken);
  CHECK(give(record("s", {{"x", Value::float64(1.5)}, {"y", Value::int64(1)}})) ==
        Pipeline::Verdict::refused);
  CHECK(history("s") == "1");
  CHECK(comes(good) == "x=1");
  CHECK(saved().size() == 1);
}

TEST_CASE_FIXTURE(SchemaFixture, "streams and fields are bounded, whatever comes") {
  schema({.streams_max = 2, .fields_max = 3});
  const auto one = [&](const char* stream, const std::string& field) {
    return comes(record(stream, {{field, Value::int64(1)}}));
  };
  one("a", "x");
  one("b", "x");
  CHECK(saved().size() == 2);
  one("a", "x");
  one("c", "x");  // Forgets b.
  std::vector<StateEdit> states = saved();
  REQUIRE(states.size() == 2);
  CHECK((states[0].value.empty() && !states[1].value.empty()));
  CHECK(one("a", "y") == "y=1");
  CHECK(one("a", "z") == "z=1");
  CHECK(one("a", "u") == "n: stream 'a': it has had more than 3 fields");
  CHECK(comes(record("d", {{"a", {}}, {"b", {}}, {"c", {}}, {"d", {}}})) ==
        "n: stream 'd': it has more than 3 fields");
  schema({.fields_max = 4'096});
  std::size_t taken = 0;
  for (int i = 0; i < 3'000; ++i) {
    const std::string name = std::to_string(i) + std::string(100, 'n');
    taken += one("hostile", name).starts_with("n:") ? 0 : 1;
  }
  const StreamSchema known = this->known("hostile");
  CHECK(known.fields.size() == taken);
  CHECK(known.changes.size() == StreamSchema::kChangesMax);
}

TEST_CASE_FIXTURE(SchemaFixture, "what is known of all streams together is bounded, too") {
  StreamSchema large{.stream = "large"};
  for (int i = 0; i < 4'000; ++i) {
    large.fields.push_back({.name = std::to_string(i) + std::string(510, 'n')});
  }
  schema({});
  pipeline->restore({{"pipeline/n/0", large.encode()}});
  CHECK(comes(record("s", {{std::string(500, 'x'), Value::int64(1)}})) != "nothing");
  CHECK(comes(record("t", {{std::string(500, 'x'), Value::int64(1)}})) != "nothing");
  std::string refused;
  for (int i = 0; i < 200 && refused.empty(); ++i) {
    const std::string came =
        comes(record("s", {{std::to_string(i) + std::string(500, 'x'), Value::int64(1)},
                           {"y" + std::to_string(i), Value::int64(1)}}));
    if (came.starts_with("n:")) refused = came;
  }
  CHECK(refused ==
        "n: stream 's': it has changed, and what is known of all streams has no room for it");
  CHECK(pipeline->snapshot().size() == 3);
}

TEST_CASE_FIXTURE(SchemaFixture,
                  "what is declared passes no bound that is left by what was learned") {
  StreamSchema old{.stream = "s", .version = 1};
  for (const char* name : {"a", "b", "c"}) {
    old.fields.push_back({.name = name, .type = FieldType::integer, .optional = true, .since = 1});
  }
  SchemaCheck::Field d{.name = "d", .type = FieldType::integer};
  schema({.fields = {d}, .fields_max = 3});
  pipeline->restore({{"pipeline/n/0", old.encode()}});
  const Record fits = record("s", {{"a", Value::int64(1)}});
  for (int i = 0; i < 2; ++i) CHECK(comes(fits) == "n: stream 's': it has had more than 3 fields");
  CHECK(saved().empty());
  CHECK(comes(record("t", {{"d", Value::int64(1)}})) == "d=1");
  schema({.fields = {d}, .fields_max = 4});
  pipeline->restore({{"pipeline/n/0", old.encode()}});
  CHECK(comes(fits) == "a=1");
  StreamSchema large{.stream = "large"};
  for (int i = 0; i < 4'060; ++i) {
    large.fields.push_back({.name = std::to_string(i) + std::string(504, 'n')});
  }
  SchemaCheck::Field e{.name = std::string(500, 'e'), .type = FieldType::integer};
  schema({.fields = {d, e}, .fields_max = 4'096});
  pipeline->restore({{"pipeline/n/0", large.encode()}, {"pipeline/n/1", old.encode()}});
  std::string refused;
  for (char name = 'a'; name <= 'z' && refused.empty(); ++name) {
    const std::string came = comes(record(std::string(1, name), {{"d", Value::int64(1)}}));
    if (came.starts_with("n:")) refused = came;
  }
  CHECK(refused.ends_with("what is known of all streams has no room for it"));
  std::size_t bytes = 0;
  for (const StateEdit& edit : pipeline->snapshot()) bytes += edit.value.size();
  CHECK(bytes <= kKeysBytesMax);
}

TEST_CASE_FIXTURE(SchemaFixture, "of a record at most 8 fields get another name, in 256 ways") {
  schema({.streams_max = 1});
  const auto cells = [](unsigned texts, std::size_t count) {
    RecordFixture::Cells all;
    for (std::size_t i = 0; i < count; ++i) {
      all.emplace_back("f" + std::to_string(i),
                       (texts >> i & 1) != 0 ? Value::text("n/a") : Value::int64(5));
    }
    return all;
  };
  CHECK(comes(record("s", cells(0, 10))).starts_with("f0=5"));
  CHECK(comes(record("s", cells(0x1ff, 10))) ==
        "n: stream 's': field 'f0' is one of more than 8 of another type");
  unsigned ways = 0, texts = 0;
  while (++texts < 0x3ff && ways < 256) {
    ways += comes(record("s", cells(texts, 10))).starts_with("f0=") ? 1 : 0;
  }
  CHECK(ways == 256);
  CHECK(texts == 257);  // None before it has more than 8.
  const std::string full = "n: stream 's': so many combinations of types (256) have no room";
  CHECK(comes(record("s", cells(texts, 10))) == full);
  for (const unsigned known : {1u, 2u, 1u, 256u}) {
    CHECK(comes(record("s", cells(known, 10))).starts_with("f0="));
    CHECK(comes(record("s", cells(texts, 10))) == full);
  }
  schema({});
  const std::string longest(508, 'x');
  CHECK(comes(record("s", {{longest, Value::int64(1)}})) != "");
  CHECK(comes(record("s", {{longest, Value::text("n/a")}}))
            .ends_with("is of another type, and no name is free for it"));
}

TEST_CASE_FIXTURE(SchemaFixture,
                  "texts that are made stay what they were, in a record and the next") {
  schema({});
  const auto both = [&](Value a, Value b) { return comes(record("s", {{"a", a}, {"b", b}})); };
  both(Value::text("x"), Value::text("y"));
  CHECK(both(Value::int64(12345678), Value::float64(0.5)) == "a='12345678' b='0.5'");
  CHECK(both(Value::boolean(true), Value::uint64(UINT64_MAX)) ==
        "a='true' b='18446744073709551615'");
  CHECK(told(group.records[0][1]) == "a='12345678' b='0.5'");
}

TEST_CASE_FIXTURE(SchemaFixture, "a walk of several records that is refused leaves no trace") {
  Script refuses{.text = "if record.v == 3 then error('no') end"};
  make(PipelineOptions{{"in"},
                       {{"split", {"in"}, SplitArray{.of = "v"}},
                        {"n", {"split"}, SchemaCheck{.streams_max = 1}},
                        {"lua", {"n"}, refuses}},
                       {{"out", {"lua"}}}});
  const auto array = [&](const char* stream, const char* text) {
    return give(record(stream, {{"v", Value::text(text)}}));
  };
  CHECK(array("s", "[1]") == Pipeline::Verdict::taken);
  const auto states = saved();
  REQUIRE(states.size() == 1);
  CHECK(array("s", "[1.5, {\"x\":1}, null, 3]") == Pipeline::Verdict::refused);
  CHECK(array("t", "[1, \"n/a\", 3]") == Pipeline::Verdict::refused);  // Would forget s.
  CHECK(saved().empty());
  CHECK(history("s") == "1");
  CHECK(pipeline->snapshot().size() == 1);
  CHECK(array("t", "[1, 1.5]") == Pipeline::Verdict::taken);
  CHECK(history("t") == "1; 2 v int>float");
  CHECK(saved().size() == 2);  // One of them erases s.
}

TEST_CASE("a damaged schema is none") {
  StreamSchema schema{.stream = "s"};
  schema.fields = {{"x", FieldType::real, false, true, 1, "C"},
                   {"y", FieldType::text, true, false, 2, ""}};
  std::vector<StreamSchema::Item> items{{StreamSchema::Item::Kind::missing, 1}};
  schema.change(items, {5, 0});
  const Buffer value = schema.encode();
  const auto again = StreamSchema::decode(value);
  REQUIRE(again.has_value());
  CHECK(again->encode() == value);
  for (std::size_t i = 0; i < value.size(); ++i) {
    CHECK_FALSE(StreamSchema::decode(Bytes(value).first(i)).has_value());
  }
  Buffer longer = value;
  longer.push_back(0);
  CHECK_FALSE(StreamSchema::decode(longer).has_value());
  schema.changes[0].items[0].field = 2;  // There is none.
  CHECK_FALSE(StreamSchema::decode(schema.encode()).has_value());
}

TEST_CASE_FIXTURE(SchemaFixture, "a record that fits takes nothing from the heap") {
  schema({.fields = {temp()}});
  const Record fits = record("s", {{"temp", Value::float64(1)}, {"id", Value::text("b7")}});
  const Record whole = record("s", {{"temp", Value::int64(1)}, {"id", Value::int64(7)}});
  for (int i = 0; i < 8; ++i) CHECK((comes(fits) != "" && comes(whole) != ""));
  group.reset();
  const std::uint64_t before = kit::heap_calls;
  std::size_t taken = 0;
  for (const Record& one : {fits, whole, fits, whole}) {
    const auto outcome = pipeline->process(0, one, {}, group);
    taken += outcome.verdict == Pipeline::Verdict::taken ? 1 : 0;
  }
  CHECK(kit::heap_calls == before);
  CHECK(taken == 4);
}

TEST_CASE_FIXTURE(SchemaFixture, "options that make no sense are refused") {
  const auto bad = [&](SchemaCheck options) {
    return !SchemaStep::make(options, shapes).has_value();
  };
  CHECK_FALSE(bad({}));
  CHECK(bad({.fields = {temp(), temp()}}));
  CHECK(bad({.fields = {{.name = "x"}}}));
  CHECK(bad({.fields = {{.name = "", .type = FieldType::text}}}));
  CHECK(bad({.fields = {{.name = "x", .type = FieldType::text, .has_min = true}}}));
  CHECK(bad({.fields = {{.name = "x", .type = FieldType::real, .min = NAN, .has_min = true}}}));
  CHECK(bad({.fields = {{.name = "x", .type = FieldType::real, .one_of = {"1"}}}}));
  CHECK(bad({.fields = {{.name = "x", .type = FieldType::integer, .one_of = {"one"}}}}));
  CHECK(bad({.streams_max = 0}));
  CHECK(bad({.streams_max = 1'025}));
  CHECK(bad({.fields_max = 0}));
  CHECK(bad({.fields = {temp()}, .fields_max = 0}));
  // All streams may be new in one commit.
  std::vector<SchemaCheck::Field> many;
  for (const char letter : {'a', 'b', 'c'}) {
    many.push_back({.name = std::string(500, letter), .type = FieldType::text});
  }
  CHECK_FALSE(bad({.fields = many, .streams_max = 800}));
  CHECK(bad({.fields = many, .streams_max = 1'024}));
  many = {{.name = "x", .type = FieldType::text, .unit = std::string(1'500, 'u')}};
  CHECK(bad({.fields = many, .streams_max = 1'024}));
}

}  // namespace
}  // namespace pinaflux
