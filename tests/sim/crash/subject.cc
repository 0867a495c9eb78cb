#include "tests/sim/crash/subject.h"

#include <algorithm>

#include "tests/sim/crash/heap.h"

namespace pinaflux::crash {

namespace {

constexpr std::uint64_t kSpell = 8;
constexpr std::uint64_t kStepsTroubled = 10;  // Faults at every call: a short life will do.

constexpr std::uint32_t kGrows = sim::kOpen | sim::kWrite | sim::kTruncate | sim::kMakeDirectory |
                                 sim::kRename | sim::kReserve | sim::kSync;

void arm(const Subject& subject, sim::SimDisk& disk) {
  sim::Fault fault;
  fault.skip = subject.nth - 1;
  switch (subject.trouble) {
    case Trouble::none: return;
    case Trouble::io: break;
    case Trouble::io_spell: fault.count = kSpell; break;
    case Trouble::full:
      fault.kind = sim::Fault::Kind::full;
      fault.calls = kGrows;
      break;
    case Trouble::short_write:
      fault.kind = sim::Fault::Kind::short_write;
      fault.calls = sim::kWrite;
      break;
    case Trouble::memory: fault.kind = sim::Fault::Kind::memory; break;
    case Trouble::allocation: refuse_allocation(subject.nth); return;
  }
  disk.inject(fault);
}

}  // namespace

std::optional<Trouble> trouble_of(std::string_view name) {
  const auto at = std::ranges::find(kTroubles, name, &TroubleName::name);
  if (at == kTroubles.end()) return std::nullopt;
  return at->trouble;
}

std::string Subject::command() const {
  std::string text =
      "crash --seed " + std::to_string(seed) + " --workloads " + std::to_string(number);
  for (const MutantName& one : kMutants) {
    if (one.mutant == mutant) text += " --mutant " + std::string(one.name);
  }
  for (const TroubleName& one : kTroubles) {
    if (one.trouble == trouble) {
      text += " --trouble " + std::string(one.name) + ":" + std::to_string(nth);
    }
  }
  return text;
}

Recording record(const Subject& subject, bool& happened) {
  Workload workload(subject.seed, subject.number, subject.mutant);
  if (subject.trouble != Trouble::none) workload.expect_trouble(kStepsTroubled);
  arm(subject, workload.disk());
  Recording recording = workload.run();
  happened = subject.trouble != Trouble::none &&
             (workload.disk().counts().faults > 0 || allocation_refused());
  refuse_allocation(0);
  recording.medium_seed = subject.nth + 1;
  return recording;
}

}  // namespace pinaflux::crash
