// The machines of the simulated world: a gateway, a collector, brokers; production code, all but the
// brokers.
//
// Threads    One.
#pragma once

#include <memory>
#include <string>

#include "agent/agent/agent.h"
#include "agent/collector/collector.h"
#include "agent/config/load.h"
#include "platform/sim/mqtt_broker.h"
#include "tests/sim/machine.h"
#include "tests/sim/mutant.h"

namespace pinaflux::tests {

class Gateway final : public Machine {
 public:
  Gateway(Stage& stage, std::string name, std::uint32_t id, Configuration configuration,
          Mutant mutant, const sim::SimDisk::Options& disk);
  ~Gateway() override { stop_living(); }

  void terminate();  // SIGTERM: it says goodbye and starts again.
  std::optional<AgentStatus> status();
  // Over all its lives.
  std::uint64_t commits();
  std::uint64_t commit_failures();
  const Configuration& configuration() const { return configuration_; }
  // Somebody sets its clock. After a boot it may be wrong, and a time service sets it right some time later, or never.
  void step_clock(Duration by);
  void synchronise_clock();
  // Nobody has set the clock wrong after it was right.
  bool clock_honest() const { return clock_honest_; }

 private:
  class Running;
  std::unique_ptr<Program> make(Life& life) override;
  void begin_boot();
  void buried() override;
  void synced() override;
  Agent* agent();

  Configuration configuration_;
  const Mutant mutant_;
  std::uint64_t commits_before_ = 0, failures_before_ = 0;
  Random clock_random_;
  std::unique_ptr<Timer> time_service_;
  std::uint64_t clock_boot_ = 0;  // That begin_boot() was called for.
  bool clock_honest_ = true;
};

// What an operator's rule in the collector's database refuses of a record that Ledger::is_poison.
enum class Refused : std::uint8_t { nothing, by_its_table, by_quarantine_too };

class Cloud final : public Machine {
 public:
  static constexpr const char* kDatabase = "/landed.db";
  static constexpr const char* kArchive = "/archive";
  static constexpr const char* kKeys = "/keys";
  static constexpr const char* kSignKey = "/cloud.pem";

  struct Options {
    ProofKind
        proof;  // Only what is proved by the keys in kKeys is believed, and acks are proved so.
    Refused refused;                  // From its second start on.
    bool archives;                    // It keeps in kArchive what lands.
    bool loses_dictionaries = false;  // At each start.
  };
  Cloud(Stage& stage, const sim::SimDisk::Options& disk, const Options& options);
  ~Cloud() override { stop_living(); }

  // It dies after the next commit, before anybody hears of that.
  void die_after_commit(Duration down) { doomed_ = down; }
  std::optional<CollectorStatus> status();
  void stop();  // For good: what is acknowledged is on disk.

 private:
  class Running;
  class DoomedWorker;
  std::unique_ptr<Program> make(Life& life) override;
  const Options options_;
  std::optional<Duration> doomed_;
};

class Broker final : public Machine {
 public:
  Broker(Stage& stage, std::string name, std::uint32_t id, const SimBroker::Options& options);
  ~Broker() override { stop_living(); }

  void restart(bool forgets, Duration down);
  void faults(const SimBroker::Faults& faults);
  SimBrokerMemory& memory() { return memory_; }

 private:
  class Running;
  std::unique_ptr<Program> make(Life& life) override;
  const SimBroker::Options options_;
  SimBroker::Faults faults_;
  SimBrokerMemory memory_;
};

}  // namespace pinaflux::tests
