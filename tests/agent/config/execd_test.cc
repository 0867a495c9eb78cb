#include "tests/agent/config/nodes_kit.h"

namespace pinaflux {
namespace {

TEST_CASE_FIXTURE(NodesFixture, "a process becomes what the pipeline takes") {
  files.put("/usr/lib/score.py", "#!/usr/bin/python3\n", 0755);
  const auto its = nodes(
      "  a: {from: machine, execd: {command: /usr/lib/score.py}}\n"
      "  b: {from: machine, execd: {command: [/usr/lib/score.py, -v, a, -v, b], memory_max: 1GiB, "
      "in_flight_max: 4096, answer_within: 1m, records_max: 3, fields_max: 0, refuse_after: 5}}\n");
  const auto& a = std::get<Execd>(its.at(0).kind);
  CHECK(a.command == std::vector<std::string>{"/usr/lib/score.py"});
  CHECK((a.memory_max == 64 << 20 && a.in_flight_max == 256 && a.refuse_after == 0));
  CHECK((a.answer_within == Duration::seconds(10) && a.records_max == 1 && a.fields_max == 8));
  const auto& b = std::get<Execd>(its.at(1).kind);
  CHECK(b.command == std::vector<std::string>{"/usr/lib/score.py", "-v", "a", "-v", "b"});
  CHECK((b.memory_max == 1 << 30 && b.in_flight_max == 4'096 && b.refuse_after == 5));
  CHECK((b.answer_within == Duration::minutes(1) && b.records_max == 3 && b.fields_max == 0));
}

}  // namespace
}  // namespace pinaflux
