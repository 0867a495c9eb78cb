// Who answers in place of a broker: captive portals, wrong ports.
//
// Threads    Pure function; any.
// Tests      tests/platform/mqtt/session_test.cc
#pragma once

#include "platform/base/bytes.h"

namespace pinaflux::mqtt {

// By the first bytes that follow a CONNECT: who it is and what to do. Null: a broker, as far as they say.
const char* stranger(Bytes first);

}  // namespace pinaflux::mqtt
