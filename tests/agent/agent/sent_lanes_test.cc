#include "agent/agent/sent_lanes.h"

#include <doctest/doctest.h>

namespace pinaflux {
namespace {

TEST_CASE("a lane of the spool has the terms of its name, one that is no longer configured none") {
  LaneState alarm, old, before;
  alarm.name = before.name = "alarm";
  before.gateway = "pump-6";
  old.name = "old";

  const auto lanes = sent_lanes({{.name = "normal"}, {.name = "alarm", .priority = 5, .share = 20}},
                                {old, alarm, before});

  REQUIRE(lanes.size() == 3);
  CHECK(lanes[0].name == "old");
  CHECK(lanes[0].priority == 0);
  CHECK(lanes[1].priority == 5);
  CHECK(lanes[1].share == 20);
  CHECK(lanes[2].priority == 5);
  CHECK(lanes[2].gateway == "pump-6");
}

}  // namespace
}  // namespace pinaflux
