// Subject: one workload, and what is done to it while it runs: nothing, a mutant, or a fault at the n-th
// call.
//
// Promise    The command names it whole: run again, it does the same.
// Threads    One owner.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tests/sim/crash/mutant.h"
#include "tests/sim/crash/workload.h"

namespace pinaflux::crash {

enum class Trouble : std::uint8_t {
  none,
  io,           // The n-th call of the disk fails, whatever it is.
  io_spell,     // So do the seven after it.
  full,         // The n-th call that could want space finds none.
  short_write,  // The n-th write does a part, then finds no space.
  memory,       // The n-th call of the disk is short of memory.
  allocation,   // SQLite's n-th request for memory is refused.
};

struct TroubleName {
  Trouble trouble;
  std::string_view name;
};
inline constexpr std::array<TroubleName, 6> kTroubles{{
    {Trouble::io, "io"},
    {Trouble::io_spell, "io_spell"},
    {Trouble::full, "full"},
    {Trouble::short_write, "short_write"},
    {Trouble::memory, "memory"},
    {Trouble::allocation, "allocation"},
}};

std::optional<Trouble> trouble_of(std::string_view name);

struct Subject {
  std::uint64_t seed = 1;
  std::uint64_t number = 0;
  Mutant mutant = Mutant::none;
  Trouble trouble = Trouble::none;
  std::uint64_t nth = 0;

  std::string command() const;
};

// `happened`: the trouble came to pass; the workload made at least so many calls.
Recording record(const Subject& subject, bool& happened);

}  // namespace pinaflux::crash
