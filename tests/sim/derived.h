// What a pipeline with state makes of records, beside their own way: sums of windows, what a swinging door keeps, numbers that a
// script counts up. A crash may neither repeat nor lose any of that, and the tables show it: every record is in one sum, the
// numbers have no gap, and what was held back is there once: of values like noise a door needs each.
//
// Threads    One.
#pragma once

#include <cstdint>
#include <string>

#include "agent/pipeline/pipeline.h"
#include "platform/files.h"
#include "tests/sim/ledger.h"

namespace pinaflux::tests {

// Of the pipeline and the lanes in the gateway's YAML.
inline constexpr const char* kDerivedYaml = R"(
pipeline:
  summed: {from: [hub, http, press], window: {every: 10s, of: n, give: [sum, count], by: user, late: pass, stream: summed}}
  late: {from: summed.late, rename: {stream: late}}
  door: {from: press, deadband: {of: v, swing: 0.5, silence_max: 15s}}
  swung: {from: door, rename: {stream: swung}}
  turned: {from: hub, script: {text: "state.turn = (state.turn or 0) + 1; record.turn = state.turn; record._stream = 'turned'"}}
)";
// After the last record all of it has been given.
inline constexpr Duration kDerivedWithin = Duration::seconds(40);

bool is_derived(std::string_view stream);
// As if the nodes had never been.
void leave_out_derived(PipelineOptions& pipeline);

struct DerivedCounts {
  std::uint64_t rows = 0;
  std::uint64_t summed = 0, late = 0, swung = 0, turned = 0;
  std::int64_t sum = 0;  // Of the numbers in all sums, and of those that came late.
  std::string wrong;     // Of a row.
};
Result<DerivedCounts> read_derived(Files& files, const std::string& database, const Ledger& ledger);

}  // namespace pinaflux::tests
