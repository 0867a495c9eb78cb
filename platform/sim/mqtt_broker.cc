// A Peer is a connection; what outlives it is its session in the memory. What is to be sent gathers in
// the peer and goes out once per batch of events, as in platform/mqtt/session.cc.
//
// A session's messages move queue -> in_flight when the Receive Maximum allows, and leave in_flight by
// PUBACK. After a reconnect what is in flight is sent again, with DUP and the ids that it had.

#include "platform/sim/mqtt_broker.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "platform/base/assert.h"

namespace pinaflux {

using namespace mqtt;

namespace {

constexpr std::size_t kWriteBytesMax = std::size_t{64} * 1024;

}  // namespace

class SimBroker::Peer final : public Stream::Events {
 public:
  Peer(SimBroker& broker, std::uint64_t number)
      : broker_(broker),
        number_(number),
        framer_(broker.options_.packet_bytes_max),
        keep_alive_event_(
            broker.loop_, SimKind::timer,
            [](void* self) { static_cast<Peer*>(self)->keep_alive_due(); }, this) {}

  void take(std::unique_ptr<Stream> stream) { stream_ = std::move(stream); }
  const std::string& client_id() const { return client_id_; }
  bool serves(std::string_view client_id) const {
    return session_ != nullptr && client_id_ == client_id;
  }
  void deliver(const SimMessage& message, std::uint16_t packet_id, bool duplicate);
  // Sends what the Receive Maximum allows.
  void pump();
  void flush();
  // The session is another's from now on.
  void taken_over();

 private:
  void bytes(Bytes bytes) override;
  void drained() override { flush(); }
  void closed(Error reason) override;

  void handle(const Frame& frame);
  void handle_connect(const Frame& frame);
  void open_session(const Connect& packet, bool& present);
  void handle_publish(const Frame& frame);
  void handle_subscribe(const Frame& frame);
  void send_retained(const Subscription& to);
  void resend();
  void hang_up(int reason);
  void publish_will();
  void close_session();
  void keep_alive_due();

  SimBroker& broker_;
  const std::uint64_t number_;
  Framer framer_;
  std::unique_ptr<Stream> stream_;
  Buffer out_;
  std::size_t out_at_ = 0;  // What is before it was written.
  bool hung_up_ = false;
  int version_ = 5;
  std::string client_id_;
  SimMqttSession* session_ = nullptr;
  std::size_t in_flight_max_ = 0;
  std::optional<SimMessage> will_;
  Duration silence_max_{};
  Instant heard_{};
  SimLoopEvent keep_alive_event_;
};

void SimBroker::Peer::bytes(Bytes bytes) {
  heard_ = broker_.loop_.now();
  framer_.feed(bytes);
  Frame frame;
  while (!hung_up_) {
    const Parsed<bool> next = framer_.next(frame);
    if (!next) return hang_up(next.error().reason);
    if (!*next) return;
    handle(frame);
  }
}

void SimBroker::Peer::handle(const Frame& frame) {
  if ((session_ == nullptr) != (frame.type == Type::connect)) return hang_up(reason::kProtocol);
  switch (frame.type) {
    case Type::connect: return handle_connect(frame);
    case Type::publish: return handle_publish(frame);
    case Type::subscribe: return handle_subscribe(frame);
    case Type::pingreq: put_pingresp(out_); return broker_.dirty(*this);
    case Type::puback: {
      const Parsed<Puback> packet = parse_puback(frame, version_);
      if (!packet) return hang_up(packet.error().reason);
      // An id that is not in flight may be of before the broker forgot.
      if (session_->acknowledged(packet->packet_id)) pump();
      return;
    }
    case Type::disconnect: {
      const Parsed<Disconnect> packet = parse_disconnect(frame, version_);
      const int with_will = 4;
      if (packet && packet->reason != with_will) will_.reset();
      return hang_up(0);
    }
    default: return hang_up(reason::kProtocol);
  }
}

void SimBroker::Peer::handle_connect(const Frame& frame) {
  const Parsed<Connect> packet = parse_connect(frame);
  if (!packet) return hang_up(packet.error().reason);
  version_ = packet->version;
  client_id_ = packet->client_id;
  Connack answer;
  std::string assigned;
  if (client_id_.empty()) {
    client_id_ = assigned = "auto-" + std::to_string(number_);
    answer.properties.assigned_client_id = assigned;
  }
  if (packet->will) {
    const Will& will = *packet->will;
    will_ = SimMessage{std::string(will.topic), Buffer(will.payload.begin(), will.payload.end()),
                       will.qos, will.retained, number_};
  }
  if (Peer* const other = broker_.connected_as(client_id_)) other->taken_over();
  open_session(*packet, answer.session_present);
  silence_max_ = Duration::milliseconds(std::int64_t{packet->keep_alive_s} * 1'500);
  if (silence_max_ > Duration{}) keep_alive_event_.in(silence_max_);
  put_connack(out_, answer, version_);
  ++broker_.counts_.connects;
  broker_.dirty(*this);
  resend();
  pump();
}

void SimBroker::Peer::open_session(const Connect& packet, bool& present) {
  SimBrokerMemory& memory = broker_.memory_;
  session_ = memory.find(client_id_, broker_.loop_.now());
  if (packet.clean_start) session_ = nullptr;
  present = session_ != nullptr;
  if (!present) session_ = &memory.make(client_id_);
  session_->expires = Instant::never();
  session_->expiry = Duration::seconds(packet.session_expiry_s);
  in_flight_max_ = packet.receive_max;
  if (version_ == 5) return;
  session_->expiry = packet.clean_start ? Duration{} : Duration::max();
  in_flight_max_ = broker_.options_.in_flight_max_v4;
}

void SimBroker::Peer::handle_publish(const Frame& frame) {
  const Parsed<Publish> packet = parse_publish(frame, version_);
  if (!packet) return hang_up(packet.error().reason);
  ++broker_.counts_.published;
  SimMessage message{std::string(packet->topic),
                     Buffer(packet->payload.begin(), packet->payload.end()), packet->qos,
                     packet->retained, number_};
  const bool lost = packet->qos > 0 && broker_.random_.one_in(broker_.faults_.lost);
  const bool wanted = lost || broker_.route(std::move(message));
  if (packet->qos == 0 || broker_.random_.one_in(broker_.faults_.puback_dropped)) return;
  const int reason = wanted || version_ == 4 ? reason::kSuccess : reason::kNoSubscriber;
  put_puback(out_, {packet->packet_id, reason}, version_);
  broker_.dirty(*this);
}

void SimBroker::Peer::handle_subscribe(const Frame& frame) {
  const Parsed<Subscribe> packet = parse_subscribe(frame, version_);
  if (!packet) return hang_up(packet.error().reason);
  Buffer granted;
  std::vector<Subscription> retained;
  for (const Subscription& one : packet->subscriptions) {
    const std::uint8_t qos = std::min<std::uint8_t>(one.qos, 1);
    granted.push_back(qos);
    auto& all = session_->subscriptions;
    const auto at = std::ranges::find(all, one.filter, &SimMqttSession::Subscription::filter);
    const bool fresh = at == all.end();
    if (fresh) all.push_back({std::string(one.filter), qos});
    if (!fresh) at->qos = qos;
    if (one.retain_handling == 0 || (one.retain_handling == 1 && fresh)) {
      retained.push_back({one.filter, qos, 0});
    }
  }
  put_suback(out_, {packet->packet_id, granted}, version_);
  broker_.dirty(*this);
  for (const Subscription& one : retained) send_retained(one);
}

void SimBroker::Peer::send_retained(const Subscription& to) {
  for (const auto& [topic, message] : broker_.memory_.retained()) {
    if (!topic_matches(to.filter, topic)) continue;
    SimMessage copy = message;
    copy.qos = std::min(copy.qos, to.qos);
    copy.retained = true;
    if (copy.qos == 0) {
      deliver(copy, 0, false);
    } else {
      session_->queue.push_back(std::move(copy));
    }
  }
  pump();
}

void SimBroker::Peer::deliver(const SimMessage& message, std::uint16_t packet_id, bool duplicate) {
  Publish packet;
  packet.topic = message.topic;
  packet.payload = message.payload;
  packet.packet_id = packet_id;
  packet.qos = packet_id == 0 ? 0 : 1;
  packet.duplicate = duplicate;
  packet.retained = message.retained;
  const bool fits = put_publish(out_, packet, version_);
  ASSERT(fits);
  ++(duplicate ? broker_.counts_.redelivered : broker_.counts_.delivered);
  broker_.dirty(*this);
}

void SimBroker::Peer::resend() {
  for (const auto& one : session_->in_flight) deliver(one.message, one.packet_id, true);
}

void SimBroker::Peer::pump() {
  if (hung_up_) return;
  while (!session_->queue.empty() && session_->in_flight.size() < in_flight_max_) {
    const std::uint16_t id = session_->take_packet_id();
    session_->in_flight.push_back({id, std::move(session_->queue.front())});
    session_->queue.pop_front();
    deliver(session_->in_flight.back().message, id, false);
    if (broker_.faults_.acked_by_sending) session_->acknowledged(id);
  }
}

// In pieces: what a stream cannot hold as a whole it would refuse for ever.
void SimBroker::Peer::flush() {
  if (hung_up_) return;
  while (out_at_ < out_.size()) {
    const Bytes piece = Bytes(out_).subspan(out_at_);
    const std::size_t size = std::min(piece.size(), kWriteBytesMax);
    if (!stream_->write(piece.first(size))) return;  // drained() comes.
    out_at_ += size;
  }
  out_.clear();
  out_at_ = 0;
}

void SimBroker::Peer::taken_over() {
  publish_will();
  session_ = nullptr;
  hang_up(reason::kTakenOver);
}

// `reason`: 0 where nobody needs to be told.
void SimBroker::Peer::hang_up(int reason) {
  if (hung_up_) return;
  if (reason != 0 && version_ == 5) put_disconnect(out_, reason, version_);
  flush();
  hung_up_ = true;
  keep_alive_event_.cancel();
  if (reason != 0) publish_will();
  close_session();
  stream_->finish();
}

void SimBroker::Peer::publish_will() {
  if (will_) broker_.route(*std::exchange(will_, std::nullopt));
}

void SimBroker::Peer::close_session() {
  SimMqttSession* const session = std::exchange(session_, nullptr);
  if (session == nullptr) return;
  session->expires = broker_.loop_.now() + session->expiry;
  if (session->expiry == Duration{}) broker_.memory_.erase(client_id_);
}

void SimBroker::Peer::keep_alive_due() {
  const Instant due = heard_ + silence_max_;
  if (broker_.loop_.now() < due) return keep_alive_event_.at(due);
  hang_up(reason::kKeepAlive);
}

void SimBroker::Peer::closed(Error) {
  if (!hung_up_) {
    hung_up_ = true;
    publish_will();
    close_session();
  }
  broker_.remove(*this);
}

SimBroker::SimBroker(SimLoop& loop, Network& network, SimBrokerMemory& memory, std::uint64_t seed,
                     const Options& options)
    : loop_(loop),
      network_(network),
      memory_(memory),
      random_(seed),
      options_(options),
      flush_event_(
          loop, SimKind::room, [](void* self) { static_cast<SimBroker*>(self)->flush(); }, this) {
  // Those whose clients were connected when a former broker died are as if they had just left.
  for (auto& [client, session] : memory_.sessions()) {
    if (session->expires == Instant::never()) session->expires = loop.now() + session->expiry;
  }
}

SimBroker::~SimBroker() = default;

Status SimBroker::start() {
  auto listening = network_.listen(options_.address, {},
                                   [this](Network::Accepted& accepted) { accept(accepted); });
  if (!listening) return std::unexpected(listening.error());
  listener_ = std::move(*listening);
  return {};
}

void SimBroker::accept(Network::Accepted& accepted) {
  peers_.push_back(std::make_unique<Peer>(*this, ++last_peer_));
  peers_.back()->take(accepted.with(*peers_.back()));
}

void SimBroker::remove(Peer& peer) {
  std::erase(dirty_, &peer);
  const auto at = std::ranges::find(peers_, &peer, &std::unique_ptr<Peer>::get);
  ASSERT(at != peers_.end());
  peers_.erase(at);
}

SimBroker::Peer* SimBroker::connected_as(const std::string& client_id) {
  const auto at =
      std::ranges::find_if(peers_, [&](const auto& peer) { return peer->serves(client_id); });
  return at == peers_.end() ? nullptr : at->get();
}

bool SimBroker::route(SimMessage&& message) {
  if (message.retained) memory_.retain(message);
  message.retained = false;
  bool wanted = false;
  for (auto& [client, session] : memory_.sessions()) {
    if (session->expires <= loop_.now()) continue;
    const int granted = session->qos_for(message.topic);
    if (granted < 0) continue;
    wanted = true;
    SimMessage copy = message;
    copy.qos = std::min(copy.qos, static_cast<std::uint8_t>(granted));
    if (copy.qos > 0 && random_.one_in(faults_.doubled)) queue(client, *session, copy);
    queue(client, *session, std::move(copy));
  }
  return wanted;
}

void SimBroker::queue(const std::string& client_id, SimMqttSession& session, SimMessage message) {
  Peer* const peer = connected_as(client_id);
  if (message.qos == 0) {
    if (peer != nullptr) peer->deliver(message, 0, false);
    return;
  }
  if (session.queue.size() >= options_.queue_max) {
    ++counts_.dropped;
    return;
  }
  session.queue.push_back(std::move(message));
  const std::size_t size = session.queue.size();
  if (size > 1 && session.queue[size - 2].publisher != session.queue[size - 1].publisher &&
      random_.one_in(faults_.reordered)) {
    std::swap(session.queue[size - 2], session.queue[size - 1]);
  }
  // Later: what comes in the same batch can pass it.
  if (peer != nullptr) dirty(*peer);
}

void SimBroker::dirty(Peer& peer) {
  if (!std::ranges::contains(dirty_, &peer)) dirty_.push_back(&peer);
  if (!flush_event_.waits()) flush_event_.in({});
}

// By index: what pump() sends marks its peer again.
void SimBroker::flush() {
  for (std::size_t i = 0; i < dirty_.size(); ++i) dirty_[i]->pump();
  for (std::size_t i = 0; i < dirty_.size(); ++i) dirty_[i]->flush();
  dirty_.clear();
  flush_event_.cancel();
}

}  // namespace pinaflux
