#include "agent/collector/outlets.h"

#include <utility>

namespace pinaflux {

Result<std::unique_ptr<Outlets>> Outlets::open(const OutletOptions& options, Files& files,
                                               sqlite::Database& database,
                                               std::vector<std::string>& findings) {
  auto opened = DayFiles::open(files, database, findings);
  if (!opened) return std::unexpected(opened.error());
  std::unique_ptr<Outlets> outlets(new Outlets);
  outlets->files_ = std::move(*opened);
  for (const std::string& folder :
       {options.ndjson.directory, options.csv.directory, options.archive, options.lines_refused}) {
    Status made = folder.empty() ? Status() : outlets->files_->make_directory(folder);
    if (made) continue;
    findings.push_back("no file can be kept in " + folder + ": make it a folder of this user's");
    return std::unexpected(made.error());
  }
  DayFiles& all = *outlets->files_;
  if (!options.ndjson.directory.empty()) outlets->ndjson_.emplace(options.ndjson, all);
  if (!options.csv.directory.empty()) outlets->csv_.emplace(options.csv, all);
  if (!options.archive.empty()) outlets->archive_.emplace(options.archive, all);
  if (options.lines != nullptr) {
    outlets->lines_.emplace(*options.lines, options.lines_refused, all);
  }
  return outlets;
}

Status Outlets::recover(std::vector<std::string>& findings) {
  files_->abandon();
  return files_->recover(findings);
}

Status Outlets::take_rows(const std::string& today, const RowIdentity& identity,
                          std::span<const Row> rows) {
  Status done;
  if (ndjson_) done = ndjson_->append(today, identity, rows);
  if (done && csv_) done = csv_->append(today, identity, rows);
  if (done && lines_) done = lines_->append(today, identity, rows);
  return done;
}

Status Outlets::take_envelope(const std::string& today, Bytes envelope) {
  return archive_ ? archive_->append(today, envelope) : Status();
}

Status Outlets::flush(const std::string& today) {
  if (Status s = lines_ ? lines_->flush(today) : Status(); !s) return s;
  return files_->flush();
}

void Outlets::abandon() {
  if (lines_) lines_->abandon();
  files_->abandon();
}

}  // namespace pinaflux
