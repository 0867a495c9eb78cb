// PackedRecord: a record as bytes, for a node that holds it back or has it in its state.
//
// Promise    What unpack_record() gives is identical to what was packed. Damaged bytes are nothing.
// Limits     None of its own: the caller looks at the size.
// Ownership  A record that is unpacked lives in the arena.
// Threads    Loop.
// Tests      tests/agent/pipeline/swing_test.cc
#pragma once

#include <optional>

#include "agent/pipeline/step.h"

namespace pinaflux {

// Appends it.
void pack_record(const Record& record, SourceIndex source, Buffer& to);
// Nothing: the arena has no room, there are too many shapes, or the bytes are damaged.
std::optional<Step::Given> unpack_record(Bytes from, Shapes& shapes, Arena& arena);
// The bytes are those of a record whose shape there is, or is room for.
bool is_packed_record(Bytes from, Shapes& shapes);

}  // namespace pinaflux
