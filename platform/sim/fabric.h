// SimFabric: the wires between simulated machines, with their delays and their faults.
//
// Promise    A byte that is sent arrives once, in order, some delay later, in pieces of any size; or,
//            after a fault, never. What a fault does to a connection is what TCP shows of it.
// Faults     A cut link: bytes wait, connects time out; mended, the bytes arrive. A refusing link:
//            connects are refused. A link that broke off: both ends of its connections are told. A link
//            that forgot: its connections are half-open, bytes vanish, and nobody is told before the
//            keep-alive of TCP notices. A machine without power: silence; after its return, resets.
// Limits     kWindowBytes of a connection are under way or unread, each way; the rest waits at the
//            sender. Idle connections cost nothing.
// Ownership  The scheduler outlives it, it outlives its networks.
// Threads    One.
// Tests      tests/platform/sim/network_test.cc
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "platform/base/bytes.h"
#include "platform/base/random.h"
#include "platform/sim/scheduler.h"

namespace pinaflux {

class SimConnection;
class SimFabric;
class SimListener;

// Between two machines, or of a machine with itself.
class SimLink {
 public:
  struct Quality {
    Duration delay_min = Duration::microseconds(50), delay_max = Duration::microseconds(500);
    std::uint64_t split_one_in = 8;  // What arrives is torn in two.
  };
  explicit SimLink(SimFabric& fabric) : fabric_(fabric) {}

  void quality(const Quality& quality) { quality_ = quality; }
  const Quality& quality() const { return quality_; }

  void cut();
  void mend();  // Also what refuses.
  void refuse() { refuses_ = true; }
  void break_off();
  void forget();

  bool is_cut() const { return cut_; }
  bool refuses() const { return refuses_; }
  std::uint64_t bytes_sent() const { return bytes_sent_; }

 private:
  friend class SimConnection;
  SimFabric& fabric_;
  Quality quality_;
  bool cut_ = false;
  bool refuses_ = false;
  std::uint64_t bytes_sent_ = 0;
};

class SimFabric {
 public:
  static constexpr std::size_t kWindowBytes = 64 * 1024;
  static constexpr Duration kKeepAlive = Duration::seconds(120);  // As platform/linux tunes it.

  SimFabric(SimScheduler& scheduler, std::uint64_t seed);
  ~SimFabric();

  SimLink& link(const std::string& a, const std::string& b);
  void power(const std::string& machine, bool on);
  bool dark(const std::string& machine) const { return dark_.contains(machine); }

  // Sees everything that is sent, before it is: for oracles.
  class Tap {
   public:
    virtual ~Tap() = default;
    virtual void sent(const std::string& from, const std::string& to, Bytes bytes) = 0;
  };
  void tap(Tap* tap) { tap_ = tap; }
  // The n-th call to connect or to send is the last of its connection: refused, or reset with half of the
  // bytes on their way. 0: none.
  void break_at(std::uint64_t call) { break_at_ = call; }
  std::uint64_t calls() const { return calls_; }

 private:
  friend class SimConnection;
  friend class SimLink;
  friend class SimListener;
  friend class SimNetwork;
  friend class SimStream;

  SimConnection& connect(SimLink& link);
  void release(SimConnection& connection);
  Duration delay(const SimLink& link);
  bool breaks() { return ++calls_ == break_at_; }

  SimScheduler& scheduler_;
  Random random_;
  std::map<std::pair<std::string, std::string>, SimLink> links_;
  std::map<std::string, SimListener*> listeners_;  // By place_of().
  std::set<std::string> dark_;
  std::uint16_t last_port_ = 49'151;
  Tap* tap_ = nullptr;
  std::uint64_t calls_ = 0, break_at_ = 0;
  Buffer scratch_;  // What arrives, while its reader looks at it.
  std::vector<std::unique_ptr<SimConnection>> connections_;
};

}  // namespace pinaflux
