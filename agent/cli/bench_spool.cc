// Parent and children: this process only orders, collects and prints. Each measurement has a directory of its
// own, except that the backlog of many records is filled once, looked at, and then drained.

#include "agent/cli/bench_spool.h"

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <optional>
#include <unistd.h>

#include "agent/cli/bench_child.h"
#include "agent/cli/bench_report.h"
#include "agent/cli/bench_runs.h"
#include "agent/cli/exit_status.h"
#include "platform/linux/files.h"

namespace pinaflux {

namespace {

using namespace bench;

constexpr std::size_t kGroups[] = {1, 10, 100, 1'000, 10'000};
constexpr std::uint64_t kBytesNeeded = 3 * kGibibyte, kBytesNeededQuick = 256ull << 20;

// How much of everything.
struct Scale {
  int steady_minutes = 30;
  std::size_t bulk_records = 5'000'000;
  double durable_seconds = 3.0;
  std::size_t backlogs[3] = {0, 100'000, 10'000'000};
  std::uint64_t start_bytes = kGibibyte;
};

Scale scale_of(bool quick) {
  if (!quick) return {};
  return {.steady_minutes = 5,
          .bulk_records = 600'000,
          .durable_seconds = 0.2,
          .backlogs = {0, 100'000, 500'000},
          .start_bytes = 64ull << 20};
}

class SpoolBench {
 public:
  SpoolBench(std::string directory, const BenchSpoolOptions& options)
      : directory_(std::move(directory)), only_(options.only), scale_(scale_of(options.quick)) {
    report_.quick = options.quick;
  }

  std::optional<Failure> run();
  SpoolReport& report() { return report_; }

 private:
  using Measure = std::function<Status(const std::string&, Numbers&, Meter&)>;

  // Once something has failed nothing more is run.
  void take(const char* what, const std::string& place, const Measure& measure, Numbers& to);
  void remove(const std::string& place) {
    std::error_code ignored;
    std::filesystem::remove_all(directory_ + "/" + place, ignored);
  }
  void look_at_disk();
  void run_steady();
  void run_bulk();
  void run_durable();
  void run_backlogs();
  void run_start();

  std::string directory_;
  std::string only_;
  Scale scale_;
  SpoolReport report_;
  std::optional<Failure> failure_;
};

void SpoolBench::take(const char* what, const std::string& place, const Measure& measure,
                      Numbers& to) {
  const bool wanted = place.empty() || std::string_view(what).contains(only_);
  if (failure_ || !wanted) return;
  const std::string path = directory_ + "/" + place;
  auto numbers = in_child(what, [&](Numbers& out, Meter& p) { return measure(path, out, p); });
  if (!numbers) {
    failure_ = numbers.error();
    failure_->text = std::string(what) + ": " + failure_->text;
    return;
  }
  to = std::move(*numbers);
}

void SpoolBench::look_at_disk() {
  const auto disk = LinuxFiles().file_system(directory_);
  report_.in_memory = disk && disk->in_memory;
  Numbers numbers;
  take(
      "what the kernel counts", "",
      [](const std::string& path, Numbers& out, Meter&) {
        out["counts"] = counts_writes(path) ? 1 : 0;
        return Status();
      },
      numbers);
  report_.kernel_counts = numbers["counts"] > 0;
  if (!report_.kernel_counts) {
    report_.notes.emplace_back(
        report_.in_memory
            ? "the directory lies in memory: the kernel counts no written bytes; see what was "
              "handed"
              " to it, or choose another with --directory"
            : "the kernel does not count written bytes here: see what was handed to it");
  }
}

void SpoolBench::run_steady() {
  for (const bool redelivery : {false, true}) {
    take(
        "steady load", "steady",
        [&](const std::string& path, Numbers& out, Meter& p) {
          return steady(path, scale_.steady_minutes, redelivery, out, p);
        },
        redelivery ? report_.steady_redelivery : report_.steady);
    remove("steady");
  }
}

void SpoolBench::run_bulk() {
  for (const bool link : {true, false}) {
    take(
        link ? "bulk, link up" : "bulk, link down", "bulk",
        [&](const std::string& path, Numbers& out, Meter& p) {
          return bulk(path, scale_.bulk_records, link, out, p);
        },
        link ? report_.bulk_up : report_.bulk_down);
    remove("bulk");
  }
}

void SpoolBench::run_durable() {
  for (const std::size_t group : kGroups) {
    const std::string what = "durable, groups of " + std::to_string(group);
    Numbers numbers;
    take(
        what.c_str(), "durable",
        [&](const std::string& path, Numbers& out, Meter& p) {
          return durable(path, group, scale_.durable_seconds, out, p);
        },
        numbers);
    report_.durable.emplace_back(group, std::move(numbers));
    remove("durable");
  }
}

void SpoolBench::run_backlogs() {
  for (const std::size_t records : scale_.backlogs) {
    remove("backlog");
    const std::string what = "backlog of " + std::to_string(records);
    take((what + ": filling").c_str(), "backlog",
         [&](const std::string& path, Numbers& out, Meter& p) {
           return fill(path, LoadKind::meter, records, 0, out, p);
         },
         report_.fill);
    Numbers numbers;
    take((what + ": memory").c_str(), "backlog", peak, numbers);
    report_.peaks.push_back(std::move(numbers));
  }
  take("backlog: drain", "backlog", drain, report_.drain);
  remove("backlog");
}

void SpoolBench::run_start() {
  Numbers filled;
  take(
      "start: filling", "start",
      [&](const std::string& path, Numbers& out, Meter& p) {
        return fill(path, LoadKind::noise, 0, scale_.start_bytes, out, p);
      },
      filled);
  take("start", "start", start, report_.start);
  remove("start");
}

std::optional<Failure> SpoolBench::run() {
  look_at_disk();
  run_steady();
  run_bulk();
  run_durable();
  run_backlogs();
  run_start();
  return failure_;
}

}  // namespace

int bench_spool_command(const BenchSpoolOptions& options) {
  const auto disk = LinuxFiles().file_system(options.directory);
  if (!disk) return failed("pinaflux", options.directory, disk.error());
  if (disk->bytes_free < (options.quick ? kBytesNeededQuick : kBytesNeeded)) {
    return failed(
        "pinaflux", options.directory,
        {Code::full, 0,
         "the benchmark needs 3 GiB of free space, with --quick 256 MiB: see --directory"});
  }
  std::string directory = options.directory + "/pinaflux-bench-XXXXXX";
  if (::mkdtemp(directory.data()) == nullptr) {
    return failed("pinaflux", options.directory,
                  {Code::denied, errno, "no directory can be made there"});
  }
  // The children end by it; this process then cleans up.
  std::signal(SIGINT, [](int) {});
  SpoolBench bench(directory, options);
  const auto failure = bench.run();
  std::error_code ignored;
  std::filesystem::remove_all(directory, ignored);
  if (failure) {
    std::fprintf(stderr, "pinaflux: %s\n", failure->text.c_str());
    return exit_status(failure->error);
  }
  const SpoolReport& report = bench.report();
  const std::string text = options.json ? json_of(report) + "\n" : table_of(report);
  std::fwrite(text.data(), 1, text.size(), stdout);
  return kExitOk;
}

}  // namespace pinaflux
