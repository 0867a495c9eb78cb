// Integers: a column of 64-bit integers as a mode and varints, whichever mode is shortest.
//
// Modes      0 plain, 1 delta, 2 delta of delta, each divided by a common unit and zigzagged. Arithmetic
//            wraps, so that every int64 and every uint64 (as its bits) comes back.
// Threads    Pure functions; any.
// Tests      tests/agent/seal/body_test.cc
#pragma once

#include <cstdint>
#include <span>

#include "platform/base/bytes.h"

namespace pinaflux::seal {

void write_integers(std::span<const std::int64_t> values, Writer& to);
// Fills all of `values`; the reader fails on damage.
void read_integers(Reader& from, std::span<std::int64_t> values);

}  // namespace pinaflux::seal
