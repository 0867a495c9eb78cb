// `pinaflux run --once FILE --print`: the records of a file through mask and pipeline, and what every node makes of them.
//
// Promise    Nothing is stored or sent, no socket is opened; no agent is needed. Values are shown masked alone; of what is no record its
//            place is shown, and nothing of it.
// Text       A line for each output, in the order in which they come:
//              source boiler -> {"_stream":"boiler","_time":"..","temp":21.5}
//              node hot -> {..}
//              node flow.late -> {..}
//              lane normal -> {..}
//              refused node_failed by typed: field 'temp': it is above its max
// JSON       The same, one object a line; fields may be added:
//              {"schema":"pinaflux.run/1","source":"boiler","record":{..}}
//              {"schema":"pinaflux.run/1","node":"flow","port":"main|late|drifted","record":{..}}
//              {"schema":"pinaflux.run/1","lane":"normal","record":{..}}
//              {"schema":"pinaflux.run/1","refused":"node_failed","node":"typed","why":".."}: without `node` if none refused it
// Formats    NDJSON, JSON and line protocol as the source reads them; CSV with a line of names, whose cells are numbers, true, false or
//            texts; an empty one is no field, and one in quotes is a text.
// Limits     kFileBytesMax; the first kMistakesMax mistakes are said.
// Threads    The caller's.
// Tests      tests/agent/cli/run_once_test.cc
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/agent/dry_run.h"
#include "agent/data/intake.h"
#include "agent/ingest/options.h"

namespace pinaflux {

struct RunOnceOptions {
  std::string file;    // "-": standard input.
  std::string source;  // That reads it; empty: the first.
  std::string stream;  // Of its records; empty: the source's.
  std::string format;  // "ndjson", "csv", "lines"; empty: by the file.
  bool print = false;  // Every output; else how many there were.
  bool json = false;   // Likewise, for a machine to read.
};

class RunOnce {
 public:
  static constexpr std::size_t kFileBytesMax = 64 * 1024 * 1024;
  static constexpr std::size_t kMistakesMax = 20;
  using Print = std::function<void(std::string_view)>;

  // `print` takes outputs, `tell` what a person must know, each a line with its end. Errors: those of DryRun; keys that cannot be read
  // (`which` names one); not_found: no such source.
  static Result<std::unique_ptr<RunOnce>> make(const Configuration& configuration,
                                               const Companions::Host& host,
                                               const RunOnceOptions& options, Stamp begin,
                                               Print print, Print tell, std::string& which);
  // The file's text, which is wiped. False: something in it is no record.
  bool run(std::string text);

 private:
  RunOnce(const RunOnceOptions& options, Stamp begin, Print print, Print tell)
      : options_(options), begin_(begin), print_(std::move(print)), tell_(std::move(tell)) {}
  void show(const DryRun::Output& output);
  void read_whole(std::string_view text, Format format);
  void read_lines(std::string_view lines, Format format);
  void read_csv();
  std::size_t offset_of(std::uint32_t line) const;
  void mistake(std::size_t at, std::string_view what, std::string_view fix);
  void summary();

  const RunOnceOptions options_;
  const Stamp begin_;
  const Print print_, tell_;
  SourceOptions source_;
  std::string stream_;
  Vault vault_;
  std::unique_ptr<DryRun> dry_;
  std::unique_ptr<Intake> intake_;
  std::string_view text_;  // Of the file.
  std::uint64_t mistakes_ = 0, records_ = 0, refused_ = 0;
  std::vector<std::pair<std::string, std::uint64_t>> landed_;  // By lane.
};

// Exit status: 0; 1 when something in the file is no record; 64: no such source; 66: no such file; 78 for the configuration.
int run_once_command(const std::string& configuration, const RunOnceOptions& options);

}  // namespace pinaflux
