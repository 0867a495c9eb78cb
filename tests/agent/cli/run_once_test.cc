#include "agent/cli/run_once.h"

#include <algorithm>
#include <string>

#include <doctest/doctest.h>

#include "tests/agent/agent/dry_kit.h"
#include "tests/agent/config/config_kit.h"

namespace pinaflux {
namespace {

constexpr const char* kConfig = R"(pinaflux: 1
gateway: {id: gate}
sources:
  boiler: {type: http, listen: "tcp://127.0.0.1:8080", time: {field: ts, unit: s}}
  meter: {type: http, listen: "tcp://127.0.0.1:8081", format: influx}
mask:
  - {field: user, with: replace, text: someone}
  - {field: pin, with: reject}
pipeline:
  hot: {from: boiler, filter: {field: temp, more: 20}}
  typed: {from: hot, cast: {temp: float}}
  flow: {from: typed, window: {of: temp, every: 1m, give: [max], late: pass}}
lanes:
  normal: {from: [typed, meter]}
  slow: {from: [flow, flow.late]}
uplink: {broker: "tcp://10.0.0.5"}
)";

struct RunOnceFixture {
  ConfigFiles files;
  DryMachine machine;
  std::optional<Configuration> configuration;
  std::string out, err;

  RunOnceFixture() {
    auto loaded = load_configuration_text(files, "pinaflux.yaml", kConfig);
    INFO(findings_text(loaded.findings));
    REQUIRE(loaded.configuration.has_value());
    configuration = std::move(loaded.configuration);
  }
  bool run(const RunOnceOptions& options, const std::string& text) {
    out.clear();
    err.clear();
    std::string which;
    auto once = RunOnce::make(
        *configuration, machine.host(files), options, Stamp{1'769'904'000'000'000'000, 0},
        [this](std::string_view line) { out += line; },
        [this](std::string_view line) { err += line; }, which);
    REQUIRE(once.has_value());
    return (*once)->run(text);
  }
  static RunOnceOptions print(std::string file = "a.ndjson") {
    return {.file = std::move(file), .print = true};
  }
};

constexpr const char* kRecords =
    "{\"ts\":1767225600,\"user\":\"ada\",\"temp\":21}\n"
    "{\"ts\":1767225610,\"user\":\"ada\",\"temp\":19}\n"
    "{\"ts\":1767225620,\"user\":\"ada\",\"temp\":\"hot\"}\n"
    "{\"ts\":1767225630,\"pin\":\"hunter2\",\"temp\":30}\n"
    "{\"ts\":1767225690,\"temp\":22.5}\n"
    "{\"ts\":1767225500,\"temp\":25}\n";

TEST_CASE_FIXTURE(RunOnceFixture,
                  "what each node and each lane gets is shown, masked, to the end") {
  CHECK(run(print(), kRecords));
  CHECK(err.empty());
  CHECK(
      out ==
      R"(source boiler -> {"_stream":"boiler","_time":"2026-01-01T00:00:00.000000000Z","user":"someone","temp":21}
node hot -> {"_stream":"boiler","_time":"2026-01-01T00:00:00.000000000Z","user":"someone","temp":21}
node typed -> {"_stream":"boiler","_time":"2026-01-01T00:00:00.000000000Z","user":"someone","temp":21}
lane normal -> {"_stream":"boiler","_time":"2026-01-01T00:00:00.000000000Z","user":"someone","temp":21}
source boiler -> {"_stream":"boiler","_time":"2026-01-01T00:00:10.000000000Z","user":"someone","temp":19}
source boiler -> {"_stream":"boiler","_time":"2026-01-01T00:00:20.000000000Z","user":"someone","temp":"hot"}
refused unknown_field
node flow -> {"_stream":"boiler","_time":"2026-01-01T00:00:00.000000000Z","temp_max":21}
lane slow -> {"_stream":"boiler","_time":"2026-01-01T00:00:00.000000000Z","temp_max":21}
source boiler -> {"_stream":"boiler","_time":"2026-01-01T00:01:30.000000000Z","temp":22.5}
node hot -> {"_stream":"boiler","_time":"2026-01-01T00:01:30.000000000Z","temp":22.5}
node typed -> {"_stream":"boiler","_time":"2026-01-01T00:01:30.000000000Z","temp":22.5}
lane normal -> {"_stream":"boiler","_time":"2026-01-01T00:01:30.000000000Z","temp":22.5}
source boiler -> {"_stream":"boiler","_time":"2025-12-31T23:58:20.000000000Z","temp":25}
node hot -> {"_stream":"boiler","_time":"2025-12-31T23:58:20.000000000Z","temp":25}
node typed -> {"_stream":"boiler","_time":"2025-12-31T23:58:20.000000000Z","temp":25}
node flow.late -> {"_stream":"boiler","_time":"2025-12-31T23:58:20.000000000Z","temp":25}
lane slow -> {"_stream":"boiler","_time":"2025-12-31T23:58:20.000000000Z","temp":25}
lane normal -> {"_stream":"boiler","_time":"2025-12-31T23:58:20.000000000Z","temp":25}
node flow -> {"_stream":"boiler","_time":"2026-01-01T00:01:00.000000000Z","temp_max":22.5}
lane slow -> {"_stream":"boiler","_time":"2026-01-01T00:01:00.000000000Z","temp_max":22.5}
)");
}

// A contract with scripts: fields may be added to these lines, nothing else changes without another schema.
TEST_CASE_FIXTURE(RunOnceFixture, "the JSON is pinaflux.run/1") {
  RunOnceOptions options = print();
  options.json = true;
  CHECK(run(options,
            "{\"ts\":1767225600,\"user\":\"ada\",\"temp\":21}\n"
            "{\"ts\":1767225600,\"pin\":\"hunter2\"}\n"
            "{\"ts\":1767225601,\"temp\":\"warm\"}\n"));
  CHECK(
      out ==
      R"({"schema":"pinaflux.run/1","source":"boiler","record":{"_stream":"boiler","_time":"2026-01-01T00:00:00.000000000Z","user":"someone","temp":21}}
{"schema":"pinaflux.run/1","node":"hot","port":"main","record":{"_stream":"boiler","_time":"2026-01-01T00:00:00.000000000Z","user":"someone","temp":21}}
{"schema":"pinaflux.run/1","node":"typed","port":"main","record":{"_stream":"boiler","_time":"2026-01-01T00:00:00.000000000Z","user":"someone","temp":21}}
{"schema":"pinaflux.run/1","lane":"normal","record":{"_stream":"boiler","_time":"2026-01-01T00:00:00.000000000Z","user":"someone","temp":21}}
{"schema":"pinaflux.run/1","refused":"unknown_field"}
{"schema":"pinaflux.run/1","source":"boiler","record":{"_stream":"boiler","_time":"2026-01-01T00:00:01.000000000Z","temp":"warm"}}
{"schema":"pinaflux.run/1","node":"flow","port":"main","record":{"_stream":"boiler","_time":"2026-01-01T00:00:00.000000000Z","temp_max":21}}
{"schema":"pinaflux.run/1","lane":"slow","record":{"_stream":"boiler","_time":"2026-01-01T00:00:00.000000000Z","temp_max":21}}
)");
}

TEST_CASE_FIXTURE(RunOnceFixture,
                  "a refusal says the node and why, and what it had given before is seen") {
  const auto hot = std::ranges::find(configuration->pipeline.nodes, "hot", &NodeOptions::name);
  REQUIRE(hot != configuration->pipeline.nodes.end());
  hot->kind = PassThrough{};
  CHECK(run(print(), "{\"ts\":1767225600,\"temp\":\"hunter2\"}\n"));
  CHECK(out.contains("node hot -> "));
  CHECK(out.contains("\nrefused node_failed by typed: field 'temp': "));
  CHECK_FALSE(out.contains("lane "));
  RunOnceOptions options = print();
  options.json = true;
  CHECK(run(options, "{\"ts\":1767225600,\"temp\":\"hunter2\"}\n"));
  CHECK(
      out.contains("{\"schema\":\"pinaflux.run/1\",\"refused\":\"node_failed\",\"node\":\"typed\","
                   "\"why\":\"field 'temp': "));
}

TEST_CASE_FIXTURE(RunOnceFixture, "without --print the records are counted") {
  CHECK(run({.file = "a"}, kRecords));
  CHECK(out == "records 6, refused 1; to lanes: normal 3 slow 3\n");
}

TEST_CASE_FIXTURE(RunOnceFixture, "a CSV's lines are records, with the source's time") {
  CHECK(run(print("a.csv"),
            "\xEF\xBB\xBFts,temp,state,note\r\n1767225600, 25.5 "
            ",true,\"21\"\"\n22\"\r\n1767225601,7,,x\r\n"));
  CHECK(err.empty());
  CHECK(out.starts_with(
      R"(source boiler -> {"_stream":"boiler","_time":"2026-01-01T00:00:00.000000000Z","temp":25.5,"state":true,"note":"21\"\n22"})"
      "\n"));
  CHECK(out.contains(
      R"(source boiler -> {"_stream":"boiler","_time":"2026-01-01T00:00:01.000000000Z","temp":7,"note":"x"})"
      "\n"));
}

TEST_CASE_FIXTURE(RunOnceFixture,
                  "line protocol and JSON are read as their source does, of a stream") {
  RunOnceOptions options = print("a.txt");
  options.source = "meter";
  options.stream = "plant";
  CHECK(run(options, "power,phase=1 w=5i 1767225600000000000\n"));
  CHECK(out.starts_with(
      "source meter -> {\"_stream\":\"plant/power\",\"_time\":\"2026-01-01T00:00:00"));
  CHECK(out.contains("lane normal -> "));
  CHECK(run(print(), "[{\"ts\":1767225600,\"temp\":1},\n{\"ts\":1767225600,\"temp\":2}]\n"));
  CHECK(std::ranges::count(out, '\n') == 2);
  CHECK(run(print(), "{\"ts\":1767225600,\n\"temp\":1}\n"));
  CHECK(std::ranges::count(out, '\n') == 1);
}

TEST_CASE_FIXTURE(RunOnceFixture,
                  "what is no record is told by its place alone; the others go on") {
  CHECK_FALSE(
      run(print(), "{\"ts\":1767225600,\"temp\":25}\n{\"\xc3\xa4\":1,hunter2}\n{\"temp\":1}\n"));
  CHECK(err.starts_with("a.ndjson:2:"));
  CHECK(err.ends_with(
      ": this is no record: malformed\n  -> a line is one JSON object: {\"temp\":21.5}\n"));
  CHECK(std::ranges::count(err, '\n') == 2);
  CHECK_FALSE((out + err).contains("hunter2"));
  CHECK(out.contains("\"temp\":25"));
  CHECK(out.contains("\"temp\":1}"));
  CHECK_FALSE(run(print("a.csv"), "ts,temp\n1767225600,25\nhunter2\n1767225601,26\n,x\"hunter2\n"));
  CHECK(err ==
        "a.csv:3:1: this is no record: it has 1 cells, the first line has 2\n"
        "  -> a cell with a comma in it stands in double quotes\n"
        "a.csv:5:3: this is no record: a quote stands in a cell that does not begin with one\n"
        "  -> a cell with a quote in it stands in quotes, where \"\" is one\n");
  CHECK(out.contains("\"temp\":26"));
  CHECK_FALSE((out + err).contains("hunter2"));
  CHECK_FALSE(run(print("a.csv"), "ts,temp\nhunter2,1\n"));
  CHECK(err ==
        "a.csv:2:1: this is no record: bad_time\n  -> the source's 'time' says the field "
        "and the unit\n");
  CHECK_FALSE(run(print("a.csv"), "ts,ts\n1,2\n"));
  CHECK(err ==
        "a.csv:1:4: this is no record: a column has no name, or that of another\n"
        "  -> a CSV's first line names its columns\n");
  CHECK(run(print("a.csv"), ""));
  CHECK(run(print(), ""));
  CHECK(out.empty());
}

TEST_CASE_FIXTURE(RunOnceFixture, "of many mistakes the first are told, and how many there are") {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "{\"temp\":\n";
  CHECK_FALSE(run(print(), text));
  CHECK(err.contains("a.ndjson:20:"));
  CHECK_FALSE(err.contains("a.ndjson:21:"));
  CHECK(err.ends_with("a.ndjson: and 80 more\n"));
}

TEST_CASE_FIXTURE(RunOnceFixture, "more than an intake holds is read in parts, in its order") {
  std::string text;
  for (int i = 0; i < 30'000; ++i)
    text +=
        "{\"ts\":" + std::to_string(1'767'225'600 + i) + ",\"temp\":" + std::to_string(i) + "}\n";
  CHECK(run({.file = "a"}, text));
  CHECK(out.starts_with("records 30000, refused 0; to lanes: normal 29979 slow 500\n"));
}

TEST_CASE_FIXTURE(RunOnceFixture, "a source that is not there is an error") {
  std::string which;
  const auto once = RunOnce::make(*configuration, machine.host(files),
                                  {.file = "a", .source = "boilr"}, {}, {}, {}, which);
  REQUIRE_FALSE(once.has_value());
  CHECK(which == "boilr");
}

}  // namespace
}  // namespace pinaflux
