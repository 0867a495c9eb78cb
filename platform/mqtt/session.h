// Session: one MQTT connection on the loop, for receiving: it acknowledges when told to.
//
// Promise    A QoS 1 message is acknowledged only by ack(); PUBACKs are sent in the order of the
//            messages (MQTT 5.0 section 4.6), many in one write. Reconnecting is the owner's.
// Order      connect() -> connected() | closed(); messages in the order received; closed() last,
//            once.
// Limits     `receive_max` is asked for (3.1.1 cannot say it). A broker that passes it keeps its
//            connection: Mosquitto 2.0 does after a reconnect, and would for ever; packet ids bound it
//            to 65,535 messages of two bytes here. A peer that passes `packet_bytes_max`, or sends
//            malformed bytes, is disconnected with the reason code of MQTT 5.0.
// Ownership  Events must outlive the Session. Views in events die with the call. A Session may be
//            destroyed inside any of its own events.
// Threads    Loop.
// Tests      tests/platform/mqtt/session_test.cc
// Source     MQTT Version 5.0 and 3.1.1, OASIS Standards.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "platform/base/bytes.h"
#include "platform/base/result.h"
#include "platform/base/time.h"
#include "platform/loop.h"
#include "platform/network.h"

namespace pinaflux::mqtt {

struct Options {
  std::string broker;  // "tcp://HOST:PORT", "tls://HOST:PORT", "ws://HOST:PORT/PATH" or "wss://..."
  std::string client_id;
  std::string user;
  std::string password;
  tls::Options tls = {};
  Proxy proxy = {};
  int version = 5;  // 5 first; 4 is MQTT 3.1.1. The owner falls back on Code::unsupported.
  bool clean_start = false;
  Duration session_expiry = Duration::days(7);
  Duration keep_alive = Duration::seconds(30);
  Duration timeout = Duration::seconds(20);
  std::uint16_t receive_max = 65535;
  std::uint32_t packet_bytes_max = 1024 * 1024;
  std::string will_topic;  // Empty: none. QoS 1, retained.
  std::string will_payload;
};

struct Accepted {  // The broker's CONNACK.
  int version = 5;
  bool session_present = false;
  std::uint32_t packet_bytes_max = 0;  // 0: no limit named.
  std::uint16_t receive_max = 65535;
};

struct Message {
  std::string_view topic;
  Bytes payload;
  std::uint16_t packet_id = 0;  // 0 for QoS 0: nothing to acknowledge.
  bool duplicate = false;       // The DUP flag: sent before.
  bool retained = false;
};

class Session {
 public:
  class Events {
   public:
    virtual ~Events() = default;
    virtual void connected(const Accepted& accepted) = 0;
    virtual void subscribed(std::string_view filter, int reason) = 0;  // >= 0x80: refused.
    virtual void message(const Message& message) = 0;
    // The PUBACK of a message that publish() sent.
    virtual void published(std::uint16_t packet_id, int reason) = 0;
    // Everything acknowledged before mark() was called has reached the broker (a PINGRESP proves
    // it).
    virtual void mark_reached(std::uint64_t mark) = 0;
    virtual void closed(Error reason, int reason_code) = 0;
  };

  // Dials at once. Errors in the address only.
  static Result<std::unique_ptr<Session>> connect(Network& network, Loop& loop,
                                                  const Options& options, Events& events);
  virtual ~Session() = default;

  // `retain_handling` 2: retained messages are not sent on subscribing (MQTT 5.0 section 3.8.3.1).
  virtual void subscribe(std::string_view filter, int qos, int retain_handling) = 0;
  virtual void ack(std::uint16_t packet_id) = 0;  // Sent with the next flush, in message order.
  virtual Result<std::uint16_t> publish(std::string_view topic, Bytes payload,
                                        bool retained) = 0;  // QoS 1.
  // Sends PINGREQ after the PUBACKs so far; see mark_reached(). Acks that wait for an earlier
  // message's ack make the mark wait with them.
  virtual std::uint64_t mark() = 0;
  virtual void pause(bool paused) = 0;  // Stops reading: TCP holds the broker back.
  virtual void disconnect() = 0;
  // What closed() had no room to say; empty: nothing.
  virtual std::string why() const { return {}; }
};

}  // namespace pinaflux::mqtt
