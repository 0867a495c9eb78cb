#include "agent/mask/loosening.h"

#include <string>

#include <doctest/doctest.h>

namespace pinaflux {
namespace {

using Operator = MaskRule::Operator;

MaskOptions mask() {
  return {.rules = {{.field = "user", .with = Operator::drop},
                    {.field = "age", .with = Operator::bucket, .edges = {0, 18}},
                    {.with = Operator::home_zone,
                     .latitude = "lat",
                     .longitude = "lon",
                     .centre = {52.5163, 13.3777},
                     .radius = 300}}};
}

std::string confirmation_in(const std::string& text) {
  const auto at = text.find("mask_loosen: \"");
  REQUIRE(at != std::string::npos);
  return text.substr(at + 14, 16);
}

TEST_CASE("the same rules, and more behind them, need no word") {
  MaskOptions next = mask();
  CHECK(unconfirmed_loosening(mask(), next).empty());
  next.rules.push_back({.field = "note", .with = Operator::drop});
  CHECK(unconfirmed_loosening(mask(), next).empty());
  CHECK(unconfirmed_loosening({}, mask()).empty());
}

TEST_CASE("a rule that is missing, changed or moved needs one, and it is told which") {
  const auto rule_named = [](auto change) {
    MaskOptions next = mask();
    change(next.rules);
    const std::string said = unconfirmed_loosening(mask(), next);
    const auto at = said.find("rule ");
    return at == std::string::npos ? said : said.substr(at, 6);
  };
  CHECK(rule_named([](auto& rules) { rules.pop_back(); }) == "rule 3");
  CHECK(rule_named([](auto& rules) { rules.clear(); }) == "rule 1");
  CHECK(rule_named([](auto& rules) { rules[1].edges.push_back(65); }) == "rule 2");
  CHECK(rule_named([](auto& rules) { std::swap(rules[0], rules[1]); }) == "rule 1");
  CHECK(rule_named([](auto& rules) { rules[2].centre.latitude = 1; }) == "rule 3");
  CHECK(rule_named([](auto& rules) { rules.insert(rules.begin(), rules[0]); }) == "rule 2");
}

TEST_CASE("a rule that is tightened in place needs no word; one that only looks so does") {
  const MaskOptions running{
      {{.field = "user", .with = Operator::truncate, .length = 3},
       {.field = "pin", .with = Operator::drop},
       {.field = "card", .with = Operator::reject},
       {.value = only(Detector::email), .with = Operator::hmac, .key_id = "people"},
       {.stream = "zigbee/**", .with = Operator::drop, .allow = {"temp", "humidity"}},
       {.with = Operator::home_zone,
        .latitude = "lat",
        .longitude = "lon",
        .centre = {52.5163, 13.3777},
        .radius = 300},
       {.field = "id", .on_field_name = true, .with = Operator::hmac, .key_id = "people"}}};
  const auto free = [&](auto change) {
    MaskOptions next = running;
    change(next.rules);
    return unconfirmed_loosening(running, next).empty();
  };
  CHECK(free([](auto& r) { r[0] = {.field = "user", .with = Operator::drop}; }));
  CHECK(free([](auto& r) { r[0] = {.field = "user", .with = Operator::reject}; }));
  CHECK(free([](auto& r) { r[0].length = 2; }));
  CHECK(free([](auto& r) { r[1].with = Operator::reject; }));
  CHECK(free([](auto& r) { r[3] = {.value = only(Detector::email), .with = Operator::drop}; }));
  CHECK(free([](auto& r) { r[4].allow = {"temp"}; }));
  CHECK(free([](auto& r) { r[5].radius = 400; }));
  CHECK(free([](auto& r) { r[0].length = 1, r[5].radius = 301; }));

  CHECK_FALSE(free([](auto& r) { r[0].length = 4; }));
  CHECK_FALSE(free([](auto& r) { r[0] = {.field = "use", .with = Operator::drop}; }));
  CHECK_FALSE(
      free([](auto& r) { r[0] = {.stream = "a", .field = "user", .with = Operator::drop}; }));
  CHECK_FALSE(free([](auto& r) { r[0].with = Operator::replace; }));
  CHECK_FALSE(free([](auto& r) { r[1].with = Operator::hmac; }));
  CHECK_FALSE(free([](auto& r) { r[2].with = Operator::drop; }));
  CHECK_FALSE(
      free([](auto& r) { r[3] = {.value = only(Detector::iban), .with = Operator::drop}; }));
  CHECK_FALSE(free([](auto& r) { r[4].allow = {"temp", "user"}; }));
  CHECK_FALSE(free([](auto& r) { r[4].allow.clear(); }));
  CHECK_FALSE(free([](auto& r) { r[4].stream = "zigbee/a"; }));
  CHECK_FALSE(free([](auto& r) { r[5].radius = 299; }));
  CHECK_FALSE(free([](auto& r) { r[5].radius = 400, r[5].centre = {1, 2}; }));
  CHECK_FALSE(free([](auto& r) { r[5] = {.field = "lat", .with = Operator::drop}; }));
  CHECK_FALSE(free([](auto& r) { r[6] = {.field = "id", .with = Operator::drop}; }));
  CHECK_FALSE(
      free([](auto& r) { r.insert(r.begin(), {.field = "note", .with = Operator::drop}); }));
}

TEST_CASE("the confirmation is for one change only, and tells nothing of a home zone's centre") {
  MaskOptions next = mask(), other = mask();
  next.rules.pop_back();
  other.rules.clear();
  const std::string said = unconfirmed_loosening(mask(), next);
  next.loosen = other.loosen = confirmation_in(said);
  CHECK(unconfirmed_loosening(mask(), next).empty());
  CHECK_FALSE(unconfirmed_loosening(mask(), other).empty());

  MaskOptions elsewhere = mask();
  elsewhere.rules[2].centre = {1, 2};
  next.loosen.clear();
  CHECK(unconfirmed_loosening(elsewhere, next) == said);
}

TEST_CASE("a home zone's new centre takes a restart; a known one is confirmed for its own place") {
  MaskOptions next = mask();
  next.rules.erase(next.rules.begin());
  next.loosen = confirmation_in(unconfirmed_loosening(mask(), next));
  CHECK(unconfirmed_loosening(mask(), next).empty());
  next.rules.back().centre = {1, 2};
  const std::string said = unconfirmed_loosening(mask(), next);
  CHECK(said.find("restart") != std::string::npos);
  CHECK(said.find("mask_loosen") == std::string::npos);

  MaskOptions two = mask();
  two.rules.push_back(two.rules[2]);
  two.rules[3].centre = {1, 2};
  MaskOptions first = two, second = two;
  first.rules.pop_back();
  first.rules[1] = first.rules[2];
  second.rules.pop_back();
  second.rules[1] = second.rules[2] = two.rules[3];
  first.loosen = second.loosen = confirmation_in(unconfirmed_loosening(two, first));
  CHECK(unconfirmed_loosening(two, first).empty());
  CHECK_FALSE(unconfirmed_loosening(two, second).empty());
}

}  // namespace
}  // namespace pinaflux
