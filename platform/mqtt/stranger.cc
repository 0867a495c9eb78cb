#include "platform/mqtt/stranger.h"

namespace pinaflux::mqtt {

namespace {

constexpr std::uint8_t kConnack = 0x20, kDisconnect = 0xe0;  // What a broker may begin with.
constexpr std::uint8_t kRecordFirst = 20, kRecordLast = 23;  // RFC 8446 section 5.1.

}  // namespace

const char* stranger(Bytes first) {
  if (first.empty() || first[0] == kConnack || first[0] == kDisconnect) return nullptr;
  if (as_text(first).starts_with("HTTP")) {
    return "HTTP answers, not MQTT: behind a captive portal sign in first; otherwise check the "
           "port";
  }
  if (first[0] >= kRecordFirst && first[0] <= kRecordLast)
    return "TLS answers, not MQTT: write tls:// before the address";
  return "what answers is no MQTT broker: check address and port";
}

}  // namespace pinaflux::mqtt
