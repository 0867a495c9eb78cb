// held_record: a record that a node took and had not given, in the state of a node that is gone from the configuration.
//
// Promise    Of any state: no record, where it is none that waits, or damaged.
// Threads    Pure function; any.
// Tests      tests/agent/pipeline/execd_test.cc
#pragma once

#include "platform/base/bytes.h"

namespace pinaflux {

// Packed (packed_record.h); a view of `value`, empty: there is none.
Bytes held_record(Bytes value);

}  // namespace pinaflux
