#include "platform/base/text.h"

#include <array>
#include <cmath>
#include <limits>

#include <doctest/doctest.h>

using namespace pinaflux;

TEST_CASE("pieces are joined as they are") {
  CHECK(joined({}).empty());
  CHECK(joined({"a", "", std::string("bc")}) == "abc");
}

TEST_CASE("integers are taken whole or not at all") {
  CHECK(parse_integer<int>("-42") == -42);
  CHECK(parse_integer<std::uint64_t>("18446744073709551615") == UINT64_MAX);
  CHECK(parse_integer<std::int64_t>("-9223372036854775808") == INT64_MIN);
  for (const char* bad : {"", " 1", "1 ", "+1", "0x10", "1.0", "-", "4294967296", "1\n"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_integer<int>(bad).has_value());
  }
  CHECK_FALSE(parse_integer<std::uint8_t>("256").has_value());
  CHECK_FALSE(parse_integer<std::uint8_t>("-1").has_value());
}

TEST_CASE("doubles are taken whole or not at all, and never infinite") {
  CHECK(parse_double("0.1") == 0.1);
  CHECK(parse_double("-1e-3") == -1e-3);
  CHECK(parse_double("5e-324") == 5e-324);
  CHECK(std::signbit(*parse_double("-0")));
  for (const char* bad :
       {"", "-", ".", "inf", "-inf", "nan", "+1", " 1", "1 ", "0x1p3", "1e999", "1,5", "1e"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_double(bad).has_value());
  }
}

TEST_CASE("a double is written as the shortest text that reads back as itself") {
  CHECK(format_double(0.1) == "0.1");
  CHECK(format_double(1e300) == "1e+300");
  CHECK(format_double(-0.0) == "-0");
  CHECK(format_double(123456) == "123456");
  CHECK(format_double(std::numeric_limits<double>::quiet_NaN()) == "nan");
  for (double value : {1.0 / 3, 5e-324, 1.7976931348623157e308, 2.2250738585072014e-308}) {
    CHECK(parse_double(format_double(value)) == value);
  }
}

TEST_CASE("UTF-8 is accepted as RFC 3629 defines it") {
  CHECK(utf8_valid(""));
  CHECK(utf8_valid("a\u00e9\u20ac\U0001f600"));
  CHECK(utf8_valid("\xed\x9f\xbf"));      // The last before the surrogates.
  CHECK(utf8_valid("\xf4\x8f\xbf\xbf"));  // The last of all.
  for (std::string_view bad :
       {"\x80", "\xc3", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xe2\x82", "\xe2\x28\xa1"}) {
    CHECK_FALSE(utf8_valid(bad));
    CHECK(utf8_bytes(bad) == 0);
  }
}

TEST_CASE("a prefix is cut between code points") {
  CHECK(utf8_prefix("a\u00e9\u20ac\U0001f600z", 3) == "a\u00e9\u20ac");
  CHECK(utf8_prefix("abc", 10) == "abc");
  CHECK(utf8_prefix("abc", 0) == "");
  CHECK(utf8_prefix("\xff\xffz", 2) == "\xff\xff");
}

TEST_CASE("text is split at every separator, and keeps its empty pieces") {
  CHECK(split("a,,b", ',') == std::vector<std::string_view>{"a", "", "b"});
  CHECK(split("", ',') == std::vector<std::string_view>{""});
  CHECK(split("a,", ',') == std::vector<std::string_view>{"a", ""});
  CHECK(trim(" \t a b\r\n") == "a b");
  CHECK(trim(" \t") == "");
  CHECK(equal_ignoring_case("Content-Length", "content-lENGTH"));
  CHECK_FALSE(equal_ignoring_case("a", "ab"));
  CHECK_FALSE(equal_ignoring_case("@", "`"));
}

TEST_CASE("untrusted bytes are safe in a message") {
  CHECK(printable("plain text") == "plain text");
  CHECK(printable("a\n\"b\"\\\x1b[31m") == "a\\n\\\"b\\\"\\\\\\x1b[31m");
  CHECK(printable("gr\u00fcn 5\u20ac") == "gr\u00fcn 5\u20ac");
  CHECK(printable("\xff\xc3") == "\\xff\\xc3");
  CHECK(printable("a\u202eb\u0085") == "a\\u202eb\\u0085");
  CHECK(printable("abcdef", 3) == "abc...");
  CHECK(printable("ab\n", 3) == "ab...");  // Never half an escape.
  CHECK(printable(std::string_view("\0", 1)) == "\\x00");
}

TEST_CASE("edits are insertions, deletions, replacements and swaps of neighbours") {
  CHECK(edit_distance("", "") == 0);
  CHECK(edit_distance("abc", "") == 3);
  CHECK(edit_distance("kitten", "sitting") == 3);
  CHECK(edit_distance("ab", "ba") == 1);
  CHECK(edit_distance("souces", "sources") == 1);
}

TEST_CASE("only a word that is like enough is suggested") {
  constexpr std::array<std::string_view, 4> kKeys = {"sources", "spool", "lanes", "id"};
  CHECK(closest("souces", kKeys) == "sources");
  CHECK(closest("spolo", kKeys) == "spool");
  CHECK(closest("di", kKeys) == "id");
  CHECK_FALSE(closest("temperature", kKeys).has_value());
  CHECK_FALSE(closest("x", kKeys).has_value());
  CHECK_FALSE(closest(std::string(100'000, 'a'), kKeys).has_value());
}
