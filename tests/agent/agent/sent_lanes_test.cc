#include "agent/agent/sent_lanes.h"

#include <doctest/doctest.h>

namespace pinaflux {
namespace {

TEST_CASE("a lane of the spool has the terms of its name, one that is no longer configured none") {
  LaneState alarm, old, before;
  alarm.name = before.name = "alarm";
  before.gateway = "pump-6";
  old.name = "old";
  UplinkOptions uplink;
  uplink.lanes = {{.name = "normal"}, {.name = "alarm", .priority = 5, .share = 20}};

  const auto parts = sent_lanes({uplink}, {old, alarm, before});

  REQUIRE(parts.size() == 1);
  CHECK(parts[0].lanes == std::vector<LaneIndex>{0, 1, 2});
  const auto& lanes = parts[0].options.lanes;
  REQUIRE(lanes.size() == 3);
  CHECK(lanes[0].name == "old");
  CHECK(lanes[0].priority == 0);
  CHECK(lanes[1].priority == 5);
  CHECK(lanes[1].share == 20);
  CHECK(lanes[2].priority == 5);
  CHECK(lanes[2].gateway == "pump-6");
}

TEST_CASE("a lane leaves by the uplink that has it, and by the first if none has") {
  LaneState normal, alarm, old, earlier;
  normal.name = "normal";
  alarm.name = earlier.name = "alarm";
  old.name = "old";
  UplinkOptions first, second;
  first.lanes = {{.name = "normal"}};
  second.name = "scada";
  second.broker = "tcp://b:1883";
  second.lanes = {{.name = "alarm", .priority = 3}};

  const auto parts = sent_lanes({first, second}, {normal, alarm, old, earlier});

  REQUIRE(parts.size() == 2);
  CHECK(parts[0].lanes == std::vector<LaneIndex>{0, 2});
  CHECK(parts[1].lanes == std::vector<LaneIndex>{1, 3});
  CHECK(parts[1].options.broker == "tcp://b:1883");
  CHECK(parts[1].options.lanes[1].priority == 3);
}

}  // namespace
}  // namespace pinaflux
