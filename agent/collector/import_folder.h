// Import folder: how a running collector takes up exports: what lies in DATABASE-import/ as NAME.export is landed,
// then NAME.export.report tells how it went ("pinaflux.import/1"), and the file is gone.
//
// Promise    A file is removed only after the commit that landed the last of it. A crash before that lands it
//            again, which changes nothing.
// Ownership  Files must outlive it.
// Threads    poll() and wants() on the loop, step() on the storage worker, never both at a time.
// Tests      tests/agent/collector/import_test.cc
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/collector/import.h"
#include "platform/files.h"

namespace pinaflux {

class ImportFolder {
 public:
  static std::string directory_of(const std::string& database) { return database + "-import"; }
  static constexpr const char* kFileEnd = ".export";
  static constexpr const char* kReportEnd = ".report";

  ImportFolder(Files& files, std::string directory);

  // Errors: the directory can neither be made nor used.
  Status prepare();
  // Looks for files.
  void poll();
  bool wants() const { return import_ || !waiting_.empty(); }
  // As Import::step, of the file whose turn it is; when that ends, `finished` is its report.
  Status step(CollectorStore& store, WallTime now, std::vector<AckMessage>& acks,
              std::optional<ImportReport>& finished);

 private:
  Files& files_;
  std::string directory_;
  std::vector<std::string> waiting_;  // Names, the next one last.
  std::set<std::string> stuck_;       // Landed, and could not be removed.
  std::string name_;
  std::unique_ptr<Import> import_;
};

}  // namespace pinaflux
