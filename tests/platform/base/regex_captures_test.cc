#include "platform/base/regex_captures.h"

#include <algorithm>
#include <regex>
#include <string>

#include <doctest/doctest.h>

#include "platform/base/random.h"
#include "tests/platform/base/captures_reference.h"

namespace pinaflux {
namespace {

using Found = RegexCaptures::Found;

// "a=x b=-": what the groups hold, - where one took no part; "no match".
std::string held(std::string_view pattern, std::string_view text) {
  RegexCaptures regex(pattern);
  if (regex.fault().what != nullptr) return regex.fault().what;
  if (regex.find(text) != Found::yes) return "no match";
  std::string out;
  for (std::size_t i = 0; i < regex.names().size(); ++i) {
    const std::string_view group = regex.group(i);
    out += (i > 0 ? " " : "") + regex.names()[i] + "=";
    out += group.data() == nullptr ? "-" : std::string(group);
  }
  return out;
}

TEST_CASE("groups hold what a search that goes back would find first") {
  CHECK(held("^(?<level>\\w+) t=(?<temp>-?\\d+(\\.\\d+)?)", "WARN t=-3.25 C") ==
        "level=WARN temp=-3.25");
  CHECK(held("(?<a>a+)(?<b>a*)", "xaaa") == "a=aaa b=");
  CHECK(held("(?<a>a+?)(?<b>a*)", "xaaa") == "a=a b=aa");
  CHECK(held("(?<a>a?"
             "?)(?<b>a{1,2}?)(?<c>.*)",
             "aaaa") == "a= b=a c=aaa");
  CHECK(held("(?<a>a|ab)(?<b>c|bcd)(?<c>d*)", "abcd") == "a=a b=bcd c=");
  CHECK(held("(?:(?<a>x)|(?<b>y))+", "xyx") == "a=x b=y");
  CHECK(held("(?<x>a)|(?<y>b)", "b") == "x=- y=b");
  CHECK(held("(?P<key>[^=]+)=\"(?P<value>.*?)\"", "k=\"v\" l=\"w\"") == "key=k value=v");
  CHECK(held("(?<a.b-c_1>(?<ä>ü.)+)", "xüxü!") == "a.b-c_1=üxü! ä=ü!");
  CHECK(held("(?i)(?<a>abc)$", "xABC") == "a=ABC");
  CHECK(held("(?<a>\\d*)", "x1") == "a=");
  CHECK(held("^(?<a>b)", "ab") == "no match");
  CHECK(held("(?<a>b)$", "bba") == "no match");
  CHECK(held("\\b(?<a>c\\w*)\\b", "abc cd") == "a=cd");
  CHECK(held("(?<a>(?:|a)+)$", "aa") == "a=aa");
  CHECK(held("(?<a>(a*)*)b", "aab") == "a=aa");
  CHECK(held("(?<a>x{0}y)", "xy") == "a=y");
}

TEST_CASE("what is no expression with groups is refused at its place") {
  const auto fault = [](std::string_view pattern, std::size_t offset, std::string_view part) {
    RegexCaptures regex(pattern);
    CAPTURE(std::string(pattern));
    REQUIRE(regex.fault().what != nullptr);
    CHECK(std::string_view(regex.fault().what).find(part) != std::string_view::npos);
    CHECK(regex.fault().offset == offset);
    CHECK(regex.find("aaaa") == Found::no);
  };
  fault("abc", 0, "no group with a name");
  fault("(a)(?:b)", 0, "no group with a name");
  fault("(?<a>x", 0, "not closed");
  fault("(?<a", 3, "a group's name is");
  fault("(?<>x)", 3, "a group's name is");
  fault("(?<a b>x)", 3, "a group's name is");
  fault("(?<=a)b", 3, "a group's name is");
  fault("(?<!a)b", 3, "a group's name is");
  fault("(?=a)", 0, "groups are");
  fault("(?P=a)", 0, "groups are");
  fault("(?<a>x)(?<a>y)", 10, "another group");
  fault("(?<a>x)a*??", 10, "repeats a repetition");
  fault("(?<a>x)a*+", 9, "repeats a repetition");
  fault("(?<a>^$)", 0, "no text");
  fault("(?<a>\\1)", 5, "not known");
  fault("(?<a>" + std::string(508, 'x') + ")", 512, "too long");
  fault("(?<a>((?<b>a{200}){200}))", 0, "too large");
  std::string many;
  for (int i = 0; i < 33; ++i) many += "(?<g" + std::to_string(i) + ">a)";
  fault(many, many.find("g32"), "more than 32");
}

TEST_CASE("drawn expressions hold what an engine that goes back holds") {
  Random random(5);
  const reference::Captures::Draw draw = [&](unsigned below) {
    return static_cast<unsigned>(random.below(below));
  };
  int compared = 0, with_groups = 0;
  for (int round = 0; round < 20'000; ++round) {
    reference::Captures theirs(draw);
    RegexCaptures ours(theirs.pattern());
    if (ours.fault().what != nullptr) continue;
    REQUIRE(ours.names().size() == theirs.groups());
    for (int i = 0; i < 5; ++i) {
      std::string text;
      for (unsigned size = draw(10); size > 0; --size) text += "aab-\n"[draw(5)];
      const auto spans = theirs.find(text);
      if (theirs.tired()) break;
      CAPTURE(theirs.pattern());
      CAPTURE(text);
      REQUIRE((ours.find(text) == Found::yes) == !spans.empty());
      for (std::size_t group = 0; group < spans.size(); ++group) {
        const std::string_view held = ours.group(group);
        REQUIRE((held.data() == nullptr) == (spans[group].first == reference::kNowhere));
        if (held.data() == nullptr) continue;
        CHECK(static_cast<std::size_t>(held.data() - text.data()) == spans[group].first);
        CHECK(held.size() == spans[group].second - spans[group].first);
        with_groups += group > 0 ? 1 : 0;
      }
      ++compared;
    }
  }
  CHECK(compared > 50'000);
  CHECK(with_groups > 20'000);
}

TEST_CASE("expressions of many kinds hold what std::regex says") {
  // Where a group is in a repetition, std::regex forgets it with each round, and others do not.
  constexpr const char* kPatterns[] = {
      "(?<a>[a-c]+?)(?<b>\\d*)(?:x|(?<c>.))", "(?<a>\\w+)@(?<b>\\w+)\\.(?<c>com|co)",
      "(?<a>foo|bar?)(?<b>[\\s.]{2,3})?(?<c>\\S)", "^(?<a>[^ ]*) ?(?<b>.*?)(?<c>\\d{1,2})$"};
  Random random(3);
  int matches = 0;
  for (const char* pattern : kPatterns) {
    RegexCaptures ours(pattern);
    REQUIRE(ours.fault().what == nullptr);
    const std::regex theirs(std::regex_replace(pattern, std::regex("\\?<.>"), ""));
    for (int i = 0; i < 5'000; ++i) {
      std::string text;
      for (std::size_t size = random.below(12); size > 0; --size)
        text += "abcfoorx@.com 19"[random.below(16)];
      std::smatch match;
      CAPTURE(pattern);
      CAPTURE(text);
      REQUIRE((ours.find(text) == Found::yes) == std::regex_search(text, match, theirs));
      for (std::size_t group = 0; group + 1 < match.size(); ++group) {
        CHECK(match[group + 1].matched == (ours.group(group).data() != nullptr));
        CHECK(match[group + 1].str() == ours.group(group));
        ++matches;
      }
    }
  }
  CHECK(matches > 5'000);
}

TEST_CASE("steps grow as the text does, whatever the expression") {
  for (const char* pattern :
       {"(?<a>(a*)*)b", "(?<a>(a|aa)+)$", "(?<a>(.*)(.*)(.*)(.*)(.*)[^a])", "(?<a>(a+)+)+b",
        "(?<a>.*?)(?<b>.*?)(?<c>.*?)b", "^(?<level>\\w+) t=(?<temp>-?\\d+(\\.\\d+)?)"}) {
    CAPTURE(pattern);
    RegexCaptures regex(pattern);
    REQUIRE(regex.fault().what == nullptr);
    std::size_t before = 0;
    for (std::size_t size = 1'000; size <= 16'000; size *= 2) {
      (void)regex.find(std::string(size, 'a'));
      if (before > 0) CHECK(regex.steps() <= 2 * before + 16);
      CHECK(regex.steps() <= 32 * size);
      before = regex.steps();
    }
  }
}

TEST_CASE("the steps of a text are bounded") {
  const std::string text(64'000, 'a');
  for (const char* pattern : {"(?<a>[a-z]{20,255}@)", "(?<a>(a?){250}b)", "(?<a>(|){250}a{3}b)"}) {
    CAPTURE(pattern);
    RegexCaptures regex(pattern);
    REQUIRE(regex.fault().what == nullptr);
    CHECK(regex.find(text) != Found::yes);
    CHECK(regex.steps() <= RegexProgram::kStepsPerByte * text.size() + RegexProgram::kStepsAlways +
                               2 * RegexProgram::kStatesMax);
    CHECK(regex.find("aaa") == Found::no);  // The next is as if it were the first.
  }
  RegexCaptures regex("(?<a>(a?){250}b)");
  CHECK(regex.find(text) == Found::too_many_steps);
  CHECK(regex.find("aab") == Found::yes);
}

}  // namespace
}  // namespace pinaflux
