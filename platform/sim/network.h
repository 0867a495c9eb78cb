// SimNetwork: the sockets of one simulated program on one simulated machine.
//
// Promise    A program that is killed closes its sockets, as a kernel does for it; one whose machine
//            loses power says nothing.
// Ownership  Fabric and loop outlive it; it outlives its streams and listeners.
// Threads    One.
// Tests      tests/platform/network_contract.h, tests/platform/sim/network_test.cc
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "platform/network.h"
#include "platform/sim/address.h"
#include "platform/sim/fabric.h"
#include "platform/sim/loop.h"

namespace pinaflux {

class SimNetwork final : public Network {
 public:
  SimNetwork(SimFabric& fabric, SimLoop& loop, std::string machine);

  Result<std::unique_ptr<Stream>> connect(const std::string& address, const Options& options,
                                          Stream::Events& events) override;
  Result<std::unique_ptr<Listener>> listen(const std::string& address, const Options& options,
                                           OnAccept accepted) override;
  std::string interface_to(const std::string&) const override { return "sim0"; }

  enum class Death { kill, power };  // Power: see SimFabric::power() for the machine.
  // With its loop's kill().
  void die(Death death);

  SimFabric& fabric() { return fabric_; }
  SimLoop& loop() { return loop_; }
  SimLink& link_to(const std::string& machine) { return fabric_.link(machine_, machine); }
  const std::string& machine() const { return machine_; }
  // A connection to who listens at the place, or nullptr.
  SimConnection* call(const std::string& place, SimLink& link);

 private:
  SimFabric& fabric_;
  SimLoop& loop_;
  const std::string machine_;
};

class SimListener final : public Listener {
 public:
  SimListener(SimNetwork& network, std::string address, std::string place, bool local,
              const Network::Options& options, Network::OnAccept accepted);
  ~SimListener() override;
  std::string address() const override { return address_; }

  void call(SimConnection& connection);
  void hang_up();  // On those who wait; nobody can call any more.
  SimNetwork& network() { return network_; }

 private:
  void accept_all();

  SimNetwork& network_;
  const std::string address_, place_;
  const bool local_;
  const Network::Options options_;
  const Network::OnAccept accepted_;
  std::deque<SimConnection*> waiting_;
  bool* gone_ = nullptr;
  SimLoopEvent ready_;
};

}  // namespace pinaflux
