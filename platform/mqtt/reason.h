// Reason: the reason codes of MQTT 5, by name, with texts that say what to do.
//
// Threads    Pure functions; any.
// Tests      tests/platform/mqtt/packet_test.cc
// Source     MQTT Version 5.0, section 2.4; MQTT 3.1.1, section 3.2.2.3.
#pragma once

#include "platform/base/result.h"

namespace pinaflux::mqtt {

namespace reason {
inline constexpr int kSuccess = 0x00;
inline constexpr int kNoSubscriber = 0x10;
inline constexpr int kRefused = 0x80;  // From here on: refusals.
inline constexpr int kMalformed = 0x81;
inline constexpr int kProtocol = 0x82;
inline constexpr int kUnsupportedVersion = 0x84;
inline constexpr int kBadClientId = 0x85;
inline constexpr int kBadUser = 0x86;
inline constexpr int kNotAuthorised = 0x87;
inline constexpr int kUnavailable = 0x88;
inline constexpr int kBusy = 0x89;
inline constexpr int kBanned = 0x8a;
inline constexpr int kKeepAlive = 0x8d;
inline constexpr int kTakenOver = 0x8e;
inline constexpr int kTopicAlias = 0x94;
inline constexpr int kTooLarge = 0x95;
inline constexpr int kQuota = 0x97;
inline constexpr int kPayloadFormat = 0x99;
inline constexpr int kQosNotSupported = 0x9b;
}  // namespace reason

// A static text: what it is, and what to do where something can be done.
const char* reason_text(int reason);
// What a caller may branch on: unsupported for an unsupported version, denied, busy, ...
Code reason_code(int reason);
// The return code of a 3.1.1 CONNACK as the reason code of MQTT 5.
int reason_of_return_code(int return_code);

}  // namespace pinaflux::mqtt
