// ClockRule: what makes the wall clock believable.
//
// Threads    Values; any.
#pragma once

#include <cstdint>

namespace pinaflux {

// Stored in spools as these numbers.
enum class ClockRule : std::uint8_t {
  synchronised = 0,  // After the build date, and the kernel says that a time service has set it.
  plausible = 1,     // After the build date: a battery-backed clock.
};

}  // namespace pinaflux
