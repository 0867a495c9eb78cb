// The reason code of a PUBACK, which Paho does not tell of when it is no refusal.
//
// Threads    Paho's: inside the callback that tells of the PUBACK.
// Tests      tests/platform/linux_mqtt/mqtt_client_test.cc
#pragma once

namespace pinaflux {

// Of the message with this token; 0 where it is not known.
int puback_reason(int token);

}  // namespace pinaflux
