// A file and a database cannot be committed together, so the database decides:
//
//   write the text behind the recorded length; fsync; record the new length; COMMIT
//
// A crash before COMMIT leaves bytes behind the recorded length, and open() cuts them off. A file's first
// text goes to "<file>.part", which gets its name after the commit: a file without a record is therefore
// never ours, and is never cut; a .part without a record is never anybody's, and is written over.

#include "agent/collector/day_files.h"

#include <utility>

namespace pinaflux {

namespace {

constexpr std::uint32_t kDirectoryMode = 0750;

std::string parent(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

}  // namespace

Result<std::unique_ptr<DayFiles>> DayFiles::open(Files& files, sqlite::Database& database,
                                                 std::vector<std::string>& findings) {
  std::unique_ptr<DayFiles> all_files(new DayFiles(files));
  if (Status s = make_table(database); !s) return std::unexpected(s.error());
  const std::pair<sqlite::Statement*, const char*> all[] = {
      {&all_files->put_, "INSERT OR REPLACE INTO pinaflux_file VALUES(?,?)"},
      {&all_files->get_, "SELECT bytes FROM pinaflux_file WHERE path=?"},
      {&all_files->all_, "SELECT path,bytes FROM pinaflux_file"},
      {&all_files->drop_, "DELETE FROM pinaflux_file WHERE path=?"},
  };
  for (const auto& [statement, sql] : all) {
    Result<sqlite::Statement> prepared = database.prepare(sql);
    if (!prepared) return std::unexpected(prepared.error());
    *statement = std::move(*prepared);
  }
  if (Status s = all_files->recover(findings); !s) return std::unexpected(s.error());
  return all_files;
}

Status DayFiles::make_table(sqlite::Database& database) {
  return database.execute(
      "CREATE TABLE IF NOT EXISTS pinaflux_file(path TEXT PRIMARY KEY NOT NULL,"
      " bytes INTEGER NOT NULL) WITHOUT ROWID");
}

Status DayFiles::recover(std::vector<std::string>& findings) {
  std::vector<std::pair<std::string, std::int64_t>> known;
  {
    const sqlite::Reading reading(all_);
    for (;;) {
      const Result<bool> row = all_.step();
      if (!row) return std::unexpected(row.error());
      if (!*row) break;
      known.emplace_back(all_.text(0), all_.integer(1));
    }
  }
  for (const auto& [path, bytes] : known) {
    if (Status s = recover_one(path, bytes, findings); !s) return s;
  }
  return {};
}

Status DayFiles::recover_one(const std::string& path, std::int64_t recorded,
                             std::vector<std::string>& findings) {
  const bool full = recorded < 0;
  const auto bytes = static_cast<std::uint64_t>(full ? -recorded : recorded);
  Result<FileInfo> info = files_->info(path);
  if (!info && info.error().code == Code::not_found && files_->info(path + kPart)) {
    if (Status s = files_->rename(path + kPart, path); !s) return s;
    if (Status s = files_->sync_directory(parent(path)); !s) return s;
    info = files_->info(path);
  }
  if (!info && info.error().code != Code::not_found) return std::unexpected(info.error());
  if (info && info->bytes == bytes) return {};
  if (info && info->bytes < bytes) {
    findings.push_back(
        path + " is shorter than what was landed in it: " + std::to_string(info->bytes) + " of " +
        std::to_string(bytes) + " bytes are left; it stays as it is, and another one begins");
  }
  if (full && (!info || info->bytes < bytes)) return {};
  if (!info || info->bytes < bytes) {
    drop_.bind(1, std::string_view(path));
    return drop_.run();
  }
  Result<std::unique_ptr<File>> file = files_->open(path, Files::Mode::write);
  if (!file) return std::unexpected(file.error());
  if (Status s = (*file)->truncate(bytes); !s) return s;
  return (*file)->sync();
}

Status DayFiles::make_directory(const std::string& directory) {
  return files_->make_directory(directory, kDirectoryMode);
}

Result<DayFiles::Target*> DayFiles::to(const std::string& name, std::string_view end,
                                       std::uint64_t bytes_max) {
  const std::string key = name + std::string(end);
  auto at = targets_.find(key);
  if (at == targets_.end() || at->second.file_ == nullptr) {
    if (files_open_ >= kFilesMax) {
      if (Status s = close_all(); !s) return std::unexpected(s.error());
    }
    Target& target = targets_[key];
    target.bytes_max_ = bytes_max;
    Status opened = target.path_.empty() ? open_target(name, end, target) : open_file(target);
    if (!opened) return std::unexpected(opened.error());
    return &target;
  }
  return &at->second;
}

// What was appended goes on later, behind what is written now.
Status DayFiles::close_all() {
  for (auto& [name, target] : targets_) {
    if (target.file_ == nullptr) continue;
    if (Status s = target.text.empty() ? Status() : write(target); !s) return s;
    if (Status s = target.changed_ ? target.file_->sync() : Status(); !s) return s;
    target.file_.reset();
  }
  files_open_ = 0;
  return {};
}

Status DayFiles::open_target(const std::string& name, std::string_view end, Target& target) {
  for (int number = 1;; ++number) {
    target.path_ = name;
    if (number > 1) target.path_.append("-").append(std::to_string(number));
    target.path_.append(end);
    const Result<std::int64_t> known = recorded(target.path_);
    if (!known) return std::unexpected(known.error());
    // Not named yet after a failed rename, or moved away by its reader: then a new one begins.
    if (*known != kUnknown && *known < 0) continue;
    if (*known >= 0 && !files_->info(target.path_) && files_->info(target.path_ + kPart)) {
      if (Status s = files_->rename(target.path_ + kPart, target.path_); !s) return s;
    }
    const bool there = files_->info(target.path_).has_value();
    target.fresh_ = *known < 0 || !there;
    target.bytes_ = target.fresh_ ? 0 : static_cast<std::uint64_t>(*known);
    if (!target.fresh_ || !there) return open_file(target);
  }
}

Status DayFiles::open_file(Target& target) {
  if (Status s = files_->make_directory(parent(target.path_), kDirectoryMode); !s) return s;
  const std::string path = target.fresh_ ? target.path_ + kPart : target.path_;
  Result<std::unique_ptr<File>> file = files_->open(path, Files::Mode::create);
  if (!file) return std::unexpected(file.error());
  target.file_ = std::move(*file);
  ++files_open_;
  return target.file_->truncate(target.bytes_);
}

// One that was closed for others meanwhile is open for this moment only.
Status DayFiles::write(Target& target) {
  const bool closed = target.file_ == nullptr;
  if (Status s = closed ? open_file(target) : Status(); !s) return s;
  if (Status s = target.file_->write_at(target.bytes_, as_bytes(target.text)); !s) return s;
  target.bytes_ += target.text.size();
  target.text.clear();
  target.changed_ = true;
  if (!closed) return {};
  if (Status s = target.file_->sync(); !s) return s;
  target.file_.reset();
  --files_open_;
  return {};
}

Status DayFiles::flush() {
  for (auto& [name, target] : targets_) {
    if (!target.text.empty()) {
      if (Status s = write(target); !s) return s;
    }
    if (!target.changed_) continue;
    if (Status s = target.file_ ? target.file_->sync() : Status(); !s) return s;
    const auto bytes = static_cast<std::int64_t>(target.bytes_);
    put_.bind(1, std::string_view(target.path_));
    put_.bind(2, target.bytes_ >= target.bytes_max_ ? -bytes : bytes);
    if (Status s = put_.run(); !s) return s;
  }
  return {};
}

// A rename that fails is repeated by open() of the next start: the record says whose the .part is.
void DayFiles::committed() {
  bool keep = targets_.size() <= kFilesMax && files_open_ == targets_.size();
  for (auto& [name, target] : targets_) {
    target.changed_ = false;
    if (!std::exchange(target.fresh_, false)) continue;
    Status named = files_->rename(target.path_ + kPart, target.path_);
    if (named) named = files_->sync_directory(parent(target.path_));
    if (!named) keep = false;
  }
  if (!keep) abandon();
  files_open_ -= std::erase_if(
      targets_, [](const auto& one) { return one.second.bytes_ >= one.second.bytes_max_; });
}

Status DayFiles::write_pending(const std::string& path) {
  for (auto& [name, target] : targets_) {
    if (target.path_ == path && !target.text.empty()) return write(target);
  }
  return {};
}

Result<std::string> DayFiles::read(const std::string& path, std::uint64_t offset,
                                   std::size_t bytes) {
  if (Status s = write_pending(path); !s) return std::unexpected(s.error());
  auto file = files_->open(path, Files::Mode::read);
  if (!file && file.error().code == Code::not_found) {
    file = files_->open(path + kPart, Files::Mode::read);
  }
  if (!file) return std::unexpected(file.error());
  Buffer text(bytes);
  for (std::size_t filled = 0; filled < bytes;) {
    const auto read = (*file)->read_at(offset + filled, MutableBytes(text).subspan(filled));
    if (!read) return std::unexpected(read.error());
    if (*read == 0) return fail(Code::not_found, "the file is shorter than what landed in it");
    filled += *read;
  }
  return std::string(as_text(text));
}

Result<std::int64_t> DayFiles::recorded(const std::string& path) {
  const sqlite::Reading reading(get_);
  get_.bind(1, std::string_view(path));
  const Result<bool> row = get_.step();
  if (!row) return std::unexpected(row.error());
  return *row ? get_.integer(0) : kUnknown;
}

}  // namespace pinaflux
