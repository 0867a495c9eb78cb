// Paho's waits, shortened while a connection is being made.
//
// Threads    Any.
// Tests      tests/platform/linux_mqtt/
#pragma once

namespace pinaflux {

// A socket was told to connect.
void paho_connects();

}  // namespace pinaflux
