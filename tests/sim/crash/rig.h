// Rig: where a crash state is put to be opened by production code: a disk, a clock, entropy, and the
// spool on them.
//
// Promise    The same image and options give the same spool: time and entropy start anew at each open().
// Threads    One owner.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/spool/spool.h"
#include "agent/vault/vault.h"
#include "platform/sim/disk.h"
#include "platform/sim/files.h"
#include "tests/sim/crash/world.h"

namespace pinaflux::crash {

class Rig {
 public:
  Rig();

  // Puts the image in and opens, with lanes that send their oldest first. What is open is cut off first.
  Status open(const sim::Image& image, const SpoolOptions& options, Duration age);
  // As it is on the disk now: after an orderly close, or a kill.
  Status open_again(const SpoolOptions& options);
  void close() { spool_.reset(); }
  // Cuts the power: closing costs nothing.
  void shut();

  Spool& spool() { return *spool_; }
  sim::SimDisk& disk() { return disk_; }
  HandClock& clock() { return clock_; }
  const Vault& vault() const { return vault_; }
  // Findings of the last open that are more than news.
  std::vector<std::string> complaints(bool salvaged) const;
  // What was written that may not be, since the beginning; empty: nothing.
  const std::string& leak() const { return leak_; }
  // Of the database and its WAL, damaged ones included; without holes.
  std::uint64_t bytes_used(const SpoolOptions& options) const;
  // Of the spool's files; the lock is not looked at.
  static std::uint64_t hash(const sim::Image& image, const SpoolOptions& options);

 private:
  HandClock clock_;
  SeedEntropy entropy_{1};
  sim::SimDisk disk_;
  sim::SimFiles files_;
  Vault vault_ = make_vault();
  std::unique_ptr<Spool> spool_;
  std::vector<std::string> findings_;
  std::string leak_;
};

}  // namespace pinaflux::crash
