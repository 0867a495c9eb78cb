// Mutant: one of the faults that the oracle must catch, made around production code, never in it.
//
// Threads    Values; any.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "platform/loop.h"
#include "platform/mqtt_client.h"
#include "platform/sim/disk.h"
#include "platform/worker.h"

namespace pinaflux::tests {

enum class Mutant : std::uint8_t {
  none,
  ack_before_commit,   // The gateway's worker says done before the job.
  lying_sync,          // The gateway's disk says synced and is not.
  puback_on_receipt,   // What the gateway receives is acknowledged before it is on disk.
  forged_ack,          // An envelope counts as landed as soon as it was sent.
  mask_left_out,       // Masked fields go on as they came.
  collector_lies,      // The collector's disk says synced and is not.
  duplicate_by_range,  // What lies where something has landed counts as landed, whatever it is.
  wrong_time_service,  // It says that the gateway's clock is right, and sets it ten seconds wrong.
};

struct MutantName {
  Mutant mutant;
  std::string_view name;
};
inline constexpr std::array<MutantName, 8> kMutants = {{
    {Mutant::ack_before_commit, "ack_before_commit"},
    {Mutant::lying_sync, "lying_sync"},
    {Mutant::puback_on_receipt, "puback_on_receipt"},
    {Mutant::forged_ack, "forged_ack"},
    {Mutant::mask_left_out, "mask_left_out"},
    {Mutant::collector_lies, "collector_lies"},
    {Mutant::duplicate_by_range, "duplicate_by_range"},
    {Mutant::wrong_time_service, "wrong_time_service"},
}};

std::optional<Mutant> mutant_named(std::string_view name);

// Says done when the job has written, and syncs some time later.
class HastyWorker final : public Worker {
 public:
  HastyWorker(Worker& worker, Loop& loop, sim::SimDisk& disk);
  void submit(std::function<void()> job, std::function<void()> done) override;

 private:
  void sync();
  Worker& worker_;
  sim::SimDisk& disk_;
  std::unique_ptr<Timer> sync_;
};

// Tells the uplink, of every envelope that it sends, that the collector has landed it.
MqttClientMaker forging(MqttClientMaker maker);
// Makes each ack say of whatever was compared that all of it is known.
MqttClientMaker careless(MqttClientMaker maker);

}  // namespace pinaflux::tests
