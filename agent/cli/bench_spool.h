// `pinaflux bench spool`: what the spool costs on this machine's disk, in figures that a device feels.
//
// Output     A table, or with `json` one object: schema pinaflux.bench.spool/1, which changes by addition
//            only. A figure that this machine cannot give is null, and `notes` says why.
// Files      Below a temporary directory in `directory`, removed at the end.
// Tests      tests/bench/spool, its golden list of keys
#pragma once

#include <string>

namespace pinaflux {

struct BenchSpoolOptions {
  std::string directory = ".";
  bool quick = false;  // Seconds instead of minutes: less load, no 10 million records, no GiB.
  bool json = false;
  std::string only;  // Measures what has this in its name; all else is null.
};

// The exit status.
int bench_spool_command(const BenchSpoolOptions& options);

}  // namespace pinaflux
