#include "agent/cli/export_sink.h"

#include <tuple>
#include <utility>

#include "agent/seal/row_json.h"
#include "agent/spool/export_file.h"

namespace pinaflux {

namespace {

constexpr const char* kThere = "the file is there already: --force writes over it";

// pinaflux-pump-7-20231114T221320Z.export: no letter in it that a stick's file system refuses.
std::string name_of(const ExportTitle& title) {
  std::string time =
      iso_time(static_cast<std::int64_t>(title.made_s) * 1'000'000'000).substr(0, 19);
  std::erase_if(time, [](char c) { return c == '-' || c == ':'; });
  return "pinaflux-" + title.gateway + "-" + time + "Z.export";
}

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::unexpected<Error> refused(const Error& error) {
  const auto is = [&](const char* what) { return fail(error.code, what, error.sys_errno); };
  switch (error.code) {
    case Code::full: return is("no space is left there: nothing was left behind");
    case Code::read_only:
      return is("that medium is read-only: remount it writable, or take another");
    case Code::denied: return is("it may not be written there");
    case Code::not_found: return is("there is no such folder: is the stick mounted?");
    case Code::io: return is("the medium failed: take another; nothing was left behind");
    default: return std::unexpected(error);
  }
}

}  // namespace

ExportSink::ExportSink(Files& files, std::string where, bool force)
    : files_(files), where_(std::move(where)), force_(force) {
  const auto info = files_.info(where_);
  into_directory_ = info && info->directory;
  if (!into_directory_) path_ = where_;
}

ExportSink::~ExportSink() {
  if (!file_) return;
  file_.reset();
  std::ignore = files_.remove(part());
}

Status ExportSink::check() const {
  if (into_directory_) return {};
  if (!force_ && files_.info(where_)) return fail(Code::exists, kThere);
  const auto folder = files_.info(folder_of(where_));
  if (!folder) return refused(folder.error());
  return {};
}

Status ExportSink::open(Bytes first) {
  if (into_directory_) {
    const auto title = parse_title(as_text(first));
    if (!title) return std::unexpected(title.error());
    path_ = where_ + (where_.ends_with('/') ? "" : "/") + name_of(*title);
    if (!force_ && files_.info(path_)) return fail(Code::exists, kThere);
  }
  auto file = files_.open(part(), Files::Mode::create);
  if (!file) return refused(file.error());
  file_ = std::move(*file);
  if (Status s = file_->truncate(0); !s) return refused(s.error());
  return {};
}

Status ExportSink::take(Bytes bytes) {
  if (bytes.empty()) return {};
  if (!file_) {
    if (Status s = open(bytes); !s) return s;
  }
  if (Status s = file_->write_at(bytes_, bytes); !s) return refused(s.error());
  bytes_ += bytes.size();
  return {};
}

Status ExportSink::finish() {
  if (!file_) return fail(Code::internal, "nothing was exported");
  if (Status s = file_->sync(); !s) return refused(s.error());
  if (Status s = files_.rename(part(), path_); !s) return refused(s.error());
  file_.reset();
  if (Status s = files_.sync_directory(folder_of(path_)); !s) return refused(s.error());
  return {};
}

}  // namespace pinaflux
