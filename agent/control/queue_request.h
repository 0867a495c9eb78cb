// Queue requests: what an operator asks of the queue, as a line of text, for a running agent's socket and for a
// stopped agent's spool alike.
//
// Requests   stats text|json              counts by lane
//            peek LANE|* COUNT            the oldest records as lines of JSON
//            export LANE|* SECONDS        all of it as an export file; the unix time for its title
//            purge LANE all|NANOSECONDS text|json   declares lost what is older than that, or all
//            replay all|NANOSECONDS text|json   what is kept raw from then on, through the pipeline; by a running agent only
//            verify text|json             whether all of it would arrive
//            schemas                      what the pipeline knows of streams (state_list.h, stream_schema.h)
//            letters list text|json       the dead letters
//            letters show ID text|json    one of them, with its record
//            letters drop ID,ID.. text|json
//            letters replay ID,ID.. text|json   again through mask and pipeline; by a running agent only
//            letters edit ID BYTES text|json    the same, its record as JSON in those bytes behind the line
// Threads    Pure function; any.
// Tests      tests/agent/control/queue_request_test.cc
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

#include "agent/spool/operation.h"

namespace pinaflux {

// Bytes that follow the line; nothing: the line does not say it rightly.
std::optional<std::size_t> request_content_bytes(std::string_view request);
// Null: there is no such request.
std::unique_ptr<Operation> make_operation(std::string_view request, std::string_view content = {});

}  // namespace pinaflux
