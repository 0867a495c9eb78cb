// Collector: receives what gateways send, lands it through the store, and only then acknowledges it.
//
// Ways       MQTT from a broker; or HTTP from gateways themselves: what they POST to /<root>/<gateway>/... is what they would
//            publish there, and the answer brings their acks (platform/http/link.h). Both land alike, in one order.
// Promise    A message is acknowledged to the broker, or answered, and an envelope to its gateway, after the commit
//            that landed it; on a failed commit nothing is, and the same batch is tried again. Who asked by HTTP is told
//            503 then, and comes again.
// Order      Messages land in the order received; PUBACKs leave in that order. At most one commit is in
//            flight; what arrives meanwhile is the next batch, so batches grow as the disk slows.
// Limits     Options::receive_max messages wait at the broker's cost, kPendingBytesMax bytes here:
//            beyond that nothing is read. A batch holds kBatchCountMax messages, kBatchBytesMax bytes.
// Ownership  Everything handed in must outlive it. It must be stopped() before it is destroyed, or the
//            worker be gone.
// Threads    Loop. The store is touched on the worker only.
// Tests      tests/agent/collector/collector_test.cc
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/collector/gateway_keys.h"
#include "agent/collector/import_folder.h"
#include "agent/collector/store.h"
#include "platform/base/backoff.h"
#include "platform/base/log.h"
#include "platform/base/random.h"
#include "platform/clock.h"
#include "platform/http_server.h"
#include "platform/loop.h"
#include "platform/mqtt/session.h"
#include "platform/worker.h"

namespace pinaflux {

struct CollectorOptions {
  std::string broker = "tcp://127.0.0.1:1883";  // Empty: by HTTP only.
  std::string http;                             // Where to listen for it; empty: nowhere.
  std::string client_id = "pinaflux-collector";
  std::string user, password;
  tls::Options tls = {};
  std::string root = "pinaflux";
  std::string
      share;  // Group of collectors that share the work through one database; empty: it is alone.
  std::uint16_t receive_max = 512;  // Envelopes of at most 120,000 bytes.
  // A gap that is older is told: some records of a lane are here, and others before them are not.
  Duration gap_limit = Duration::hours(24);
  Duration back_off_min = Duration::milliseconds(500);
  Duration back_off_max = Duration::seconds(60);
};

struct CollectorStatus {
  enum class Link { connecting, working, waiting };
  Link link = Link::connecting;
  std::string link_text;     // Why it waits; empty when all is well.
  std::string storage_text;  // Why nothing is landed; empty when all is well.
  Counts counts;
  std::uint64_t gaps = 0;  // Lanes that have one.
  Duration oldest_gap{};
  std::uint64_t connects = 0, messages = 0, commits = 0, commit_failures = 0, acks_sent = 0;
  std::uint64_t pending = 0, pending_bytes = 0;
  double commit_ms = 0.0;  // The last one.
};

using SessionMaker = std::function<Result<std::unique_ptr<mqtt::Session>>(const mqtt::Options&,
                                                                          mqtt::Session::Events&)>;

class Collector : private mqtt::Session::Events {
 public:
  static constexpr std::size_t kBatchCountMax = 256;
  static constexpr std::size_t kBatchBytesMax = 8 * 1024 * 1024;
  static constexpr std::size_t kPendingBytesMax = 64 * 1024 * 1024;

  struct World {
    Loop& loop;
    Worker& worker;
    const Clock& clock;
    CollectorStore& store;
    Log& log;
    SessionMaker make_session;
    HttpServers* http = nullptr;      // For Options::http.
    std::uint64_t seed = 0;           // Of the jitter.
    GatewayKeys* keys = nullptr;      // None: everything is believed.
    ImportFolder* imports = nullptr;  // None: no exports are taken up.
    WallTime built{};                 // No right clock shows an earlier time.
  };

  Collector(const CollectorOptions& options, World world);
  ~Collector() override;

  // Errors: in an address; of listening there.
  Status start();
  // The loop's hook before it sleeps.
  bool turn();
  // Lands what has arrived, acknowledges it, says goodbye. A commit that fails now is not repeated: what
  // is not acknowledged comes again.
  void stop();
  bool stopped() const { return stage_ == Stage::stopped; }
  CollectorStatus status() const;

 private:
  enum class Stage { running, draining, leaving, stopped };

  // To be acknowledged: a packet of a connection, or a request.
  struct Token {
    std::uint64_t connection = 0;
    std::uint16_t packet_id = 0;
    std::uint64_t request = 0;
    std::string gateway = {};             // Of a request.
    std::vector<std::string> lanes = {};  // That it speaks of.
    bool unproved = false;                // It is not believed.
  };
  struct Pending {
    Arrival arrival;
    Token token;
  };

  void connected(const mqtt::Accepted& accepted) override;
  void subscribed(std::string_view filter, int reason) override;
  void message(const mqtt::Message& message) override;
  void published(std::uint16_t packet_id, int reason) override;
  void mark_reached(std::uint64_t mark) override;
  void closed(Error reason, int reason_code) override;

  Status listen();
  Status dial();
  void connect();
  void asked(const HttpRequest& request);
  void take(const std::optional<Topic>& topic, Bytes payload, Token&& token, std::string_view name);
  void answer(const Token& token);
  void send_away();
  std::string acks_for(const Token& token);
  std::string line_of(const AckMessage& ack) const;
  void retry_link(const std::string& why, bool at_once);
  void fill_batch();
  void commit();
  void conclude();
  bool import_turn() const;
  std::optional<Reception> reception() const;
  void commit_import();
  void conclude_import();
  void wait_for_storage();
  void take_acks();
  void acknowledge();
  void report(const Landed& landed);
  void report_refused(const Counts& counts);
  void watch_gaps(const Gaps& gaps);
  void publish_acks();
  bool publish_ack(AckMessage& ack);
  void regulate();
  void leave();

  const CollectorOptions options_;
  World world_;
  mqtt::Options session_options_;
  std::unique_ptr<mqtt::Session> session_;
  std::unique_ptr<HttpServer> http_;
  std::uint64_t connection_ = 0;  // Counts sessions: an ack of an earlier one is void.
  bool open_ = false;
  bool paused_ = false;
  std::size_t subscriptions_ = 0;

  std::deque<Pending> pending_;
  std::size_t pending_bytes_ = 0;
  std::vector<Arrival> batch_;  // The worker's while committing_.
  std::vector<Token> tokens_;
  bool committing_ = false;
  bool storage_waits_ = false;
  Status committed_;
  Landed landed_;
  Duration took_{};
  Instant gaps_told_{};     // 0: not yet.
  bool import_due_ = true;  // Before the next batch.
  std::optional<ImportReport> imported_;
  std::map<std::string, AckMessage> acks_;  // Due; the newest of each lane.

  Random random_;
  Backoff link_backoff_, storage_backoff_;
  std::unique_ptr<Timer> link_timer_, storage_timer_, goodbye_timer_, import_timer_;
  Stage stage_ = Stage::running;
  CollectorStatus status_;
};

}  // namespace pinaflux
