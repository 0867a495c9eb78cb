// Machine: a simulated computer with a disk, on which one program lives, dies and starts again.
//
// Promise    A program that died tells nobody anything; its objects are destroyed afterwards, while its
//            disk refuses every call and its sockets are gone, so that destroying them changes nothing.
// Ownership  The stage outlives it.
// Threads    One.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "platform/base/log.h"
#include "platform/http/servers.h"
#include "platform/sim/clock.h"
#include "platform/sim/entropy.h"
#include "platform/sim/files.h"
#include "platform/sim/network.h"
#include "platform/sim/process.h"
#include "platform/sim/worker.h"
#include "tests/sim/witness.h"

namespace pinaflux::tests {

// Where all machines stand.
struct Stage {
  explicit Stage(std::uint64_t seed);
  SimScheduler scheduler;
  SimFabric fabric;
  Witness witness;
  SimLoop director;  // Whose events kill and start programs.
  Random random;     // The director's.
  bool verbose = false;

  static constexpr WallTime kBegin{2'000'000'000'000'000'000};  // After any build date.
  // What a right clock shows.
  WallTime truth() const { return {kBegin.ns + scheduler.now().ns}; }
};

class Machine;

// What a program has for as long as it lives.
struct Life {
  Life(Stage& stage, Machine& machine, std::uint32_t id, std::uint64_t seed);
  SimLoop loop;
  SimNetwork network;
  sim::SimFiles files;
  SimWorker worker;
  SimEntropy entropy;
  SimProcess process;
  StreamHttpServers http;
  Log log;
};

class Program {
 public:
  virtual ~Program() = default;
  virtual bool turn() { return false; }
  virtual bool ended() const { return false; }  // It stopped by itself, as it was asked to.
};

class Machine {
 public:
  Machine(Stage& stage, std::string name, std::uint32_t id, const sim::SimDisk::Options& disk);
  virtual ~Machine();

  void start();
  enum class Death : std::uint8_t { kill, power };
  // Now; it starts again after so long. `survival` counts for power.
  void die(Death death, sim::Survival survival, Duration down);
  // In the middle of the so-manieth change of the disk from now on.
  void die_at_change(std::uint64_t changes, Death death, sim::Survival survival, Duration down);
  // It loses power, and starts again with this on its disk.
  void put_back(sim::Image image, Duration down);

  bool alive() const { return life_ != nullptr && life_->loop.alive(); }
  Life* life() { return alive() ? life_.get() : nullptr; }
  sim::SimDisk& disk() { return disk_; }
  SimClock& clock() { return clock_; }
  const std::string& name() const { return name_; }
  Stage& stage() { return stage_; }
  std::uint64_t starts() const { return starts_; }

 protected:
  // Nothing: it does not start, and is tried again.
  virtual std::unique_ptr<Program> make(Life& life) = 0;
  virtual void buried() {}  // The program is about to be destroyed.
  virtual void synced() {}
  Program* program() { return program_.get(); }
  void stop_living();  // For destructors of those who make programs.

 private:
  void boot();
  void bury();
  void changing(const sim::Operation& operation);

  Stage& stage_;
  const std::string name_;
  const std::uint32_t id_;
  SimClock world_clock_;  // Never reboots: the disk's faults end by it.
  SimClock clock_;
  sim::SimDisk disk_;
  Random random_;
  std::uint64_t starts_ = 0;
  std::unique_ptr<Life> life_;
  std::unique_ptr<Program> program_;
  struct Doom {
    std::uint64_t changes = 0;  // 0: none.
    Death death = Death::kill;
    sim::Survival survival = sim::Survival::all;
    Duration down;
  } doom_;
  Duration down_{};
  bool powerless_ = false;
  std::optional<sim::Image> image_;  // For the next start.
  SimLoopEvent burial_, boot_;
};

}  // namespace pinaflux::tests
