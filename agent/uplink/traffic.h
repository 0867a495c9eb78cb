// Traffic: what an MQTT packet takes of a data plan, reckoned as an operator bills it: whole IP packets, both ways.
//
// Promise    Rather too much than too little: IPv6 headers, TCP with time stamps, one bare acknowledgement for each
//            two segments, what TLS 1.2 adds (1.3 adds less).
// Units      Bytes.
// Source     RFC 8200 (header 40), RFC 9293 and 7323 (32), RFC 5246 section 6.2.3.3 (record 5, nonce 8, tag 16).
// Threads    Pure functions; any.
#pragma once

#include <cstdint>

namespace pinaflux::traffic {

inline constexpr std::uint64_t kHeaders = 72;
inline constexpr std::uint64_t kSegment = 1'200;
inline constexpr std::uint64_t kRecord = 29, kRecordMax = 16 * 1024;
inline constexpr std::uint64_t kPublishMax = 128;  // Of a PUBLISH beside topic and payload.
inline constexpr std::uint64_t kPropertyMax = 5;   // A user property's, beside name and value.
inline constexpr std::uint64_t kPostMax = 512;     // Of a POST, and of its answer.

// One way, with what TCP answers.
constexpr std::uint64_t packet(std::uint64_t bytes, bool tls) {
  const std::uint64_t carried = bytes + (tls ? kRecord * (1 + bytes / kRecordMax) : 0);
  const std::uint64_t segments = 1 + carried / kSegment;
  return carried + (segments + (segments + 1) / 2) * kHeaders;
}

// A PUBLISH with its PUBACK.
constexpr std::uint64_t publish(std::uint64_t topic, std::uint64_t payload, bool tls) {
  return packet(topic + payload + kPublishMax, tls) + packet(4, tls);
}

// A POST with its answer, headers and all.
constexpr std::uint64_t post(std::uint64_t topic, std::uint64_t payload, bool tls) {
  return packet(topic + payload + kPostMax, tls) + packet(kPostMax, tls);
}

constexpr std::uint64_t ping(bool tls) { return 2 * packet(2, tls); }

// TCP's greeting, TLS with three certificates on either side, CONNECT and its answer, the subscription.
constexpr std::uint64_t connection(bool tls) {
  return 4 * kHeaders + (tls ? packet(6'000, false) + packet(6'000, false) : 0) +
         3 * packet(256, tls);
}

// An HTTP proxy's CONNECT, with a user and a password, and its answer.
inline constexpr std::uint64_t kProxy = 2 * packet(512, false);

// An attempt that nobody answers.
inline constexpr std::uint64_t kAttempt = 4 * kHeaders;

}  // namespace pinaflux::traffic
