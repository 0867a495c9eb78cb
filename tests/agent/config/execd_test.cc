#include <doctest/doctest.h>

#include "agent/config/load.h"
#include "agent/pipeline/pipeline.h"
#include "tests/agent/config/config_kit.h"

namespace pinaflux {
namespace {

TEST_CASE("a process becomes what the pipeline takes") {
  ConfigFiles files;
  files.put("/usr/lib/score.py", "#!/usr/bin/python3\n", 0755);
  const auto loaded = load_configuration_text(
      files, "pinaflux.yaml",
      "pinaflux: 1\n"
      "gateway: {id: gate}\n"
      "sources:\n"
      "  machine: {type: system}\n"
      "uplink: {broker: tcp://10.0.0.5}\n"
      "pipeline:\n"
      "  a: {from: machine, execd: {command: /usr/lib/score.py}}\n"
      "  b: {from: machine, execd: {command: [/usr/lib/score.py, -v, a, -v, b], memory_max: 1GiB, "
      "in_flight_max: 4096, answer_within: 1m, records_max: 3, fields_max: 0, refuse_after: 5}}\n");
  CHECK(findings_text(loaded.findings) == "");
  REQUIRE(loaded.configuration.has_value());
  Shapes shapes;
  const auto made = Pipeline::make(loaded.configuration->pipeline, shapes);
  REQUIRE(made.has_value());
  CHECK((*made)->outsides().size() == 2);
  const auto& nodes = loaded.configuration->pipeline.nodes;
  const auto& a = std::get<Execd>(nodes.at(0).kind);
  CHECK(a.command == std::vector<std::string>{"/usr/lib/score.py"});
  CHECK((a.memory_max == 64 << 20 && a.in_flight_max == 256 && a.refuse_after == 0));
  CHECK((a.answer_within == Duration::seconds(10) && a.records_max == 1 && a.fields_max == 8));
  const auto& b = std::get<Execd>(nodes.at(1).kind);
  CHECK(b.command == std::vector<std::string>{"/usr/lib/score.py", "-v", "a", "-v", "b"});
  CHECK((b.memory_max == 1 << 30 && b.in_flight_max == 4'096 && b.refuse_after == 5));
  CHECK((b.answer_within == Duration::minutes(1) && b.records_max == 3 && b.fields_max == 0));
}

}  // namespace
}  // namespace pinaflux
