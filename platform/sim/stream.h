// SimStream: one end of a simulated connection, with the manners of platform/linux/socket_stream.h.
//
// Limits     Options. finish() gives the peer kFinishMax to take what is queued and to close.
// Ownership  Its network outlives it. May be destroyed inside any of its events.
// Threads    One.
// Tests      tests/platform/network_contract.h, tests/platform/sim/network_test.cc
#pragma once

#include <string>

#include "platform/base/telling.h"
#include "platform/network.h"
#include "platform/sim/address.h"
#include "platform/sim/connection.h"

namespace pinaflux {

class SimStream final : public Stream {
 public:
  static constexpr Duration kFinishMax = Duration::seconds(5);

  SimStream(SimNetwork& network, const Network::Options& options, Events& events);
  ~SimStream() override;
  void dial(const Address& address, std::string machine);
  void open(SimConnection& connection, std::size_t side);

  [[nodiscard]] bool write(Bytes bytes) override;
  std::size_t bytes_queued() const override { return queue_.size() - queue_head_; }
  void pause(bool paused) override;
  void finish() override;

  // What its connection tells it; only from the loop. May destroy it.
  bool reads() const;
  void arrived(Bytes bytes);
  void end_arrived();
  void broke_off();
  void room_in(Duration after);
  void expect_silence(bool silence);
  // Its program was killed: nothing is to be told, to anybody.
  void orphan() { connection_ = nullptr; }

 private:
  enum class State { connecting, open, finishing, closing };
  void later();
  void try_connect();
  void send_queued();
  void shut();
  void close_now(const Error& reason);
  void close_later(const Error& reason);

  SimNetwork& network_;
  const Network::Options options_;
  Events& events_;
  SimConnection* connection_ = nullptr;
  std::size_t side_ = 0;
  State state_ = State::connecting;
  bool paused_ = false;
  bool refused_ = false;        // A write() was: drained() is owed.
  bool ended_ = false;          // The peer will send no more.
  bool shut_ = false;           // We will send no more.
  bool finish_wanted_ = false;  // finish() came before the connection.
  Telling telling_;
  Error reason_{};
  Buffer queue_;
  std::size_t queue_head_ = 0;
  std::string place_, machine_;  // Of the peer that is dialled.
  bool local_ = false;           // A unix socket.
  Instant give_up_{};
  Duration again_{};
  SimLoopEvent later_, room_, silence_;
};

}  // namespace pinaflux
