// A file and a database cannot be committed together, so the database decides:
//
//   write the lines behind the recorded length; fsync; record the new length; COMMIT
//
// A crash before COMMIT leaves bytes behind the recorded length, and open() cuts them off. A file's first
// lines go to "<file>.part", which gets its name after the commit: a file without a record is therefore
// never ours, and is never cut; a .part without a record is never anybody's, and is written over.

#include "agent/collector/ndjson_sink.h"

#include <utility>

#include "platform/base/assert.h"

namespace pinaflux {

namespace {

constexpr const char* kPart = ".part";
constexpr std::uint32_t kDirectoryMode = 0750;

std::string parent(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

bool plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.';
}

}  // namespace

std::string folder_name(std::string_view stream) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  static constexpr std::size_t kBytesMax = 200;
  std::string name;
  for (char c : stream) {
    if (name.size() >= kBytesMax) return name + "~" + std::to_string(stream.size());
    if (plain(c) && !(name.empty() && c == '.')) {
      name += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      name += '%';
      name += kHex[byte >> 4];
      name += kHex[byte & 15];
    }
  }
  return name.empty() ? "%" : name;
}

Result<std::unique_ptr<NdjsonSink>> NdjsonSink::open(const NdjsonOptions& options, Files& files,
                                                     sqlite::Database& database,
                                                     std::vector<std::string>& findings) {
  std::unique_ptr<NdjsonSink> sink(new NdjsonSink(options, files));
  if (Status s = files.make_directory(options.directory, kDirectoryMode); !s)
    return std::unexpected(s.error());
  Status made = database.execute(
      "CREATE TABLE IF NOT EXISTS pinaflux_file(path TEXT PRIMARY KEY NOT NULL,"
      " bytes INTEGER NOT NULL) WITHOUT ROWID");
  if (!made) return std::unexpected(made.error());
  const std::pair<sqlite::Statement*, const char*> all[] = {
      {&sink->put_, "INSERT OR REPLACE INTO pinaflux_file VALUES(?,?)"},
      {&sink->get_, "SELECT bytes FROM pinaflux_file WHERE path=?"},
      {&sink->all_, "SELECT path,bytes FROM pinaflux_file"},
      {&sink->drop_, "DELETE FROM pinaflux_file WHERE path=?"},
  };
  for (const auto& [statement, sql] : all) {
    Result<sqlite::Statement> prepared = database.prepare(sql);
    if (!prepared) return std::unexpected(prepared.error());
    *statement = std::move(*prepared);
  }
  if (Status s = sink->recover(findings); !s) return std::unexpected(s.error());
  return sink;
}

Status NdjsonSink::recover(std::vector<std::string>& findings) {
  std::vector<std::pair<std::string, std::uint64_t>> known;
  {
    const sqlite::Reading reading(all_);
    for (;;) {
      const Result<bool> row = all_.step();
      if (!row) return std::unexpected(row.error());
      if (!*row) break;
      known.emplace_back(all_.text(0), static_cast<std::uint64_t>(all_.integer(1)));
    }
  }
  for (const auto& [path, bytes] : known) {
    if (Status s = recover_one(path, bytes, findings); !s) return s;
  }
  return {};
}

Status NdjsonSink::recover_one(const std::string& path, std::uint64_t bytes,
                               std::vector<std::string>& findings) {
  Result<FileInfo> info = files_->info(path);
  if (!info && info.error().code == Code::not_found && files_->info(path + kPart)) {
    if (Status s = files_->rename(path + kPart, path); !s) return s;
    if (Status s = files_->sync_directory(parent(path)); !s) return s;
    info = files_->info(path);
  }
  if (!info && info.error().code == Code::not_found) {
    drop_.bind(1, std::string_view(path));
    return drop_.run();
  }
  if (!info) return std::unexpected(info.error());
  if (info->bytes == bytes) return {};
  if (info->bytes < bytes) {
    findings.push_back(path +
                       " is shorter than what was landed in it: " + std::to_string(info->bytes) +
                       " of " + std::to_string(bytes) + " bytes are left; it goes on from there");
    put_.bind(1, std::string_view(path));
    put_.bind(2, static_cast<std::int64_t>(info->bytes));
    return put_.run();
  }
  Result<std::unique_ptr<File>> file = files_->open(path, Files::Mode::write);
  if (!file) return std::unexpected(file.error());
  if (Status s = (*file)->truncate(bytes); !s) return s;
  return (*file)->sync();
}

std::string NdjsonSink::relative_path(const std::string& today, std::string_view stream) const {
  return options_.one_file ? today : folder_name(stream) + "/" + today;
}

Status NdjsonSink::append(const std::string& today, const RowIdentity& identity,
                          std::span<const Row> rows) {
  const Shape* shape = nullptr;
  Target* to = nullptr;
  RowIdentity each = identity;
  for (const Row& row : rows) {
    if (row.shape != shape) {
      const Result<Target*> found = target(relative_path(today, row.shape->stream()));
      if (!found) return std::unexpected(found.error());
      to = *found;
      shape = row.shape;
    }
    ASSERT(to != nullptr);
    append_json_line(to->lines, each, row);
    each.seq += each.step;
    if (to->lines.size() < kLinesMax) continue;
    if (Status s = write(*to); !s) return s;
  }
  return {};
}

Result<NdjsonSink::Target*> NdjsonSink::target(const std::string& relative) {
  Target& target = targets_[relative];
  if (target.file == nullptr) {
    if (Status s = open_target(relative, target); !s) return std::unexpected(s.error());
  }
  return &target;
}

Status NdjsonSink::open_target(const std::string& relative, Target& target) {
  for (int number = 1;; ++number) {
    target.path = options_.directory;
    target.path.append("/").append(relative);
    if (number > 1) target.path.append("-").append(std::to_string(number));
    target.path.append(".ndjson");
    const Result<std::int64_t> known = recorded(target.path);
    if (!known) return std::unexpected(known.error());
    // Not named yet after a failed rename, or moved away by its reader: then a new one begins.
    if (*known >= 0 && !files_->info(target.path) && files_->info(target.path + kPart)) {
      if (Status s = files_->rename(target.path + kPart, target.path); !s) return s;
    }
    const bool there = files_->info(target.path).has_value();
    target.fresh = *known < 0 || !there;
    target.bytes = target.fresh ? 0 : static_cast<std::uint64_t>(*known);
    if (!target.fresh || !there) return open_file(target);
  }
}

Status NdjsonSink::open_file(Target& target) {
  if (Status s = files_->make_directory(parent(target.path), kDirectoryMode); !s) return s;
  const std::string path = target.fresh ? target.path + kPart : target.path;
  Result<std::unique_ptr<File>> file = files_->open(path, Files::Mode::create);
  if (!file) return std::unexpected(file.error());
  target.file = std::move(*file);
  return target.file->truncate(target.bytes);
}

Status NdjsonSink::write(Target& target) {
  if (Status s = target.file->write_at(target.bytes, as_bytes(target.lines)); !s) return s;
  target.bytes += target.lines.size();
  target.lines.clear();
  target.changed = true;
  return {};
}

Status NdjsonSink::flush() {
  for (auto& [relative, target] : targets_) {
    if (!target.lines.empty()) {
      if (Status s = write(target); !s) return s;
    }
    if (!target.changed) continue;
    if (Status s = target.file->sync(); !s) return s;
    put_.bind(1, std::string_view(target.path));
    put_.bind(2, static_cast<std::int64_t>(target.bytes));
    if (Status s = put_.run(); !s) return s;
  }
  return {};
}

// A rename that fails is repeated by open() of the next start: the record says whose the .part is.
void NdjsonSink::committed() {
  bool keep = targets_.size() <= kFilesMax;
  for (auto& [relative, target] : targets_) {
    target.changed = false;
    if (!std::exchange(target.fresh, false)) continue;
    Status named = files_->rename(target.path + kPart, target.path);
    if (named) named = files_->sync_directory(parent(target.path));
    if (!named) keep = false;
  }
  if (!keep) targets_.clear();
}

Result<std::int64_t> NdjsonSink::recorded(const std::string& path) {
  const sqlite::Reading reading(get_);
  get_.bind(1, std::string_view(path));
  const Result<bool> row = get_.step();
  if (!row) return std::unexpected(row.error());
  return *row ? get_.integer(0) : -1;
}

}  // namespace pinaflux
