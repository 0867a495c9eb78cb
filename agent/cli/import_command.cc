// While a collector runs it alone writes to its database. So the file is copied into its import folder, and its
// report is waited for. When the collector ends meanwhile, the lock is free, and the file is landed here.

#include "agent/cli/import_command.h"

#include <algorithm>
#include <cstdio>
#include <optional>
#include <sys/stat.h>
#include <tuple>
#include <unistd.h>
#include <utility>

#include "agent/cli/exit_status.h"
#include "agent/cli/progress_bar.h"
#include "agent/collector/import.h"
#include "agent/collector/import_folder.h"
#include "agent/collector/postgres.h"
#include "platform/linux/linux.h"

namespace pinaflux {

namespace {

constexpr useconds_t kPauseMicroseconds = 100'000;
constexpr int kPausesMax = 10 * 120;  // Without an answer: two minutes.
constexpr std::size_t kReportBytesMax = 64 * 1024;
constexpr std::size_t kCopiedAtOnce = 64 * 1024;

class ImportRun {
 public:
  ImportRun(const CollectorStore::Options& options, bool json)
      : options_(options), json_(json), folder_(ImportFolder::directory_of(options.database)) {}

  int run(const std::vector<std::string>& given);

 private:
  Result<std::vector<std::string>> files_of(const std::string& path);
  Status check(const std::string& path);
  Status land(const std::string& path);
  Status hand_over(const std::string& path);
  Status copy(const std::string& from, const std::string& to);
  Result<bool> wait_for(const std::string& dropped);
  void add(const std::string& path, const std::string& report);

  const CollectorStore::Options& options_;
  bool json_;
  std::string folder_;
  LinuxFiles files_;
  LinuxClock clock_;
  std::unique_ptr<CollectorStore> store_;
  std::string reports_;  // Of files, as members of the JSON's array.
  bool complete_ = true;
};

// What is no export is refused before anything is touched.
Status ImportRun::check(const std::string& path) {
  auto reader = ExportReader::open(files_, path);
  if (!reader) return std::unexpected(reader.error());
  return {};
}

// A folder's archives, by day.
Result<std::vector<std::string>> ImportRun::files_of(const std::string& path) {
  const auto info = files_.info(path);
  if (!info || !info->directory) return std::vector{path};
  auto names = files_.list(path);
  if (!names) return std::unexpected(names.error());
  std::erase_if(*names, [](const std::string& name) { return !name.ends_with(".archive"); });
  if (names->empty()) return fail(Code::not_found, "there is no archive in this folder");
  std::ranges::sort(*names);
  for (std::string& name : *names) name = path + "/" + name;
  return names;
}

int ImportRun::run(const std::vector<std::string>& given) {
  std::vector<std::string> paths;
  for (const std::string& path : given) {
    const auto found = files_of(path);
    if (!found) return failed("pinaflux-collector", path, found.error());
    paths.insert(paths.end(), found->begin(), found->end());
  }
  for (const std::string& path : paths) {
    if (Status s = check(path); !s) return failed("pinaflux-collector", path, s.error());
  }
  for (const std::string& path : paths) {
    Status done;
    std::vector<std::string> findings;
    if (!store_) {
      auto store = CollectorStore::open(options_, files_, findings);
      if (store) store_ = std::move(*store);
      if (!store) done = std::unexpected(store.error());
    }
    const bool shared = postgres::Connection::is_address(options_.database);
    for (const auto& finding : findings) std::fprintf(stderr, "%s\n", finding.c_str());
    if (store_) {
      done = land(path);
    } else if (done.error().code == Code::busy && !shared) {
      done = hand_over(path);
    }
    if (!done && store_ && !store_->trouble().empty()) {
      std::fprintf(stderr, "pinaflux-collector: %s\n", store_->trouble().c_str());
    }
    if (!done)
      return failed("pinaflux-collector", store_ ? path : postgres::shown(options_.database),
                    done.error());
  }
  if (json_)
    std::printf(R"({"schema":"pinaflux.import/1","files":[%s]})"
                "\n",
                reports_.c_str());
  return complete_ ? kExitOk : kExitData;
}

Status ImportRun::land(const std::string& path) {
  Import import(files_, path);
  ProgressBar bar("importing");
  std::vector<AckMessage> acks;  // Nobody is there to be told: a gateway asks when it says hello.
  for (Result<bool> more = true; *more;) {
    more = import.step(*store_, clock_.wall(), acks);
    if (!more) return std::unexpected(more.error());
    acks.clear();
    bar.show(import.bytes_read(), import.bytes_total());
  }
  bar.clear();
  complete_ = complete_ && import.report().complete;
  if (json_) {
    add(path, import_json({&import.report(), 1}));
  } else {
    std::fputs(import_text(import.report()).c_str(), stdout);
  }
  return {};
}

// Takes the one file out of a report of its own.
void ImportRun::add(const std::string& path, const std::string& report) {
  const auto begin = report.find("[{"), end = report.rfind("]}");
  if (begin == std::string::npos || end == std::string::npos) return;
  if (!reports_.empty()) reports_ += ",";
  reports_ += report.substr(begin + 1, end - begin - 1);
  (void)path;
}

Status ImportRun::hand_over(const std::string& path) {
  if (const auto info = files_.info(folder_); !info) {
    return fail(Code::busy,
                "a collector has this database open and takes no imports: stop it, then import");
  }
  const auto slash = path.rfind('/');
  const std::string name = std::to_string(::getpid()) + "-" +
                           (slash == std::string::npos ? path : path.substr(slash + 1));
  const std::string dropped = folder_ + "/" + name + ImportFolder::kFileEnd;
  if (Status s = copy(path, dropped); !s) return s;
  const Result<bool> reported = wait_for(dropped);
  if (!reported) {
    std::ignore = files_.remove(dropped);
    return std::unexpected(reported.error());
  }
  if (!*reported) return land(path);
  const std::string report_path = dropped + ImportFolder::kReportEnd;
  auto report = files_.read_text(report_path, kReportBytesMax);
  if (!report) return std::unexpected(report.error());
  std::ignore = files_.remove(report_path);
  complete_ = complete_ && report->find(R"("complete":true)") != std::string::npos;
  add(path, *report);
  if (!json_)
    std::printf("%s: taken up by the running collector: %s", path.c_str(), report->c_str());
  return {};
}

Status ImportRun::copy(const std::string& from, const std::string& to) {
  auto in = files_.open(from, Files::Mode::read);
  if (!in) return std::unexpected(in.error());
  const std::string part = to + ".part";
  auto out = files_.open(part, Files::Mode::create);
  if (!out) return std::unexpected(out.error());
  Buffer block(kCopiedAtOnce);
  std::uint64_t at = 0;
  Status done = (*out)->truncate(0);
  while (done) {
    const auto count = (*in)->read_at(at, block);
    if (!count) done = std::unexpected(count.error());
    if (!count || *count == 0) break;
    done = (*out)->write_at(at, Bytes(block).first(*count));
    at += *count;
  }
  if (done) done = (*out)->sync();
  // The collector may be another user.
  if (done && ::chmod(part.c_str(), 0644) != 0) done = fail(Code::denied, "its mode cannot be set");
  if (done) done = files_.rename(part, to);
  if (!done) std::ignore = files_.remove(part);
  return done;
}

// True: there is a report. False: the collector has ended, and the database is ours.
Result<bool> ImportRun::wait_for(const std::string& dropped) {
  ProgressBar bar("waiting for the collector");
  for (int pause = 0; pause < kPausesMax; ++pause) {
    if (files_.info(dropped + ImportFolder::kReportEnd)) return true;
    bar.show(static_cast<std::uint64_t>(pause), kPausesMax);
    ::usleep(kPauseMicroseconds);
    if (pause % 20 != 19) continue;
    std::vector<std::string> findings;
    auto store = CollectorStore::open(options_, files_, findings);
    if (!store) continue;
    store_ = std::move(*store);
    if (files_.info(dropped + ImportFolder::kReportEnd)) return true;
    if (Status s = files_.remove(dropped); !s) return std::unexpected(s.error());
    return false;
  }
  return fail(Code::busy, "the collector that runs did not take it up: stop it, then import");
}

}  // namespace

int import_command(const std::vector<std::string>& paths, const LinesServer::Options& lines,
                   CollectorStore::Options options, bool json) {
  std::string at;
  const auto server = LinesServer::open(lines, options, at);
  if (!server) return failed("pinaflux-collector", at, server.error());
  return ImportRun(options, json).run(paths);
}

}  // namespace pinaflux
