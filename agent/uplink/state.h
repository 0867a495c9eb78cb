// Uplink::State: one link and the lanes that use it. The link is in link.cc, what the lanes send in
// delivery.cc and dictionaries.cc, what comes back in acks.cc and refusals.cc.
//
// Threads    Loop.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "agent/seal/messages.h"
#include "agent/uplink/brokers.h"
#include "agent/uplink/budget.h"
#include "agent/uplink/far_dictionaries.h"
#include "agent/uplink/lane_flight.h"
#include "agent/uplink/primary_probe.h"
#include "agent/uplink/round_trip.h"
#include "agent/uplink/turns.h"
#include "agent/uplink/uplink.h"
#include "agent/uplink/window.h"
#include "platform/base/backoff.h"
#include "platform/base/random.h"
#include "platform/http/url.h"
#include "platform/mqtt/reason.h"

namespace pinaflux {

using mqtt::reason::kNoSubscriber, mqtt::reason::kRefused, mqtt::reason::kUnsupportedVersion,
    mqtt::reason::kNotAuthorised, mqtt::reason::kTooLarge, mqtt::reason::kPayloadFormat;

// So long the broker keeps for a collector that is away what is sent again anyhow, or asked for.
inline constexpr Duration kExpiry = Duration::hours(1);
// A cut that is shorter is not told.
inline constexpr Duration kWillDelay = Duration::seconds(30);

struct Uplink::State {
  struct Lane {
    LaneFlight flight;
    FarDictionaries far;
    std::shared_ptr<const SentDictionary> own;  // That the spool would pack with; null: none.
    Instant answer_until{};                     // Until then the answer to hello is waited for.
    Instant rests_until{};                      // Refused: not before.
    Instant stuck_at{};                         // Since then all that there is of it is refused.
    Instant
        progress_at{};  // Something of it was sent into an empty flight, delivered or acknowledged.
    Duration patience{};  // At least, until an ack comes of what was sent once.
    bool probed = false;  // Hello was said again because acks do not come:
    Instant probed_at{};  // then.
    // Records that may be given up: one to begin with, and one for each envelope that is taken.
    static constexpr std::size_t kGiveUpMax = 8;
    std::size_t may_give_up = 1;
    void taken() { may_give_up = std::min(may_give_up + 1, kGiveUpMax); }
  };

  State(const UplinkOptions& options, const Clock& clock, Entropy& entropy, MqttClientMaker make,
        std::function<void()> changed, Interface interface, MqttClient::Events& events);

  // The receiver speaks HTTP, and knows nothing but data.
  bool only_data() const { return translator && is_http(broker()); }
  bool collector() const { return options.ack == UplinkOptions::Ack::collector; }

  // The link.
  const std::string& broker() const { return brokers.at(); }
  void try_next_broker();
  void look_at_primary(Instant now);
  bool pays_for_probe();
  void connect();
  const std::string& first_hop(const std::string& to) const;  // The proxy, if there is one.
  MqttConnect how_to_connect() const;
  int next_version() const;
  void connected(const MqttSession& session);
  bool subscribe_earlier();  // False: lost() follows.
  void lost(int reason, const std::string& why);
  void retry(Duration after, const std::string& why);
  void due();
  void tick();
  bool closed();                     // By the budget: link_text says so.
  std::string waiting_text() const;  // Which lane's data waits for the budget; empty: none's.
  void look_at_budget(Instant now);

  // What is said.
  std::string proved(std::string line) const;
  void say(const std::string& topic, const std::string& text, bool retained);  // Proved.
  void tell(const std::string& topic, const std::string& line, bool retained);
  std::string base_of(const std::string& gateway) const {
    return options.topic_root + "/" + gateway;
  }
  const std::string& gateway_of(std::size_t lane) const;
  bool served(std::size_t lane) const;  // Its acks can reach us.
  void say_hello(bool wait_for_answer, std::optional<HelloAnswer> answer = {});
  bool hello_due(Instant now) const;
  void hello_answered(const HelloEcho& echo);
  void say_status(const char* state);
  std::vector<LaneMark> marks(const std::string& gateway) const;
  bool announces() const;
  void say_notice();

  // Lanes.
  std::size_t in_flight() const;
  std::size_t envelope_bytes_max() const;  // That the broker takes.
  std::size_t places() const;
  void take(std::vector<Lease>&& leases);
  void pump();
  bool may_send(LaneIndex index, Instant now);
  bool send_one(LaneIndex index, Instant now);
  std::vector<std::pair<std::string, std::string>> properties_of(
      LaneIndex index, const LaneFlight::Item& item) const;
  std::string identity_of(LaneIndex index, const LaneFlight::Item& item) const;
  std::string data_topic(LaneIndex index) const;
  std::string lane_identity(LaneIndex index) const;
  bool fits_packet(const MqttPublish& publish) const;  // By what the broker takes.
  bool send_part(LaneIndex index, LaneFlight::Item& item);
  bool translate(LaneIndex index, LaneFlight::Item& item);
  void finish_part(LaneIndex index, LaneFlight::Item& item);
  bool lacks_dictionary(const Lane& lane, const LaneFlight::Item& item) const;
  const SentDictionary* missing_dictionary(const Lane& lane) const;
  void supply(LaneIndex index, Instant now);
  bool send_dictionary(LaneIndex index, const SentDictionary& dictionary);
  bool take_dictionaries(Lane& lane, const AckMessage& ack);
  void pay_for_silence();
  std::uint64_t cost(std::size_t topic, std::size_t payload) const;
  std::uint64_t price(LaneIndex index, const LaneFlight::Item& item) const;
  void published(std::uint64_t token, int reason);
  void hello_refused(int reason);
  void refused(LaneIndex index, int reason, LaneFlight::Item& item);
  bool give_back(LaneIndex index, const LaneFlight::Item& item, const std::string& reason);
  void take_refusals(const AckMessage& ack, LaneIndex index, bool accepted);
  void wait(LaneIndex index, LaneFlight::Item& item, const std::string& reason);
  bool give_back_waiting(LaneIndex index);
  void look_at_waiting(LaneIndex index);
  void rest_until(LaneIndex index, Instant until);
  Instant rest_over();
  void message(const std::string& topic, Bytes payload);
  std::size_t lane_of(const AckMessage& ack) const;  // lanes.size(): none has the name.
  void judge(const AckMessage& ack, LaneIndex index);
  void accepted(LaneIndex index);
  void disproved(std::uint64_t count);
  void reject(const char* why);
  void lose(LaneIndex index);
  void tell_lost(LaneIndex index);
  Duration late_after(const Lane& lane) const;
  void lose_again(LaneIndex index, Duration after);
  // True: it is time to ask the collector what it has.
  bool look_for_acks(Lane& lane, LaneIndex index, Instant now);

  UplinkOptions options;
  const Clock& clock;
  MqttClientMaker make_client;
  std::function<void()> changed;
  Interface interface;
  LinkProof proof;
  std::optional<Translator> translator;  // None: envelopes are sent as they are.
  MqttClient::Events& events;
  std::unique_ptr<Timer> timer, ticker;

  Brokers brokers;
  std::unique_ptr<PrimaryProbe> probe;
  Instant probed_at{};
  std::string away;            // Why a fall-back is in use.
  Duration asked_rest{};       // By the far end, before the next attempt.
  bool renews_client = false;  // Before the next attempt.
  bool returns = false;        // lost() follows, and the primary is next.
  bool came_back = false;      // To the primary, which has not proved good since.
  Duration return_after{};     // So long the fall-back is used before the primary is tried again.

  Window window;
  RoundTrip round_trip;
  Budget budget;
  Turns turns;
  std::vector<Lane> lanes;
  std::vector<LaneAck> acks;
  std::vector<LaneIndex> lost_lanes;

  Random random;
  Backoff back_off, rest;
  std::vector<std::string> earlier_names;  // Of the gateway: their lanes still drain.
  bool earlier_asked = false;              // For their acks, on this connection.
  bool earlier_denied = false;             // The broker hung up on that.
  Duration tick_every{};
  MqttSession session;
  int version = 5;  // The one that is tried first.
  int tried = 5;
  bool answered = false;  // A broker has accepted us since start().
  int tries = 0;          // Since a connection was accepted.
  bool up = false, stopping = false, stopped = false;
  bool tls = false;
  Instant posted{};  // By HTTP, last.
  Instant pinged{};  // Keep-alives are reckoned up to then.
  Instant up_since{}, status_at{};
  std::string status_said, link_text, trouble;
  std::uint64_t hello_token = 0, last_said = 0;
  // What is announced, until the broker has answered.
  struct Notice {
    std::string topic, text;
    std::uint64_t token = 0;  // 0: it is to be said.
  };
  std::optional<Notice> notice;
  int notices_lost = 0;  // With the link, in a row.
  bool clock_trusted = true;
  Instant hello_at{};
  std::optional<Instant> hello_asked;  // The hello whose way is being measured.
  Duration hello_way{};                // There and back, as measured last.
  UplinkHealth health;
  std::unique_ptr<MqttClient> client;
};

}  // namespace pinaflux
