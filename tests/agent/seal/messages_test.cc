#include "agent/seal/messages.h"

#include <doctest/doctest.h>

#include "agent/data/limits.h"

namespace pinaflux {
namespace {

AckMessage sample_ack() {
  AckMessage m;
  m.gateway = "pump-7";
  m.lane = "normal";
  m.epoch.fill(1);
  m.high = 600;
  m.hash[0] = 7;
  m.gaps = {{701, 800}, {901, 950}};
  m.landed = {{{801, 900}, Digest{7}}, {{951, 960}, Digest{8}}};
  return m;
}

// Of which nothing is missing or has landed above.
AckMessage short_ack() {
  AckMessage ack = sample_ack();
  ack.gaps.clear();
  ack.landed.clear();
  return ack;
}

TEST_CASE("an ack comes back, and is the golden line") {
  const std::string text = format(sample_ack());
  CHECK(text ==
        "pinaflux-ack/1 g=pump-7 l=normal e=AQEBAQEBAQEBAQEBAQEBAQ high=600 "
        "h=BwAAAAAAAAAAAAAAAAAAAA gaps=701-800,901-950 "
        "landed=801-900:BwAAAAAAAAAAAAAAAAAAAA,951-960:CAAAAAAAAAAAAAAAAAAAAA\n");
  const auto m = parse_ack(text);
  REQUIRE(m.has_value());
  CHECK(m->gateway == "pump-7");
  CHECK(m->lane == "normal");
  CHECK(m->epoch == sample_ack().epoch);
  CHECK(m->high == 600);
  CHECK(m->hash == sample_ack().hash);
  CHECK(m->gaps == sample_ack().gaps);
  CHECK(m->landed == sample_ack().landed);
  CHECK_FALSE(m->fork);
}

TEST_CASE("what an ack's hash binds comes back, and is the golden text") {
  AckMessage ack = short_ack();
  ack.from = 101;
  const std::string text = format(ack);
  CHECK(text ==
        "pinaflux-ack/1 g=pump-7 l=normal e=AQEBAQEBAQEBAQEBAQEBAQ high=600 "
        "h=BwAAAAAAAAAAAAAAAAAAAA from=101\n");
  const auto m = parse_ack(text);
  REQUIRE(m.has_value());
  CHECK(m->from == 101);
  CHECK(parse_ack(format(short_ack()))->from == 1);
  CHECK_FALSE(parse_ack(text.substr(0, text.size() - 4) + "x\n").has_value());
}

TEST_CASE("what was compared comes back, and is the golden text") {
  AckMessage ack = short_ack();
  ack.fork = true;
  ack.compared = {{{81, 100}, Digest{1}, {{81, 100}}},
                  {{101, 120}, Digest{2}, {}},
                  {{121, 140}, Digest{3}, {{121, 125}, {130, 130}}}};
  const std::string text = format(ack);
  CHECK(text ==
        "pinaflux-ack/1 g=pump-7 l=normal e=AQEBAQEBAQEBAQEBAQEBAQ high=600 "
        "h=BwAAAAAAAAAAAAAAAAAAAA fork=1 compared=81-100:AQAAAAAAAAAAAAAAAAAAAA:81-100,"
        "101-120:AgAAAAAAAAAAAAAAAAAAAA:,121-140:AwAAAAAAAAAAAAAAAAAAAA:121-125+130-130\n");
  const auto m = parse_ack(text);
  REQUIRE(m.has_value());
  CHECK(m->fork);
  CHECK(m->compared == ack.compared);
  CHECK(is_known(m->compared[0]));
  CHECK_FALSE(is_known(m->compared[1]));
  CHECK_FALSE(is_known(m->compared[2]));
}

TEST_CASE("what the collector cannot take comes back, and is the golden text") {
  AckMessage ack = short_ack();
  ack.refused = {{{81, 100}, Digest{1}, "damaged"}, {{101, 101}, Digest{2}, "refused_by_database"}};
  const std::string text = format(ack);
  CHECK(text ==
        "pinaflux-ack/1 g=pump-7 l=normal e=AQEBAQEBAQEBAQEBAQEBAQ high=600 "
        "h=BwAAAAAAAAAAAAAAAAAAAA refused=81-100:AQAAAAAAAAAAAAAAAAAAAA:damaged,"
        "101-101:AgAAAAAAAAAAAAAAAAAAAA:refused_by_database\n");
  const auto m = parse_ack(text);
  REQUIRE(m.has_value());
  CHECK(m->refused == ack.refused);
}

TEST_CASE("what was refused and makes no sense is no ack") {
  const std::string hash = "AQAAAAAAAAAAAAAAAAAAAA";
  const auto parses = [&](const std::string& refused) {
    const std::string text = format(sample_ack());
    return parse_ack(text.substr(0, text.size() - 1) + " refused=" + refused).has_value();
  };
  REQUIRE(parses("81-100:" + hash + ":damaged"));
  for (const std::string bad : {"", "81-100", "81-100:", "x:", ":::"}) CHECK_FALSE(parses(bad));
  CHECK_FALSE(parses("81-100:" + hash));
  CHECK_FALSE(parses("81-100:" + hash + ":"));
  CHECK_FALSE(parses("100-81:" + hash + ":damaged"));
  CHECK_FALSE(parses("81-100:" + hash + ":damaged:more"));
  CHECK_FALSE(parses("81-100:" + hash + ":" + std::string(65, 'r')));
  std::string many = "81-100:" + hash + ":damaged";
  for (std::size_t i = 0; i < limits::kComparedMax; ++i) many += ",81-100:" + hash + ":damaged";
  CHECK_FALSE(parses(many));
}

TEST_CASE("what was compared and makes no sense is refused") {
  const std::string hash = "AQAAAAAAAAAAAAAAAAAAAA";
  const auto parses = [&](const std::string& compared) {
    AckMessage ack = sample_ack();
    return parse_ack(format(ack).substr(0, format(ack).size() - 1) + " compared=" + compared)
        .has_value();
  };
  REQUIRE(parses("81-100:" + hash + ":81-100"));
  CHECK_FALSE(parses(""));
  CHECK_FALSE(parses("81-100:" + hash));
  CHECK_FALSE(parses("81-100:" + hash + ":81-101"));
  CHECK_FALSE(parses("81-100:" + hash + ":80-90"));
  CHECK_FALSE(parses("81-100:" + hash + ":90-95+91-96"));
  CHECK_FALSE(parses("81-100:" + hash + ":90-95+"));
  CHECK_FALSE(parses("81-80:" + hash + ":"));
  CHECK_FALSE(parses("81-100:AQ:81-100"));
  CHECK_FALSE(parses("81-100:" + hash + ":81-100:"));
  std::string many, ranges;
  for (std::size_t i = 0; i <= limits::kComparedMax; ++i) {
    many += (i == 0 ? "1-2:" : ",1-2:") + hash + ":";
  }
  CHECK_FALSE(parses(many));
  for (std::size_t i = 0; i <= limits::kComparedRangesMax; ++i) {
    const std::string seq = std::to_string(2 * i + 1);
    ranges += (i == 0 ? "" : "+") + seq + "-" + seq;
  }
  CHECK_FALSE(parses("1-1000:" + hash + ":" + ranges));
}

TEST_CASE("hello and status come back") {
  HelloMessage hello;
  hello.gateway = "g";
  hello.generation = 4;
  hello.lanes.push_back({"normal", Epoch{}, 101, 950});
  hello.lanes.push_back({"alarm", Epoch{}, 1, 0});
  const auto h = parse_hello(format(hello));
  REQUIRE(h.has_value());
  CHECK(h->lanes.size() == 2);
  CHECK(h->lanes[0].last == 950);
  CHECK(format(*h) == format(hello));
  const StatusMessage status{"g", "online", hello.lanes};
  const auto s = parse_status(format(status));
  REQUIRE(s.has_value());
  CHECK(format(*s) == format(status));
}

TEST_CASE("what hello says of the clock, and the ack of hello, come back") {
  HelloMessage hello;
  hello.gateway = "g";
  hello.clock = HelloClock{0x9f, Instant{95'000'000'000}, false};
  hello.answer = HelloAnswer{{Instant{91'000'000'000}, WallTime{1'700}}, Duration{42}};
  CHECK(format(hello) ==
        "pinaflux-hello/1 g=g c=0 boot=000000000000009f at=95000000000 clock=untrusted"
        " answered=91000000000,1700,42\n");
  const auto h = parse_hello(format(hello));
  REQUIRE(h.has_value());
  CHECK(h->clock == hello.clock);
  CHECK(h->answer == hello.answer);
  AckMessage ack = sample_ack();
  ack.hello = HelloEcho{Instant{95'000'000'000}, WallTime{1'700}};
  const auto a = parse_ack(format(ack));
  REQUIRE(a.has_value());
  CHECK(a->hello == ack.hello);
  CHECK_FALSE(parse_ack(format(sample_ack()))->hello.has_value());
}

TEST_CASE("what the collector has of dictionaries comes back, and is the golden text") {
  AckMessage ack = short_ack();
  CHECK_FALSE(parse_ack(format(ack))->dictionaries.has_value());
  ack.dictionaries.emplace();
  CHECK(format(ack).ends_with(" dict=none\n"));
  CHECK(parse_ack(format(ack))->dictionaries == ack.dictionaries);
  ack.dictionaries = {"Dssey6DY", "q83vEjRW"};
  const std::string text = format(ack);
  CHECK(text.ends_with(" dict=Dssey6DY,q83vEjRW\n"));
  CHECK(parse_ack(text)->dictionaries == ack.dictionaries);
  for (const std::string_view bad : {"Dssey6DY,", "Dssey6D", ",Dssey6DY", "none,Dssey6DY", "a,b",
                                     "Dssey6DY,Dssey6DY,Dssey6DY,Dssey6DY,Dssey6DY"}) {
    CAPTURE(bad);
    std::string changed = text;
    changed.replace(changed.find("dict=") + 5, 17, bad);
    CHECK_FALSE(parse_ack(changed).has_value());
  }
}

TEST_CASE("a hello of before clocks says nothing of them, and one with a bad clock is refused") {
  const std::string good = "pinaflux-hello/1 g=a c=1";
  REQUIRE(parse_hello(good).has_value());
  CHECK_FALSE(parse_hello(good)->clock.has_value());
  for (const char* bad :
       {" boot=9f", " boot=0000000000000000", " at=-1", " at=4611686018427387904", " answered=5,6",
        " answered=5,6,x", " answered=5,6,4611686018427387904", " answered=5,6,7,8"}) {
    CHECK_MESSAGE(!parse_hello(good + bad).has_value(), bad);
  }
}

TEST_CASE("foreign and damaged messages are refused") {
  const std::string good =
      "pinaflux-ack/1 g=a l=b e=AQEBAQEBAQEBAQEBAQEBAQ high=1 h=BwAAAAAAAAAAAAAAAAAAAA";
  REQUIRE(parse_ack(good).has_value());
  const auto changed = [&](std::string_view from, std::string_view to) {
    std::string bad = good;
    return bad.replace(bad.find(from), from.size(), to);
  };
  for (const std::string& bad :
       {std::string(),
        std::string("\n"),
        std::string("pinaflux-ack/1"),
        changed("ack/1", "ack/2"),
        changed("AQEBAQEBAQEBAQEBAQEBAQ", "short"),
        changed("BAQ ", "BAR "),
        changed("g=a", "g=a/b"),
        changed("high=1", "high=-1"),
        changed("high=1", "high=18446744073709551616"),
        good + " gaps=5-4",
        good + " gaps=5-9,7-8",
        good + " hello=5",
        good + " hello=5,x",
        good + " landed=5-9",
        good + " landed=5-9:x",
        good + " landed=9-5:BwAAAAAAAAAAAAAAAAAAAA",
        good + " landed=5-9:BwAAAAAAAAAAAAAAAAAAAA,7-8:BwAAAAAAAAAAAAAAAAAAAA",
        good + " gaps=1-3,3-4",
        good + " gaps=1,2",
        good + " gaps=",
        good + " x",
        good + "  x=1",
        good + "\n\n",
        good + "\nx=1"}) {
    CHECK_MESSAGE(!parse_ack(bad).has_value(), bad);
  }
  CHECK_FALSE(parse_status("pinaflux-status/1 g=a state=sleeping").has_value());
  CHECK_FALSE(parse_hello("pinaflux-hello/1 g=a c=1 l=normal,x,1,2").has_value());
  CHECK_FALSE(parse_ack(std::string(100'000, 'a')).has_value());
}

TEST_CASE("every message is printable and stays short enough") {
  HelloMessage hello;
  hello.gateway = "g";
  StatusMessage status{"g", "lost", {}};
  AckMessage ack = sample_ack();
  ack.gateway = ack.lane = "g";
  ack.high = 0;
  ack.gaps.clear();
  for (const std::string& text : {format(hello), format(status), format(ack)}) {
    REQUIRE(text.ends_with('\n'));
    for (char c : text.substr(0, text.size() - 1)) CHECK((c >= ' ' && c < 0x7f));
  }
  CHECK(parse_hello(format(hello)).has_value());
  for (std::uint64_t n = 0; n < limits::kGapRangesMax; ++n) {
    ack.gaps.push_back({~0ull - 8000 + n * 3, ~0ull - 8000 + n * 3 + 1});
  }
  const auto back = parse_ack(format(ack));
  REQUIRE(back.has_value());
  CHECK(back->gaps == ack.gaps);
}

TEST_CASE("a later version of a message is newer, not damage") {
  CHECK(parse_ack("pinaflux-ack/2 x=1").error().code == Code::newer);
  CHECK(parse_hello("pinaflux-hello/10 x=1").error().code == Code::newer);
  CHECK(parse_status("pinaflux-status/2\n").error().code == Code::newer);
  CHECK(parse_status("pinaflux-status/").error().code == Code::corrupt);
  CHECK(parse_ack("pinaflux-hello/1 g=a c=1").error().code == Code::corrupt);
}

TEST_CASE("unknown keys are ignored") {
  CHECK(parse_hello("pinaflux-hello/1 g=a c=1 later=yes").has_value());
}

TEST_CASE("an ack cut at any byte is refused or was complete") {
  const std::string text = format(sample_ack());
  const auto complete = text.find(" gaps=");
  for (std::size_t i = 0; i < complete - 1; ++i)
    CHECK_FALSE(parse_ack(text.substr(0, i)).has_value());
}

}  // namespace
}  // namespace pinaflux
