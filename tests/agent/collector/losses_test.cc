#include "agent/collector/losses.h"

#include <doctest/doctest.h>

#include "agent/spool/queue.h"

using namespace pinaflux;

TEST_CASE("every reason that a spool can give is understood") {
  for (int loss = 1; loss <= static_cast<int>(kLossLast); ++loss) {
    Header header;
    const std::string reason = loss_name(static_cast<Loss>(loss));
    header.extra = {{"lost", "11-20:" + reason}, {"through", std::string(64, 'a')}};
    const auto declared = losses(header);
    REQUIRE(declared.has_value());
    REQUIRE(declared->size() == 1);
    CHECK(declared->front().reason == reason);
    CHECK(declared->front().range == Range{11, 20});
  }
}

TEST_CASE("a declaration that is none is refused") {
  for (const char* text : {"11-20", "20-11:evicted", "0-5:evicted", "1-2:Evicted", "x-2:evicted",
                           "11-20:evicted,22-30:evicted", "11-20:evicted,20-30:evicted"}) {
    Header header;
    header.extra = {{"lost", text}};
    CHECK_FALSE(losses(header).has_value());
  }
}
