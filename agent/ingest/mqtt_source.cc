#include "agent/ingest/mqtt_source.h"

// Messages are copied into a queue as they arrive and acknowledged in committed(). The broker stops by
// itself at Receive Maximum; TCP holds it back when the queue is full. A connection may be lost at any
// point: the queue and what is in flight are kept, and what the broker sends again is recognised
// (redelivery.cc).
//
// Stalled: with 3.1.1 a broker stops at a small window that it does not tell (Mosquitto 2.0: 20 messages),
// so every pause with something uncommitted may be that window. With MQTT 5 the window is ours, but a
// broker may still have a smaller one: kWindowSmall messages and a pause are taken for it.

#include "platform/crypto/crypto.h"

namespace pinaflux {

namespace {

constexpr Duration kRetryMin = Duration::milliseconds(500);
constexpr Duration kRetryMax = Duration::seconds(60);
// A broker that has sent nothing again for so long has sent again all that was not acknowledged.
constexpr Duration kSettle = Duration::seconds(10);
constexpr std::size_t kWindowSmall = 16;
constexpr int kRefused = 0x80;

}  // namespace

MqttSource::MqttSource(MqttSourceOptions options, const SourceHost& host)
    : MqttSource(std::move(options), host,
                 [&network = host.network, &loop = host.loop](const mqtt::Options& o,
                                                              mqtt::Session::Events& events) {
                   return mqtt::Session::connect(network, loop, o, events);
                 }) {}

MqttSource::MqttSource(MqttSourceOptions options, const SourceHost& host, Connector connector)
    : options_(std::move(options)),
      host_(host),
      connector_(std::move(connector)),
      decoder_(options_, host.install_key),
      random_(host.entropy.u64()),
      backoff_(kRetryMin, kRetryMax),
      retry_(host.loop.timer([this] { (void)dial(); })),
      settle_(host.loop.timer([this] { settle(); })) {}

void MqttSource::restore(std::vector<Cursor> cursors) { redelivery_.restore(cursors); }

Status MqttSource::start() {
  health_.state = SourceHealth::State::starting;
  health_.text = "connecting to " + options_.broker;
  return dial();
}

Status MqttSource::dial() {
  mqtt::Options o;
  o.broker = options_.broker;
  o.client_id = options_.client_id.empty() ? "pinaflux-" + host_.gateway + "-" + options_.name
                                           : options_.client_id;
  o.user = options_.user;
  o.password = options_.password;
  o.tls = options_.tls;
  o.version = version_;
  o.receive_max = limits::kReceiveMaximum;
  auto session = connector_(o, *this);
  if (!session) return std::unexpected(session.error());
  session_ = std::move(*session);
  return {};
}

void MqttSource::connected(const mqtt::Accepted& accepted) {
  online_ = true;
  paused_ = false;
  mark_ = 0;
  refused_topic_ = false;
  redelivery_.connected(accepted.session_present);
  health_.state = SourceHealth::State::working;
  health_.text = accepted.version == 5
                     ? ""
                     : "the broker speaks MQTT 3.1.1: throughput is limited by its "
                       "max_inflight_messages";
  const int retain_handling = options_.retained ? 0 : 2;
  for (const std::string& topic : options_.topics) {
    session_->subscribe(topic, options_.qos, retain_handling);
  }
  resent_last_ = host_.clock.now();
  if (redelivery_.unsettled()) settle_->start(kSettle);
  update_pause();
}

void MqttSource::subscribed(std::string_view filter, int reason) {
  if (reason < kRefused) {
    backoff_.reset();
    return;
  }
  refused_topic_ = true;
  health_.state = SourceHealth::State::failed;
  health_.text = "the broker refuses the topic filter '" + std::string(filter) +
                 "': check the filter and this client's access rights";
}

void MqttSource::closed(Error reason, int) {
  const bool was_online = std::exchange(online_, false);
  settle_->stop();
  const std::string why = session_->why();
  session_.reset();
  health_.state = SourceHealth::State::failed;
  health_.text =
      "broker " + options_.broker + ": " + (why.empty() ? reason.what : why) + "; trying again";
  if (was_online) {
    version_ = preferred_version_;
  } else if (reason.code == Code::unsupported && version_ == 5) {
    version_ = preferred_version_ = 4;
    return retry_->start(Duration{0});
  } else if (reason.code == Code::closed && preferred_version_ == 5) {
    // Some old brokers hang up on a version that they do not know.
    version_ = version_ == 5 ? 4 : 5;
  }
  retry_->start(backoff_.next(random_));
}

std::uint64_t MqttSource::hash_of(const mqtt::Message& message) {
  hashed_.clear();
  Writer writer(hashed_);
  writer.u64(crypto::siphash(host_.install_key, message.payload));
  append(hashed_, message.topic);
  return crypto::siphash(host_.install_key, hashed_);
}

// Of a duplicate nothing is left to do here; it may have been acknowledged.
bool MqttSource::is_duplicate(const mqtt::Message& message, std::uint64_t serial) {
  switch (redelivery_.arrived(message.packet_id, hash_of(message), message.duplicate, serial)) {
    case Redelivery::Verdict::fresh: return false;
    case Redelivery::Verdict::pending: break;
    case Redelivery::Verdict::stored:
      session_->ack(message.packet_id);
      prove();
      break;
  }
  ++health_.duplicates;
  return true;
}

void MqttSource::message(const mqtt::Message& message) {
  if (message.retained && !options_.retained) {
    if (message.packet_id != 0) session_->ack(message.packet_id);
    return;
  }
  if (message.duplicate) resent_last_ = host_.clock.now();
  const std::uint64_t serial = ++serial_;
  if (message.packet_id != 0 && is_duplicate(message, serial)) return;
  arrived_last_ = host_.clock.now();
  queue_.push(message.topic, message.payload, serial, message.packet_id, host_.stamp());
  update_pause();
}

void MqttSource::update_pause() {
  const bool full = queue_.bytes() >= (paused_ ? limits::kHeldBytesMax / 2 : limits::kHeldBytesMax);
  const bool wanted = held_ != Hold::none || full;
  if (session_ == nullptr || !online_ || wanted == paused_) return;
  paused_ = wanted;
  session_->pause(paused_);
}

void MqttSource::poll(Intake& intake) {
  decoder_.begin(intake);
  const std::size_t before = queue_.bytes();
  const std::size_t messages = queue_.size();
  Tally tally;
  while (!queue_.empty() && before - queue_.bytes() < limits::kPollBytesMax && take_front(tally)) {
  }
  const std::size_t taken = messages - queue_.size();
  if (taken == 0) return decoder_.abandon();
  const Ticket ticket = ++ticket_;
  record_parcel(intake, ticket);
  decoder_.end(ticket);
  in_flight_.push_back({ticket, taken});
  messages_in_flight_ += taken;
  ++health_.parcels;
  health_.records += tally.records;
  health_.refused += tally.refused;
  update_pause();
}

bool MqttSource::take_front(Tally& tally) {
  const MessageQueue::Message m = queue_.front();
  if (options_.stream.empty()) stream_.assign(options_.name).append("/").append(m.topic);
  const std::string& stream = options_.stream.empty() ? stream_ : options_.stream;
  if (!decoder_.decode(options_.format, {m.payload, stream, m.arrival}, tally)) return false;
  if (m.packet_id != 0) redelivery_.in_parcel(m.packet_id, m.serial);
  queue_.pop();
  return true;
}

void MqttSource::record_parcel(Intake& intake, Ticket ticket) {
  std::string key;
  Buffer value;
  if (redelivery_.row(ticket, key, value)) intake.cursor(key, value);
  for (const std::string& proven : redelivery_.take_proven()) intake.erase_cursor(proven);
}

void MqttSource::committed(const Receipt& receipt) {
  health_.records_committed += receipt.records;
  while (!in_flight_.empty() && in_flight_.front().ticket <= receipt.ticket) {
    messages_in_flight_ -= in_flight_.front().messages;
    in_flight_.pop_front();
  }
  acks_.clear();
  redelivery_.committed(receipt.ticket, acks_);
  if (!online_) return;
  for (std::uint16_t id : acks_) session_->ack(id);
  prove();
}

void MqttSource::prove() {
  if (mark_ != 0 || !online_ || !redelivery_.unproven()) return;
  mark_checkpoint_ = redelivery_.checkpoint();
  mark_ = session_->mark();
}

void MqttSource::mark_reached(std::uint64_t mark) {
  if (mark != mark_) return;
  mark_ = 0;
  redelivery_.proven(mark_checkpoint_);
  prove();
}

void MqttSource::settle() {
  if (!online_) return;
  const Duration quiet = host_.clock.now() - resent_last_;
  if (paused_ || quiet < kSettle) return settle_->start(paused_ ? kSettle : kSettle - quiet);
  redelivery_.settled();
}

bool MqttSource::stalled() const {
  if (!queue_.empty() || messages_in_flight_ == 0 || !online_) return false;
  if (version_ == 4 || messages_in_flight_ >= limits::kReceiveMaximum) return true;
  return messages_in_flight_ >= kWindowSmall &&
         host_.clock.now() - arrived_last_ >= limits::kCommitStall * 2;
}

void MqttSource::hold(Hold why) {
  held_ = why;
  update_pause();
}

SourceHealth MqttSource::health() const {
  SourceHealth health = health_;
  if (online_ && held_ != Hold::none && !refused_topic_) {
    health.state = SourceHealth::State::waiting;
    health.text =
        held_ == Hold::full ? "held back until the spool has room; the broker keeps its messages"
        : held_ == Hold::process
            ? "held back until a process of the pipeline answers; the broker keeps its messages"
            : "the agent stops or starts again; the broker keeps its messages";
  }
  return health;
}

}  // namespace pinaflux
