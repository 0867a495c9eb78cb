// Paho 1.3.14 tells of the reason code of a PUBACK only when it is a refusal: 0x10, nobody is
// subscribed, arrives as 0 (seen against Mosquitto 2.0), and "delivered" would delete what nobody
// has. So the linker leads Paho's one call of MQTTProtocol_handlePubacks() through us (--wrap,
// beside deps::paho); its thread calls back next.

#include "platform/linux/mqtt_puback.h"

namespace pinaflux {

namespace {

// The one that this thread is about to tell of.
struct LastPuback {
  int token = 0;
  int reason = 0;
};
thread_local LastPuback last_puback;

}  // namespace

int puback_reason(int token) { return last_puback.token == token ? last_puback.reason : 0; }

// NOLINTBEGIN(bugprone-reserved-identifier): the linker's names.
extern "C" {
// Paho's Ack (MQTTPacket.h, 1.3): the header is a union with bit fields of an unsigned int.
struct PinafluxPahoAck {
  unsigned int header;
  int message_id;
  unsigned char reason;
};
int __real_MQTTProtocol_handlePubacks(void* ack, int socket, void** removed);
int __wrap_MQTTProtocol_handlePubacks(void* ack, int socket, void** removed) {
  const auto* its = static_cast<const PinafluxPahoAck*>(ack);
  last_puback = {its->message_id, its->reason};
  return __real_MQTTProtocol_handlePubacks(ack, socket, removed);
}
}
// NOLINTEND(bugprone-reserved-identifier)

}  // namespace pinaflux
