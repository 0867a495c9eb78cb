// Rules that look at what a value holds, not at its field's name.

#include <string>

#include <doctest/doctest.h>

#include "tests/agent/mask/mask_kit.h"

namespace pinaflux {
namespace {

using Operator = MaskRule::Operator;

constexpr DetectorSet kEmail = only(Detector::email);
constexpr DetectorSet kCard = only(Detector::card);
// HMAC-SHA-256 of "ada@x.org" and of "4111111111111111", computed with Python's hmac.
constexpr const char* kTokenOfAda = "k1:uhrGzBkjIryDl8QtxUJ6TA";
constexpr const char* kToken_card = "k1:e35ssnFcexw3EQ8DUSOr0w";

TEST_CASE_FIXTURE(MaskFixture, "what is found is masked in every field, the text around it stays") {
  rules({{.value = kEmail, .with = Operator::hmac, .key_id = "k1"}});
  CHECK(masked("s", {{"note", Value::text("from ada@x.org to ada@x.org.")},
                     {"t", Value::float64(20.5)},
                     {"n", Value::null()},
                     {"other", Value::text("nothing")}}) ==
        "s: note='from " + std::string(kTokenOfAda) + " to " + kTokenOfAda +
            ".' t=20.5 n=null other='nothing'");
}

TEST_CASE_FIXTURE(MaskFixture, "a pattern says in which fields and streams it looks") {
  rules({{.stream = "a/*",
          .field = "notes.**",
          .value = kEmail,
          .with = Operator::replace,
          .replacement = "-"}});
  const Value text = Value::text("ada@x.org");
  CHECK(masked("a/1", {{"notes.x", text}, {"user", text}}) == "a/1: notes.x='-' user='ada@x.org'");
  CHECK(masked("b/1", {{"notes.x", text}}) == "b/1: notes.x='ada@x.org'");
}

TEST_CASE_FIXTURE(MaskFixture, "truncate cuts what was found, and may leave nothing of it") {
  rules({{.field = "a", .value = kEmail, .with = Operator::truncate, .length = 3},
         {.field = "b", .value = kEmail, .with = Operator::truncate, .length = 0}});
  CHECK(masked("s", {{"a", Value::text("(ada@x.org)")}, {"b", Value::text("(ada@x.org)")}}) ==
        "s: a='(ada)' b='()'");
}

TEST_CASE_FIXTURE(MaskFixture, "drop takes the field out of the record, reject the record") {
  rules({{.field = "a", .value = kEmail, .with = Operator::drop},
         {.field = "b", .value = kEmail, .with = Operator::reject},
         {.field = "a", .with = Operator::truncate, .length = 1}});
  CHECK(masked("s", {{"a", Value::text("x ada@x.org")}, {"b", Value::text("fine")}}) ==
        "s: a=- b='fine'");
  CHECK(masked("s", {{"a", Value::text("fine")}, {"b", Value::text("fine")}}) ==
        "s: a='f' b='fine'");
  CHECK(refusal("s", {{"a", Value::text("fine")}, {"b", Value::text("ada@x.org")}}) ==
        Reason::unknown_field);
}

TEST_CASE_FIXTURE(MaskFixture, "a card's number is found in any number and in bytes") {
  rules({{.value = kCard, .with = Operator::hmac, .key_id = "k1"}});
  const std::string token = "s: x='" + std::string(kToken_card) + "'";
  CHECK(masked("s", {{"x", Value::int64(4111111111111111)}}) == token);
  CHECK(masked("s", {{"x", Value::float64(4111111111111111.0)}}) == token);
  CHECK(masked("s", {{"x", Value::text("4111111111111111")}}) == token);
  CHECK(masked("s", {{"x", Value::bytes(as_bytes("4111111111111111"))}}) ==
        "s: x=b'" + std::string(kToken_card) + "'");
  CHECK(masked("s", {{"x", Value::int64(4111111111111112)}}) == "s: x=4111111111111112");
  CHECK(masked("s", {{"x", Value::int64(-4111111111111111)}}) ==
        "s: x='-" + std::string(kToken_card) + "'");
  CHECK(masked("s", {{"x", Value::float64(4.5)}}) == "s: x=4.5");
}

TEST_CASE_FIXTURE(MaskFixture, "by value names are masked, too, but never the source's") {
  rules({{.on_stream_name = true, .value = kEmail, .with = Operator::replace, .replacement = "x"},
         {.on_field_name = true, .value = kEmail, .with = Operator::hmac, .key_id = "k1"}});
  CHECK(masked("ada@x.org/mail/ada@x.org/1", {{"who.ada@x.org.n", Value::int64(1)}}) ==
        "ada@x.org/mail/x/1: " + std::string("k1:--wZ8U72pkewW6RJBFJEtg.n") + "=1");
}

TEST_CASE_FIXTURE(MaskFixture, "by value a field's name or a stream may be refused") {
  rules({{.on_field_name = true, .value = kEmail, .with = Operator::drop},
         {.on_stream_name = true, .value = kEmail, .with = Operator::reject}});
  CHECK(masked("s", {{"a@x.org", Value::int64(1)}, {"b", Value::int64(2)}}) == "s: b=2");
  CHECK(refusal("s/ada@x.org", {{"b", Value::int64(2)}}) == Reason::unknown_field);
}

TEST_CASE_FIXTURE(MaskFixture, "tokens in a text stay when it enters again as a letter") {
  rules({{.value = kEmail | kCard, .with = Operator::hmac, .key_id = "k1"}});
  const auto once = mask("s", {{"x", Value::text("ada@x.org, 4111111111111111")}});
  REQUIRE(once.has_value());
  const auto again = masker->mask({once->row()}, arena, Masker::Origin::letter).record;
  REQUIRE(again.has_value());
  CHECK(text_of(*again) == text_of(*once));
  // Of an edited letter what is new is masked.
  const std::string edited = std::string(once->cells()[0].as_text()) + " bob@y.org";
  const auto raw_record = raw("s", {{"x", Value::text(edited)}});
  const auto masked_again = masker->mask(raw_record, arena, Masker::Origin::letter).record;
  const std::string text(masked_again->cells()[0].as_text());
  CHECK(text.starts_with(once->cells()[0].as_text()));
  CHECK(text.find("bob") == std::string::npos);
}

TEST_CASE_FIXTURE(MaskFixture, "an expression of one's own finds in texts, numbers and names") {
  rules({{.match = "(?i)emp-\\d{4,6}", .with = Operator::replace, .replacement = "#"},
         {.field = "n", .match = "0{3}", .with = Operator::truncate, .length = 0},
         {.on_field_name = true, .match = "\\d+", .with = Operator::truncate, .length = 1}});
  CHECK(masked("s", {{"x", Value::text("EMP-1234, emp-12 and Emp-1234567")}}) ==
        "s: x='#, emp-12 and #7'");
  CHECK(masked("s", {{"n", Value::int64(120003)}}) == "s: n='123'");
  CHECK(masked("s", {{"bed204.pulse", Value::int64(1)}}) == "s: bed2.pulse=1");
  CHECK_FALSE(Masker::make({{{.match = "(", .with = Operator::drop}}}, shapes, vault).has_value());
  CHECK_FALSE(
      Masker::make({{{.value = kEmail, .match = "a", .with = Operator::drop}}}, shapes, vault)
          .has_value());
}

TEST_CASE_FIXTURE(MaskFixture, "an expression for more than one step of a stream is refused") {
  const auto accepted = [&](const char* match) {
    return Masker::make({{{.on_stream_name = true,
                           .match = match,
                           .with = Operator::replace,
                           .replacement = "x"}}},
                        shapes, vault)
        .has_value();
  };
  CHECK_FALSE(accepted("press/[0-9]+"));
  CHECK_FALSE(accepted("(ward|press)\\x2f[0-9]*"));
  CHECK(accepted("press.[0-9]+"));
  CHECK(accepted("(press/)?[0-9]+"));
  rules({{.match = "a/b", .with = Operator::drop}});
  CHECK(masked("s", {{"x", Value::text("a/b")}}) == "s: x=-");
}

TEST_CASE_FIXTURE(MaskFixture, "a token that an expression would find stays in a letter, too") {
  rules({{.match = "[A-Za-z0-9]+", .with = Operator::hmac, .key_id = "k1"}});
  const auto once = mask("s", {{"x", Value::text("(ada)(bob)")}});
  REQUIRE(once.has_value());
  const auto again = masker->mask({once->row()}, arena, Masker::Origin::letter).record;
  REQUIRE(again.has_value());
  CHECK(text_of(*again) == text_of(*once));
}

TEST_CASE_FIXTURE(MaskFixture, "a text that would grow too much refuses the record") {
  rules({{.value = kEmail, .with = Operator::replace, .replacement = std::string(256, 'x')}});
  std::string text;
  for (int i = 0; i < 1'000; ++i) text += "a@b.cd ";
  CHECK(refusal("s", {{"x", Value::text(text)}}) == Reason::mask_failed);
  // Many texts that grow a little are bounded together.
  const std::string some = text.substr(0, 7 * 100);
  CHECK(mask("s", {{"x", Value::text(some)}, {"y", Value::text(some)}}).has_value());
  CHECK(refusal("s",
                {{"x", Value::text(some)}, {"y", Value::text(some)}, {"z", Value::text(some)}}) ==
        Reason::mask_failed);
}

TEST_CASE_FIXTURE(MaskFixture, "by value nothing found reaches the group's memory") {
  rules({{.value = kEmail, .with = Operator::truncate, .length = 1},
         {.value = kCard, .with = Operator::drop}});
  arena.reset();
  auto* before = static_cast<char*>(arena.allocate(1, 1));
  REQUIRE(mask("s", {{"a", Value::text("x CANARY@x.org 4111111111111111")},
                     {"b", Value::text("x CANARY@x.org")}})
              .has_value());
  const std::string_view memory(before, arena.bytes_used());
  CHECK(memory.find("ANARY") == std::string_view::npos);
  CHECK(memory.find("411111") == std::string_view::npos);
  CHECK(memory.find("x C") != std::string_view::npos);
}

TEST_CASE_FIXTURE(MaskFixture, "by value what makes no sense is refused at once") {
  const auto accepted = [&](MaskRule rule) {
    return Masker::make({{std::move(rule)}}, shapes, vault).has_value();
  };
  CHECK(accepted({.value = kEmail, .with = Operator::drop}));
  CHECK_FALSE(accepted({.value = kEmail, .with = Operator::round, .step = 1}));
  CHECK_FALSE(accepted({.value = kEmail, .with = Operator::keep}));
  CHECK_FALSE(accepted({.value = kEmail, .with = Operator::drop, .allow = {"x"}}));
  CHECK_FALSE(accepted({.on_stream_name = true, .value = kEmail, .with = Operator::drop}));
}

}  // namespace
}  // namespace pinaflux
