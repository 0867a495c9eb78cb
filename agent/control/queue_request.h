// Queue requests: what an operator asks of the queue, as a line of text, for a running agent's socket and for a
// stopped agent's spool alike.
//
// Requests   stats text|json              counts by lane
//            peek LANE|* COUNT            the oldest records as lines of JSON
//            export LANE|* SECONDS        all of it as an export file; the unix time for its title
//            purge LANE all|NANOSECONDS text|json   declares lost what is older than that, or all
//            verify text|json             whether all of it would arrive
// Threads    Pure function; any.
// Tests      tests/agent/control/queue_request_test.cc
#pragma once

#include <memory>
#include <string_view>

#include "agent/spool/operation.h"

namespace pinaflux {

// Null: there is no such request.
std::unique_ptr<Operation> make_operation(std::string_view request);

}  // namespace pinaflux
