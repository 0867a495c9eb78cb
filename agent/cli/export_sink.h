// Export sink: where `queue export` writes: a file that is there whole or not at all.
//
// Promise    What is written stands under NAME.part until finish() has synced it and renamed it; on an error
//            nothing is left. A file that is there already is not touched without `force`.
// Ownership  Files must outlive it.
// Threads    The caller's.
// Tests      tests/agent/cli/export_sink_test.cc
#pragma once

#include <memory>
#include <string>

#include "platform/base/bytes.h"
#include "platform/base/result.h"
#include "platform/files.h"

namespace pinaflux {

class ExportSink {
 public:
  // `where` is a file, or a directory: then the file in it is named after gateway and time.
  ExportSink(Files& files, std::string where, bool force);
  ~ExportSink();
  ExportSink(const ExportSink&) = delete;
  ExportSink& operator=(const ExportSink&) = delete;

  // Before anything is asked of the spool. Errors: exists; not_found (no such directory).
  Status check() const;
  Status take(Bytes bytes);
  Status finish();

  const std::string& path() const { return path_; }  // Known after the first bytes.
  std::uint64_t bytes() const { return bytes_; }

 private:
  Status open(Bytes first);
  std::string part() const { return path_ + ".part"; }

  Files& files_;
  std::string where_;
  bool force_;
  bool into_directory_;
  std::string path_;
  std::unique_ptr<File> file_;
  std::uint64_t bytes_ = 0;
};

}  // namespace pinaflux
