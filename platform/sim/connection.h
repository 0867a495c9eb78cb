// SimConnection: one TCP connection: what is under way between its two ends.
//
// Order      Bytes, then the end (FIN). A reset passes both.
// Ownership  The fabric's; it ends when both ends have let go of it.
// Threads    One.
// Tests      tests/platform/network_contract.h, tests/platform/sim/network_test.cc
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "platform/base/bytes.h"
#include "platform/sim/fabric.h"
#include "platform/sim/loop.h"

namespace pinaflux {

class SimNetwork;
class SimStream;

class SimConnection {
 public:
  enum class Farewell { orderly, reset, none };

  SimConnection(SimFabric& fabric, SimLink& link) : fabric_(fabric), link_(link) {}

  // Side 0 dialled, side 1 listens. The stream of side 1 follows with take().
  void join(std::size_t side, SimNetwork& network, std::string machine, SimLoop& loop);
  void take(std::size_t side, SimStream& stream);
  // The end lets go. The connection may be gone afterwards.
  void leave(std::size_t side, Farewell farewell);
  bool of(std::size_t side, const SimNetwork& network) const;
  SimStream* stream(std::size_t side) const { return ends_[side].stream; }
  const std::string& machine(std::size_t side) const { return ends_[side].machine; }

  std::size_t room(std::size_t from) const;
  void send(std::size_t from, Bytes bytes);  // No more than room().
  void send_end(std::size_t from);
  void reading(std::size_t side) { arm(side); }  // The stream began or ceased to read.

  bool over(const SimLink& link) const { return &link_ == &link; }
  void silence();
  void resume();
  void break_off();
  void forget();

 private:
  struct Segment {
    Instant at;
    std::size_t bytes;
  };
  struct End {
    SimNetwork* network = nullptr;
    SimStream* stream = nullptr;
    std::string machine;
    bool gone = false;    // Closed, killed or never taken.
    bool silent = false;  // Gone without a word.
    std::optional<SimLoopEvent> arrival;
    // What comes to this end:
    Buffer bytes;
    std::size_t head = 0;
    std::vector<Segment> segments;
    std::size_t vanished = 0;
    Instant end_at = Instant::never();
    Instant reset_at = Instant::never();
  };
  template <std::size_t side>
  static void arrived(void* self) {
    static_cast<SimConnection*>(self)->arrive(side);
  }
  void put(std::size_t from, Bytes bytes);
  void arm(std::size_t side);
  void arrive(std::size_t side);
  Bytes take_due(End& to, Instant now);
  void reset(std::size_t side);

  SimFabric& fabric_;
  SimLink& link_;
  bool forgotten_ = false;
  bool broken_ = false;
  std::array<End, 2> ends_;
};

}  // namespace pinaflux
