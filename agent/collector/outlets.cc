#include "agent/collector/outlets.h"

#include <set>
#include <utility>

namespace pinaflux {

namespace {

constexpr const char* kLock = "/.pinaflux-lock";

}  // namespace

Result<std::unique_ptr<Outlets>> Outlets::open(const OutletOptions& options, Files& files,
                                               sqlite::Database& database,
                                               std::vector<std::string>& findings,
                                               const FileCare& care) {
  std::unique_ptr<Outlets> outlets(new Outlets);
  if (Status s = outlets->lock(options, files, findings); !s) return std::unexpected(s.error());
  auto opened = DayFiles::open(files, database, findings, care);
  if (!opened) return std::unexpected(opened.error());
  outlets->files_ = std::move(*opened);
  DayFiles& all = *outlets->files_;
  if (!options.ndjson.directory.empty()) outlets->ndjson_.emplace(options.ndjson, all);
  if (!options.csv.directory.empty()) outlets->csv_.emplace(options.csv, all);
  if (!options.archive.empty()) outlets->archive_.emplace(options.archive, all);
  if (options.lines != nullptr) {
    outlets->lines_.emplace(*options.lines, options.lines_refused, all);
  }
  return outlets;
}

// Two would write over each other's files that have no name yet. A folder that is named twice is locked once.
Status Outlets::lock(const OutletOptions& options, Files& files,
                     std::vector<std::string>& findings) {
  std::set<std::pair<std::uint64_t, std::uint64_t>> locked;
  for (const std::string& folder :
       {options.ndjson.directory, options.csv.directory, options.archive, options.lines_refused}) {
    if (folder.empty()) continue;
    if (Status made = files.make_directory(folder, DayFiles::kDirectoryMode); !made) {
      findings.push_back("no file can be kept in " + folder + ": make it a folder of this user's");
      return made;
    }
    const auto info = files.info(folder);
    if (!info) return std::unexpected(info.error());
    if (!locked.emplace(info->device, info->inode).second) continue;
    long holder = 0;
    auto lock = files.lock(folder + kLock, holder);
    if (lock) {
      locks_.push_back(std::move(*lock));
      continue;
    }
    const bool busy = lock.error().code == Code::busy;
    findings.push_back(busy ? "another collector (process " + std::to_string(holder) +
                                  ") writes into " + folder + ": stop it, or name another folder"
                            : "no file can be kept in " + folder + ": " + lock.error().what);
    if (busy) return fail(Code::exists, "another collector writes into a folder of its files");
    return std::unexpected(lock.error());
  }
  return {};
}

Status Outlets::recover(std::vector<std::string>& findings) {
  abandon_files();
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

Status Outlets::take_envelope(const std::string& today, Bytes envelope, const PackedWith& with) {
  return archive_ ? archive_->append(today, envelope, with) : Status();
}

Status Outlets::flush(const std::string& today) {
  if (Status s = lines_ ? lines_->flush(today) : Status(); !s) return s;
  return files_->flush();
}

void Outlets::abandon() {
  if (lines_) lines_->abandon();
  abandon_files();
}

void Outlets::abandon_files() {
  undone();
  files_->abandon();
}

void Outlets::undone() {
  if (archive_) archive_->forget();
}

}  // namespace pinaflux
