// What every Clock keeps to.
#pragma once

#include <doctest/doctest.h>

#include "platform/clock.h"

namespace pinaflux {

inline void clock_contract(const Clock& clock) {
  SUBCASE("monotonic time never goes back") {
    Instant last = clock.now();
    for (int i = 0; i < 1000; ++i) {
      const Instant now = clock.now();
      CHECK(now >= last);
      last = now;
    }
  }
  SUBCASE("a boot has a name that is not 0 and does not change") {
    CHECK(clock.boot() != 0);
    CHECK(clock.boot() == clock.boot());
  }
  SUBCASE("asking for synchronisation does not change the time") {
    const Instant before = clock.now();
    (void)clock.synchronised();
    CHECK(clock.now() >= before);
    CHECK(clock.wall().ns > 0);
  }
}

}  // namespace pinaflux
