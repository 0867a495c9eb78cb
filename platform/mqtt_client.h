// MqttClient: the uplink's side of MQTT (Paho underneath), or of HTTP (platform/http/link.h): a pipe, not a memory.
//
// Promise    Nothing is persisted, retried or reconnected here: the uplink decides. Every publish that
//            was accepted ends in exactly one published() or in lost().
// Order      connect() -> connected() | lost(); then published(), message(); then lost(), once.
//            Events come from the loop, never from inside a call and never from Paho's threads.
// Limits     `inflight_max` publishes at a time (publish() says full beyond).
// Ownership  Events must outlive the client. Payloads are copied.
// Threads    Loop. Paho's own two threads copy an event and wake the loop.
// Tests      tests/platform/mqtt_client_contract.h
// Source     MQTT 5.0 and 3.1.1 (OASIS); reason codes as in MQTT 5.0 section 2.4.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "platform/base/bytes.h"
#include "platform/base/result.h"
#include "platform/base/time.h"
#include "platform/proxy.h"
#include "platform/tls_options.h"

namespace pinaflux {

struct MqttConnect {
  // "tls://HOST:PORT", "tcp://..."; "wss://HOST:PORT/PATH", "ws://..."; "https://HOST:PORT/PATH", "http://...".
  std::string broker;
  std::string client_id;
  std::string user;  // Empty: none.
  std::string password;
  int version = 5;  // 5 or 4 (3.1.1); the uplink falls back, not the client.
  Duration keep_alive = Duration::seconds(30);
  Duration timeout = Duration::seconds(20);
  std::string will_topic;  // Empty: none. QoS 1, retained.
  std::string will_payload;
  Duration will_delay{};  // MQTT 5 only: the will waits so long for us to come back.
  std::size_t inflight_max = 64;
  pinaflux::tls::Options tls;  // Of tls:// and wss://.
  Proxy proxy = {};  // `timeout` holds for the way through it, and again for what follows.
  std::int64_t judged_at = 0;  // By it certificates are valid (tls::Connection); 0: the wall clock.
};

struct MqttSession {
  int version = 5;
  std::uint32_t packet_bytes_max = 0;  // What the broker accepts; 0: it did not say.
  std::uint16_t receive_max = 65535;
  std::uint16_t topic_aliases = 0;  // That the broker can hold; the client uses them by itself.
  bool retain_available = true;
  std::string assigned_client_id;
  std::string tls;  // Version, cipher suite, whether resumed, for a log; empty: without TLS.
};

struct MqttPublish {
  std::string topic;
  Bytes payload;
  bool retained = false;
  std::string content_type;                                     // MQTT 5 and HTTP only.
  std::vector<std::pair<std::string, std::string>> properties;  // MQTT 5 only.
  std::string identity = {};  // HTTP only: the same when it is sent again.
  Duration expiry{};     // MQTT 5 only: the broker keeps it no longer for who is away; 0: it does.
  bool gzipped = false;  // The payload is; said of it by HTTP only.
};

class MqttClient {
 public:
  class Events {
   public:
    virtual ~Events() = default;
    virtual void connected(const MqttSession& session) = 0;
    // `reason` is an MQTT 5 reason code (0 if the library gave none), `why` says what to do next.
    virtual void lost(int reason, const std::string& why) = 0;
    // QoS 1: PUBACK came. `reason` 0x00 or 0x10 (no subscriber) is acceptance; >= 0x80 is refusal. Of HTTP: 0, or the
    // status that refuses.
    virtual void published(std::uint64_t token, int reason) = 0;
    virtual void message(const std::string& topic, Bytes payload) = 0;
  };

  virtual ~MqttClient() = default;  // Disconnects without ceremony.
  virtual void connect(const MqttConnect& options) = 0;
  virtual void disconnect() = 0;  // Sends DISCONNECT (no will); lost() follows.
  virtual Status subscribe(const std::string& filter) = 0;  // QoS 1; refused ends in lost().
  // Code::full: the in-flight limit; Code::closed: not connected. The token is never 0.
  virtual Result<std::uint64_t> publish(const MqttPublish& publish) = 0;
  // After lost(): for so long the far end asked not to be called.
  virtual Duration rest() const { return {}; }
};

using MqttClientMaker = std::function<std::unique_ptr<MqttClient>(MqttClient::Events&)>;

}  // namespace pinaflux
