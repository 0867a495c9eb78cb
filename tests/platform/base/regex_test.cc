#include "platform/base/regex.h"

#include <algorithm>
#include <regex>
#include <string>

#include <doctest/doctest.h>

#include "platform/base/random.h"
#include "tests/platform/base/regex_reference.h"

namespace pinaflux {
namespace {

// The text with each match in brackets.
std::string found(std::string_view pattern, std::string_view text) {
  const Regex regex(pattern);
  if (regex.fault().what != nullptr) return regex.fault().what;
  std::string out;
  std::size_t at = 0;
  RegexFinder finder(regex, text);
  for (TextSpan span; finder.next(span); at = span.end) {
    REQUIRE((span.begin >= at && span.end > span.begin && span.end <= text.size()));
    out += std::string(text.substr(at, span.begin - at)) + "[" +
           std::string(text.substr(span.begin, span.end - span.begin)) + "]";
  }
  return out + std::string(text.substr(at));
}

TEST_CASE("what an expression can say") {
  CHECK(found("ab", "xabab") == "x[ab][ab]");
  CHECK(found("P-\\d{3,4}", "P-12 P-123 P-12345") == "P-12 [P-123] [P-1234]5");
  CHECK(found("a|ab|abc", "abcd") == "[abc]d");
  CHECK(found("(ab)+c?", "ababcab") == "[ababc][ab]");
  CHECK(found("[a-c_]+", "xab_cx-a") == "x[ab_c]x-[a]");
  CHECK(found("[^a-c]", "abxc") == "ab[x]c");
  CHECK(found("[]a-]+", "x]a-x") == "x[]a-]x");
  CHECK(found("\\bcat\\b", "cat concat cat.") == "[cat] concat [cat].");
  CHECK(found("\\Bcat", "cat concat") == "cat con[cat]");
  CHECK(found("^a|a$", "aaa") == "[a]a[a]");
  CHECK(found("(?i)stra\\x53e", "STRASE") == "[STRASE]");
  CHECK(found("(?i)[a-c]x", "BX bx DX") == "[BX] [bx] DX");
  CHECK(found("a.c", "abc a\nc") == "[abc] a\nc");
  CHECK(found("\\w+\\s\\S\\t\\.", "ab  -\t.") == "ab  -\t.");
  CHECK(found("\\w+\\s\\S\\t\\.", "ab -\t.") == "[ab -\t.]");
  CHECK(found("a{2}", "aaaaa") == "[aa][aa]a");
  CHECK(found("a{2,}", "aaaaa") == "[aaaaa]");
  CHECK(found("x*", "axxa") == "a[xx]a");
  CHECK(found("(?:)a", "ba") == "b[a]");
  CHECK(found("ü+", "xüüx") == "x[üü]x");
  CHECK(found("b.", "bü") == "[bü]");  // Whole characters, though `.` is a byte.
  CHECK(found("(?:ä|ö)x", "äx öx") == "[äx] [öx]");
}

TEST_CASE("what is no expression is refused at its place") {
  const auto fault = [](std::string_view pattern, std::size_t offset, std::string_view part) {
    const Regex regex(pattern);
    CAPTURE(std::string(pattern));
    REQUIRE(regex.fault().what != nullptr);
    CHECK(std::string_view(regex.fault().what).find(part) != std::string_view::npos);
    CHECK(regex.fault().offset == offset);
    std::size_t steps = 0;
    CHECK(regex.find("aaaa", 0, steps).empty());
  };
  fault("a(b", 1, "not closed");
  fault("ab)c", 2, "no parenthesis");
  fault("a[bc", 1, "not closed");
  fault("[]", 0, "not closed");
  fault("*a", 0, "nothing to repeat");
  fault("a|+", 2, "nothing to repeat");
  fault("a**", 2, "repeats a repetition");
  fault("a*?", 2, "lazy");
  fault("a{2", 1, "a repetition is");
  fault("a{,2}", 1, "a repetition is");
  fault("a{3,2}", 1, "below the first");
  fault("a{256}", 2, "255");
  fault("a\\q", 1, "not known");
  fault("a\\", 1, "nothing follows");
  fault("a\\x1", 1, "two hexadecimal");
  fault("[z-a]", 1, "backwards");
  fault("[ä]", 1, "ASCII");
  fault("(?=a)", 0, "groups are");
  fault("a(?i)", 1, "groups are");
  fault("(a{255}){255}", 0, "too large");
  fault("((((){255}){255}){255}){255}a", 0, "too large");
  fault("", 0, "no text");
  fault("^$", 0, "no text");
  fault(std::string(513, 'a'), 512, "too long");
  fault(std::string(40, '(') + "a" + std::string(40, ')'), 32, "too deep");
}

TEST_CASE("drawn expressions find what another engine finds") {
  Random random(11);
  const reference::Draw draw = [&](unsigned below) {
    return static_cast<unsigned>(random.below(below));
  };
  int compared = 0;
  for (int round = 0; round < 20'000; ++round) {
    const reference::Expression expression = reference::draw_expression(draw, 4);
    const Regex regex(expression.text);
    if (regex.fault().what != nullptr) continue;
    for (int i = 0; i < 5; ++i) {
      std::string text;
      for (unsigned size = draw(16); size > 0; --size) text += "aabB-\n"[draw(6)];
      const std::size_t from = draw(static_cast<unsigned>(text.size()) + 1);
      std::size_t steps = 0;
      const TextSpan ours = regex.find(text, from, steps);
      const TextSpan theirs = reference::find(expression, text, from);
      CAPTURE(expression.text);
      CAPTURE(text);
      CAPTURE(from);
      REQUIRE((ours.empty() == theirs.empty()));
      if (!ours.empty()) REQUIRE((ours.begin == theirs.begin && ours.end == theirs.end));
      ++compared;
    }
  }
  CHECK(compared > 50'000);
}

TEST_CASE("expressions of many kinds match as a whole where std::regex says so") {
  constexpr const char* kPatterns[] = {"[A-Z]{2}\\d{6}", "(foo|ba[rz])+",   "a?b*c+",
                                       "[^x-z]x{2,3}",   "\\w+@\\w+\\.com", "(a|ab)(c|bcd)(d*)",
                                       "\\x41[\\d\\s]*"};
  Random random(3);
  for (const char* pattern : kPatterns) {
    const Regex ours(pattern);
    const std::regex theirs(pattern);
    for (int i = 0; i < 3'000; ++i) {
      std::string text;
      for (std::size_t size = random.below(9) + 1; size > 0; --size)
        text += "ABabcdfoorzx@.m 019"[random.below(19)];
      std::size_t steps = 0;
      const TextSpan span = ours.find(text, 0, steps);
      CAPTURE(pattern);
      CAPTURE(text);
      CHECK((span.begin == 0 && span.end == text.size()) == std::regex_match(text, theirs));
    }
  }
}

TEST_CASE("a text is looked at a bounded number of times, and what is left counts as found") {
  // Each match is known to be over at the end of the text only: a few bytes of it are found one by one.
  const std::string text(10'000, 'a');
  const Regex regex("a(.*b)?");
  RegexFinder finder(regex, text);
  std::size_t matches = 0, end = 0;
  for (TextSpan span; finder.next(span); end = span.end) ++matches;
  CHECK(end == text.size());
  CHECK(matches < 64);
  // One that backtracking engines do not end on.
  CHECK(found("(a*)*b", std::string(5'000, 'a')) == std::string(5'000, 'a'));
}

TEST_CASE("the steps of a text are bounded, whatever the expression") {
  const std::string text = "- " + std::string(64'000, 'a');
  const std::size_t most = RegexProgram::kStepsPerByte * text.size() + RegexProgram::kStepsAlways;
  for (const char* pattern : {"[A-Za-z0-9]{20,255}@", "(a?){250}b", "(|){250}a{3}b", "(.*b)?a"}) {
    CAPTURE(pattern);
    const Regex regex(pattern);
    REQUIRE(regex.fault().what == nullptr);
    std::size_t steps = 0, from = 0;
    for (TextSpan span; !(span = regex.find(text, from, steps)).empty();) from = span.end;
    CHECK(steps <= most + 2 * RegexProgram::kStatesMax);
    CHECK(from == text.size());
  }
  // What no match can begin in any more is left.
  CHECK(found("[A-Za-z0-9]{20,255}@", text).starts_with("- a"));
  CHECK(found("[A-Za-z0-9]{20,255}@", text).ends_with("a]"));
}

TEST_CASE("ordinary expressions keep far from the bound") {
  std::string text;
  while (text.size() < 60'000)
    text += "2026-01-31T12:00:00Z ward 7, EMP-123456 to ada@example.org; ";
  for (const char* pattern :
       {"EMP-\\d{6}", "(?i)\\bemp-[0-9]{4,8}\\b", "[\\w.+-]+@[\\w-]+(\\.[\\w-]+)+", "[0-9a-f]{32}",
        "\\b[A-Z]{2}[0-9]{2}[A-Z0-9]{10,30}\\b", "ward .*; to"}) {
    CAPTURE(pattern);
    const Regex regex(pattern);
    std::size_t steps = 0, from = 0;
    for (TextSpan span; !(span = regex.find(text, from, steps)).empty();) from = span.end;
    CHECK(steps < RegexProgram::kStepsPerByte * text.size() / 4);
  }
  // Short texts, too, where each letter may begin a match.
  CHECK(found("[A-Za-z0-9]{20,255}@", std::string(100, 'a')) == std::string(100, 'a'));
}

}  // namespace
}  // namespace pinaflux
