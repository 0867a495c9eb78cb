// `pinaflux bench pipeline FILE`: what mask and pipeline cost a real file's records, node by node, without a disk or a network.
//
// Output     A table, or with `json` one object: schema pinaflux.bench.pipeline/1, which changes by addition only.
// Runs       Each is one chain of the same records: `pass` (one node that does nothing), `mask` (round, drop, replace), `deadband`, `changes`,
//            `where`, `derive`, `window` (a minute; mean, min, max of three fields), `script`, `chain` (mask, then deadband and window beside each other) and
//            `json` (the file as NDJSON: parsed, masked, through the deadband).
// Speed      Records, and bytes of NDJSON, per second of processor time on one core: the best of several passes. Latencies are those of single records through the
//            chain, by the monotonic clock.
// Bytes      `sealed_bytes`: of what reached the lane of one pass over the file, in envelopes of 500 records.
// Tests      tests/bench/pipeline, its golden list of keys
#pragma once

#include <string>

namespace pinaflux {

struct BenchPipelineOptions {
  std::string file;
  std::string only;  // Runs with this in their names.
  bool json = false;
};

// The exit status.
int bench_pipeline_command(const BenchPipelineOptions& options);

}  // namespace pinaflux
