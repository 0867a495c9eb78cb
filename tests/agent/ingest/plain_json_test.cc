#include "agent/ingest/plain_json.h"

#include <algorithm>

#include <doctest/doctest.h>

#include "agent/ingest/json.h"
#include "platform/base/random.h"
#include "tests/agent/ingest/fakes.h"

namespace pinaflux {
namespace {

// Both ways from bytes to a record, each with an intake of its own.
struct BothWays {
  struct Way {
    Shapes shapes;
    Intake intake{shapes};
    RecordBuilder builder{TimeField{"t", TimeField::Unit::ms}};
    Built built;
  };
  JsonReader reader;
  Way way[2];
  std::vector<PlainMember> members;

  void read(const std::string& text) {
    const fake::Padded padded(text);
    for (int any = 0; any < 2; ++any) {
      Way& w = way[any];
      w.intake.reset();
      w.intake.begin(0);
      w.builder.begin(w.intake, "s");
      w.built = any == 0 ? reader.read(padded, w.builder) : reader.read_any(padded, w.builder);
      if (w.built) w.built = w.builder.finish({});
      w.intake.end(1);
    }
  }
  bool is_plain(const std::string& text) { return read_plain_json(fake::Padded(text), members); }
  bool same() const {
    if (way[0].built.has_value() != way[1].built.has_value()) return false;
    if (!way[0].built) {
      return way[0].built.error().reason == way[1].built.error().reason &&
             way[0].built.error().position == way[1].built.error().position;
    }
    const Row &a = way[0].intake.records.back().row, &b = way[1].intake.records.back().row;
    if (!std::ranges::equal(a.shape->fields(), b.shape->fields()) || a.time.ns != b.time.ns)
      return false;
    for (std::size_t i = 0; i < a.shape->field_count(); ++i)
      if (!identical(a.values[i], b.values[i])) return false;
    return true;
  }
};

TEST_CASE_FIXTURE(BothWays, "what machines send is plain") {
  for (const char* text :
       {R"({"t":1166289840000,"kw":4.216,"v":234.84,"on":true,"off":false,"none":null,"s":"a b"})",
        R"({ "t" : 1 , "v" : -12 , "x" : -0.0 } )", "{}", R"({"":""})", R"({"v":0.1})",
        R"({"v":9007199254740993.5})", R"({"v":0.30000000000000004})",
        R"({"v":9223372036854775807})", R"({"v":-9223372036854775807})"}) {
    CAPTURE(std::string(text));
    CHECK(is_plain(text));
    read(text);
    CHECK(same());
  }
}

TEST_CASE_FIXTURE(BothWays,
                  "what is not plain is left to the other way, and so is what is broken") {
  for (const char* text : {R"({"a":{"b":1}})",
                           R"({"a":[1]})",
                           R"({"a":"\n"})",
                           R"({"\u0061":1})",
                           R"({"ä":1})",
                           R"({"a":"ä"})",
                           R"({"v":1e3})",
                           R"({"v":1.5E3})",
                           R"({"v":-0})",
                           R"({"v":9223372036854775808})",
                           R"({"v":-9223372036854775808})",
                           R"({"v":18446744073709551615})",
                           R"({"v":12345678901234567890.5})",
                           R"({"v":0.12345678901234567890})",
                           R"({"v":01})",
                           R"({"v":1.})",
                           R"({"v":.5})",
                           R"({"v":-})",
                           R"({"v":+1})",
                           R"({"v":tru})",
                           R"({"v":truee})",
                           R"({"v":1)",
                           R"({"v":1,})",
                           R"({"v" 1})",
                           R"({"v":1}})",
                           R"({"v":1} x)",
                           R"({"v":1 2})",
                           R"({"v":"x)",
                           R"({"v)",
                           "{",
                           "",
                           "7",
                           "[1]",
                           R"({,})",
                           R"({"v":})",
                           "{\"a\":\"\x01\"}",
                           "{\"a\tb\":1}",
                           R"({'v':1})"}) {
    CAPTURE(std::string(text));
    CHECK_FALSE(is_plain(text));
    read(text);
    CHECK(same());
  }
}

TEST_CASE_FIXTURE(BothWays, "what lies behind the text is never taken for a part of it") {
  const std::string whole = R"({"a":12,"b":"text","c":true,"d":1.25,"e":null})";
  std::string behind = whole;
  behind.append(kParsePadding, '7');
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(read_plain_json(std::string_view(behind).substr(0, size), members));
  }
  CHECK(read_plain_json(std::string_view(behind).substr(0, whole.size()), members));
}

TEST_CASE_FIXTURE(BothWays, "a fault of a field is found at the same place") {
  for (const char* text :
       {R"({"a":1,"t":"no time" ,"b":2})", R"({"t":1,"t":2})", R"({"a":1,"a":2})"}) {
    CAPTURE(std::string(text));
    CHECK(is_plain(text));
    read(text);
    CHECK_FALSE(way[0].built.has_value());
    CHECK(way[0].built.error().position == way[1].built.error().position);
    CHECK(same());
  }
}

std::string drawn_number(Random& random) {
  std::string text = random.below(3) == 0 ? "-" : "";
  const auto digits = [&](std::uint64_t count) {
    while (count-- > 0) text += static_cast<char>('0' + random.below(10));
  };
  digits(1 + random.below(random.below(4) == 0 ? 20 : 5));
  if (random.below(2) == 0) {
    text += '.';
    digits(random.below(random.below(4) == 0 ? 20 : 5));
  }
  if (random.below(20) == 0) text += "e" + std::to_string(random.below(40));
  return text;
}

std::string drawn_object(Random& random) {
  static constexpr const char* kSpaces[] = {"", "", "", " ", "\t", "\r\n"};
  static constexpr const char* kNames[] = {"a", "t",       "voltage", "a.rather.long.name",
                                           "",  "\\u0061", "ü"};
  static constexpr const char* kTexts[] = {
      "", "x", "running", "a text of more than eight", "\\\"", "\xc3\xa4", "\xff", "\x1f", "\x7f"};
  const auto space = [&] { return kSpaces[random.below(std::size(kSpaces))]; };
  const auto quoted = [](const char* text) { return '"' + std::string(text) + '"'; };
  std::string text = "{";
  for (std::uint64_t n = random.below(5), i = 0; i < n; ++i) {
    if (i > 0) text += ',';
    text += space() + quoted(kNames[random.below(random.below(4) == 0 ? std::size(kNames) : 4)]) +
            space() + ':' + space();
    switch (random.below(6)) {
      case 0: text += quoted(kTexts[random.below(std::size(kTexts))]); break;
      case 1: text += random.below(2) == 0 ? "true" : "false"; break;
      case 2: text += "null"; break;
      default: text += drawn_number(random);
    }
    text += space();
  }
  return text + '}';
}

TEST_CASE_FIXTURE(BothWays, "drawn and damaged objects are the same record both ways") {
  static constexpr std::string_view kDamage = "{}[]\":,.-0129eE\\ tfn\x80\x00\n";
  Random random(20261129);
  int plain = 0, other = 0, records = 0;
  for (int n = 0; n < 100'000; ++n) {
    std::string text = drawn_object(random);
    if (random.below(3) == 0)
      text[random.below(text.size())] = kDamage[random.below(kDamage.size())];
    if (random.below(20) == 0) text.resize(random.below(text.size()));
    CAPTURE(std::string(text));
    ++(is_plain(text) ? plain : other);
    read(text);
    records += way[0].built.has_value() ? 1 : 0;
    REQUIRE(same());
  }
  CHECK(plain > 20'000);
  CHECK(other > 20'000);
  CHECK(records > 20'000);
}

}  // namespace
}  // namespace pinaflux
