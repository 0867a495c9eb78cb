#include "agent/agent/rehearsal.h"

#include <doctest/doctest.h>

#include "tests/agent/agent/dry_kit.h"
#include "tests/agent/config/config_kit.h"

namespace pinaflux {
namespace {

constexpr const char* kPlant = R"yaml(
pinaflux: 1
gateway: {id: gate}
keys: {people: {file: /etc/people}}
sources:
  zigbee: {type: mqtt, broker: "tcp://127.0.0.1", topics: ["z/#"], format: json, time: {field: ts, unit: rfc3339}}
  meter: {type: http, listen: "tcp://127.0.0.1:8080", format: influx}
mask:
  - {stream: "zigbee/*", field: user, with: hmac, key: people}
  - {stream: "zigbee/*", field: speed, with: round, step: 5}
pipeline:
  calm: {from: zigbee, deadband: {of: temp, within: 0.5, silence_max: 10m}}
  hot: {from: zigbee, where: temp > 80}
  power: {from: meter, derive: {p: "u * i", q: "abs(u)"
}
}
lanes:
  alarm: {from: hot}
  normal: {from: [calm, power]}
uplink: {broker: "tcp://10.0.0.5"}
)yaml";

struct RehearsalFixture {
  ConfigFiles files;
  DryMachine machine;
  Loaded loaded;
  std::unique_ptr<Rehearsal> rehearsal;

  RehearsalFixture() {
    files.put("/etc/people", std::string(32, 'k') + "\n");
    loaded = load_configuration_text(files, "pinaflux.yaml", kPlant);
    INFO(findings_text(loaded.findings));
    REQUIRE(loaded.configuration.has_value());
    std::string which;
    auto made = Rehearsal::make(*loaded.configuration, machine.host(files), which);
    REQUIRE(made.has_value());
    rehearsal = std::move(*made);
  }
  Rehearsed run(std::string_view test) {
    auto result = rehearsal->run(test);
    REQUIRE(result.has_value());
    return *result;
  }
  // "LINE: WHAT" of each mistake.
  std::string mistakes(std::string_view test) {
    std::string text;
    for (const auto& m : run(test).mistakes) text += std::to_string(m.line) + ": " + m.what + "\n";
    return text;
  }
};

TEST_CASE_FIXTURE(RehearsalFixture, "what holds") {
  const Rehearsed result =
      run("# masked, rounded, thinned\n"
          "zigbee/kitchen {\"user\":\"anna\",\"temp\":21.5,\"speed\":7}\n"
          "-> normal zigbee/kitchen {\"user\":\"people:*\",\"temp\":21.5,\"speed\":5}\n"
          "\n"
          "zigbee/kitchen {\"temp\":21.9}\r\n"
          "-> nothing\n"
          "wait 10m\n"
          "zigbee/kitchen {\"temp\":22}\n"
          "-> normal zigbee/kitchen @2026-01-01T00:10:00Z {\"temp\":22.0}\n"
          "zigbee/kitchen {\"temp\":99,\"ts\":\"2026-07-25T06:14:09Z\"}\n"
          "-> alarm zigbee/kitchen {\"temp\":99}\n"
          "-> normal zigbee/kitchen @2026-07-25T06:14:09Z {\"temp\":99}\n"
          "meter/hall m u=2,i=3i\n"
          "-> normal meter/hall/m {\"u\":2,\"i\":3,\"p\":6,\"q\":2}\n"
          "zigbee/kitchen no json\n"
          "-> refused malformed\n"
          "meter/hall m u=\"-\",i=9223372036854775807i\n"
          "meter/hall m u=-9223372036854775808i\n"
          "-> normal meter/hall/m {\"u\":\"-\",\"i\":9223372036854775807,\"p\":0.0,\"q\":0.0}\n"
          "-> refused node_failed power\n");
  for (const auto& m : result.mistakes) MESSAGE(m.line << ": " << m.what);
  CHECK(result.holds());
  CHECK(result.given == 7);
  CHECK(result.expected == 9);
}

TEST_CASE_FIXTURE(RehearsalFixture, "processes are asked, and what ends one is refused") {
  auto configuration = *loaded.configuration;
  configuration.pipeline.nodes.push_back({"score", {"zigbee"}, Execd{.command = {"/bin/score"}}});
  configuration.pipeline.nodes.push_back({"twice", {"score"}, Execd{.command = {"/bin/twice"}}});
  configuration.pipeline.lanes = {{"normal", {"twice"}}};
  const auto answered = [](std::string_view line, std::string_view more) -> std::string {
    if (line.contains("13")) return "exit";
    if (line.contains("14")) return "{}\n";
    if (line.contains("15")) return "";  // And it waits.
    return std::string(line.substr(0, line.size() - 2)) + std::string(more) + "}}\n";
  };
  machine.install("/bin/score", [&](std::string_view l) { return answered(l, ",\"hot\":true"); });
  machine.install("/bin/twice", [&](std::string_view l) { return answered(l, ",\"n\":2"); });
  std::string which;
  auto made = Rehearsal::make(configuration, machine.host(files), which);
  REQUIRE(made.has_value());
  const auto run = [&](std::string_view test) {
    auto result = (*made)->run(test);
    REQUIRE(result.has_value());
    return *result;
  };
  Rehearsed result =
      run("zigbee/kitchen {\"temp\":20}\n"
          "-> normal zigbee/kitchen {\"temp\":20,\"hot\":true,\"n\":2}\n"
          "zigbee/kitchen {\"temp\":21}\n"
          "-> normal zigbee/kitchen {\"temp\":21,\"hot\":true,\"n\":2}\n");
  for (const auto& m : result.mistakes) MESSAGE(m.line << ": " << m.what);
  CHECK(result.holds());
  CHECK(machine.starts == 2);
  const Instant begin = machine.clock.now();
  result =
      run("zigbee/kitchen {\"temp\":13}\n"
          "zigbee/kitchen {\"temp\":14}\n"
          "zigbee/kitchen {\"temp\":15}\n"
          "zigbee/kitchen {\"temp\":22}\n"
          "-> refused node_failed score\n"
          "-> refused node_failed score\n"
          "-> refused node_failed score\n"
          "-> normal zigbee/kitchen {\"temp\":22,\"hot\":true,\"n\":2}\n");
  for (const auto& m : result.mistakes) MESSAGE(m.line << ": " << m.what);
  CHECK(result.holds());
  CHECK(machine.starts == 2 + 4 * 2);  // For this test, and anew behind each failure.
  CHECK((machine.clock.now() - begin).seconds() < 11);  // answer_within, and no back-off.
  for (const char* why :
       {"# its process: exit status 1: no memory\n",
        "# its process: it was ended, for its line is no answer: its id is not that of the oldest "
        "line without an answer\n",
        "# its process: it was ended, for it answered nothing for 10 s\n"}) {
    CHECK_MESSAGE(result.told.contains(why), result.told);
  }
  machine.children.remove("/bin/twice");
  result = run("zigbee/kitchen {\"temp\":23}\n-> refused node_failed twice\n");
  CHECK(result.holds());
  CHECK_MESSAGE(result.told.contains("# its process: it cannot be started: "), result.told);
}

TEST_CASE_FIXTURE(RehearsalFixture, "what comes of windows, by the clock of the test") {
  auto configuration = *loaded.configuration;
  configuration.pipeline.nodes.push_back(
      {"per",
       {"zigbee"},
       TimeWindow{.every = Duration::seconds(60), .of = {"temp"}, .give = {"max", "count"}}});
  configuration.pipeline.lanes[0].from = {"per"};
  configuration.pipeline.lanes[1].from = {"power"};
  std::string which;
  auto made = Rehearsal::make(configuration, machine.host(files), which);
  REQUIRE(made.has_value());
  const auto result = (*made)->run(
      "zigbee/kitchen @2026-07-25T06:14:09Z {\"temp\":20}\n"
      "zigbee/kitchen {\"temp\":22}\n"
      "-> nothing\n"
      "wait 2m\n"
      "-> alarm zigbee/kitchen @2026-07-25T06:14:00Z {\"temp_max\":22,\"count\":2}\n");
  REQUIRE(result.has_value());
  for (const auto& m : result->mistakes) MESSAGE(m.line << ": " << m.what);
  CHECK(result->holds());
}

TEST_CASE_FIXTURE(RehearsalFixture, "what does not, and where") {
  const std::string give = "zigbee/kitchen {\"temp\":21.5,\"user\":\"anna\"}\n";
  CHECK(
      mistakes(give + "-> normal zigbee/kitchen {\"temp\":21.6,\"user\":\"*\"}\n")
          .starts_with(
              "2: field 'temp' is 21.5; it is: -> normal zigbee/kitchen @2026-01-01T00:00:00Z {"));
  CHECK(mistakes(give + "-> normal zigbee/kitchen {\"temp\":21.5}\n")
            .starts_with("2: field 'user' is there, too: \"people:"));
  CHECK(mistakes(give + "-> normal zigbee/kitchen {\"temp\":21.5,\"user\":\"*\",\"x\":1}\n")
            .starts_with("2: field 'x' is missing"));
  CHECK(mistakes(give + "-> normal zigbee/bath {\"temp\":21.5,\"user\":\"*\"}\n")
            .starts_with("2: the stream is zigbee/kitchen"));
  CHECK(mistakes(give +
                 "-> normal zigbee/kitchen @2026-01-02T00:00:00Z {\"temp\":21.5,\"user\":\"*\"}\n")
            .starts_with("2: the time is 2026-01-01T00:00:00Z"));
  CHECK(mistakes(give + "-> nothing\n").starts_with("1: not expected: -> normal zigbee/kitchen"));
  CHECK(mistakes(give).starts_with("1: not expected: -> normal"));
  CHECK(mistakes(give + "-> normal zigbee/kitchen {\"temp\":21.5,\"user\":\"*\"}\n-> alarm "
                        "zigbee/kitchen {\"temp\":1}\n") == "3: nothing more came to lane alarm\n");
  CHECK(mistakes("zigbee/kitchen no json\n-> refused mask_failed\n") ==
        "2: it was refused malformed\n");
  CHECK(
      mistakes(give +
               "-> normal zigbee/kitchen {\"temp\":21.5,\"user\":\"*\"}\n-> refused malformed\n") ==
      "3: nothing was refused\n");
}

TEST_CASE_FIXTURE(RehearsalFixture, "lines that cannot be read") {
  CHECK(mistakes("attic {}\n") ==
        "1: no source is named 'attic': a line begins with a stream, ->, wait or #\n");
  CHECK(mistakes("wait soon\n") == "1: 'wait' takes a duration such as 90s or 10m\n");
  CHECK(mistakes("-> attic s {}\n") == "1: no lane is named 'attic'\n");
  CHECK(mistakes("-> normal s {\n") == "1: a lane, a stream and a JSON object stand behind '->'\n");
  CHECK(mistakes("zigbee/a @noon {}\n") ==
        "1: what stands behind @ is no time such as 2026-07-25T06:14:09Z\n");
  std::string many;
  for (int i = 0; i < 150; ++i) many += "attic {}\n";
  CHECK(run(many).mistakes.size() == 100);
  CHECK(run(many).beyond == 50);
}

TEST_CASE_FIXTURE(RehearsalFixture, "what was told holds as a test, and each run begins anew") {
  const std::string given =
      "zigbee/kitchen {\"user\":\"anna\",\"temp\":81.5,\"speed\":7,\"deep\":{\"a\":[1,2]}}\n"
      "zigbee/kitchen {\"temp\":81.6}\n"
      "wait 11m\n"
      "zigbee/kitchen {\"temp\":81.7,\"none\":null,\"on\":true}\n"
      "meter/hall m u=2,i=3i\n"
      "zigbee/kitchen no json\n";
  const std::string told = run(given).told;
  CHECK_FALSE(told.contains("-> normal zigbee/kitchen {}"));
  CHECK_FALSE(told.contains("anna\",\"speed\":5"));
  const Rehearsed again = run(told);
  for (const auto& m : again.mistakes) MESSAGE(m.line << ": " << m.what);
  CHECK(again.holds());
  CHECK(again.told == told);
}

TEST_CASE_FIXTURE(RehearsalFixture, "what a script makes of records, and which it refuses") {
  auto configuration = *loaded.configuration;
  configuration.pipeline.nodes.push_back(
      {"calc",
       {"zigbee"},
       Script{.text = "state.n = (state.n or 0) + 1\n"
                      "record.kelvin, record.n = record.temp + 273.15, state.n\n"
                      "if state.n == 2 then return nil end"}});
  configuration.pipeline.lanes[0].from = {"calc"};
  configuration.pipeline.lanes[1].from = {"power"};
  std::string which;
  auto made = Rehearsal::make(configuration, machine.host(files), which);
  REQUIRE(made.has_value());
  const auto result = (*made)->run(
      "zigbee/kitchen {\"temp\":20}\n"
      "-> alarm zigbee/kitchen {\"temp\":20,\"kelvin\":293.15,\"n\":1}\n"
      "zigbee/kitchen {\"user\":\"anna\"}\n"
      "-> refused node_failed calc\n"
      "zigbee/kitchen {\"temp\":21}\n"
      "-> nothing\n"
      "zigbee/kitchen {\"temp\":22}\n"
      "-> alarm zigbee/kitchen {\"temp\":22,\"kelvin\":295.15,\"n\":3}\n");
  REQUIRE(result.has_value());
  for (const auto& m : result->mistakes) MESSAGE(m.line << ": " << m.what);
  CHECK(result->holds());
  const std::string why = "line 2: attempt to perform arithmetic on a nil value (field 'temp')";
  CHECK(result->told.contains("-> refused node_failed calc\n# " + why + "\n"));
  const auto other =
      (*made)->run("zigbee/kitchen {\"a\":1}\nzigbee/kitchen {\"a\":1}\n-> refused malformed\n");
  REQUIRE(other.has_value());
  REQUIRE(other->mistakes.size() == 2);
  CHECK(other->mistakes[0].what == "it was refused node_failed calc: " + why);
  CHECK(other->mistakes[1].what == "not expected: -> refused node_failed calc: " + why);
}

TEST_CASE_FIXTURE(RehearsalFixture, "a key that is not there is named") {
  loaded.configuration->keys.front().file = "/etc/nobody";
  std::string which;
  CHECK_FALSE(Rehearsal::make(*loaded.configuration, machine.host(files), which).has_value());
  CHECK(which == "keys.people");
}

}  // namespace
}  // namespace pinaflux
