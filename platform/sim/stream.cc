// The states and the order of farewells are those of platform/linux/socket_stream.cc; where that asks
// the kernel, this asks its SimConnection. What a socket's buffer is there, the window is here: what
// does not fit waits in `queue_`, and is sent when the reader has made room.

#include "platform/sim/stream.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "platform/sim/network.h"

namespace pinaflux {

namespace {

constexpr Duration kSynAgain = Duration::seconds(1);  // Doubles, as TCP's.

constexpr Error kClosed = {Code::closed, 0, "the peer closed the connection"};
constexpr Error kFinished = {Code::closed, 0, "the connection was finished"};
constexpr Error kReset = {Code::io, ECONNRESET,
                          "the peer broke the connection off: check its log, and the network"};
constexpr Error kSilent = {Code::timeout, ETIMEDOUT, "the peer does not answer: check the network"};
constexpr Error kUntaken = {Code::timeout, 0, "the peer did not take the rest of the data in time"};
constexpr Error kNobody = {Code::refused, ECONNREFUSED,
                           "nobody listens there: start it, or check address and port"};
constexpr Error kNoSocket = {Code::not_found, ENOENT,
                             "the socket does not exist: is the program running?"};

}  // namespace

SimStream::SimStream(SimNetwork& network, const Network::Options& options, Events& events)
    : network_(network),
      options_(options),
      events_(events),
      later_(
          network.loop(), SimKind::connect,
          [](void* self) { static_cast<SimStream*>(self)->later(); }, this),
      room_(
          network.loop(), SimKind::room,
          [](void* self) { static_cast<SimStream*>(self)->send_queued(); }, this),
      silence_(
          network.loop(), SimKind::connect,
          [](void* self) { static_cast<SimStream*>(self)->close_now(kSilent); }, this) {}

SimStream::~SimStream() {
  if (connection_ != nullptr) connection_->leave(side_, SimConnection::Farewell::orderly);
}

void SimStream::dial(const Address& address, std::string machine) {
  place_ = place_of(address, machine);
  local_ = address.kind == Address::Kind::unix_socket;
  machine_ = std::move(machine);
  const SimLink& link = network_.link_to(machine_);
  give_up_ = network_.loop().now() + options_.connect_timeout;
  again_ = kSynAgain;
  later_.in(network_.fabric().delay(link) * 2);
}

void SimStream::try_connect() {
  const Instant now = network_.loop().now();
  SimLink& link = network_.link_to(machine_);
  if (link.is_cut() || network_.fabric().dark(machine_)) {
    if (now >= give_up_) return close_now(kSilent);
    later_.at(std::min(give_up_, now + again_));
    again_ = again_ * 2;
    return;
  }
  SimConnection* const connection = link.refuses() ? nullptr : network_.call(place_, link);
  if (connection == nullptr) return close_now(local_ && !link.refuses() ? kNoSocket : kNobody);
  open(*connection, 0);
  if (!telling_.tell([this] { events_.connected(); })) return;
  if (state_ == State::open) send_queued();
}

void SimStream::open(SimConnection& connection, std::size_t side) {
  connection_ = &connection;
  side_ = side;
  state_ = State::open;
  connection.take(side, *this);
}

bool SimStream::reads() const {
  if (ended_) return false;
  if (state_ == State::finishing) return shut_;
  return state_ == State::open && !paused_;
}

bool SimStream::write(Bytes bytes) {
  if ((state_ != State::open && state_ != State::connecting) || finish_wanted_) return false;
  if (bytes.size() >
      options_.write_bytes_max - std::min(bytes_queued(), options_.write_bytes_max)) {
    refused_ = true;
    return false;
  }
  if (connection_ != nullptr && bytes_queued() == 0) {
    const std::size_t now = std::min(bytes.size(), connection_->room(side_));
    if (now > 0) connection_->send(side_, bytes.first(now));
    bytes = bytes.subspan(now);
  }
  append(queue_, bytes);
  return true;
}

// Also after connected(), and when finish() came before it.
void SimStream::send_queued() {
  if (connection_ == nullptr || (state_ != State::open && state_ != State::finishing)) return;
  if (bytes_queued() > 0) {
    const std::size_t now = std::min(bytes_queued(), connection_->room(side_));
    if (now > 0) connection_->send(side_, Bytes(queue_).subspan(queue_head_, now));
    queue_head_ += now;
    if (bytes_queued() > 0) return;
    queue_.clear();
    queue_head_ = 0;
  }
  if (state_ == State::finishing && !shut_) return shut();
  if (finish_wanted_ && state_ == State::open) {
    finish_wanted_ = false;
    return finish();
  }
  if (state_ != State::open || !std::exchange(refused_, false)) return;
  telling_.tell([this] { events_.drained(); });
}

void SimStream::room_in(Duration after) {
  if (bytes_queued() > 0 && !room_.waits()) room_.in(after);
}

void SimStream::pause(bool paused) {
  if (std::exchange(paused_, paused) == paused) return;
  if (connection_ != nullptr) connection_->reading(side_);
}

void SimStream::finish() {
  if (state_ == State::connecting && bytes_queued() == 0) return close_later(kFinished);
  if (state_ == State::connecting) {
    finish_wanted_ = true;  // Sent once connected; the connect timeout bounds the wait.
    return;
  }
  if (state_ != State::open) return;
  state_ = State::finishing;
  later_.in(kFinishMax);
  if (bytes_queued() == 0) shut();
}

void SimStream::shut() {
  shut_ = true;
  if (ended_) return close_later(kFinished);
  connection_->send_end(side_);
  connection_->reading(side_);
}

void SimStream::arrived(Bytes bytes) {
  if (state_ == State::finishing) return;  // Read and forgotten.
  telling_.tell([&] { events_.bytes(bytes); });
}

void SimStream::end_arrived() {
  ended_ = true;
  if (state_ == State::finishing) return close_now(kFinished);
  bool keep = false;
  if (!telling_.tell([&] { keep = events_.ended(); })) return;
  if (!keep && state_ == State::open) return close_now(kClosed);
}

void SimStream::broke_off() { close_now(kReset); }

void SimStream::expect_silence(bool silence) {
  if (!silence) return silence_.cancel();
  if (!silence_.waits()) silence_.in(SimFabric::kKeepAlive);
}

void SimStream::later() {
  switch (state_) {
    case State::connecting: return try_connect();
    case State::closing: return close_now(reason_);
    case State::open:
    case State::finishing: return close_now(kUntaken);
  }
}

void SimStream::close_later(const Error& reason) {
  if (state_ == State::closing) return;
  state_ = State::closing;
  reason_ = reason;
  if (connection_ != nullptr) connection_->reading(side_);
  if (network_.loop().alive()) later_.in({});
}

void SimStream::close_now(const Error& reason) {
  const bool orderly = reason.code == Code::closed;
  state_ = State::closing;
  later_.cancel();
  room_.cancel();
  silence_.cancel();
  queue_.clear();
  queue_head_ = 0;
  if (connection_ != nullptr) {
    std::exchange(connection_, nullptr)
        ->leave(side_, orderly ? SimConnection::Farewell::orderly : SimConnection::Farewell::reset);
  }
  const Error copy = reason;
  telling_.tell([&] { events_.closed(copy); });
}

}  // namespace pinaflux
