// The frames of SQLite's WAL, as its recovery tells them from what is none.
// https://sqlite.org/fileformat2.html#walformat
//
// Threads    Functions of their arguments; any.
// Tests      tests/sim/crash/paths/paths_test.cc
#pragma once

#include <cstdint>

#include "platform/sim/image.h"

namespace pinaflux::crash::wal {

inline constexpr std::uint64_t kHeaderBytes = 32;

// Header and page; 0: by its header it is no WAL.
std::uint64_t frame_bytes(const sim::Image& image, sim::InodeId wal);

// Whether the frame there goes on from the one before it, which is taken to be one.
bool has_frame(const sim::Image& image, sim::InodeId wal, std::uint64_t offset,
               std::uint64_t count);

}  // namespace pinaflux::crash::wal
