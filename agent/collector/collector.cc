// The way of a message: pending_ -> batch_ -> (worker: one transaction) -> PUBACK and ack.
//
// There is no timer that gathers a batch. The first message of an idle collector is committed at the end
// of its turn of the loop; while that commit waits for the disk the next ones gather. On a disk of 5 ms
// a fsync a thousand gateways cost 200 transactions a second, and on one of 50 ms 20 larger ones.
//
// When the link is lost, what is pending stays: it is good data. The broker sends it again because it was
// not acknowledged, and then it is recognised.

#include "agent/collector/collector.h"

#include <algorithm>
#include <utility>

#include "agent/data/limits.h"

namespace pinaflux {

namespace {

constexpr Duration kStorageRetryMin = Duration::milliseconds(200);
constexpr Duration kStorageRetryMax = Duration::seconds(30);
constexpr Duration kGapsToldEach = Duration::hours(1);
constexpr Duration kGoodbyeMax = Duration::seconds(2);
constexpr Duration kImportPoll = Duration::seconds(1);
constexpr int kRetained = 0;  // Send retained messages on subscribing.
constexpr int kNotRetained = 2;

// An empty one takes memory, too.
std::size_t cost_of(const Arrival& arrival) { return arrival.payload.size() + 512; }

std::string lane_name(const AckMessage& ack) {
  return ack.gateway + '\n' + hex(ack.epoch) + ack.lane;
}

// What an earlier ack of the lane would have said, had it left.
void merge_compared(AckMessage& ack, std::vector<Comparison>&& earlier) {
  std::size_t ranges = 0;
  for (const Comparison& each : ack.compared) ranges += each.known.size();
  for (Comparison& each : earlier) {
    ranges += each.known.size();
    if (ack.compared.size() >= limits::kComparedMax || ranges > limits::kComparedRangesMax) return;
    if (!std::ranges::contains(ack.compared, each)) ack.compared.push_back(std::move(each));
  }
}

mqtt::Options session_options(const CollectorOptions& options) {
  mqtt::Options session;
  session.broker = options.broker;
  session.client_id = options.client_id;
  session.user = options.user;
  session.password = options.password;
  session.tls = options.tls;
  session.receive_max = options.receive_max;
  return session;
}

}  // namespace

Collector::Collector(const CollectorOptions& options, World world)
    : options_(options),
      world_(std::move(world)),
      session_options_(session_options(options)),
      random_(world_.seed),
      link_backoff_(options.back_off_min, options.back_off_max),
      storage_backoff_(kStorageRetryMin, kStorageRetryMax),
      link_timer_(world_.loop.timer([this] { connect(); })),
      storage_timer_(world_.loop.timer([this] { storage_waits_ = false; })),
      goodbye_timer_(world_.loop.timer([this] { stage_ = Stage::stopped; })),
      import_timer_(world_.loop.timer([this] {
        if (!committing_) world_.imports->poll();
        import_timer_->start(kImportPoll);
      })) {
  if (world_.imports != nullptr) import_timer_->start(Duration{});
}

Collector::~Collector() = default;

Status Collector::start() {
  if (Status s = listen(); !s) return s;
  if (!options_.broker.empty()) return dial();
  status_.link = CollectorStatus::Link::working;
  return {};
}

Status Collector::dial() {
  auto session = world_.make_session(session_options_, *this);
  if (!session) return std::unexpected(session.error());
  session_ = std::move(*session);
  ++connection_;
  return {};
}

void Collector::connect() {
  if (stage_ != Stage::running) return;
  status_.link = CollectorStatus::Link::connecting;
  if (Status s = dial(); !s) retry_link(s.error().what, false);
}

void Collector::connected(const mqtt::Accepted& accepted) {
  open_ = true;
  paused_ = false;
  subscriptions_ = 0;
  ++status_.connects;
  world_.log.notice("collector.connected", "connected to the broker",
                    {{"broker", options_.broker},
                     {"mqtt", accepted.version == 5 ? "5" : "3.1.1"},
                     {"session", accepted.session_present ? "resumed" : "new"}});
  const auto filters = topic_filters(options_.root, options_.share);
  session_->subscribe(filters[0], 1, kNotRetained);
  session_->subscribe(filters[1], 1, kNotRetained);
  session_->subscribe(filters[2], 1, kRetained);
}

void Collector::subscribed(std::string_view filter, int reason) {
  if (reason >= 0x80) {
    world_.log.error("collector.subscribe",
                     "the broker refuses a subscription: allow it in the broker's access list",
                     {{"filter", filter}, {"reason", reason}});
    session_->disconnect();
    return;
  }
  if (++subscriptions_ < topic_filters(options_.root, options_.share).size()) return;
  link_backoff_.reset();
  status_.link = CollectorStatus::Link::working;
  status_.link_text.clear();
  publish_acks();
}

void Collector::message(const mqtt::Message& message) {
  take(parse_topic(options_.root, message.topic), message.payload, {connection_, message.packet_id},
       message.topic);
}

void Collector::take(const std::optional<Topic>& topic, Bytes payload, Token&& token,
                     std::string_view name) {
  ++status_.messages;
  Pending pending;
  pending.token = std::move(token);
  if (topic) {
    pending.arrival = {topic->kind, std::string(topic->gateway), std::string(topic->lane),
                       Buffer(payload.begin(), payload.end())};
    if (world_.keys != nullptr) pending.arrival.unproved = world_.keys->refusal_of(*topic, payload);
    if (topic->kind == Topic::Kind::hello) pending.arrival.received = reception();
  } else {
    // Kept in line: it is acknowledged in its place, and reported as what it is.
    pending.arrival.gateway = name.substr(0, Topic::kNameMax);
  }
  pending.token.unproved = pending.arrival.unproved != nullptr;
  pending_bytes_ += cost_of(pending.arrival);
  pending_.push_back(std::move(pending));
  regulate();
}

// A clock from before this program was built is wrong for certain; one that is not synchronised may be right.
std::optional<Reception> Collector::reception() const {
  const WallTime now = world_.clock.wall();
  if (now < world_.built) return std::nullopt;
  return Reception{now, world_.clock.synchronised()};
}

void Collector::published(std::uint16_t packet_id, int reason) {
  (void)packet_id;
  if (reason >= 0x80) {
    world_.log.warning("collector.ack",
                       "the broker refuses an ack: allow <root>/+/ack in its access list",
                       {{"reason", reason}});
  }
  publish_acks();
}

void Collector::mark_reached(std::uint64_t mark) {
  (void)mark;
  if (stage_ == Stage::leaving) session_->disconnect();
}

void Collector::closed(Error reason, int reason_code) {
  open_ = false;
  if (stage_ == Stage::leaving) {
    stage_ = Stage::stopped;
    return;
  }
  if (reason.code == Code::unsupported && session_options_.version == 5) {
    session_options_.version = 4;
    world_.log.notice("collector.fallback", "the broker has no MQTT 5: using 3.1.1");
    return retry_link(reason.what, true);
  }
  (void)reason_code;
  const std::string why = session_->why();
  retry_link(why.empty() ? reason.what : why, false);
}

void Collector::retry_link(const std::string& why, bool at_once) {
  if (stage_ != Stage::running) return;
  const Duration delay = at_once ? Duration{} : link_backoff_.next(random_);
  status_.link = CollectorStatus::Link::waiting;
  status_.link_text = why;
  if (!at_once) {
    world_.log.warning("collector.lost", why,
                       {{"broker", options_.broker}, {"next_try_ms", delay.milliseconds()}});
  }
  link_timer_->start(delay);
}

// The broker is held back by not reading: what it may send beyond Receive Maximum is QoS 0.
void Collector::regulate() {
  const bool full = pending_bytes_ > kPendingBytesMax;
  if (!open_ || full == paused_) return;
  if (paused_ && pending_bytes_ > kPendingBytesMax / 2) return;
  paused_ = full;
  session_->pause(full);
}

bool Collector::turn() {
  if (stage_ == Stage::leaving || stage_ == Stage::stopped || committing_) return false;
  if (!storage_waits_) {
    if (batch_.empty()) fill_batch();
    if (import_turn()) {
      commit_import();
      return false;
    }
    if (!batch_.empty() || (world_.store.unfinished() && stage_ == Stage::running)) {
      commit();
      return false;
    }
  }
  if (stage_ == Stage::draining) leave();
  return false;
}

void Collector::fill_batch() {
  std::size_t bytes = 0;
  while (!pending_.empty() && batch_.size() < kBatchCountMax && bytes < kBatchBytesMax) {
    Pending& next = pending_.front();
    bytes += cost_of(next.arrival);
    batch_.push_back(std::move(next.arrival));
    tokens_.push_back(std::move(next.token));
    pending_.pop_front();
  }
  pending_bytes_ -= bytes;
  regulate();
}

// In turn with what arrives.
bool Collector::import_turn() const {
  return world_.imports != nullptr && world_.imports->wants() && stage_ == Stage::running &&
         (import_due_ || batch_.empty());
}

void Collector::commit_import() {
  committing_ = true;
  import_due_ = false;
  world_.worker.submit(
      [this] {
        committed_ =
            world_.imports->step(world_.store, world_.clock.wall(), landed_.acks, imported_);
      },
      [this] { conclude_import(); });
}

void Collector::conclude_import() {
  committing_ = false;
  if (!committed_) return wait_for_storage();
  status_.storage_text.clear();
  storage_backoff_.reset();
  ++status_.commits;
  take_acks();
  publish_acks();
  if (!imported_) return;
  status_.counts += imported_->counts;
  report_refused(imported_->counts);
  world_.log.line(imported_->complete ? Log::Level::notice : Log::Level::warning,
                  "collector.import",
                  imported_->complete ? "an export has landed" : imported_->text,
                  {{"file", imported_->file},
                   {"gateway", imported_->gateway},
                   {"envelopes", imported_->envelopes},
                   {"rows", imported_->counts.rows}});
  imported_.reset();
}

void Collector::commit() {
  committing_ = true;
  import_due_ = true;
  world_.worker.submit(
      [this] {
        const Instant begin = world_.clock.now();
        committed_ = world_.store.land(batch_, world_.clock.wall(), landed_);
        took_ = world_.clock.now() - begin;
      },
      [this] { conclude(); });
}

void Collector::conclude() {
  committing_ = false;
  status_.commit_ms = took_.seconds() * 1'000.0;
  if (committed_) {
    if (!status_.storage_text.empty()) {
      world_.log.notice("collector.storage", "landing works again");
    }
    status_.storage_text.clear();
    storage_backoff_.reset();
    ++status_.commits;
    report(landed_);
    acknowledge();
    return;
  }
  wait_for_storage();
}

// Nothing is acknowledged; the same is tried again.
void Collector::wait_for_storage() {
  ++status_.commit_failures;
  status_.storage_text = committed_.error().what;
  const std::string trouble = world_.store.trouble();
  if (!trouble.empty()) status_.storage_text += ": " + trouble;
  if (stage_ == Stage::draining) {
    world_.log.failed(Log::Level::error, "collector.storage", committed_.error(),
                      {{"not_landed", batch_.size() + pending_.size()}});
    return leave();
  }
  const Duration delay = storage_backoff_.next(random_);
  world_.log.failed(
      Log::Level::error, "collector.storage", committed_.error(),
      {{"acknowledged", "nothing"}, {"next_try_ms", delay.milliseconds()}, {"database", trouble}});
  storage_waits_ = true;
  storage_timer_->start(delay);
  send_away();
}

void Collector::acknowledge() {
  take_acks();
  for (const Token& token : tokens_) {
    if (token.request != 0) answer(token);
    if (open_ && token.connection == connection_ && token.packet_id != 0) {
      session_->ack(token.packet_id);
    }
  }
  batch_.clear();
  tokens_.clear();
  publish_acks();
}

void Collector::take_acks() {
  for (AckMessage& ack : landed_.acks) {
    AckMessage& due = acks_[lane_name(ack)];
    if (!ack.hello) ack.hello = due.hello;  // Answered later than it could be: still no lie.
    merge_compared(ack, std::move(due.compared));
    if (ack.refused.empty()) ack.refused = std::move(due.refused);
    if (!ack.dictionaries) ack.dictionaries = std::move(due.dictionaries);
    due = std::move(ack);
  }
  landed_ = Landed{};
}

// Once an hour: whoever reads the log is to see it, and nothing else beside it.
void Collector::watch_gaps(const Gaps& gaps) {
  status_.gaps = gaps.lanes;
  const Duration age{world_.clock.wall().ns - gaps.oldest.ns};
  status_.oldest_gap = gaps.lanes > 0 && age > Duration{} ? age : Duration{};
  if (status_.oldest_gap <= options_.gap_limit) return;
  const Instant now = world_.clock.now();
  if (gaps_told_ != Instant{} && now - gaps_told_ < kGapsToldEach) return;
  gaps_told_ = now;
  world_.log.warning("collector.gap",
                     "records are missing between others for longer than the limit: see which by "
                     "pinaflux-collector gateways",
                     {{"lanes", gaps.lanes}, {"oldest_s", status_.oldest_gap.seconds()}});
}

void Collector::report_refused(const Counts& counts) {
  if (counts.lines_refused == 0) return;
  world_.log.warning("collector.lines",
                     "the database for line protocol refuses lines: they are in --lines-refused, "
                     "with its answer",
                     {{"lines", counts.lines_refused}});
}

void Collector::report(const Landed& landed) {
  watch_gaps(landed.gaps);
  for (const std::string& finding : landed.findings) {
    world_.log.warning("collector.store", finding);
  }
  status_.counts += landed.counts;
  if (landed.counts.quarantined > 0) {
    world_.log.warning(
        "collector.quarantine",
        "rows that their table did not take are in pinaflux_quarantine, with the reason",
        {{"rows", landed.counts.quarantined}});
  }
  report_refused(landed.counts);
  for (const Notice& notice : landed.notices) {
    const bool fork = std::string_view(notice.reason) == "fork";
    world_.log.warning(
        fork ? "collector.fork" : "collector.reject",
        fork ? "an envelope contradicts what has landed: a cloned card or a restored image"
             : "a message was refused",
        {{"gateway", notice.gateway},
         {"lane", notice.lane},
         {"reason", notice.reason},
         {"first", notice.range.first},
         {"last", notice.range.last}});
  }
}

void Collector::publish_acks() {
  while (open_ && !acks_.empty()) {
    const auto due = acks_.begin();
    if (!publish_ack(due->second)) return;
    acks_.erase(due);
  }
}

std::string Collector::line_of(const AckMessage& ack) const {
  std::string text = format(ack);
  if (world_.keys != nullptr) world_.keys->prove(ack.gateway, ack.lane, text);
  return text;
}

// False: later. A broker with a small limit of packets gets the ack without its gaps.
bool Collector::publish_ack(AckMessage& ack) {
  const std::string topic = ack_topic(options_.root, ack.gateway);
  Result<std::uint16_t> sent = session_->publish(topic, as_bytes(line_of(ack)), false);
  const std::size_t details = ack.gaps.size() + ack.compared.size() + ack.refused.size();
  if (!sent && sent.error().code == Code::invalid && details > 1) {
    ack.gaps.clear();
    ack.refused.resize(std::min<std::size_t>(ack.refused.size(), 1));
    ack.compared.resize(std::min<std::size_t>(ack.compared.size(), 1));
    sent = session_->publish(topic, as_bytes(line_of(ack)), false);
  }
  if (sent) {
    ++status_.acks_sent;
    return true;
  }
  if (sent.error().code != Code::invalid) return false;
  world_.log.failed(Log::Level::warning, "collector.ack", sent.error(), {{"gateway", ack.gateway}});
  return true;
}

void Collector::stop() {
  if (stage_ != Stage::running) return;
  stage_ = Stage::draining;
  if (open_) session_->pause(true);
  storage_waits_ = false;
}

// The PINGRESP behind the last PUBACKs says that the broker has them; then DISCONNECT.
void Collector::leave() {
  if (!open_) {
    stage_ = Stage::stopped;
    return;
  }
  stage_ = Stage::leaving;
  session_->pause(false);
  goodbye_timer_->start(kGoodbyeMax);
  (void)session_->mark();
}

CollectorStatus Collector::status() const {
  CollectorStatus status = status_;
  status.pending = pending_.size() + batch_.size();
  status.pending_bytes = pending_bytes_;
  return status;
}

}  // namespace pinaflux
