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
