// SystemSource: this machine's own readings: processor, memory, disks, network, temperatures, sensors.
//
// Promise    Polled: a reading that could not be taken in time (held back, or the loop was busy) is counted
//            as missed, not made up. What the machine does not have is absent.
// Streams    <source>/cpu, memory, disk, filesystem, network, thermal, hwmon; one record for each device.
// Limits     Reads small files of /proc and /sys; kDevicesMax devices of a kind.
// Threads    Loop.
// Tests      tests/agent/ingest/system_source_test.cc
// Source     proc(5), statfs(2); the kernel's Documentation/hwmon/sysfs-interface.rst (units) and
//            Documentation/admin-guide/iostats.rst.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "agent/ingest/options.h"
#include "agent/ingest/record_builder.h"
#include "agent/ingest/source.h"

namespace pinaflux {

struct SystemSourceOptions : SourceOptions {
  Duration every = Duration::seconds(10);
  std::string root;                         // Before "/proc" and "/sys"; for tests.
  std::vector<std::string> mounts = {"/"};  // File systems to look at.
};

class SystemSource final : public Source {
 public:
  static constexpr std::size_t kDevicesMax = 64;

  SystemSource(SystemSourceOptions options, const SourceHost& host);

  void restore(std::vector<Cursor>) override {}
  Status start() override;
  void poll(Intake& intake) override;
  bool ready() const override { return due_ && !held_; }
  bool stalled() const override { return false; }
  void committed(const Receipt& receipt) override { health_.records_committed += receipt.records; }
  void hold(Hold why) override { held_ = why != Hold::none; }
  SourceHealth health() const override { return health_; }

 private:
  struct CpuTimes {
    std::uint64_t user = 0, system = 0, idle = 0, iowait = 0, total = 0;
  };
  class Readings;

  void tick();
  void cpu(Readings& out);
  void memory(Readings& out);
  void disks(Readings& out);
  void file_systems(Readings& out);
  void networks(Readings& out);
  void thermal(Readings& out);
  void hwmon(Readings& out);
  void hwmon_chip(const std::string& folder, Readings& out);
  std::string text_of(const std::string& path);
  std::vector<std::string> names_in(const std::string& path);
  static bool parse_cpu(std::string_view stat, CpuTimes& times);

  const SystemSourceOptions options_;
  const SourceHost host_;
  RecordBuilder builder_;
  std::unique_ptr<Timer> timer_;
  Instant next_{};
  bool due_ = false;
  bool held_ = false;
  CpuTimes cpu_last_;
  Ticket ticket_ = 0;
  SourceHealth health_;
};

}  // namespace pinaflux
