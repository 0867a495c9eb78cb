// A file and a database cannot be committed together, so the database decides:
//
//   write the text behind the recorded length; fsync; is it still under its name? record the new length; COMMIT
//
// A crash before COMMIT leaves bytes behind the recorded length, and open() cuts them off. A file's first
// text goes to "<file>.part", which gets its name after the commit: a file without a record is therefore
// never ours, and is never cut; a .part without a record is never anybody's, and is written over.
//
// A record is of a file, not of a name: volumes come and go, readers move files away and back, databases are restored. So
// the hash of a file's first bytes (what its first transaction wrote) is recorded, too.

#include "agent/collector/day_files.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "platform/crypto/crypto.h"

namespace pinaflux {

namespace {

constexpr std::size_t kCopyBytes = 64 * 1024;

std::string parent(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

FileHead head_of_text(std::string_view text, std::uint64_t bytes_max) {
  text = text.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(bytes_max, text.size())));
  return {text.size(), crypto::sha256(as_bytes(text))};
}

// The whole of it; an error if the file is shorter.
Status read_all(File& file, std::uint64_t offset, MutableBytes to) {
  for (std::size_t filled = 0; filled < to.size();) {
    const auto read = file.read_at(offset + filled, to.subspan(filled));
    if (!read) return std::unexpected(read.error());
    if (*read == 0) return fail(Code::not_found, "the file is shorter than what landed in it");
    filled += *read;
  }
  return {};
}

}  // namespace

Result<bool> FileHead::is_of(File& file) const {
  Buffer text(static_cast<std::size_t>(bytes));
  if (Status s = read_all(file, 0, text); !s) {
    return s.error().code == Code::not_found ? Result<bool>(false) : std::unexpected(s.error());
  }
  return crypto::sha256(text) == hash;
}

Result<std::unique_ptr<DayFiles>> DayFiles::open(Files& files, sqlite::Database& database,
                                                 std::vector<std::string>& findings,
                                                 const FileCare& care) {
  std::unique_ptr<DayFiles> all_files(new DayFiles(files, care));
  if (Status s = all_files->prepare(database); !s) return std::unexpected(s.error());
  if (Status s = all_files->recover(findings); !s) return std::unexpected(s.error());
  return all_files;
}

Status DayFiles::prepare(sqlite::Database& database) {
  if (Status s = make_table(database); !s) return s;
  Status made = database.execute(
      "CREATE TABLE IF NOT EXISTS pinaflux_file_head(path TEXT PRIMARY KEY NOT NULL,"
      " bytes INTEGER NOT NULL, hash BLOB NOT NULL) WITHOUT ROWID");
  if (!made) return made;
  const std::pair<sqlite::Statement*, const char*> all[] = {
      {&put_, "INSERT OR REPLACE INTO pinaflux_file VALUES(?,?)"},
      {&get_, "SELECT bytes FROM pinaflux_file WHERE path=?"},
      {&all_, "SELECT path,bytes FROM pinaflux_file"},
      {&drop_, "DELETE FROM pinaflux_file WHERE path=?"},
      {&move_, "UPDATE OR REPLACE pinaflux_file SET path=?2 WHERE path=?1"},
      {&put_head_, "INSERT OR REPLACE INTO pinaflux_file_head VALUES(?,?,?)"},
      {&get_head_, "SELECT bytes,hash FROM pinaflux_file_head WHERE path=?"},
      {&drop_head_, "DELETE FROM pinaflux_file_head WHERE path=?"},
  };
  for (const auto& [statement, sql] : all) {
    Result<sqlite::Statement> prepared = database.prepare(sql);
    if (!prepared) return std::unexpected(prepared.error());
    *statement = std::move(*prepared);
  }
  return {};
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
  std::vector<std::string> nowhere;
  for (auto& [path, bytes] : known) {
    if (Status s = find_relative(path, nowhere); !s) return s;
    if (!nowhere.empty() && nowhere.back() == path) continue;
    if (Status s = recover_one(path, bytes, findings); !s) {
      findings.push_back(path + ": " + s.error().what);
      return s;
    }
  }
  if (!nowhere.empty()) {
    findings.push_back(std::to_string(nowhere.size()) + " files, such as " + nowhere.front() +
                       ", were recorded by a path that depends on where the collector is started, "
                       "and are not in " +
                       care_.base + ": start it once there where they are");
  }
  return {};
}

// A record from before paths were made absolute is given one, if its file is there.
Status DayFiles::find_relative(std::string& path, std::vector<std::string>& lost) {
  if (care_.base.empty() || path.starts_with('/')) return {};
  const std::string whole = care_.base + "/" + path;
  if (!files_->info(whole) && !files_->info(whole + kPart)) {
    lost.push_back(path);
    return {};
  }
  const auto head = head_of(path);
  if (!head) return std::unexpected(head.error());
  if (head->bytes > 0) {
    if (Status s = record_head(whole, *head); !s) return s;
  }
  move_.bind(1, std::string_view(path));
  move_.bind(2, std::string_view(whole));
  if (Status s = move_.run(); !s) return s;
  path = whole;
  return {};
}

Status DayFiles::recover_one(const std::string& path, std::int64_t recorded,
                             std::vector<std::string>& findings) {
  const bool full = recorded < 0;
  const auto bytes = static_cast<std::uint64_t>(full ? -recorded : recorded);
  Result<FileInfo> info = files_->info(path);
  if (!info && info.error().code == Code::not_found) {
    if (Status s = give_name(path); !s && s.error().code != Code::not_found) return s;
    info = files_->info(path);
  }
  if (!info && info.error().code != Code::not_found) return std::unexpected(info.error());
  if (!info) return retire(path, recorded);
  if (full && info->bytes == bytes) return {};
  if (info->bytes < bytes) {
    findings.push_back(
        path + " is shorter than what was landed in it: " + std::to_string(info->bytes) + " of " +
        std::to_string(bytes) + " bytes are left; it stays as it is, and another one begins");
    return retire(path, recorded);
  }
  const auto same = is_it(path, path);
  if (!same) return std::unexpected(same.error());
  if (!*same) {
    findings.push_back(path +
                       " is not the file that was written under this name: it stays as it is, and "
                       "another one begins");
    return retire(path, recorded);
  }
  if (Status s = full ? Status() : adopt(path, bytes); !s) return s;
  return info->bytes == bytes ? Status() : cut(path, bytes, info->bytes, findings);
}

// It is not there to be gone on with.
Status DayFiles::retire(const std::string& path, std::int64_t recorded) {
  if (recorded < 0) return {};
  if (care_.only_copy) return record(path, -recorded);
  drop_head_.bind(1, std::string_view(path));
  if (Status s = drop_head_.run(); !s) return s;
  drop_.bind(1, std::string_view(path));
  return drop_.run();
}

// A crash leaves what is on its way to land again. But if the database is an older one that was put back, it may be what
// nobody sends any more.
Status DayFiles::cut(const std::string& path, std::uint64_t from, std::uint64_t to,
                     std::vector<std::string>& findings) {
  Result<std::unique_ptr<File>> file = files_->open(path, Files::Mode::write);
  if (!file) return std::unexpected(file.error());
  if (care_.only_copy) {
    if (Status s = keep(**file, from, to, path + kCut); !s) return s;
    findings.push_back(path + ": " + std::to_string(to - from) +
                       " bytes that the database does not know were cut off, and are in " + path +
                       kCut +
                       ": after a crash they land again; if the database is an older one "
                       "that was put back, they do not");
  }
  if (Status s = (*file)->truncate(from); !s) return s;
  return (*file)->sync();
}

Status DayFiles::keep(File& file, std::uint64_t from, std::uint64_t to, const std::string& beside) {
  auto kept = files_->open(beside, Files::Mode::create);
  if (!kept) return std::unexpected(kept.error());
  if (Status s = (*kept)->truncate(0); !s) return s;
  Buffer block(kCopyBytes);
  for (std::uint64_t at = from; at < to;) {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), to - at));
    const MutableBytes part = MutableBytes(block).first(count);
    if (Status s = read_all(file, at, part); !s) return s;
    if (Status s = (*kept)->write_at(at - from, part); !s) return s;
    at += count;
  }
  if (Status s = (*kept)->sync(); !s) return s;
  return files_->sync_directory(parent(beside));
}

Result<DayFiles::Target*> DayFiles::to(const std::string& name, std::string_view end,
                                       std::uint64_t bytes_max) {
  const std::string key = name + std::string(end);
  auto at = targets_.find(key);
  // Asked once a transaction: flush() asks again.
  if (at != targets_.end() && at->second.file_ && !at->second.changed_ && at->second.text.empty() &&
      !in_place(at->second)) {
    findings_.push_back(at->second.path_ + " was moved away: another file begins");
    targets_.erase(at);
    --files_open_;
    at = targets_.end();
  }
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
    std::string path = name;
    if (number > 1) path.append("-").append(std::to_string(number));
    path.append(end);
    const Result<std::int64_t> known = recorded(path);
    if (!known) return std::unexpected(known.error());
    if (*known != kUnknown && *known < 0) continue;
    const bool there = files_->info(path).has_value();
    const Result<bool> mine = *known >= 0 ? goes_on(path, *known) : false;
    if (!mine) return std::unexpected(mine.error());
    if (!*mine && *known >= 0 && care_.only_copy) {
      if (Status s = retire(path, *known); !s) return s;
      continue;
    }
    if (!*mine && there) continue;
    target.path_ = path;
    target.fresh_ = !*mine;
    target.bytes_ = target.committed_ = *mine ? static_cast<std::uint64_t>(*known) : 0;
    return open_file(target);
  }
}

// Whether it is there as it was recorded: not named yet after a failed rename, moved away by its reader, another one?
Result<bool> DayFiles::goes_on(const std::string& path, std::int64_t recorded) {
  if (!files_->info(path)) {
    Status named = give_name(path);
    if (!named && named.error().code != Code::not_found) return std::unexpected(named.error());
  }
  const auto info = files_->info(path);
  if (!info && info.error().code == Code::not_found) return false;
  if (!info) return std::unexpected(info.error());
  const Result<bool> same = is_it(path, path);
  if (!same) return same;
  if (*same && info->bytes >= static_cast<std::uint64_t>(recorded)) return true;
  findings_.push_back(path + " is not as it was left: it stays as it is, and another one begins");
  return false;
}

Status DayFiles::open_file(Target& target) {
  const bool begins = target.fresh_ && !target.opened_;
  if (begins) {
    Status made = files_->make_directory(parent(target.path_), kDirectoryMode);
    if (!made) return made;
  }
  Result<std::unique_ptr<File>> file =
      files_->open(target.place(), begins ? Files::Mode::create : Files::Mode::write);
  if (!file && !begins && file.error().code == Code::not_found) return lost(target);
  if (!file) return std::unexpected(file.error());
  const Result<FileInfo> info = (*file)->info();
  if (!info) return std::unexpected(info.error());
  if (target.opened_ &&
      (info->device != target.info_.device || info->inode != target.info_.inode)) {
    return lost(target);
  }
  target.info_ = *info;
  target.opened_ = true;
  target.file_ = std::move(*file);
  ++files_open_;
  return target.file_->truncate(target.bytes_);
}

bool DayFiles::in_place(const Target& target) {
  const auto info = files_->info(target.place());
  return info && info->device == target.info_.device && info->inode == target.info_.inode;
}

// Where it went, it is to hold what was committed.
Status DayFiles::lost(Target& target) {
  findings_.push_back(target.path_ +
                      " was moved away while it was written: what was to land in it lands in "
                      "another file");
  if (target.file_) std::ignore = target.file_->truncate(target.committed_);
  return fail(Code::io, "a file was moved away while it was written");
}

// One that was closed for others meanwhile is open for this moment only.
Status DayFiles::write(Target& target) {
  const bool closed = target.file_ == nullptr;
  if (Status s = closed ? open_file(target) : Status(); !s) return s;
  if (target.fresh_ && target.bytes_ == 0) target.head_ = head_of_text(target.text, kHeadBytesMax);
  if (Status s = target.file_->write_at(target.bytes_, as_bytes(target.text)); !s) return s;
  target.file_->begin_sync(target.bytes_, target.text.size());
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
  std::set<std::string> directories;  // Of names that must be there after a power cut.
  for (auto& [name, target] : targets_) {
    if (!target.text.empty()) {
      if (Status s = write(target); !s) return s;
    }
    if (!target.changed_) continue;
    if (Status s = target.file_ ? target.file_->sync() : Status(); !s) return s;
    if (!in_place(target)) return lost(target);
    const auto bytes = static_cast<std::int64_t>(target.bytes_);
    const bool full = target.bytes_ >= target.bytes_max_;
    if (Status s = record(target.path_, full ? -bytes : bytes); !s) return s;
    if (!target.fresh_) continue;
    if (Status s = record_head(target.path_, target.head_); !s) return s;
    directories.insert(parent(target.path_));
  }
  for (const std::string& directory : directories) {
    if (Status s = files_->sync_directory(directory); !s) return s;
  }
  return {};
}

// Its bytes are durable under .part, and the record says whose they are: a name that cannot be given is given later.
void DayFiles::committed() {
  give_names();
  bool keep = targets_.size() <= kFilesMax && files_open_ == targets_.size();
  for (auto& [name, target] : targets_) {
    target.changed_ = false;
    target.committed_ = target.bytes_;
    if (!std::exchange(target.fresh_, false)) continue;
    const Status named = give_name(target.path_);
    if (named) continue;
    keep = false;
    unnamed_.insert(target.path_);
    findings_.push_back(target.path_ + kPart +
                        " cannot be given its name, and is tried again: " + named.error().what);
  }
  if (!keep) abandon();
  files_open_ -= std::erase_if(
      targets_, [](const auto& one) { return one.second.bytes_ >= one.second.bytes_max_; });
}

Status DayFiles::give_name(const std::string& path) {
  const auto mine = is_it(path, path + kPart);
  if (!mine) return std::unexpected(mine.error());
  if (!*mine) return fail(Code::not_found, "it was moved away");
  if (files_->info(path)) return fail(Code::exists, "another file has that name");
  if (Status s = files_->rename(path + kPart, path); !s) return s;
  return files_->sync_directory(parent(path));
}

void DayFiles::give_names() {
  std::erase_if(unnamed_, [this](const std::string& path) {
    const Status named = give_name(path);
    return named || named.error().code == Code::not_found;
  });
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
  const bool fresh = std::ranges::any_of(
      targets_, [&](const auto& one) { return one.second.path_ == path && one.second.fresh_; });
  std::string place = fresh ? path + kPart : path;
  for (int i = 0; !fresh && i < 2; ++i) {
    place = i == 0 ? path : path + kPart;
    const auto same = is_it(path, place);
    if (!same) return std::unexpected(same.error());
    if (*same) break;
    if (i > 0) return fail(Code::not_found, "the file was moved away");
  }
  auto file = files_->open(place, Files::Mode::read);
  if (!file) return std::unexpected(file.error());
  Buffer text(static_cast<std::size_t>(bytes));
  if (Status s = read_all(**file, offset, text); !s) return std::unexpected(s.error());
  return std::string(as_text(text));
}

Result<std::int64_t> DayFiles::recorded(const std::string& path) {
  const sqlite::Reading reading(get_);
  get_.bind(1, std::string_view(path));
  const Result<bool> row = get_.step();
  if (!row) return std::unexpected(row.error());
  return *row ? get_.integer(0) : kUnknown;
}

Status DayFiles::record(const std::string& path, std::int64_t bytes) {
  put_.bind(1, std::string_view(path));
  put_.bind(2, bytes);
  return put_.run();
}

// A record from before heads were kept gets that of the file that is there.
Status DayFiles::adopt(const std::string& path, std::uint64_t bytes) {
  const auto known = head_of(path);
  if (!known) return std::unexpected(known.error());
  if (known->bytes > 0) return {};
  auto file = files_->open(path, Files::Mode::read);
  if (!file) return std::unexpected(file.error());
  Buffer text(static_cast<std::size_t>(std::min(bytes, kHeadBytesMax)));
  if (Status s = read_all(**file, 0, text); !s) return s;
  return record_head(path, head_of_text(as_text(text), kHeadBytesMax));
}

Status DayFiles::record_head(const std::string& path, const FileHead& head) {
  if (!care_.heads) return {};
  put_head_.bind(1, std::string_view(path));
  put_head_.bind(2, static_cast<std::int64_t>(head.bytes));
  put_head_.bind(3, Bytes(head.hash));
  return put_head_.run();
}

Result<FileHead> DayFiles::head_of(const std::string& path) {
  FileHead head;
  if (!care_.heads) return head;
  const sqlite::Reading reading(get_head_);
  get_head_.bind(1, std::string_view(path));
  const Result<bool> row = get_head_.step();
  if (!row) return std::unexpected(row.error());
  if (!*row || get_head_.blob(1).size() != head.hash.size()) return head;
  head.bytes = std::min(static_cast<std::uint64_t>(get_head_.integer(0)), kHeadBytesMax);
  std::ranges::copy(get_head_.blob(1), head.hash.begin());
  return head;
}

Result<bool> DayFiles::is_it(const std::string& path, const std::string& place) {
  auto file = files_->open(place, Files::Mode::read);
  if (!file && file.error().code == Code::not_found) return false;
  if (!file) return std::unexpected(file.error());
  const Result<FileHead> head = head_of(path);
  if (!head) return std::unexpected(head.error());
  return head->bytes == 0 ? Result<bool>(true) : head->is_of(**file);
}

}  // namespace pinaflux
