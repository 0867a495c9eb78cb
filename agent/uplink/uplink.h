// Uplink: sends leased envelopes, in order, and says what the far end has.
//
// Promise    Sends nothing that is not on disk. Deletes nothing: it reports acks, the spool
//            deletes. An ack that does not fit (other epoch, hash, beyond what was sent) is
//            reported, never used.
// Order      Envelopes of a lane leave in the order leased; of the lanes, those of the highest priority first. After a lost link everything that is
//            not acknowledged is leased and sent again.
// Limits     `window` envelopes in flight over all lanes; back-off with full jitter, bounded. With a budget the link
//            goes down when it is used up, and outside its times.
// Threads    Loop.
// Tests      tests/agent/uplink/
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/data/group.h"
#include "agent/data/lease.h"
#include "agent/uplink/budget.h"
#include "agent/uplink/link_proof.h"
#include "agent/uplink/translator.h"
#include "platform/clock.h"
#include "platform/entropy.h"
#include "platform/loop.h"
#include "platform/mqtt_client.h"
#include "platform/proxy.h"
#include "platform/tls_options.h"

namespace pinaflux {

struct UplinkOptions {
  enum class Ack { collector, broker };
  struct Lane {
    std::string name;
    std::string gateway =
        {};              // Whose name is on its envelopes. Empty: ours; else an earlier one's.
    int priority = 0;    // Higher ones go first; what a share guarantees the others excepted.
    unsigned share = 0;  // Percent of the link, and of its budget.
    BudgetLimits budget = {};
  };
  static constexpr const char* kFirst = "uplink";
  std::string name = kFirst;  // Of another one: as it is configured.
  std::string broker;         // "tcp://HOST:PORT" or "tls://HOST:PORT"
  // Used while `broker` cannot be reached, in this order; the same user, password and TLS options are theirs.
  std::vector<std::string> fallbacks = {};
  Duration return_every = Duration::minutes(5);  // So often `broker` is tried meanwhile.
  std::string client_id;                         // Default: default_client_id().
  std::string user, password;
  tls::Options tls = {};
  Proxy proxy = {};          // The way to all brokers.
  WallTime time_floor = {};  // Certificates are judged by it, or by the clock if that is later.
  std::string gateway;
  std::string topic_root = "pinaflux";
  Ack ack = Ack::collector;
  bool properties = false;    // Each batch says what it is in MQTT 5's user properties, too.
  bool dictionaries = false;  // Small envelopes are packed with some that a collector keeps.
  OutputOptions output = {};  // Another format than envelopes: with Ack::broker only.
  LinkKeys keys = {};
  std::size_t window = 16;  // Envelopes in flight.
  Duration back_off_min = Duration::seconds(1);
  Duration back_off_max = Duration::minutes(5);
  Duration ack_timeout = Duration::seconds(30);
  Duration batch_age = Duration::seconds(1);  // Envelopes are asked for this often: dense.
  Duration keep_alive = Duration::seconds(30);
  BudgetLimits budget = {};
  int month_begins = 1;          // Day on which the budget's month begins, at most 28.
  std::uint64_t generation = 0;  // Of the configuration: told in hello.
  std::vector<Lane> lanes;       // By LaneIndex.

  bool is_first() const { return name == kFirst; }
  std::string default_client_id() const {
    return "pinaflux-" + gateway + (is_first() ? "" : "-uplink-" + name);
  }
};

struct UplinkHealth {
  enum class State { starting, connecting, working, waiting };
  State state = State::starting;
  std::string text;    // What is wrong and what to do next.
  std::string broker;  // The one in use, or being tried.
  std::uint64_t connects = 0;
  std::uint64_t envelopes_sent = 0;
  std::uint64_t bytes_sent = 0;  // Payload bytes.
  std::uint64_t envelopes_acked = 0;
  std::uint64_t resent = 0;
  std::uint64_t acks_rejected = 0;  // Acks that did not fit.
  std::size_t in_flight = 0;
  std::string interface;  // That leads to the broker, where a budget depends on it.
  bool bounded = false;   // By a budget; then what it has used, reckoned as in traffic.h:
  std::uint64_t used_today = 0, used_this_month = 0;
  Duration round_trip{};  // Of the last acknowledged envelope.
};

class Uplink : private MqttClient::Events {
 public:
  // The interface that leads to a broker, or to the proxy, now: Network::interface_to().
  using Interface = std::function<std::string(const std::string&)>;
  // `changed` is called (on the loop) when there is something for take_acks() or a free place
  // again. `interface` is asked where a budget depends on it.
  Uplink(const UplinkOptions& options, const Clock& clock, Entropy& entropy, Loop& loop,
         MqttClientMaker make_client, std::function<void()> changed, Interface interface = {});
  ~Uplink() override;

  // Before start(): what is sent is proved by this, and acks are believed by it.
  void prove_by(LinkProof proof);
  // Before start(): what the budget had used when save() was last committed.
  void restore(const std::vector<StateEdit>& states);
  void start();
  // Says goodbye: retained status with the last committed seq of each lane, then DISCONNECT.
  void stop();

  // Free places: 0 for every lane while the link is down or the window is full. Its rounds count the
  // losses of leases: what was leased before the last of them is not sent.
  LeaseWish wish() const;
  void send(std::vector<Lease>&& leases);
  // Acks that came since the last call, and the lanes whose leases were lost.
  void take_acks(std::vector<LaneAck>& acks);
  std::vector<LaneIndex> take_lost();
  // Acks that were unproved, and that the spool found to be false.
  void disproved(std::uint64_t acks);
  // What hello, status message and last will carry: the last committed seq of each lane, and the
  // last that was acknowledged (as the spool has it; what came since is known here). Before
  // start(), too.
  // `dictionary`: the lane's, to be told to a collector that keeps such.
  void committed(LaneIndex lane, const Epoch& epoch, std::uint64_t last_seq,
                 std::uint64_t acked = 0, std::shared_ptr<const SentDictionary> dictionary = {});
  // Whether records have calendar time; trusted until told. While it is not, hello is said again from time to
  // time, and once more when it was answered, so that the collector knows when this boot was.
  void clock_trusted(bool trusted);
  // Of the gateway, beside its data: a text of a stream, retained on `.../schema/<stream>`, once. While one is on its way, over
  // HTTP, and where the broker has hung up on such messages, none is taken; what is taken outlives a lost link, not a restart.
  bool announces() const;
  void announce(std::string_view stream, std::string text);
  // A budget asks for a commit before it lets more be sent. saved(): what save() added is on disk.
  bool save_due() const;
  void save(Group& group);
  void saved();
  // After stop(): goodbye was said, or there was nobody to say it to.
  bool stopped() const;
  UplinkHealth health() const;

 private:
  struct State;
  std::string budget_key() const;
  void connected(const MqttSession& session) override;
  void lost(int reason, const std::string& why) override;
  void published(std::uint64_t token, int reason) override;
  void message(const std::string& topic, Bytes payload) override;
  std::unique_ptr<State> state_;
};

}  // namespace pinaflux
