#include "tests/agent/config/nodes_kit.h"

namespace pinaflux {
namespace {

TEST_CASE_FIXTURE(NodesFixture, "a merge becomes what the pipeline takes") {
  const auto its = nodes(
      "  a: {from: machine, merge: {streams: [plant/temp, plant/press], every: 1s, stream: both}}\n"
      "  b: {from: machine, merge: {streams: [a, b/c, d], every: 250ms, wait: 0s, by: [k, l], "
      "stream: b/all, keys_max: 1927}}\n"
      "  c: {from: machine, window: {every: 1m, lateness: 10s, of: t, give: [time_mean], "
      "keys_max: 100}}\n"
      "  d: {from: machine, window: {every: 1m, of: t, give: [mean, time_mean]}}\n");
  const auto& a = std::get<Merge>(its.at(0).kind);
  CHECK(a.streams == std::vector<std::string>{"plant/temp", "plant/press"});
  CHECK((a.every == Duration::seconds(1) && a.wait == Duration::seconds(5)));
  CHECK((a.stream == "both" && a.keys.empty() && a.keys_max == 1'024));
  const auto& b = std::get<Merge>(its.at(1).kind);
  CHECK((b.every == Duration::milliseconds(250) && b.wait == Duration{}));
  CHECK((b.keys == std::vector<std::string>{"k", "l"} && b.keys_max == 1'927));
}

}  // namespace
}  // namespace pinaflux
