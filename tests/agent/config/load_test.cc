#include "agent/config/load.h"

#include <cstdlib>

#include <doctest/doctest.h>

#include "agent/mask/masker.h"
#include "tests/agent/config/config_kit.h"

namespace pinaflux {
namespace {

const std::string kHead = "pinaflux: 1\ngateway: {id: gate}\n";
const std::string kUplink = "uplink: {broker: tcp://10.0.0.5}\n";
const std::string kMachine = "sources:\n  machine: {type: system}\n";

struct Fixture {
  ConfigFiles files;

  Configuration load(const std::string& text) {
    const auto loaded = load_configuration_text(files, "/etc/pinaflux/pinaflux.yaml", text);
    CHECK(findings_text(loaded.findings) == "");
    REQUIRE(loaded.configuration.has_value());
    return *loaded.configuration;
  }
  std::string refusal(const std::string& text) {
    const auto loaded = load_configuration_text(files, "/etc/pinaflux/pinaflux.yaml", text);
    CHECK(!loaded.configuration.has_value());
    return findings_text(loaded.findings);
  }
};

TEST_CASE_FIXTURE(Fixture, "what is kept raw has a lane behind the others, which no uplink sends") {
  const std::string raw =
      "sources:\n  machine: {type: system}\n  kept: {type: system, keep: raw}\n";
  const auto c = load(kHead + raw + "spool: {size_max: 64MiB}\n" + kUplink);
  REQUIRE(c.spool.lanes.size() == 2);
  CHECK(c.spool.lanes[1].name == kRawLane);
  CHECK(c.spool.lanes[1].keep == Duration::days(7));
  CHECK(c.spool.lanes[1].bytes_max == std::uint64_t{16} << 20);
  CHECK((c.spool.lanes[1].when_full == LaneOptions::WhenFull::evict));
  CHECK(c.pipeline.lanes.size() == 1);
  CHECK(c.uplinks[0].lanes.size() == 1);
  REQUIRE(c.raw_lane.has_value());
  CHECK(c.raw_lane->lane == 1);
  CHECK(!c.raw_lane->keeps(0));
  CHECK(c.raw_lane->keeps(1));

  const auto bounded = load(kHead + raw + "spool: {raw: {keep: 36h, size_max: 1MiB}}\n" + kUplink);
  CHECK(bounded.spool.lanes[1].keep == Duration::hours(36));
  CHECK(bounded.spool.lanes[1].bytes_max == std::uint64_t{1} << 20);
  CHECK(!load(kHead + kMachine + kUplink).raw_lane.has_value());
}

TEST_CASE_FIXTURE(Fixture, "tests are kept with the place where they stand") {
  const auto c = load(kHead + kMachine + kUplink +
                      "tests:\n  one:\n    lines: |\n      machine {}\n      -> nothing\n"
                      "  two: {lines: \"machine {}\"}\n");
  REQUIRE(c.tests.size() == 2);
  CHECK((c.tests[0].name == "one" && c.tests[0].lines == "machine {}\n-> nothing\n"));
  CHECK((c.tests[0].file == "/etc/pinaflux/pinaflux.yaml" && c.tests[0].line_first == 9));
  CHECK((c.tests[1].lines == "machine {}" && c.tests[1].line_first == 11));
}

TEST_CASE_FIXTURE(Fixture, "what is not said is as the options of the stations have it") {
  const auto c = load(kHead + kMachine + kUplink);
  const UplinkOptions uplink;
  CHECK(c.uplinks[0].broker == "tcp://10.0.0.5:1883");
  CHECK(c.uplinks[0].topic_root == uplink.topic_root);
  CHECK(c.uplinks[0].window == uplink.window);
  CHECK(c.uplinks[0].batch_age == uplink.batch_age);
  CHECK(c.uplinks[0].keep_alive == uplink.keep_alive);
  CHECK(c.uplinks[0].back_off_max == uplink.back_off_max);
  CHECK((c.uplinks[0].ack == uplink.ack));
  CHECK(c.uplinks[0].gateway == "gate");
  CHECK((c.control == ControlOptions{}));
  CHECK(c.spool.directory == "/var/lib/pinaflux");
  CHECK(c.spool.bytes_max == SpoolOptions{}.bytes_max);
  CHECK(c.commit_every == Duration::seconds(1));
  CHECK((c.clock == ClockRule::synchronised));
  const auto& system = std::get<SystemSourceOptions>(c.sources.at(0));
  CHECK(system.every == SystemSourceOptions{}.every);
  CHECK(system.mounts == SystemSourceOptions{}.mounts);
  CHECK(system.record_bytes_max == limits::kRecordBytesMax);
}

TEST_CASE_FIXTURE(Fixture, "lanes leave by the uplinks that they name, with shares of each") {
  const Configuration c = load(kHead + kMachine + R"(
lanes:
  normal: {from: machine, share: 80}
  alarm: {from: machine, uplink: scada, share: 70, priority: 2}
uplink: {broker: tcp://10.0.0.5, batch_age: 2s}
uplinks:
  scada: {broker: "http://10.0.0.6/in", batch_age: 7s, budget: {day: 200MiB}}
)");
  REQUIRE(c.uplinks.size() == 2);
  CHECK(c.uplinks[0].is_first());
  CHECK(c.uplinks[0].lanes[0].name == "normal");
  CHECK(c.uplinks[0].lanes[0].share == 80);
  CHECK(c.uplinks[0].budget.day == 0);
  const UplinkOptions& scada = c.uplinks[1];
  CHECK(scada.name == "scada");
  CHECK(scada.broker == "http://10.0.0.6:80/in/{topic}");
  CHECK(scada.batch_age == Duration::seconds(7));
  CHECK(scada.budget.day == 200 * 1024 * 1024);
  CHECK(scada.default_client_id() == "pinaflux-gate-uplink-scada");
  REQUIRE(scada.lanes.size() == 1);
  CHECK(scada.lanes[0].name == "alarm");
  CHECK(scada.lanes[0].share == 70);
  CHECK(scada.lanes[0].priority == 2);
}

TEST_CASE_FIXTURE(
    Fixture,
    "uplinks that send nothing but data may go to one URL, and a source has other client ids") {
  const Configuration c = load(kHead + R"(sources:
  plant: {type: mqtt, broker: "tcp://10.0.0.5", topics: "x"}
  press: {type: http, listen: "tcp://127.0.0.1:8086"}
lanes:
  normal: {from: plant}
  alarm: {from: press, uplink: plant}
uplink: {broker: "http://10.0.0.6/write", format: influx}
uplinks:
  plant: {broker: "http://10.0.0.6/write", fallback: "tcp://10.0.0.5", format: influx}
)");
  CHECK(c.uplinks.size() == 2);
}

TEST_CASE_FIXTURE(Fixture, "the uplink's proxy is an address, and a user by reference") {
  CHECK_FALSE(load(kHead + kMachine + kUplink).uplinks[0].proxy.used());
  const auto c = load(kHead + kMachine +
                      "uplink:\n  broker: tcp://collector.example\n  proxy: http://[::1]:3128/\n"
                      "  proxy_user: joe\n  proxy_password: {file: /etc/secret}\n");
  CHECK((c.uplinks[0].proxy == Proxy{"http://[::1]:3128", "joe", "hunter2"}));
  CHECK(parse_proxy(c.uplinks[0].proxy.address).has_value());
}

TEST_CASE_FIXTURE(Fixture, "a clock may be believed for its date alone") {
  const auto c = load("pinaflux: 1\ngateway: {id: gate, clock: plausible}\n" + kMachine + kUplink);
  CHECK((c.clock == ClockRule::plausible));
}

TEST_CASE_FIXTURE(Fixture, "without lanes there is one, of everything that nothing else takes") {
  const auto c = load(kHead +
                      "sources:\n  a: {type: system}\n  b: {type: system}\npipeline:\n"
                      "  n: {from: a, pass: {}}\n" +
                      kUplink);
  REQUIRE(c.spool.lanes.size() == 1);
  CHECK(c.spool.lanes[0].name == "normal");
  CHECK(c.pipeline.lanes[0].from == std::vector<std::string>{"b", "n"});
  REQUIRE(c.uplinks[0].lanes.size() == 1);
  CHECK(c.uplinks[0].lanes[0].name == "normal");
  CHECK(c.spool.sources == std::vector<std::string>{"a", "b"});
}

TEST_CASE_FIXTURE(Fixture, "every kind of source gets its options") {
  const auto c =
      load(kHead +
           "sources:\n"
           "  m: {type: mqtt, broker: 'tcp://[::1]', topics: a/+, user: me, password: {file: "
           "/etc/secret},\n"
           "      client_id: x, retained: true, qos: 0, format: raw, stream: s, record_max: 1KiB}\n"
           "  h: {type: http, token: {file: /etc/secret}, time: {field: t, unit: rfc3339}}\n"
           "  l: {type: lines, from: 'unix:///run/l.sock', ack: count, format: influx}\n"
           "  f: {type: file, path: '/var/log/*.log', from: end}\n"
           "  s: {type: system, every: 1m30s, mounts: [/, /data]}\n" +
           kUplink);
  const auto& m = std::get<MqttSourceOptions>(c.sources.at(0));
  CHECK(m.broker == "tcp://[::1]:1883");
  CHECK(m.topics == std::vector<std::string>{"a/+"});
  CHECK(m.password == "hunter2");
  CHECK((m.retained && m.qos == 0 && m.format == Format::raw && m.stream == "s"));
  CHECK(m.record_bytes_max == 1024);
  const auto& h = std::get<HttpSourceOptions>(c.sources.at(1));
  CHECK(h.listen == "tcp://127.0.0.1:8086");
  CHECK(h.token == "hunter2");
  CHECK((h.time.field == "t" && h.time.unit == TimeField::Unit::rfc3339 && h.index == 1));
  const auto& l = std::get<LinesSourceOptions>(c.sources.at(2));
  CHECK((l.address == "unix:///run/l.sock" && l.ack_count && l.format == Format::influx));
  CHECK((std::get<FileSourceOptions>(c.sources.at(3)).from == FileSourceOptions::From::end));
  const auto& s = std::get<SystemSourceOptions>(c.sources.at(4));
  CHECK((s.every == Duration::seconds(90) && s.mounts.size() == 2));
}

TEST_CASE_FIXTURE(Fixture, "every rule that is accepted is accepted by the masker, too") {
  const auto c = load(kHead + kMachine +
                      "mask:\n"
                      "  - {field: a, with: drop}\n"
                      "  - {field: b, with: truncate, length: 0}\n"
                      "  - {field: 'c.**', with: round, step: 0.5}\n"
                      "  - {field: d, with: replace, text: ''}\n"
                      "  - {field: e, with: reject}\n"
                      "  - {allow: [x, 'y.*'], others: reject}\n"
                      "  - {field: '*', name: field, with: truncate, length: 2}\n"
                      "  - {name: stream, stream: 'machine/*', with: replace, text: x}\n"
                      "  - {topic: 'ward/*/bed', with: truncate, length: 1}\n"
                      "  - {value: [email, phone], with: replace, text: '-'}\n"
                      "  - {value: card, field: 'notes.*', with: drop}\n"
                      "  - {value: email, name: field, with: drop}\n"
                      "  - {value: vin, name: stream, with: truncate, length: 3}\n" +
                      kUplink);
  REQUIRE(c.mask.rules.size() == 13);
  CHECK(c.mask.rules[9].value == (only(Detector::email) | only(Detector::phone)));
  CHECK(c.mask.rules[3].replacement == "");
  CHECK((c.mask.rules[5].with == MaskRule::Operator::reject));
  CHECK(c.mask.rules[8].stream == "*/ward/*/bed");
  CHECK(c.mask.rules[8].on_stream_name);
  Shapes shapes;
  CHECK(Masker::make(c.mask, shapes, Vault()).has_value());
}

TEST_CASE_FIXTURE(Fixture, "numbers, times and positions become rules that the masker accepts") {
  const auto c = load(kHead + kMachine +
                      "mask_loosen: \"0123\"\n"
                      "mask:\n"
                      "  - {field: a, with: bucket, width: 0.5}\n"
                      "  - {field: b, with: bucket, edges: [-1, 0, 18.5]}\n"
                      "  - {field: c, with: coarsen, to: 1h, unit: us}\n"
                      "  - {stream: 'machine/*', time: 15m}\n"
                      "  - {with: grid, lat: gps.lat, lon: gps.lon, cell: 500}\n"
                      "  - {with: home_zone, lat: lat, lon: lon, radius: 300, inside: nulls,\n"
                      "     centre: {file: /etc/home}}\n"
                      "  - {field: d, with: round, step: 2}\n"
                      "  - {match: '(?i)\\bemp-[0-9]{4,6}\\b', with: replace, text: x}\n" +
                      kUplink);
  REQUIRE(c.mask.rules.size() == 8);
  CHECK(c.mask.loosen == "0123");
  CHECK(c.mask.rules[7].match == "(?i)\\bemp-[0-9]{4,6}\\b");
  CHECK(c.mask.rules[0].width == 0.5);
  CHECK(c.mask.rules[1].edges == std::vector<double>{-1, 0, 18.5});
  CHECK((c.mask.rules[2].to == Duration::hours(1) &&
         c.mask.rules[2].tick == Duration::microseconds(1)));
  CHECK(c.mask.rules[3].time == Duration::minutes(15));
  CHECK((c.mask.rules[4].latitude == "gps.lat" && c.mask.rules[4].cell == 500));
  CHECK(
      (c.mask.rules[5].centre.latitude == 52.5163 && c.mask.rules[5].centre.longitude == 13.3777));
  CHECK((c.mask.rules[5].radius == 300 && c.mask.rules[5].null_inside));
  CHECK((c.mask.rules[6].with == MaskRule::Operator::round));
  Shapes shapes;
  CHECK(Masker::make(c.mask, shapes, Vault()).has_value());
}

TEST_CASE_FIXTURE(Fixture, "nodes, constants and lanes become what the pipeline takes") {
  const auto c =
      load(kHead + kMachine +
           "pipeline:\n"
           "  p: {from: [machine], pass: }\n"
           "  i: {from: p, filter: {field: x, at_most: 5}}\n"
           "  d: {from: p, filter: {field: x, more: 0.5, missing: keep}}\n"
           "  b: {from: p, filter: {field: x, equals: true}}\n"
           "  t: {from: p, filter: {field: x, not: '5'}}\n"
           "  r: {from: p, rename: {fields: {a: b, b: a}, stream: s}}\n"
           "  e: {from: r, deadband: {of: x, within: 0.1, silence_max: 10m, by: [k, l]}}\n"
           "lanes:\n"
           "  alarm: {from: [i, d]}\n"
           "  history: {from: b, when_full: thin}\n"
           "  bulk: {from: [t, e], keep: 30d, when_full: evict}\n" +
           kUplink);
  const auto constant = [&](std::size_t i) {
    return std::get<FieldFilter>(c.pipeline.nodes.at(i).kind).with;
  };
  CHECK(std::get<std::int64_t>(constant(1)) == 5);
  CHECK(std::get<double>(constant(2)) == 0.5);
  CHECK(std::get<bool>(constant(3)));
  CHECK(std::get<std::string>(constant(4)) == "5");
  CHECK(std::get<FieldFilter>(c.pipeline.nodes[2].kind).keep_missing);
  CHECK(std::get<Rename>(c.pipeline.nodes[5].kind).fields.size() == 2);
  const auto& deadband = std::get<Deadband>(c.pipeline.nodes[6].kind);
  CHECK((deadband.within == 0.1 && deadband.silence_max == Duration::minutes(10) &&
         deadband.keys.size() == 2));
  CHECK((c.spool.lanes[0].keep == Duration::max() && c.spool.lanes[2].keep == Duration::days(30)));
  CHECK((c.spool.lanes[0].when_full == LaneOptions::WhenFull::hold));
  CHECK((c.spool.lanes[1].when_full == LaneOptions::WhenFull::thin));
  CHECK((c.spool.lanes[2].when_full == LaneOptions::WhenFull::evict));
  Shapes shapes;
  CHECK(Pipeline::make(c.pipeline, shapes).has_value());
}

TEST_CASE_FIXTURE(Fixture, "JSON is a configuration, too") {
  const auto c = load(
      "{\"pinaflux\": 1, \"gateway\": {\"id\": \"gate\"},\n"
      "\t\"sources\": {\"machine\": {\"type\": \"system\", \"every\": \"1s\"}},\n"
      "\t\"uplink\": {\"broker\": \"tcp://10.0.0.5:1884\"}}");
  CHECK(c.uplinks[0].broker == "tcp://10.0.0.5:1884");
}

TEST_CASE_FIXTURE(Fixture, "empty texts switch the control interfaces off") {
  const auto c = load(kHead + kMachine + kUplink + "control: {socket: \"\", listen: \"\"}\n");
  CHECK(c.control.socket.empty());
  CHECK(c.control.listen.empty());
}

TEST_CASE_FIXTURE(Fixture, "files of conf.d are merged by name, lists follow one another") {
  files.put("/etc/pinaflux/conf.d/10-a.yaml",
            "sources:\n  a: {type: system}\nmask:\n  - {field: x, with: drop}\n");
  files.put("/etc/pinaflux/conf.d/20-b.yaml",
            "pinaflux: 1\nspool: {commit_every: 2s}\n# nothing more\n");
  files.put("/etc/pinaflux/conf.d/30-c.yaml", "# nothing at all\n");
  files.put("/etc/pinaflux/conf.d/.hidden.yaml", "garbage");
  files.put("/etc/pinaflux/conf.d/README", "garbage");
  const auto c = load(kHead + "spool: {size_max: 64MiB}\nmask:\n  - {field: y, with: drop}\n" +
                      kMachine + kUplink);
  REQUIRE(c.sources.size() == 2);
  CHECK(source_name(c.sources[1]) == "a");
  CHECK(c.spool.bytes_max == 64ull << 20);
  CHECK(c.commit_every == Duration::seconds(2));
  REQUIRE(c.mask.rules.size() == 2);
  CHECK(c.mask.rules[1].field == "x");
}

TEST_CASE_FIXTURE(Fixture, "what is named in two files is refused with both") {
  files.put("/etc/pinaflux/conf.d/a.yaml",
            "sources:\n  machine: {type: system}\ngateway: {id: other}\n");
  CHECK(refusal(kHead + kMachine + kUplink) ==
        "/etc/pinaflux/conf.d/a.yaml:2:3: error: 'machine' is in two files\n"
        "    2 |   machine: {type: system}\n"
        "      |   ^~~~~~~\n"
        "      = it is at /etc/pinaflux/pinaflux.yaml:4 already: keep one\n"
        "/etc/pinaflux/conf.d/a.yaml:3:11: error: 'id' is in two files\n"
        "    3 | gateway: {id: other}\n"
        "      |           ^~\n"
        "      = it is at /etc/pinaflux/pinaflux.yaml:2 already: keep one\n");
}

TEST_CASE_FIXTURE(Fixture, "a finding names the file of conf.d that it is in") {
  files.put("/etc/pinaflux/conf.d/a.yaml", "sources:\n  a: {type: sytem}\n");
  CHECK(refusal(kHead + kMachine + kUplink)
            .starts_with("/etc/pinaflux/conf.d/a.yaml:2:13: error: 'sytem'"));
}

TEST_CASE_FIXTURE(Fixture, "a missing file says how to write one") {
  const auto loaded = load_configuration(files, "/etc/pinaflux/pinaflux.yaml");
  CHECK(!loaded.configuration.has_value());
  CHECK(findings_text(loaded.findings) ==
        "/etc/pinaflux/pinaflux.yaml: error: there is no such file\n"
        "      = pinaflux init --output /etc/pinaflux/pinaflux.yaml writes one\n");
}

TEST_CASE_FIXTURE(Fixture, "the digest changes with any byte of any file, and with nothing else") {
  const auto first = load(kHead + kMachine + kUplink).digest;
  CHECK(first.size() == 16);
  CHECK(load(kHead + kMachine + kUplink).digest == first);
  CHECK(load(kHead + kMachine + kUplink + "#\n").digest != first);
  files.put("/etc/pinaflux/conf.d/a.yaml", "# more\n");
  CHECK(load(kHead + kMachine + kUplink).digest != first);
}

TEST_CASE_FIXTURE(Fixture, "a rule with a key finds it, and names its reference for the vault") {
  const auto c = load(kHead + kMachine +
                      "keys: {people: {credential: people.key}}\nmask:\n"
                      "  - {field: user, with: hmac, key: people}\n" +
                      kUplink);
  REQUIRE(c.keys.size() == 1);
  CHECK(
      (c.keys[0].id == "people" && c.keys[0].credential == "people.key" && c.keys[0].file.empty()));
  CHECK(c.mask.rules.at(0).key_id == "people");
}

TEST_CASE_FIXTURE(Fixture,
                  "refused bytes are kept for every source, where that and a key are named") {
  const std::string sources = "sources:\n  m: {type: system}\n  h: {type: http}\n" + kUplink +
                              "keys: {k: {file: /etc/key}}\n";

  const auto kept = load(kHead + "spool: {key: k, keep_refused: true}\n" + sources);
  const auto usual = load(kHead + "spool: {key: k}\n" + sources);

  for (const auto& source : kept.sources) CHECK(common(source).keep_refused);
  for (const auto& source : usual.sources) CHECK_FALSE(common(source).keep_refused);
}

TEST_CASE_FIXTURE(Fixture, "a credential is read from systemd's directory, whatever its mode") {
  const std::string text =
      kHead + "sources:\n  h: {type: http, token: {credential: ingest}}\n" + kUplink;
  ::unsetenv("CREDENTIALS_DIRECTORY");
  CHECK(refusal(text).find("LoadCredential=ingest:PATH") != std::string::npos);
  ::setenv("CREDENTIALS_DIRECTORY", "/run/credentials/pinaflux", 1);
  CHECK(refusal(text).find("cannot be read") != std::string::npos);
  files.put("/run/credentials/pinaflux/ingest", "hunter2\r\n", 0440);
  CHECK(std::get<HttpSourceOptions>(load(text).sources.at(0)).token == "hunter2");
  ::unsetenv("CREDENTIALS_DIRECTORY");
}

TEST_CASE_FIXTURE(Fixture, "findings are counted, not endless, and a secret is in none of them") {
  std::string text = kHead + "sources:\n";
  for (int i = 0; i < 300; ++i)
    text += "  s" + std::to_string(i) + ": {type: nonsense, password: hunter2}\n";
  const std::string said = refusal(text + kUplink);
  CHECK(said.find("more findings are not shown") != std::string::npos);
  CHECK(said.find("hunter2") == std::string::npos);
}

}  // namespace
}  // namespace pinaflux
