// Rig: a production Spool on real files, fed by a real Masker, with a far end that acknowledges each envelope
// in the commit after the one that leased it, and a clock that is moved by hand: half an hour of load
// passes in seconds, while files and syncs are this machine's.
//
// Order      open() before commit(). close() checkpoints what the WAL holds: what was written is written.
// Threads    One owner. One Rig at a time in a process.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "agent/cli/bench_load.h"
#include "agent/data/group.h"
#include "agent/mask/masker.h"
#include "agent/spool/spool.h"
#include "agent/spool/sqlite_meter.h"
#include "agent/vault/vault.h"
#include "platform/linux/clock.h"
#include "platform/linux/entropy.h"
#include "platform/linux/files.h"

namespace pinaflux::bench {

class SteppedClock final : public Clock {
 public:
  Instant now() const override { return now_; }
  WallTime wall() const override { return {1'700'000'000'000'000'000 + now_.ns}; }
  bool synchronised() const override { return true; }
  std::uint64_t boot() const override { return 1; }
  void advance(Duration d) { now_ = now_ + d; }

 private:
  Instant now_{1};
};

// This machine's files; SQLite's go through a meter.
class MeteredFiles final : public Files {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, Mode mode) override {
    return own_.open(path, mode);
  }
  Result<FileInfo> info(const std::string& path) override { return own_.info(path); }
  Result<std::vector<std::string>> list(const std::string& path) override {
    return own_.list(path);
  }
  Status make_directory(const std::string& path, std::uint32_t mode) override {
    return own_.make_directory(path, mode);
  }
  Status rename(const std::string& from, const std::string& to) override {
    return own_.rename(from, to);
  }
  Status remove(const std::string& path) override { return own_.remove(path); }
  Status sync_directory(const std::string& path) override { return own_.sync_directory(path); }
  Result<FileSystemInfo> file_system(const std::string& path) override {
    return own_.file_system(path);
  }
  Result<std::unique_ptr<FileLock>> lock(const std::string& path, long& holder) override {
    return own_.lock(path, holder);
  }
  const char* sqlite_vfs() const override { return meter_.vfs(); }
  sqlite::FileCounts counts() const { return meter_.counts(); }

 private:
  LinuxFiles own_;
  sqlite::Meter meter_;
};

class Rig {
 public:
  static constexpr LaneIndex kLane = 0;

  Rig(const std::string& directory, std::uint64_t bytes_max, LoadKind load);

  Status open();
  void close() { spool_.reset(); }

  // Records of the load into the group, masked. Only masking is timed.
  Status add(std::size_t count);
  // The group as it is, with up to `places` envelopes leased; then a new one that acknowledges them.
  Status commit(std::uint16_t places);
  // Takes the acks back: the far end is gone.
  void drop_acks() { group_.acks.clear(); }

  Group& group() { return group_; }
  SteppedClock& clock() { return clock_; }
  LaneState lane() const { return spool_->state().lanes.at(kLane); }
  sqlite::FileCounts file_counts() const { return files_.counts(); }
  std::uint64_t sealed_bytes() const { return sealed_bytes_; }
  std::uint64_t sealed_envelopes() const { return sealed_envelopes_; }
  std::uint64_t leased_records() const { return leased_records_; }
  // Masking and committing: real time, and this process' share of a core in it.
  Duration busy() const { return busy_; }
  Duration cpu() const { return cpu_; }

 private:
  class Stopwatch;

  SpoolOptions options_;
  MeteredFiles files_;
  SteppedClock clock_;
  LinuxClock real_;
  LinuxEntropy entropy_;
  Shapes shapes_;
  Vault vault_;
  std::unique_ptr<Masker> masker_;
  Load load_;
  std::unique_ptr<Spool> spool_;
  Group group_;
  std::vector<Lease> leases_;
  std::uint64_t sealed_bytes_ = 0, sealed_envelopes_ = 0, leased_records_ = 0;
  Duration busy_{}, cpu_{};
};

}  // namespace pinaflux::bench
