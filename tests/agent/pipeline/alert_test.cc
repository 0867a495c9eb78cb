#include "agent/pipeline/alert.h"

#include <map>
#include <random>

#include <doctest/doctest.h>

#include "agent/pipeline/key_limits.h"
#include "tests/agent/pipeline/window_kit.h"

namespace pinaflux {
namespace {

struct AlertFixture : WindowFixture {
  static Alert hot(std::int64_t seconds = 10) {
    return {.when = "t > 80", .lasting = Duration::seconds(seconds), .keys = {}};
  }
  static Alert with_clear() {
    Alert options = hot();
    options.clear = "t < 75";
    return options;
  }
  void alert(Alert options) { make(NodeKind(std::move(options))); }
  void next(double t, std::int64_t second) { take(reading(t, second), second); }

  // What is given by now: "SECOND: VALUE STATE SINCE".
  Lines said(std::int64_t now) {
    refused.clear();
    CHECK(pipeline->drain({instant(now), {}}, group, refused));
    Lines lines;
    for (const Record& r : group.records[0]) {
      const Shape& shape = r.shape();
      const int state = shape.find("alert_state"), since = shape.find("alert_since");
      REQUIRE((state >= 0 && since >= 0));
      const Value begin = r.cells()[static_cast<std::size_t>(since)];
      lines.push_back(
          std::to_string(r.time().ns / 1'000'000'000) + ": " + text(r.cells()[0]) + " " +
          text(r.cells()[static_cast<std::size_t>(state)]) + " " +
          (begin.type() == Type::int64 ? std::to_string(begin.as_int64() / 1'000'000'000) : "-"));
    }
    group.records[0].clear();
    return lines;
  }
  // As after a crash, or a restart.
  void again(const Alert& options, const std::vector<StateEdit>& states) {
    alert(options);
    CHECK(pipeline->restore(states) == 0);
  }
};

TEST_CASE_FIXTURE(AlertFixture, "a condition that has held is a record, and its end another") {
  alert(hot());
  next(70, 0);
  next(85, 2);
  next(86, 9);
  CHECK(said(11).empty());
  CHECK(pipeline->next() == instant(12));
  CHECK(said(12) == Lines{"12: 86 raised 2"});
  next(90, 13);
  CHECK(said(1'000).empty());
  CHECK(pipeline->next() == Instant::never());
  next(80, 1'001);
  CHECK(said(1'001) == Lines{"1001: 80 cleared 2"});
  next(79, 1'002);
  CHECK(said(9'000).empty());
}

TEST_CASE_FIXTURE(AlertFixture, "a backlog gives what would have been given in time") {
  alert(hot());
  for (const auto& [t, second] :
       std::initializer_list<std::pair<double, int>>{{85, 2}, {86, 9}, {87, 12}, {70, 40}}) {
    take(reading(t, second), 5'000);
  }
  CHECK(said(5'000) == Lines{"12: 86 raised 2", "40: 70 cleared 2"});
}

TEST_CASE_FIXTURE(AlertFixture, "a break begins anew") {
  alert(hot());
  next(85, 0);
  next(70, 9);
  next(85, 10);
  next(85, 19);
  CHECK(said(19).empty());
  next(85, 20);
  CHECK(said(20) == Lines{"20: 85 raised 10"});
}

TEST_CASE_FIXTURE(AlertFixture, "between both conditions nothing changes") {
  alert(with_clear());
  next(85, 0);
  next(78, 5);  // Not raised yet: a break.
  CHECK(said(11).empty());
  next(85, 20);
  CHECK(said(30) == Lines{"30: 85 raised 20"});
  next(78, 31);
  next(85, 32);
  next(75, 33);
  CHECK(said(99).empty());
  next(74.5, 100);
  CHECK(said(100) == Lines{"100: 74.5 cleared 20"});
  next(78, 101);
  CHECK(said(999).empty());
}

TEST_CASE_FIXTURE(AlertFixture,
                  "without a time it is raised at once, with the record that did it") {
  alert(hot(0));
  next(85, 3);
  next(86, 4);
  next(70, 5);
  CHECK(said(5) == Lines{"3: 85 raised 3", "5: 70 cleared 3"});
  CHECK(pipeline->next() == Instant::never());
}

TEST_CASE_FIXTURE(AlertFixture, "it is said again while it lasts, with the newest values") {
  Alert options = with_clear();
  options.repeat = Duration::seconds(60);
  alert(options);
  next(85, 0);
  CHECK(said(10) == Lines{"10: 85 raised 0"});
  next(90, 20);
  next(78, 21);
  CHECK(pipeline->next() == instant(70));
  CHECK(said(70) == Lines{"70: 90 repeated 0"});
  CHECK(said(129).empty());
  CHECK(said(130) == Lines{"130: 90 repeated 0"});
  next(95, 400);  // Of those it passes over, the last.
  CHECK(said(400) == Lines{"370: 90 repeated 0"});
  next(74, 430);
  CHECK(said(430) == Lines{"430: 95 repeated 0", "430: 74 cleared 0"});
  CHECK(said(9'999).empty());
}

TEST_CASE_FIXTURE(AlertFixture, "a condition without a value changes nothing") {
  Alert options = hot();
  alert(options);
  const auto nothing = [&](std::int64_t second) {
    take(record("s", {{"t", Value::null()}}, at(second)), second);
    take(record("s", {{"u", Value::int64(1)}}, at(second)), second);
    take(record("s", {{"t", Value::float64(std::numeric_limits<double>::quiet_NaN())}}, at(second)),
         second);
  };
  nothing(0);
  CHECK(saved().empty());
  next(85, 1);
  nothing(5);
  CHECK(said(11) == Lines{"11: 85 raised 1"});
  nothing(20);
  next(70, 19);  // What said nothing made it no latecomer.
  CHECK(said(20) == Lines{"19: 70 cleared 1"});
  options.clear = "door = 'open'";
  alert(options);
  next(85, 0);
  take(record("s", {{"door", Value::text("shut")}}, at(12)), 12);
  CHECK(said(12) == Lines{"10: 85 raised 0"});
  take(record("s", {{"door", Value::text("open")}}, at(13)), 13);
  CHECK(said(13) == Lines{"13: open cleared 0"});
}

TEST_CASE_FIXTURE(AlertFixture, "where both conditions hold, it is not over") {
  Alert options = hot(0);
  options.clear = "t < 90";
  alert(options);
  next(85, 0);
  next(86, 1);
  CHECK(said(1) == Lines{"0: 85 raised 0"});
  next(70, 2);
  CHECK(said(2) == Lines{"2: 70 cleared 0"});
}

TEST_CASE_FIXTURE(AlertFixture, "latecomers change nothing") {
  alert(hot());
  next(70, 100);
  next(85, 50);
  CHECK(said(200).empty());
  next(85, 201);
  take(reading(70, 150), 202);
  take(record("s", {{"t", Value::int64(1)}}, at(300, 7)), 203);  // Of a boot that is over.
  CHECK(said(211) == Lines{"211: 85 raised 201"});
}

TEST_CASE_FIXTURE(AlertFixture,
                  "the time counts anew in another boot, and where the clock was set back") {
  alert(hot());
  turn = at(0, 7);
  take(record("s", {{"t", Value::int64(85)}}, at(100, 7)), 100);
  turn = at(1'000'000);
  take(reading(86, 1'000'000), 105);
  CHECK(said(110).empty());
  CHECK(said(115) == Lines{"1000010: 86 raised 1000000"});
  turn = at(1'000);
  take(reading(87, 1'000), 120);
  take(reading(70, 1'001), 121);
  CHECK(said(121) == Lines{"1001: 70 cleared 1000000"});
  turn = at(0, 9);
  take(record("s", {{"t", Value::int64(85)}}, at(5, 9)), 130);
  CHECK(said(140) == Lines{"15: 85 raised -"});  // A time of no calendar.
}

TEST_CASE_FIXTURE(AlertFixture, "what ends it on its way is not given before it began") {
  alert(hot());
  next(85, 0);
  next(86, 8);
  CHECK(said(10) == Lines{"10: 86 raised 0"});
  take(reading(70, 9), 11);
  CHECK(said(11) == Lines{"10: 70 cleared 0"});
}

TEST_CASE_FIXTURE(AlertFixture, "each stream and each key by itself, under a stream of their own") {
  Alert options = hot(0);
  options.keys = {"k"};
  options.stream = "alerts";
  alert(options);
  const auto keyed = [&](const char* stream, int k, int t, std::int64_t second) {
    take(record(stream, {{"t", Value::int64(t)}, {"k", Value::int64(k)}}, at(second)), second);
  };
  keyed("a", 1, 85, 0);
  keyed("a", 2, 70, 1);
  keyed("b", 1, 86, 2);
  keyed("a", 1, 70, 3);
  CHECK(pipeline->drain({instant(3), {}}, group, refused));
  REQUIRE(group.records[0].size() == 3);
  const Record& second = group.records[0][1];
  CHECK(second.shape().stream() == "alerts");
  const auto fields = second.shape().fields();
  REQUIRE(fields.size() == 5);
  CHECK((fields[2] == "alert_state" && fields[3] == "alert_since" && fields[4] == "alert_stream"));
  CHECK(text(second.cells()[0]) == "86");
  CHECK(text(second.cells()[4]) == "b");
  CHECK(text(group.records[0][2].cells()[2]) == "cleared");
}

TEST_CASE_FIXTURE(AlertFixture, "a record that is refused elsewhere leaves no trace") {
  make({{"in"},
        {{"n", {"in"}, hot(0)}, {"r", {"in"}, Rename{.fields = {{"u", "t"}}}}},
        {{"out", {"n", "r"}}}});
  CHECK(give(record("s", {{"t", Value::int64(90)}, {"u", Value::int64(1)}})) ==
        Pipeline::Verdict::refused);
  CHECK(saved().empty());
  CHECK(said(1'000).empty());
}

TEST_CASE_FIXTURE(AlertFixture, "what is pending goes on after a restart, its silence anew") {
  alert(hot());
  next(85, 0);
  next(86, 4);
  const auto states = saved();
  REQUIRE(states.size() == 1);
  CHECK(pipeline->snapshot().size() == 1);
  again(hot(), states);
  CHECK(said(1'000).empty());  // From here on, from 4 to 10.
  CHECK(pipeline->next() == instant(1'006));
  CHECK(said(1'006) == Lines{"10: 86 raised 0"});
  again(hot(), states);
  next(87, 30);
  CHECK(said(30) == Lines{"10: 86 raised 0"});
  again(hot(), states);
  next(70, 9);
  CHECK(said(9'000).empty());
  again(hot(3), states);  // Another time keeps what is known.
  CHECK(said(0) == Lines{"3: 86 raised 0"});
}

TEST_CASE_FIXTURE(AlertFixture, "what is raised is not raised again after a restart") {
  Alert options = hot();
  options.repeat = Duration::seconds(100);
  alert(options);
  next(85, 0);
  CHECK(said(10).size() == 1);
  auto states = saved();
  REQUIRE(states.size() == 1);
  again(options, states);
  next(86, 20);
  CHECK(said(20).empty());
  next(87, 111);
  CHECK(said(111) == Lines{"110: 86 repeated 0"});
  next(70, 112);
  CHECK(said(112) == Lines{"112: 70 cleared 0"});
  states = saved();
  again(options, states);
  CHECK(said(9'000).empty());
  next(60, 50);  // Quiet, and its newest time is known.
  next(85, 60);
  CHECK(said(99'000).empty());
}

TEST_CASE_FIXTURE(AlertFixture, "what waits to be given survives a crash, and is given once") {
  alert(hot(0));
  next(85, 0);
  next(70, 1);
  const auto states = saved();
  REQUIRE(states.size() == 3);  // The key, and two that wait.
  const auto snapshot = pipeline->snapshot();
  const Lines both{"0: 85 raised 0", "1: 70 cleared 0"};
  CHECK(said(1) == both);
  const auto erased = saved();
  REQUIRE(erased.size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK((erased[i].key == states[i + 1].key && erased[i].value.empty()));
  }
  again(hot(0), snapshot);
  CHECK(said(1) == both);
  again(hot(0), states);
  CHECK(said(1) == both);
  next(85, 2);
  const auto more = saved();
  REQUIRE(more.size() == 4);
  CHECK(more[3].key == "pipeline/n/q0000000000000003");
}

TEST_CASE_FIXTURE(AlertFixture,
                  "under another condition all begins anew, and what was known is erased") {
  alert(hot());
  next(85, 0);
  CHECK(said(10).size() == 1);
  const auto states = saved();
  for (const bool key : {false, true}) {
    Alert other = hot();
    if (key) {
      other.keys = {"k"};
    } else {
      other.when = "t > 81";
    }
    again(other, states);
    CHECK(said(10).empty());
    const auto edits = saved();
    REQUIRE(edits.size() == 1);
    CHECK((edits[0].key == states[0].key && edits[0].value.empty()));
  }
}

TEST_CASE_FIXTURE(AlertFixture, "a key that is forgotten begins anew") {
  Alert options = hot(0);
  options.keys_max = 1;
  alert(options);
  const auto of = [&](const char* stream, double t, std::int64_t second) {
    take(record(stream, {{"t", Value::float64(t)}}, at(second)), second);
  };
  of("a", 85, 0);
  of("a", 85, 1);
  CHECK(said(1).size() == 1);
  of("b", 70, 2);
  of("a", 85, 3);
  CHECK(said(3) == Lines{"3: 85 raised 3"});
}

TEST_CASE_FIXTURE(AlertFixture, "of a record that is too large its key is given") {
  Alert options = hot(0);
  options.keys = {"k"};
  options.keys_max = kAlertKeysMax;
  alert(options);
  const std::string large(1'100, 'x');
  const auto with = [&](std::string_view k, std::string_view more) {
    take(
        record("s", {{"t", Value::int64(85)}, {"k", Value::text(k)}, {"more", Value::text(more)}}));
  };
  with("k", large);
  CHECK(said(0) == Lines{"0: k raised 0"});
  with("fits", "");
  CHECK(said(0) == Lines{"0: 85 raised 0"});
  with(large, "");  // Nor does the key.
  CHECK(said(0).empty());
}

TEST_CASE_FIXTURE(AlertFixture, "a field that is there already gets the new value, in its place") {
  alert(hot(0));
  take(record("s", {{"alert_state", Value::text("old")}, {"t", Value::int64(85)}}));
  CHECK(pipeline->drain({}, group, refused));
  REQUIRE(group.records[0].size() == 1);
  CHECK(group.records[0][0].cells().size() == 3);
  CHECK(text(group.records[0][0].cells()[0]) == "raised");
}

TEST_CASE_FIXTURE(AlertFixture, "while sources are held back, silence does not count") {
  alert(hot());
  next(85, 0);
  pipeline->hold(true, instant(5));
  CHECK(said(5'000).empty());
  pipeline->hold(false, instant(5'000));
  CHECK(said(5'009).empty());
  CHECK(said(5'010) == Lines{"10: 85 raised 0"});
}

TEST_CASE_FIXTURE(AlertFixture, "as many keys as a group takes are raised at once") {
  Alert options = hot();
  options.keys_max = kAlertKeysMax;
  alert(options);
  for (int i = 0; i < 1'500; ++i) {
    take(record("s" + std::to_string(i), {{"t", Value::int64(90)}}), 0);
    arena.reset();
  }
  CHECK(said(10).size() == AlertStep::kWaitingMax);
  CHECK(pipeline->next() == instant(10) + Duration::milliseconds(1));
  CHECK(said(11).size() == 1'500 - AlertStep::kWaitingMax);
  CHECK(pipeline->next() == Instant::never());
}

TEST_CASE_FIXTURE(AlertFixture, "times at the ends of their range do no harm") {
  Alert options = hot();
  options.repeat = Duration::seconds(1);
  for (const std::int64_t ns : {INT64_MIN, INT64_MAX}) {
    alert(options);
    take(record("s", {{"t", Value::int64(90)}}, {ns, 0}));
    const std::size_t count = said(100).size();
    CHECK((count == 1 || count == 2));
    CHECK(pipeline->next() > instant(100));
    take(record("s", {{"t", Value::int64(90)}}, {INT64_MAX, 0}));
    (void)said(200);
    CHECK(pipeline->next() > instant(200));
  }
}

TEST_CASE_FIXTURE(AlertFixture, "a state that is damaged is as good as none") {
  Alert options = hot(0);
  options.repeat = Duration::seconds(100);
  alert(options);
  next(85, 0);
  const auto states = saved();
  REQUIRE(states.size() == 2);
  for (const StateEdit& edit : states) {
    for (std::size_t size = 0; size < edit.value.size(); ++size) {
      StateEdit cut = edit;
      cut.value.resize(size);
      again(options, {cut});
      CHECK(said(1).empty());
    }
    for (std::size_t i = 0; i < edit.value.size(); ++i) {
      StateEdit bent = edit;
      bent.value[i] ^= 0x5a;
      again(options, {bent});
      pipeline->drain({instant(1), {}}, group, refused);
      next(85, 100);
      next(70, 200);
      pipeline->drain({instant(5'000), {}}, group, refused);
      group.reset();
    }
  }
}

// The bytes of these versions, for ever: an upgrade opens what an older agent stored.
TEST_CASE_FIXTURE(AlertFixture, "the stored state has its golden bytes") {
  Alert options = with_clear();
  options.lasting = {};
  options.repeat = Duration::seconds(60);
  alert(options);
  take(record("s", {{"t", Value::int64(85)}}, at(1, 9)));
  const auto states = saved();
  REQUIRE(states.size() == 2);
  CHECK(hex(states[0].value) ==
        "01eb6b10adf09b5f920a0601000000000000007307320200ca9a3b0000000009000000000000000"
        "0ca9a3b000000000000ca9a3b000000000900000000000000017301017403aa01"
        "00ca9a3b000000000900000000000000");
  CHECK(states[1].key == "pipeline/n/q0000000000000001");
  CHECK(hex(states[1].value) ==
        "0201000000000000000000ca9a3b00000000090000000000000000ca9a3b0000000009000000000000000"
        "000ca9a3b000000000900000000000000017301017403aa01");
}

TEST_CASE_FIXTURE(AlertFixture, "a commit of all keys writes at most 2 MiB") {
  Alert options = hot();
  options.repeat = Duration::seconds(60);
  options.keys_max = kAlertKeysMax;
  alert(options);
  const std::size_t room = alert_held_bytes(kAlertKeysMax);
  std::size_t most = 0;
  for (std::size_t bytes = room - 60; bytes < room; ++bytes) {
    const std::string more(bytes, 'x');
    take(record("s", {{"t", Value::int64(90)}, {"m", Value::text(more)}}));
    arena.reset();
    for (const StateEdit& edit : saved()) most = std::max(most, edit.value.size());
  }
  CHECK(most > room);                                       // A whole record was held.
  CHECK((most - 3 + 16) * kAlertKeysMax <= kKeysBytesMax);  // "s" in the key.
}

// What a series gives, found in it as a whole: each span in which `when` holds, and the first record behind it that is
// below the lower limit.
struct Reading {
  std::int64_t second;
  double t;
};
Lines episodes(const std::vector<Reading>& all, std::int64_t lasting, std::int64_t end) {
  Lines lines;
  const auto number = [](double t) { return WindowFixture::text(Value::float64(t)); };
  for (std::size_t i = 0; i < all.size();) {
    if (!(all[i].t > 80)) {
      ++i;
      continue;
    }
    std::size_t behind = i;
    while (behind < all.size() && all[behind].t > 80) ++behind;
    const std::int64_t raised = all[i].second + lasting;
    const std::int64_t over = behind < all.size() ? all[behind].second : end;
    if (over < raised) {
      i = behind;
      continue;
    }
    std::size_t with = i;
    while (with + 1 < behind && all[with + 1].second < raised) ++with;
    const std::string since = std::to_string(all[i].second);
    lines.push_back(std::to_string(raised) + ": " + number(all[with].t) + " raised " + since);
    std::size_t clears = behind;
    while (clears < all.size() && !(all[clears].t < 75)) ++clears;
    if (clears < all.size()) {
      lines.push_back(std::to_string(all[clears].second) + ": " + number(all[clears].t) +
                      " cleared " + since);
    }
    i = clears;
  }
  return lines;
}

TEST_CASE_FIXTURE(AlertFixture, "of each episode one is raised and one cleared, through crashes") {
  std::mt19937 random(80);
  const auto one_of = [&](unsigned count) { return static_cast<unsigned>(random() % count); };
  for (int round = 0; round < 60; ++round) {
    CAPTURE(round);
    Alert options = with_clear();
    options.lasting = Duration::seconds(one_of(12));
    std::vector<Reading> series;
    std::int64_t second = 0;
    double t = 78;
    for (int i = 0; i < 150; ++i) {
      second += one_of(6);
      t = one_of(8) == 0 ? 60 + one_of(40) : std::clamp(t + one_of(7) - 3.0, 60.0, 99.0);
      series.push_back({second, t});
    }
    const std::int64_t end = second + 1'000;
    const std::int64_t lasting = options.lasting.ns / 1'000'000'000;
    std::map<std::string, Buffer> disk;
    Lines landed, given;
    std::size_t committed = 0;
    const auto restart = [&] {
      std::vector<StateEdit> states;
      for (const auto& [key, value] : disk) states.push_back({key, value});
      again(options, states);
    };
    const auto commit = [&](std::size_t upto) {
      for (StateEdit& edit : saved()) {
        if (edit.value.empty()) {
          disk.erase(edit.key);
        } else {
          disk[edit.key] = std::move(edit.value);
        }
      }
      landed.insert(landed.end(), given.begin(), given.end());
      given.clear();
      committed = upto;
    };
    restart();
    for (std::size_t i = 0; i < series.size();) {
      next(series[i].t, series[i].second);
      if (one_of(10) == 0) take(reading(99, series[i].second - 20), series[i].second);  // Late.
      if (one_of(10) == 0) take(record("s", {{"t", Value::null()}}, at(end)), series[i].second);
      ++i;
      if (one_of(2) == 0) {
        const Lines more = said(series[i - 1].second);
        given.insert(given.end(), more.begin(), more.end());
      }
      if (one_of(4) == 0) commit(i);
      if (one_of(15) == 0) {  // All since the last commit is lost, and comes again.
        given.clear();
        i = committed;
        restart();
      }
      arena.reset();
    }
    const Lines rest = said(end), last = said(2 * end);
    given.insert(given.end(), rest.begin(), rest.end());
    given.insert(given.end(), last.begin(), last.end());
    commit(series.size());
    CHECK(landed == episodes(series, lasting, end));
    group.reset();
  }
}

TEST_CASE_FIXTURE(AlertFixture, "options that make no sense are refused") {
  const auto refused_of = [&](const Alert& options) {
    return !Pipeline::make({{"in"}, {{"n", {"in"}, options}}, {{"out", {"n"}}}}, shapes);
  };
  CHECK_FALSE(refused_of(with_clear()));
  Alert options = with_clear();
  SUBCASE("no condition") { options.when = ""; }
  SUBCASE("no expression") { options.when = "t >"; }
  SUBCASE("no expression to clear") { options.clear = "t <"; }
  SUBCASE("a time below 0") { options.lasting = Duration::seconds(-1); }
  SUBCASE("a repeat below 0") { options.repeat = Duration::seconds(-1); }
  SUBCASE("no keys") { options.keys_max = 0; }
  SUBCASE("too many keys") { options.keys_max = kAlertKeysMax + 1; }
  CHECK(refused_of(options));
}

}  // namespace
}  // namespace pinaflux
