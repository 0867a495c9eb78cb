#include <doctest/doctest.h>

#include "agent/pipeline/key_limits.h"
#include "tests/agent/config/nodes_kit.h"

namespace pinaflux {
namespace {

TEST_CASE_FIXTURE(NodesFixture, "anomalies become what the pipeline takes") {
  const auto all = nodes(
      "  a: {from: machine, anomaly: {of: x}}\n"
      "  b: {from: machine, anomaly: {of: [x, y], threshold: 3.5, warm_up: 20, history: 63,\n"
      "      least_spread: 0.05, by: id, keys_max: 100}}\n"
      "  c: {from: machine, anomaly: {of: x, history: 5}}\n"
      "  d: {from: machine, anomaly: {of: [a, b, c, d, e, f, g, h, i, j]}}\n");
  const auto& plain = std::get<Anomaly>(all.at(0).kind);
  CHECK((plain.threshold == 6.0 && plain.least_spread == 0.0 && plain.history == 31));
  CHECK((plain.warm_up == 10 && plain.keys_max == 1'024 && plain.keys.empty()));
  const auto& full = std::get<Anomaly>(all.at(1).kind);
  CHECK((full.of.size() == 2 && full.threshold == 3.5 && full.least_spread == 0.05));
  CHECK((full.warm_up == 20 && full.history == 63 && full.keys_max == 100));
  CHECK(full.keys == std::vector<std::string>{"id"});
  CHECK(std::get<Anomaly>(all.at(2).kind).warm_up == 5);
  CHECK(std::get<Anomaly>(all.at(3).kind).keys_max == 672);  // As many as fit.
}

TEST_CASE_FIXTURE(NodesFixture, "alerts become what the pipeline takes") {
  const auto all = nodes(
      "  a: {from: machine, alert: {when: temp > 80}}\n"
      "  b: {from: machine, alert: {when: temp > 80, clear: temp < 75, for: 10s, repeat: 1h,\n"
      "      by: [id], stream: alerts/hot, keys_max: 1872}}\n");
  const auto& plain = std::get<Alert>(all.at(0).kind);
  CHECK((plain.when == "temp > 80" && plain.clear.empty() && plain.stream.empty()));
  CHECK((plain.lasting == Duration{} && plain.repeat == Duration{} && plain.keys_max == 1'024));
  const auto& full = std::get<Alert>(all.at(1).kind);
  CHECK((full.clear == "temp < 75" && full.stream == "alerts/hot"));
  CHECK((full.lasting == Duration::seconds(10) && full.repeat == Duration::hours(1)));
  CHECK((full.keys.size() == 1 && full.keys_max == kAlertKeysMax));
}

}  // namespace
}  // namespace pinaflux
