#include "agent/cli/queue_commands.h"

#include <cinttypes>
#include <cstdio>
#include <optional>
#include <utility>

#include "agent/cli/exit_status.h"
#include "agent/cli/export_sink.h"
#include "agent/cli/moment.h"
#include "agent/spool/adopt.h"
#include "agent/spool/export_file.h"

namespace pinaflux {

namespace {

std::string word_of(const std::string& lane) { return lane.empty() ? "*" : lane; }

// One request whose answer is printed.
int print_answer(const QueueTarget& target, const std::string& request, const char* what) {
  int status = kExitOk;
  auto session = QueueSession::open(target, status);
  return session ? session->run(request, what, QueueSession::print) : status;
}

// As a request has it; nothing: it is no moment, and that was said.
std::optional<std::string> moment_word(const char* option, bool all, const std::string& text) {
  if (all) return "all";
  if (const auto moment = parse_moment(text, LinuxClock().wall())) {
    return std::to_string(moment->ns);
  }
  std::fprintf(stderr,
               "pinaflux: %s is a day (2026-11-26), a moment (2026-11-26T05:00:00Z) or an age "
               "(36h, 7d)\n",
               option);
  return std::nullopt;
}

}  // namespace

int queue_stats(const QueueTarget& target, bool json) {
  return print_answer(target, json ? "stats json" : "stats text", "counting");
}

int queue_peek(const QueueTarget& target, const std::string& lane, std::uint64_t count) {
  return print_answer(target, "peek " + word_of(lane) + " " + std::to_string(count), "reading");
}

int queue_export(const QueueTarget& target, const std::string& where, const std::string& lane,
                 bool force) {
  int status = kExitOk;
  auto session = QueueSession::open(target, status);
  if (!session) return status;
  ExportSink sink(session->platform().files, where, force);
  const auto refused = [&](const Error& error) {
    std::fprintf(stderr, "pinaflux: %s: %s\n", where.c_str(), error.what);
    return error.code == Code::exists ? kExitCannotCreate : exit_status(error);
  };
  if (Status s = sink.check(); !s) return refused(s.error());
  const auto seconds = session->platform().clock.wall().ns / 1'000'000'000;
  Status written;
  status = session->run("export " + word_of(lane) + " " + std::to_string(seconds), "exporting",
                        [&](Bytes bytes) { return written = sink.take(bytes); });
  if (!written) return refused(written.error());
  if (status != kExitOk) return status;
  if (Status s = sink.finish(); !s) return refused(s.error());
  std::printf("%s: %" PRIu64
              " bytes, written and synced; the queue stays until the collector has it\n",
              sink.path().c_str(), sink.bytes());
  return kExitOk;
}

int queue_purge(const QueueTarget& target, const PurgeOptions& options) {
  const auto until = moment_word("--before", options.all, options.before);
  if (!until) return kExitUsage;
  if (!options.yes) {
    std::fprintf(stderr,
                 "pinaflux: this gives up records of lane %s for good (they are declared lost to "
                 "the collector).\n  -> look with `pinaflux queue stats`, export them with "
                 "`pinaflux queue export`, then say --yes\n",
                 options.lane.c_str());
    return kExitUsage;
  }
  return print_answer(target,
                      "purge " + options.lane + " " + *until + (options.json ? " json" : " text"),
                      "purging");
}

int queue_replay(const QueueTarget& target, const ReplayOptions& options) {
  const auto since = moment_word("--since", options.all, options.since);
  if (!since) return kExitUsage;
  int status = kExitOk;
  auto session = QueueSession::open(target, status);
  if (!session) return status;
  return session->run_running({"replay " + *since + (options.json ? " json" : " text"), ""},
                              "replaying", QueueSession::print);
}

int queue_import(const QueueTarget& target, const std::string& file, bool json) {
  int status = kExitOk;
  auto session = QueueSession::open(target, status);
  if (!session) return status;
  auto reader = ExportReader::open(session->platform().files, file);
  if (!reader) {
    std::fprintf(stderr, "pinaflux: %s: %s\n", file.c_str(), reader.error().what);
    return exit_status(reader.error());
  }
  if ((*reader)->title().archive) {
    std::fprintf(stderr,
                 "pinaflux: %s: this is a collector's archive: land it with pinaflux-collector "
                 "replay\n",
                 file.c_str());
    return kExitData;
  }
  Adopt operation(std::move(*reader));
  std::string line;
  status = session->run_stopped(operation, "importing", [&](Bytes bytes) {
    line += as_text(bytes);
    return Status();
  });
  if (json) {
    std::fputs(line.c_str(), stdout);
  } else if (!line.empty()) {
    std::fputs(operation.text().c_str(), stdout);
  }
  return status;
}

int queue_verify(const QueueTarget& target, bool json) {
  return print_answer(target, json ? "verify json" : "verify text", "verifying");
}

}  // namespace pinaflux
