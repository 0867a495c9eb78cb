// One connection, one state: dialling -> greeting -> open -> closing -> closed.
//
// What is to be sent gathers in `out_` and goes out once per batch of events (a timer of no
// duration): a commit that acknowledges ten thousand messages makes one write of 40,000 bytes, not
// ten thousand packets.
//
// A fault of the peer, and disconnect(), send DISCONNECT and finish() the stream; closed() is
// reported when the stream says so, so that the owner may destroy the session there without cutting
// the farewell off.
//
// mark() rides on the order of TCP and of the broker: a PINGRESP can only come after everything
// that was sent before its PINGREQ has been read. PINGREQs are answered one by one, in order, hence
// a plain queue of marks; those of the keep-alive are mark 0.

#include "platform/mqtt/session.h"

#include <algorithm>
#include <deque>

#include "platform/base/assert.h"
#include "platform/mqtt/ack_order.h"
#include "platform/mqtt/packet.h"
#include "platform/mqtt/stranger.h"

namespace pinaflux::mqtt {

namespace {

constexpr std::size_t kWriteBytesMax = 64 * 1024;     // One piece.
constexpr std::size_t kQueuedBytesMax = 1024 * 1024;  // publish() says full beyond.

// The ids of our own packets that wait for an answer.
class PacketIds {
 public:
  std::uint16_t take() {
    do {
      ++last_;
    } while (last_ == 0 || used_[last_]);
    used_.set(last_);
    ++count_;
    return last_;
  }
  [[nodiscard]] bool give_back(std::uint16_t id) {
    if (!used_[id]) return false;
    used_.reset(id);
    --count_;
    return true;
  }
  std::size_t count() const { return count_; }

 private:
  std::bitset<65536> used_;
  std::size_t count_ = 0;
  std::uint16_t last_ = 0;
};

class Connection final : public Session, private Stream::Events {
 public:
  Connection(Loop& loop, const Options& options, Session::Events& events)
      : options_(options), events_(events), framer_(options.packet_bytes_max) {
    deadline_ = loop.timer([this] { deadline_passed(); });
    keep_alive_ = loop.timer([this] { keep_alive_due(); });
    flush_ = loop.timer([this] {
      flush_armed_ = false;
      flush();
    });
  }
  ~Connection() override {
    if (gone_ != nullptr) *gone_ = true;
  }

  Status dial(Network& network);

  void subscribe(std::string_view filter, int qos, int retain_handling) override;
  void ack(std::uint16_t packet_id) override;
  Result<std::uint16_t> publish(std::string_view topic, Bytes payload, bool retained) override;
  std::uint64_t mark() override;
  void pause(bool paused) override;
  std::string why() const override { return stream_ != nullptr ? stream_->why() : std::string(); }
  void disconnect() override { close({Code::closed, 0, "disconnected"}, reason::kSuccess, true); }

 private:
  enum class State { dialling, greeting, open, closing, closed };
  struct HeldMark {
    std::uint64_t mark, released;  // Sent once so many messages were released.
  };
  struct Asked {
    std::uint16_t id;
    std::uint8_t qos;
    std::string filter;
  };

  void connected() override;
  void bytes(Bytes bytes) override;
  void drained() override;
  void closed(Error reason) override;

  void handle(const Frame& frame);
  void handle_connack(const Frame& frame);
  void handle_publish(const Frame& frame);
  void handle_puback(const Frame& frame);
  void handle_suback(const Frame& frame);
  void handle_pingresp();
  void handle_disconnect(const Frame& frame);

  void fault(const Fault& fault) {
    close({reason_code(fault.reason), 0, fault.what}, fault.reason, true);
  }
  void close(Error error, int reason, bool farewell);
  void report_closed();
  void ping(std::uint64_t mark);
  void send_held_marks();
  void await_ping();
  void deadline_passed();
  void keep_alive_due();
  void request_flush();
  void flush();
  std::size_t bytes_unsent() const { return out_.size() - out_at_; }

  Options options_;
  Session::Events& events_;
  State state_ = State::dialling;
  Framer framer_;
  Buffer out_;
  std::size_t out_at_ = 0;
  bool blocked_ = false;  // The stream's queue is full: drained() goes on.
  bool flush_armed_ = false;
  bool paused_ = false;
  bool sent_ = false;  // Since the last look of the keep-alive.
  bool heard_ = false;
  bool heard_in_time_ = false;  // Since the deadline was set.
  Duration ping_every_{};
  AckOrder order_;
  PacketIds ids_;
  std::size_t publishes_ = 0;
  std::vector<Asked> asked_;
  std::uint16_t broker_receive_max_ = 65535;
  std::uint32_t broker_bytes_max_ = 0;
  std::uint64_t last_mark_ = 0;
  std::vector<HeldMark> held_marks_;
  std::deque<std::uint64_t> pings_;  // Unanswered.
  Error error_{Code::closed, 0, "closed"};
  int reason_ = 0;
  bool* gone_ = nullptr;  // Where bytes() learns that an event destroyed us.
  std::unique_ptr<Timer> deadline_, keep_alive_, flush_;
  std::unique_ptr<Stream> stream_;
};

Status Connection::dial(Network& network) {
  Network::Options options{.tls = options_.tls, .proxy = options_.proxy};
  // So that the stage that hangs is the one that is named: dialling, a proxy, TLS, WebSocket, or the broker's answer.
  const int stages =
      1 + options_.proxy.used() + tls::spoken(options_.broker) + options_.broker.starts_with("ws");
  options.connect_timeout = options_.timeout / stages;
  Result<std::unique_ptr<Stream>> stream = network.connect(options_.broker, options, *this);
  if (!stream) return std::unexpected(stream.error());
  stream_ = std::move(*stream);
  return {};
}

void Connection::connected() {
  if (state_ != State::dialling) return;
  state_ = State::greeting;
  Connect packet;
  packet.version = options_.version;
  packet.clean_start = options_.clean_start;
  const auto seconds = [](Duration d) { return d.ns / 1'000'000'000; };
  packet.keep_alive_s =
      static_cast<std::uint16_t>(std::clamp<std::int64_t>(seconds(options_.keep_alive), 0, 65535));
  packet.client_id = options_.client_id;
  if (!options_.user.empty()) packet.user = options_.user;
  if (!options_.password.empty()) packet.password = as_bytes(options_.password);
  if (!options_.will_topic.empty()) {
    packet.will = Will{options_.will_topic, as_bytes(options_.will_payload), 1, true};
  }
  packet.session_expiry_s = static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(seconds(options_.session_expiry), 0, 0xffff'ffff));
  packet.receive_max = options_.receive_max;
  packet.packet_bytes_max = options_.packet_bytes_max;
  ping_every_ = options_.keep_alive / 3;
  deadline_->start(options_.timeout);
  if (!put_connect(out_, packet)) {
    return close({Code::invalid, 0, "client id, user or password is longer than 65,535 bytes"}, 0,
                 false);
  }
  flush();
}

void Connection::bytes(Bytes bytes) {
  if (state_ != State::greeting && state_ != State::open) return;
  const char* who = state_ == State::greeting && !heard_ ? stranger(bytes) : nullptr;
  if (who != nullptr) return fault({reason::kProtocol, who});
  heard_ = heard_in_time_ = true;
  bool gone = false;
  gone_ = &gone;
  framer_.feed(bytes);
  while (state_ == State::greeting || state_ == State::open) {
    Frame frame;
    const Parsed<bool> next = framer_.next(frame);
    if (!next) {
      fault(next.error());
      break;
    }
    if (!*next) break;
    handle(frame);
    if (gone) return;
  }
  gone_ = nullptr;
}

void Connection::handle(const Frame& frame) {
  if ((state_ == State::greeting) != (frame.type == Type::connack)) {
    return fault(
        {reason::kProtocol, "a packet out of turn: is this really an MQTT broker's port?"});
  }
  switch (frame.type) {
    case Type::connack: return handle_connack(frame);
    case Type::publish: return handle_publish(frame);
    case Type::puback: return handle_puback(frame);
    case Type::suback: return handle_suback(frame);
    case Type::disconnect: return handle_disconnect(frame);
    case Type::pingresp:
      if (frame.body.empty()) return handle_pingresp();
      return fault({reason::kMalformed, "a malformed PINGRESP"});
    case Type::connect:
    case Type::subscribe:
    case Type::pingreq: break;
  }
  fault({reason::kProtocol, "a packet that only clients may send"});
}

void Connection::handle_connack(const Frame& frame) {
  const Parsed<Connack> packet = parse_connack(frame, options_.version);
  if (!packet) return fault(packet.error());
  if (packet->reason != reason::kSuccess) {
    return close({reason_code(packet->reason), 0, reason_text(packet->reason)}, packet->reason,
                 false);
  }
  if (packet->session_present && options_.clean_start) {
    return fault({reason::kProtocol, "the broker kept a session that was to begin clean"});
  }
  state_ = State::open;
  const Properties& its = packet->properties;
  broker_receive_max_ = its.receive_max;
  broker_bytes_max_ = its.packet_bytes_max;
  if (its.server_keep_alive_s >= 0) ping_every_ = Duration::seconds(its.server_keep_alive_s) / 3;
  deadline_->stop();
  if (ping_every_ > Duration{0}) keep_alive_->start(ping_every_);
  events_.connected(
      {options_.version, packet->session_present, its.packet_bytes_max, its.receive_max});
}

void Connection::handle_publish(const Frame& frame) {
  const Parsed<Publish> packet = parse_publish(frame, options_.version);
  if (!packet) return fault(packet.error());
  if (packet->qos == 1 && !order_.push(packet->packet_id)) {
    // Brokers of 3.1.1 may send again within a connection; the first one's ack will do for both.
    if (options_.version == 4 && packet->duplicate) return;
    return fault({reason::kProtocol, "a packet identifier is used again before its ack"});
  }
  events_.message(
      {packet->topic, packet->payload, packet->packet_id, packet->duplicate, packet->retained});
}

void Connection::handle_puback(const Frame& frame) {
  const Parsed<Puback> packet = parse_puback(frame, options_.version);
  if (!packet) return fault(packet.error());
  const bool of_subscribe = std::ranges::contains(asked_, packet->packet_id, &Asked::id);
  if (of_subscribe || !ids_.give_back(packet->packet_id)) {
    return fault({reason::kProtocol, "a PUBACK for nothing that was published"});
  }
  --publishes_;
  events_.published(packet->packet_id, packet->reason);
}

void Connection::handle_suback(const Frame& frame) {
  const Parsed<Suback> packet = parse_suback(frame, options_.version);
  if (!packet) return fault(packet.error());
  const auto at = std::ranges::find(asked_, packet->packet_id, &Asked::id);
  if (at == asked_.end() || packet->reasons.size() != 1) {
    return fault({reason::kProtocol, "a SUBACK for nothing that was asked"});
  }
  const std::uint8_t granted = packet->reasons[0];
  if (granted < reason::kRefused && granted > at->qos) {
    return fault({reason::kProtocol, "a higher QoS than was asked for"});
  }
  const std::string filter = std::move(at->filter);
  (void)ids_.give_back(packet->packet_id);
  asked_.erase(at);
  events_.subscribed(filter, granted);
}

void Connection::handle_pingresp() {
  if (pings_.empty()) return fault({reason::kProtocol, "a PINGRESP that was not asked for"});
  const std::uint64_t mark = pings_.front();
  pings_.pop_front();
  await_ping();
  if (mark != 0) events_.mark_reached(mark);
}

void Connection::handle_disconnect(const Frame& frame) {
  if (options_.version == 4) return fault({reason::kProtocol, "a DISCONNECT from the broker"});
  const Parsed<Disconnect> packet = parse_disconnect(frame, options_.version);
  if (!packet) return fault(packet.error());
  const char* what =
      packet->reason == 0 ? "the broker closed the connection" : reason_text(packet->reason);
  close({reason_code(packet->reason), 0, what}, packet->reason, false);
}

void Connection::subscribe(std::string_view filter, int qos, int retain_handling) {
  ASSERT(qos == 0 || qos == 1);
  ASSERT(retain_handling >= 0 && retain_handling <= 2);
  if (state_ != State::open) return;
  if (!valid_topic_filter(filter)) {
    return close({Code::invalid, 0, "not a valid topic filter: check the topics"}, 0, true);
  }
  const Subscription one{filter, static_cast<std::uint8_t>(qos),
                         static_cast<std::uint8_t>(retain_handling)};
  const std::uint16_t id = ids_.take();
  asked_.push_back({id, one.qos, std::string(filter)});
  const bool fitted = put_subscribe(out_, id, one, options_.version);
  ASSERT(fitted);
  request_flush();
}

void Connection::ack(std::uint16_t packet_id) {
  if (state_ != State::open) return;
  order_.ack(packet_id, [this](std::uint16_t id) { put_puback(out_, {id, 0}, options_.version); });
  if (!held_marks_.empty()) send_held_marks();
  request_flush();
}

Result<std::uint16_t> Connection::publish(std::string_view topic, Bytes payload, bool retained) {
  if (state_ != State::open) return fail(Code::closed, "not connected to the broker");
  if (!valid_topic_name(topic)) return fail(Code::invalid, "not a valid topic name");
  if (publishes_ >= std::min<std::size_t>(broker_receive_max_, 60'000) ||
      bytes_unsent() >= kQueuedBytesMax) {
    return fail(Code::full, "the broker has not acknowledged what was published before");
  }
  Publish packet;
  packet.topic = topic;
  packet.payload = payload;
  packet.qos = 1;
  packet.retained = retained;
  const std::size_t size = publish_bytes(packet, options_.version);
  if (size == 0 || (broker_bytes_max_ != 0 && size > broker_bytes_max_)) {
    return fail(Code::invalid,
                "the packet is larger than the broker allows: raise its limit of packets");
  }
  packet.packet_id = ids_.take();
  ++publishes_;
  const bool fitted = put_publish(out_, packet, options_.version);
  ASSERT(fitted);
  request_flush();
  return packet.packet_id;
}

std::uint64_t Connection::mark() {
  const std::uint64_t mark = ++last_mark_;
  if (state_ != State::open) return mark;
  if (order_.held() == 0 && held_marks_.empty()) {
    ping(mark);
  } else {
    held_marks_.push_back({mark, order_.received()});
  }
  return mark;
}

void Connection::send_held_marks() {
  std::size_t sent = 0;
  while (sent < held_marks_.size() &&
         (order_.held() == 0 || order_.released() >= held_marks_[sent].released)) {
    ping(held_marks_[sent++].mark);
  }
  held_marks_.erase(held_marks_.begin(), held_marks_.begin() + static_cast<std::ptrdiff_t>(sent));
}

void Connection::pause(bool paused) {
  if (paused_ == paused || state_ == State::closed) return;
  paused_ = paused;
  stream_->pause(paused);
  if (state_ == State::open) await_ping();
}

void Connection::ping(std::uint64_t mark) {
  put_pingreq(out_);
  pings_.push_back(mark);
  if (pings_.size() == 1) await_ping();
  request_flush();
}

// While we do not read, an answer cannot come.
void Connection::await_ping() {
  heard_in_time_ = false;
  if (pings_.empty() || paused_) {
    deadline_->stop();
  } else {
    deadline_->start(options_.timeout);
  }
}

void Connection::keep_alive_due() {
  if (state_ != State::open) return;
  if (!sent_ || !heard_) ping(0);
  sent_ = heard_ = false;
  keep_alive_->start(ping_every_);
}

void Connection::deadline_passed() {
  switch (state_) {
    case State::open:
      // A long queue of messages may be ahead of the answer.
      if (heard_in_time_) return await_ping();
      return close({Code::timeout, 0, "the broker does not answer: check the link"},
                   reason::kKeepAlive, true);
    case State::dialling:
    case State::greeting:
      return close(
          {Code::timeout, 0, "the broker does not answer: is this really an MQTT broker's port?"},
          0, false);
    case State::closing: return report_closed();
    case State::closed: return;
  }
}

void Connection::close(Error error, int reason, bool farewell) {
  if (state_ == State::closing || state_ == State::closed) return;
  if (farewell && state_ == State::open) {
    put_disconnect(out_, reason, options_.version);
  }
  flush();
  state_ = State::closing;
  error_ = error;
  reason_ = reason;
  keep_alive_->stop();
  flush_->stop();
  if (paused_) stream_->pause(false);
  if (!blocked_) stream_->finish();
  deadline_->start(std::min(options_.timeout, Duration::seconds(5)));
}

void Connection::closed(Error reason) {
  if (state_ == State::closed) return;
  const bool broken = reason.code == Code::closed || reason.code == Code::io;
  if (state_ == State::greeting && broken) {
    reason.what =
        "the broker hung up before it answered: check its log and port, and whether it wants TLS";
  }
  if (state_ != State::closing) error_ = reason;
  report_closed();
}

void Connection::report_closed() {
  state_ = State::closed;
  deadline_->stop();
  keep_alive_->stop();
  flush_->stop();
  events_.closed(error_, reason_);  // May destroy us.
}

void Connection::request_flush() {
  if (flush_armed_ || blocked_) return;
  flush_armed_ = true;
  flush_->start(Duration{0});
}

void Connection::flush() {
  while (bytes_unsent() > 0) {
    const std::size_t size = std::min(bytes_unsent(), kWriteBytesMax);
    if (!stream_->write(Bytes(out_).subspan(out_at_, size))) {
      blocked_ = true;
      return;
    }
    out_at_ += size;
    sent_ = true;
  }
  out_.clear();
  out_at_ = 0;
}

void Connection::drained() {
  blocked_ = false;
  flush();
  if (state_ == State::closing && !blocked_) stream_->finish();
}

}  // namespace

Result<std::unique_ptr<Session>> Session::connect(Network& network, Loop& loop,
                                                  const Options& options, Events& events) {
  ASSERT(options.version == 4 || options.version == 5);
  ASSERT(options.receive_max > 0);
  auto connection = std::make_unique<Connection>(loop, options, events);
  if (const Status dialled = connection->dial(network); !dialled)
    return std::unexpected(dialled.error());
  return connection;
}

}  // namespace pinaflux::mqtt
