// How many keys the nodes remember that hold more of each than a value: the configuration says so first.
//
// Threads    Constants; any.
#pragma once

#include <cstddef>

namespace pinaflux {

inline constexpr std::size_t kSwingKeysMax = 4'096;        // Each holds a record.
inline constexpr std::size_t kChangeRateKeysMax = 65'536;  // Times fields.

}  // namespace pinaflux
