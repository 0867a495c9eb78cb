// MqttSource: subscribes at a broker; a message is acknowledged (PUBACK) when it is on disk.
//
// Promise    Exactly once for QoS 1: persistent session, and a redelivered message that is on disk, or
//            on its way there, is recognised and acknowledged, not stored again. QoS 0: received.
// Order      A parcel is what one poll brings: many messages, one row of cursors.
// Limits     kReceiveMaximum messages unacknowledged (MQTT 5); kHeldBytesMax wait, then reading stops.
// Failure    Reconnects with full jitter; MQTT 5 first, 3.1.1 where the broker has no more.
// Threads    Loop.
// Tests      tests/agent/ingest/mqtt_source_test.cc, tests/agent/ingest/redelivery_test.cc
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "agent/ingest/format.h"
#include "agent/ingest/message_queue.h"
#include "agent/ingest/options.h"
#include "agent/ingest/redelivery.h"
#include "agent/ingest/source.h"
#include "platform/base/backoff.h"
#include "platform/mqtt/session.h"

namespace pinaflux {

struct MqttSourceOptions : SourceOptions {
  std::string broker;               // "tcp://HOST:PORT" or "tls://HOST:PORT"
  std::vector<std::string> topics;  // Filters: "zigbee2mqtt/+".
  std::string user;
  std::string password;
  tls::Options tls = {};
  std::string client_id;  // Empty: "pinaflux-<gateway>-<source>".
  bool retained = false;  // Store retained messages that come on subscribing.
  int qos = 1;
};

class MqttSource final : public Source, private mqtt::Session::Events {
 public:
  using Connector = std::function<Result<std::unique_ptr<mqtt::Session>>(const mqtt::Options&,
                                                                         mqtt::Session::Events&)>;
  MqttSource(MqttSourceOptions options, const SourceHost& host);
  // With a session of the caller's making, for tests.
  MqttSource(MqttSourceOptions options, const SourceHost& host, Connector connector);

  void restore(std::vector<Cursor> cursors) override;
  Status start() override;
  void poll(Intake& intake) override;
  bool ready() const override { return held_ == Hold::none && !queue_.empty(); }
  bool stalled() const override;
  void committed(const Receipt& receipt) override;
  void hold(Hold why) override;
  SourceHealth health() const override;

 private:
  struct InFlight {
    Ticket ticket;
    std::size_t messages;
  };

  void connected(const mqtt::Accepted& accepted) override;
  void subscribed(std::string_view filter, int reason) override;
  void message(const mqtt::Message& message) override;
  void published(std::uint16_t, int) override {}
  void mark_reached(std::uint64_t mark) override;
  void closed(Error reason, int reason_code) override;

  Status dial();
  void retry_after(Duration delay);
  bool is_duplicate(const mqtt::Message& message, std::uint64_t serial);
  std::uint64_t hash_of(const mqtt::Message& message);
  bool take_front(Tally& tally);
  void record_parcel(Intake& intake, Ticket ticket);
  void acknowledge();
  void prove();
  void settle();
  void update_pause();

  const MqttSourceOptions options_;
  const SourceHost host_;
  const Connector connector_;
  Decoder decoder_;
  Random random_;
  Backoff backoff_;
  MessageQueue queue_;
  Redelivery redelivery_;
  std::deque<InFlight> in_flight_;
  std::size_t messages_in_flight_ = 0;
  SourceHealth health_;
  int version_ = 5;
  int preferred_version_ = 5;
  bool online_ = false;
  Hold held_ = Hold::none;
  bool paused_ = false;
  bool refused_topic_ = false;
  std::uint64_t serial_ = 0;
  Ticket ticket_ = 0;
  std::uint64_t mark_ = 0;             // Outstanding; 0: none.
  std::uint64_t mark_checkpoint_ = 0;  // What it proves.
  Instant arrived_last_{}, resent_last_{};
  std::string stream_;
  Buffer hashed_;
  std::vector<std::uint16_t> acks_;
  std::unique_ptr<Timer> retry_;
  std::unique_ptr<Timer> settle_;
  std::unique_ptr<mqtt::Session> session_;
};

}  // namespace pinaflux
