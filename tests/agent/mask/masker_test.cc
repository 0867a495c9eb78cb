#include "agent/mask/masker.h"

#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <string>

#include <doctest/doctest.h>

#include "agent/vault/vault.h"
#include "tests/agent/mask/mask_kit.h"
#include "tests/kit/counted_heap.h"

namespace pinaflux {
namespace {

using Operator = MaskRule::Operator;

// HMAC-SHA-256, key "0123456789abcdef0123456789abcdef", first 16 bytes, base64url. Computed with
// Python's hmac: these tokens are in the users' databases, so they never change.
constexpr const char* kToken_ada = "k1:fwYXPiKcGd1SbK7WHCz--g";
constexpr const char* kToken_5 = "k1:Sv68PjootDS5w-Jh0KYhxA";
constexpr const char* kToken_true = "k1:LrxJKa3x2eCRjNwwnr9kuw";

TEST_CASE_FIXTURE(MaskFixture,
                  "without rules a record comes through as it is, in the group's memory") {
  rules({});

  const auto record = mask("hall/1", {{"t", Value::float64(20.5)}, {"who", Value::text("ada")}});

  REQUIRE(record.has_value());
  CHECK(record->shape().stream() == "hall/1");
  CHECK(record->time() == Stamp{77, 0});
  CHECK(text_of(*record) == "t=20.5 who='ada'");
  CHECK(record->cells()[1].as_text().data() != last_text.data());
}

TEST_CASE_FIXTURE(MaskFixture, "drop takes the field out of the shape") {
  rules({{.field = "who", .with = Operator::drop}});
  CHECK(masked("s", {{"who", Value::text("ada")}, {"t", Value::int64(1)}}) == "s: t=1");
}

TEST_CASE_FIXTURE(MaskFixture, "a rule looks at its streams only") {
  rules({{.stream = "clinic/**", .field = "who", .with = Operator::drop}});
  CHECK(masked("clinic/a", {{"who", Value::text("ada")}}) == "clinic/a:");
  CHECK(masked("hall/a", {{"who", Value::text("ada")}}) == "hall/a: who='ada'");
}

TEST_CASE_FIXTURE(MaskFixture,
                  "hmac gives the known token, for equal values of any type the same") {
  rules({{.field = "id", .with = Operator::hmac, .key_id = "k1"}});
  const auto token = [&](Value v) { return masked("s", {{"id", v}}); };
  const auto is = [](const char* t) { return "s: id='" + std::string(t) + "'"; };

  CHECK(token(Value::text("ada")) == is(kToken_ada));
  CHECK(token(Value::bytes(as_bytes("ada"))) == is(kToken_ada));
  CHECK(token(Value::text("5")) == is(kToken_5));
  CHECK(token(Value::int64(5)) == is(kToken_5));
  CHECK(token(Value::uint64(5)) == is(kToken_5));
  CHECK(token(Value::float64(5.0)) == is(kToken_5));
  CHECK(token(Value::boolean(true)) == is(kToken_true));
  CHECK(token(Value::float64(5.5)) != is(kToken_5));
  CHECK(token(Value::float64(-0.0)) == token(Value::int64(0)));
  CHECK(token(Value::null()) == "s: id=null");
  CHECK(token(Value()) == "s: id=-");
}

TEST_CASE_FIXTURE(MaskFixture, "what was masked is the same when it is masked again as a letter") {
  rules({{.stream = "ward/*", .on_stream_name = true, .with = Operator::hmac, .key_id = "k1"},
         {.field = "people.*", .on_field_name = true, .with = Operator::hmac, .key_id = "k2"},
         {.field = "id", .with = Operator::truncate, .length = 3},
         {.field = "id", .with = Operator::hmac, .key_id = "k1"},
         {.field = "t", .with = Operator::round, .step = 0.5},
         {.field = "note", .with = Operator::replace, .replacement = "x"}});
  const auto once = mask("ward/7", {{"id", Value::text("secret")},
                                    {"people.ann", Value::int64(1)},
                                    {"t", Value::float64(1.3)},
                                    {"note", Value::text("n")}});
  REQUIRE(once.has_value());

  const auto again = masker->mask({once->row()}, arena, Masker::Origin::letter).record;

  REQUIRE(again.has_value());
  CHECK(&again->shape() == &once->shape());
  CHECK(text_of(*again) == text_of(*once));
}

TEST_CASE_FIXTURE(MaskFixture,
                  "of a letter only a whole token of the rule's own key is left alone") {
  rules({{.field = "id", .with = Operator::hmac, .key_id = "k1"}});
  const auto once = mask("s", {{"id", Value::text("secret")}});
  const std::string token(once->cells()[0].as_text());
  for (const std::string& text :
       {std::string("secret"), token.substr(0, token.size() - 1), token + "A",
        "k2" + token.substr(2), "k1:" + std::string(22, '!')}) {
    CAPTURE(text);
    const auto raw_record = raw("s", {{"id", Value::text(text)}});
    const auto again = masker->mask(raw_record, arena, Masker::Origin::letter).record;
    CHECK(again->cells()[0].as_text() != text);
  }
  CHECK(mask("s", {{"id", Value::text(token)}})->cells()[0].as_text() != token);
}

TEST_CASE_FIXTURE(MaskFixture, "hmac with another key gives another token") {
  rules({{.field = "a", .with = Operator::hmac, .key_id = "k1"},
         {.field = "b", .with = Operator::hmac, .key_id = "k2"}});
  const auto record = mask("s", {{"a", Value::text("ada")}, {"b", Value::text("ada")}});
  REQUIRE(record.has_value());
  CHECK(record->cells()[0].as_text().substr(3) != record->cells()[1].as_text().substr(3));
}

TEST_CASE_FIXTURE(MaskFixture, "truncate counts characters, never cuts one, and takes text only") {
  rules({{.field = "t", .with = Operator::truncate, .length = 3}});
  CHECK(masked("s", {{"t", Value::text("abcdef")}}) == "s: t='abc'");
  CHECK(masked("s", {{"t", Value::text("äöüß")}}) == "s: t='äöü'");
  CHECK(masked("s", {{"t", Value::text("\xff\xfe\xfd\xfc")}}) == "s: t='\xff\xfe\xfd'");
  CHECK(masked("s", {{"t", Value::text("")}}) == "s: t=''");
  CHECK(masked("s", {{"t", Value::null()}}) == "s: t=null");
  CHECK(refusal("s", {{"t", Value::int64(123456)}}) == Reason::mask_failed);
  CHECK(refusal("s", {{"t", Value::boolean(true)}}) == Reason::mask_failed);
  CHECK(refusal("s", {{"t", Value::bytes(as_bytes("abcd"))}}) == Reason::mask_failed);
}

TEST_CASE_FIXTURE(MaskFixture, "round goes to the nearest multiple and keeps decimals exact") {
  rules({{.field = "tenth", .with = Operator::round, .step = 0.1},
         {.field = "ten", .with = Operator::round, .step = 10},
         {.field = "odd", .with = Operator::round, .step = 2.5}});
  CHECK(masked("s", {{"tenth", Value::float64(0.31415)}}) == "s: tenth=0.3");
  CHECK(masked("s", {{"tenth", Value::float64(-20.26)}}) == "s: tenth=-20.3");
  CHECK(masked("s", {{"tenth", Value::int64(7)}}) == "s: tenth=7");
  CHECK(masked("s", {{"tenth", Value::float64(1e300)}}) == "s: tenth=1e+300");
  CHECK(masked("s", {{"tenth", Value::float64(-0.01)}}) == "s: tenth=0");
  CHECK(masked("s", {{"ten", Value::int64(44)}}) == "s: ten=40");
  CHECK(masked("s", {{"ten", Value::int64(45)}}) == "s: ten=50");
  CHECK(masked("s", {{"ten", Value::int64(-45)}}) == "s: ten=-50");
  CHECK(masked("s", {{"ten", Value::float64(1234.5)}}) == "s: ten=1230");
  CHECK(masked("s", {{"odd", Value::int64(6)}}) == "s: odd=5");
  CHECK(masked("s", {{"odd", Value::float64(6.3)}}) == "s: odd=7.5");
}

TEST_CASE_FIXTURE(MaskFixture, "round does not let the bits of a NaN through") {
  rules({{.field = "x", .with = Operator::round, .step = 1}});
  const double secret = std::bit_cast<double>(0x7ff8'0000'dead'beefu);
  const auto record = mask("s", {{"x", Value::float64(secret)}});
  REQUIRE(record.has_value());
  CHECK(std::isnan(record->cells()[0].as_float64()));
  CHECK(std::bit_cast<std::uint64_t>(record->cells()[0].as_float64()) !=
        std::bit_cast<std::uint64_t>(secret));
}

TEST_CASE_FIXTURE(MaskFixture, "what cannot be rounded is refused") {
  rules({{.field = "x", .with = Operator::round, .step = 10}});
  constexpr auto kMax = std::numeric_limits<std::int64_t>::max();
  CHECK(refusal("s", {{"x", Value::text("42.17")}}) == Reason::mask_failed);
  CHECK(refusal("s", {{"x", Value::boolean(true)}}) == Reason::mask_failed);
  CHECK(refusal("s", {{"x", Value::int64(kMax)}}) == Reason::mask_failed);
  CHECK(masked("s", {{"x", Value::null()}}) == "s: x=null");
}

TEST_CASE_FIXTURE(MaskFixture, "replace says nothing of the value, not even that it was null") {
  rules({{.field = "x", .with = Operator::replace, .replacement = "***"}});
  for (Value v : {Value::text("ada"), Value::int64(1), Value::null(), Value::boolean(false)}) {
    CHECK(masked("s", {{"x", v}}) == "s: x='***'");
  }
  CHECK(masked("s", {{"x", Value()}}) == "s: x=-");
}

TEST_CASE_FIXTURE(MaskFixture, "an allow-list keeps what it names and drops the rest") {
  rules({{.with = Operator::drop, .allow = {"t", "geo.*"}}});
  CHECK(masked("s",
               {{"geo.lat", Value::int64(1)}, {"t", Value::int64(2)}, {"who", Value::int64(3)}}) ==
        "s: geo.lat=1 t=2");
}

TEST_CASE_FIXTURE(MaskFixture, "an allow-list may reject a record with an unknown field") {
  rules({{.with = Operator::reject, .allow = {"t"}}});
  CHECK(masked("s", {{"t", Value::int64(2)}}) == "s: t=2");
  CHECK(refusal("s", {{"t", Value::int64(2)}, {"who", Value::int64(3)}}) == Reason::unknown_field);
  CHECK(refusal("s", {{"t", Value::int64(2)}, {"who", Value::null()}}) == Reason::unknown_field);
  CHECK(masked("s", {{"t", Value::int64(2)}, {"who", Value()}}) == "s: t=2 who=-");
}

TEST_CASE_FIXTURE(MaskFixture, "an allow-list may hash the rest") {
  rules({{.with = Operator::hmac, .key_id = "k1", .allow = {"t"}}});
  CHECK(masked("s", {{"t", Value::int64(2)}, {"who", Value::text("ada")}}) ==
        "s: t=2 who='" + std::string(kToken_ada) + "'");
}

TEST_CASE_FIXTURE(MaskFixture, "the first allow-list of a stream decides") {
  rules({{.stream = "a/**", .with = Operator::drop, .allow = {"x"}},
         {.with = Operator::reject, .allow = {"y"}}});
  CHECK(masked("a/1", {{"x", Value::int64(1)}, {"y", Value::int64(2)}}) == "a/1: x=1");
  CHECK(refusal("b/1", {{"x", Value::int64(1)}, {"y", Value::int64(2)}}) == Reason::unknown_field);
}

TEST_CASE_FIXTURE(MaskFixture, "keep with a field is an allow-list of that field") {
  rules({{.field = "x", .with = Operator::keep}});
  CHECK(masked("s", {{"x", Value::int64(1)}, {"y", Value::int64(2)}}) == "s: x=1");
}

TEST_CASE_FIXTURE(MaskFixture, "reject refuses records that have the field") {
  rules({{.field = "ssn", .with = Operator::reject}});
  CHECK(refusal("s", {{"ssn", Value::text("1")}}) == Reason::unknown_field);
  CHECK(masked("s", {{"ssn", Value()}, {"t", Value::int64(1)}}) == "s: ssn=- t=1");
}

TEST_CASE_FIXTURE(MaskFixture, "reject still sees a field that a later rule drops") {
  rules({{.field = "ssn", .with = Operator::reject}, {.field = "ssn", .with = Operator::drop}});
  CHECK(refusal("s", {{"ssn", Value::text("1")}}) == Reason::unknown_field);
}

TEST_CASE_FIXTURE(MaskFixture, "later rules see what earlier ones left") {
  rules({{.field = "who", .with = Operator::truncate, .length = 3},
         {.field = "who", .with = Operator::hmac, .key_id = "k1"},
         {.field = "n", .with = Operator::drop},
         {.field = "n", .with = Operator::reject}});
  CHECK(masked("s", {{"who", Value::text("ada lovelace")}, {"n", Value::int64(1)}}) ==
        "s: who='" + std::string(kToken_ada) + "'");
}

TEST_CASE_FIXTURE(MaskFixture, "a stream's name is masked where the pattern has a wildcard") {
  rules(
      {{.stream = "ward/*/pulse", .on_stream_name = true, .with = Operator::hmac, .key_id = "k1"}});
  CHECK(masked("ward/ada/pulse", {{"t", Value::int64(1)}}) ==
        "ward/" + std::string(kToken_ada) + "/pulse: t=1");
  CHECK(masked("ward/ada/temp", {{"t", Value::int64(1)}}) == "ward/ada/temp: t=1");
}

TEST_CASE_FIXTURE(MaskFixture,
                  "a stream's name is masked whole where the pattern has none, but its source") {
  rules({{.stream = "ward/ada/1",
          .on_stream_name = true,
          .with = Operator::replace,
          .replacement = "x"},
         {.stream = "hall/**", .on_stream_name = true, .with = Operator::truncate, .length = 1}});
  CHECK(masked("ward/ada/1", {{"t", Value::int64(1)}}) == "ward/x/x: t=1");
  CHECK(masked("hall/ada/bob", {{"t", Value::int64(1)}}) == "hall/a/b: t=1");
  CHECK(masked("hall", {{"t", Value::int64(1)}}) == "hall: t=1");
}

TEST_CASE_FIXTURE(MaskFixture, "rules after a rule on the stream's name match the new name") {
  rules(
      {{.stream = "ward/*", .on_stream_name = true, .with = Operator::replace, .replacement = "p"},
       {.stream = "ward/p", .field = "a", .with = Operator::drop},
       {.stream = "ward/ada", .field = "b", .with = Operator::drop}});
  CHECK(masked("ward/ada", {{"a", Value::int64(1)}, {"b", Value::int64(2)}}) == "ward/p: b=2");
}

TEST_CASE_FIXTURE(MaskFixture, "reject on the stream's name refuses the stream") {
  rules({{.stream = "private/**", .on_stream_name = true, .with = Operator::reject}});
  CHECK(refusal("private/x", {{"t", Value::int64(1)}}) == Reason::unknown_field);
  CHECK(masked("public/x", {{"t", Value::int64(1)}}) == "public/x: t=1");
}

TEST_CASE_FIXTURE(MaskFixture, "a field's name is masked where the pattern has a wildcard") {
  rules({{.field = "beds.*.pulse", .on_field_name = true, .with = Operator::hmac, .key_id = "k1"}});
  CHECK(masked("s", {{"beds.ada.pulse", Value::int64(60)}, {"beds.ada", Value::int64(1)}}) ==
        "s: beds." + std::string(kToken_ada) + ".pulse=60 beds.ada=1");
}

TEST_CASE_FIXTURE(MaskFixture, "field names that become equal refuse the record") {
  rules({{.field = "*", .on_field_name = true, .with = Operator::truncate, .length = 1}});
  CHECK(masked("s", {{"ada", Value::int64(1)}, {"bob", Value::int64(2)}}) == "s: a=1 b=2");
  CHECK(refusal("s", {{"ada", Value::int64(1)}, {"abe", Value::int64(2)}}) == Reason::mask_failed);
}

TEST_CASE_FIXTURE(MaskFixture, "a masked name beyond the limits refuses the record") {
  rules({{.field = "**", .on_field_name = true, .with = Operator::hmac, .key_id = "k1"}});
  std::string name = "a";
  for (int i = 0; i < 60; ++i) name += ".a";
  CHECK(refusal("s", {{name, Value::int64(1)}}) == Reason::shapes_exhausted);
}

TEST_CASE_FIXTURE(MaskFixture, "a covered value never reaches the group's memory") {
  rules({{.field = "a", .with = Operator::hmac, .key_id = "k1"},
         {.field = "b", .with = Operator::drop},
         {.field = "c", .with = Operator::replace, .replacement = "-"},
         {.field = "d", .with = Operator::truncate, .length = 2},
         {.field = "e", .with = Operator::round, .step = 1}});
  const Value canary = Value::text("CANARY-7421");
  arena.reset();
  auto* before = static_cast<char*>(arena.allocate(1, 1));

  REQUIRE(mask("s", {{"a", canary}, {"b", canary}, {"c", canary}, {"d", canary}}).has_value());
  CHECK(refusal("s", {{"d", canary}, {"e", canary}}) == Reason::mask_failed);

  const std::string_view memory(before, arena.bytes_used());
  CHECK(memory.find("CANARY-7421") == std::string_view::npos);
  CHECK(memory.find("CA") != std::string_view::npos);  // The search would find what is there.
}

TEST_CASE_FIXTURE(MaskFixture,
                  "no room in the group is told, and the record is kept once there is") {
  rules({});
  Arena small(64);
  const std::string text(50, 'x');
  const RawRecord record = raw("s", {{"a", Value::text(text)}});
  CHECK(masker->mask(record, small).verdict == Masker::Verdict::no_room);
  CHECK(masker->mask(record, arena).verdict == Masker::Verdict::kept);
}

TEST_CASE_FIXTURE(MaskFixture,
                  "an empty group has room for the largest record, every cell replaced") {
  rules({{.field = "**", .with = Operator::replace, .replacement = std::string(256, 'x')}});
  std::vector<std::pair<std::string, Value>> cells;
  for (std::size_t i = 0; i < limits::kFieldsMax; ++i) {
    cells.emplace_back("f" + std::to_string(i), Value::int64(1));
  }
  Group group;
  CHECK(masker->mask(raw("s", cells), group.arena).verdict == Masker::Verdict::kept);
}

TEST_CASE_FIXTURE(MaskFixture, "rules that make no sense are refused at once") {
  const auto code = [&](MaskRule rule) {
    auto made = Masker::make({{std::move(rule)}}, shapes, vault);
    return made ? std::string("accepted") : std::string(code_name(made.error().code));
  };
  CHECK(code({.field = "x", .with = Operator::drop}) == "accepted");
  CHECK(code({.with = Operator::drop}) == "invalid");
  CHECK(code({.stream = "", .field = "x"}) == "invalid");
  CHECK(code({.stream = "a/+/b", .field = "x"}) == "invalid");
  CHECK(code({.stream = "a/#", .field = "x"}) == "invalid");
  CHECK(code({.field = "x", .with = Operator::drop, .allow = {"y"}}) == "invalid");
  CHECK(code({.with = Operator::drop, .allow = {""}}) == "invalid");
  CHECK(code({.field = "x", .with = Operator::round, .step = 0}) == "invalid");
  CHECK(code({.field = "x", .with = Operator::round, .step = -1}) == "invalid");
  CHECK(code({.field = "x", .with = Operator::round, .step = NAN}) == "invalid");
  CHECK(code({.field = "x", .with = Operator::hmac, .key_id = ""}) == "invalid");
  CHECK(code({.field = "x", .with = Operator::hmac, .key_id = "a/b"}) == "invalid");
  CHECK(code({.field = "x", .with = Operator::hmac, .key_id = "k9"}) == "not_found");
  CHECK(code({.field = "x", .with = Operator::replace, .replacement = std::string(257, 'x')}) ==
        "invalid");
  CHECK(code({.field = "x", .on_field_name = true, .with = Operator::drop}) == "invalid");
  CHECK(code({.on_stream_name = true, .with = Operator::round, .step = 1}) == "invalid");
  CHECK(code({.field = "x", .on_stream_name = true, .with = Operator::replace}) == "invalid");
}

TEST_CASE_FIXTURE(MaskFixture, "the steady state takes nothing from the heap") {
  rules({{.field = "a", .with = Operator::hmac, .key_id = "k1"},
         {.field = "b", .with = Operator::truncate, .length = 2},
         {.field = "c", .with = Operator::round, .step = 0.5},
         {.field = "d", .with = Operator::drop},
         {.field = "e", .with = Operator::replace, .replacement = "-"},
         {.value = only(Detector::email), .with = Operator::hmac, .key_id = "k1"},
         {.value = only(Detector::card), .with = Operator::replace, .replacement = "-"},
         {.match = "p(.a|.*z)", .with = Operator::replace, .replacement = "-"},
         {.field = "i", .with = Operator::ff1, .key_id = "k1"},
         {.field = "j", .with = Operator::noise, .key_id = "k1", .width = 0.5},
         {.field = "k", .with = Operator::coarsen, .to = Duration::hours(1)},
         {.with = Operator::grid, .latitude = "l", .longitude = "m", .cell = 500}});
  const RawRecord record = raw("s", {{"a", Value::text("ada")},
                                     {"b", Value::text("lovelace")},
                                     {"c", Value::float64(1.7)},
                                     {"d", Value::int64(1)},
                                     {"e", Value::int64(2)},
                                     {"f", Value::text("plain")},
                                     {"g", Value::text("ada@x.org, 4111111111111111")},
                                     {"h", Value::int64(4111111111111111)},
                                     {"i", Value::int64(123456789)},
                                     {"j", Value::float64(20.5)},
                                     {"k", Value::text("2026-01-31T12:34:56Z")},
                                     {"l", Value::float64(52.5)},
                                     {"m", Value::float64(13.4)}});
  arena.reset();
  REQUIRE(masker->mask(record, arena).verdict == Masker::Verdict::kept);

  const std::uint64_t before = kit::heap_calls;
  for (int i = 0; i < 1'000; ++i) {
    if (i % 100 == 0) arena.reset();
    if (masker->mask(record, arena).verdict != Masker::Verdict::kept) break;
  }
  const std::uint64_t after = kit::heap_calls;

  CHECK(after == before);
  ::operator delete(::operator new(1));
  CHECK((!kit::kHeapIsCounted || kit::heap_calls > after));  // The counter counts.
}

}  // namespace
}  // namespace pinaflux
