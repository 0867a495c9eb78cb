// How often a test program has asked the heap, if one of its sources includes counted_heap.h; tests look at differences.
#pragma once

#include <atomic>
#include <cstdint>

namespace pinaflux::kit {

inline std::atomic<std::uint64_t> heap_calls{0};

}  // namespace pinaflux::kit
