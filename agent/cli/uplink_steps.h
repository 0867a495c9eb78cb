// The steps that `pinaflux test uplink` takes, as it prints them.
//
// Limits     The JSON is a contract ("pinaflux.test.uplink/1").
// Threads    Values and pure functions; any.
// Tests      tests/e2e/run (the_uplink_is_tested), tests/delivery/told
#pragma once

#include <string>
#include <vector>

namespace pinaflux {

struct UplinkStep {
  std::string name;  // name, tcp, proxy, tls, websocket, connect, publish, collector.
  bool tried = false, done = false;
  double milliseconds = 0.0;
  std::string text;  // What was found, or what is wrong.
  std::string next;  // What to do; empty when all is well.
};

std::string steps_json(const std::string& uplink, const std::string& broker,
                       const std::vector<UplinkStep>& steps);
std::string step_line(const UplinkStep& step);

}  // namespace pinaflux
