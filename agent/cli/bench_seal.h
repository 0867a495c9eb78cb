// `pinaflux bench seal FILE`: what a real file comes to in envelopes, and how fast they are made and opened.
//
// Output     A table, or with `json` one object: schema pinaflux.bench.seal/1, which changes by addition
//            only. `bytes` counts whole envelopes, header lines included; each envelope stands alone, unless a
//            dictionary was asked for: then dictionary_bytes is its file's size, which `bytes` leaves out.
// Speed      Values (cells, times included) per second of processor time on one core; the best of several passes.
// Tests      tests/bench/seal, its golden list of keys; tests/agent/cli/table_file_test.cc
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace pinaflux {

struct BenchSealOptions {
  std::string file;
  std::size_t batch = 500;
  std::string effort = "default";  // fast, default, max.
  bool json = false;
  std::string keep;  // A file for the first envelope; with `dictionary`, the first that has it.
  std::string
      dictionary;  // A file for one of the first envelopes' bodies; those behind them have it.
  std::vector<std::string> without;  // Parts that it does without: names of parts.h.
};

// The exit status.
int bench_seal_command(const BenchSealOptions& options);

}  // namespace pinaflux
