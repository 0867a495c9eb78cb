// `decode`: prints the records of envelopes, or their header lines. Of both programs.
//
// Output     Records go to standard output, what a person must know to standard error.
// Threads    The caller's.
// Tests      tests/agent/cli/decode, tests/agent/seal/decoders
#pragma once

#include <string>
#include <vector>

namespace pinaflux {

struct DecodeOptions {
  std::string file;               // "-": standard input.
  std::string format = "ndjson";  // ndjson, csv, lines (line protocol).
  bool header = false;            // The header lines instead, as JSON.
  std::vector<std::string>
      dictionaries;      // Files of those that envelopes may have been packed with.
  bool salvage = false;  // Also what is left of damaged envelopes, marked.
};

// Exit status: 0; 65 when anything in the file is damaged, cut off, newer or foreign, salvaged or not; 66 when there is
// no file, nor one of a dictionary; 74 when it cannot be read, or the output not be written.
int decode_command(const DecodeOptions& options);

}  // namespace pinaflux
