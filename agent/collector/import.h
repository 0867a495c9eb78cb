// Import: lands what a gateway's `pinaflux queue export` wrote, through the same Store as what arrives by MQTT.
//
// Promise    Each record lands once, whichever way it comes first and however often. What is whole in a damaged
//            or cut-off copy lands; the report says that the rest is missing.
// Limits     kStepCountMax entries, kStepBytesMax bytes a step: one transaction.
// Ownership  Files must outlive it.
// Threads    Storage worker.
// Tests      tests/agent/collector/import_test.cc ("pinaflux.import/1" is golden)
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "agent/collector/store.h"
#include "agent/spool/export_file.h"
#include "platform/base/result.h"
#include "platform/base/time.h"
#include "platform/files.h"

namespace pinaflux {

struct ImportReport {
  std::string file;
  std::string gateway;          // Of its first line.
  std::uint64_t envelopes = 0;  // In the file, as far as it could be read.
  Counts counts;
  bool complete = false;  // To its last line, and every envelope was taken or had landed.
  std::string text;       // Why not.
};

std::string import_json(std::span<const ImportReport> reports);  // "pinaflux.import/1", one line.
std::string import_text(const ImportReport& report);             // A line for a terminal.

class Import {
 public:
  static constexpr std::size_t kStepCountMax = 256;
  static constexpr std::size_t kStepBytesMax = 8 * 1024 * 1024;

  // A file that is no export leads to a report that says so.
  Import(Files& files, const std::string& path);

  // Lands some more. False: report() is final. Errors: the store's; nothing of the step was landed, and
  // the same step may be tried again. `acks` are those that the gateways are due.
  Result<bool> step(CollectorStore& store, WallTime now, std::vector<AckMessage>& acks);
  const ImportReport& report() const { return report_; }
  std::uint64_t bytes_read() const { return reader_ ? reader_->bytes_read() : 0; }
  std::uint64_t bytes_total() const { return reader_ ? reader_->bytes_total() : 0; }

 private:
  void read();
  void conclude();

  std::unique_ptr<ExportReader> reader_;
  ImportReport report_;
  std::vector<Arrival> batch_;  // Read, and not landed yet.
  bool ended_ = false;
  Status ending_;  // How the file ended.
};

}  // namespace pinaflux
