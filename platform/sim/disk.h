// SimDisk: a disk in memory that can be full, fail, lie, and lose power at any call.
//
// Promise    One seed, one run. A power cut keeps what was synced and, as the seed wills, nothing, all or
//            anything in between of the rest (medium.h).
// Faults     inject(): the n-th call of a kind fails, or so many, or all until a moment. Capacity, read-only
//            and lying syncs can be changed at any time.
// Power      After cut_power() every call fails with Code::io, and so do, for ever, handles from before; what
//            ran on the disk must be thrown away before power_on(): a process does not survive a cut.
// Limits     Tens of files. Growth is counted in blocks of 4 KiB.
// Ownership  The clock must outlive it; it must outlive its SimFiles.
// Threads    One owner at a time.
// Tests      tests/platform/sim/disk_test.cc
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "platform/base/random.h"
#include "platform/base/result.h"
#include "platform/clock.h"
#include "platform/files.h"
#include "platform/sim/image.h"
#include "platform/sim/medium.h"
#include "platform/sim/sharing.h"

namespace pinaflux::sim {

// Kinds of calls, as bits, so that a fault can name several.
enum Call : std::uint32_t {
  kOpen = 1,
  kRead = 2,
  kWrite = 4,
  kTruncate = 8,
  kSync = 16,
  kInfo = 32,
  kList = 64,
  kMakeDirectory = 128,
  kRename = 256,
  kRemove = 512,
  kSyncDirectory = 1024,
  kLock = 2048,
  kReserve = 4096,
  kPunch = 8192,
  kAnyCall = 16383,
};

struct Fault {
  enum class Kind : std::uint8_t {
    io,           // EIO. A sync that fails so may have lost for good what it should have kept.
    full,         // ENOSPC, before anything was done.
    short_write,  // A write does some of its work first, then ENOSPC. As `full` for other calls.
    memory,       // ENOMEM.
  };
  std::uint32_t calls = kAnyCall;
  Kind kind = Kind::io;
  std::uint64_t skip = 0;   // So many calls of these kinds succeed first...
  std::uint64_t count = 1;  // ...then so many fail.
  Instant until = Instant::never();
};

class SimDisk {
 public:
  static constexpr std::uint64_t kForEver = std::numeric_limits<std::uint64_t>::max();

  struct Options {
    std::uint64_t seed = 1;
    std::uint64_t bytes_max = std::uint64_t{1} << 40;  // Growth beyond it fails with Code::full.
    bool read_only = false;
    bool lying_sync = false;  // Says ok, syncs nothing: a control that must be caught.
    bool cuttable = true;     // False: a cut keeps everything, and writes cost less.
    Medium::Options medium;
  };
  struct Handle {
    InodeId inode = 0;
    std::uint64_t boot = 0;
    bool writable = false;
  };
  struct Counts {
    std::uint64_t calls = 0;  // That could be made to fail.
    std::uint64_t faults = 0;
    std::uint64_t writes = 0;
    std::uint64_t syncs = 0;  // Of files and directories.
    std::uint64_t bytes_written = 0;
  };

  SimDisk(const Clock& clock, const Options& options);
  SimDisk(const SimDisk&) = delete;
  SimDisk& operator=(const SimDisk&) = delete;

  // ---- for the simulator

  // Before every change, and after every sync. They may cut the power: the call then fails.
  std::function<void(const Operation&)> before_change;
  std::function<void(const Operation&)> after_sync;
  // The bytes of every write that is asked for, done or not.
  std::function<void(Bytes)> before_write;
  // Bytes that a reader was given; bytes that are others now (a truncation: all behind it).
  std::function<void(InodeId, std::uint64_t offset, std::uint64_t count)> after_read, after_write;
  // Every operation that was done, syncs included, in order; null: not kept.
  std::vector<std::shared_ptr<const Operation>>* history = nullptr;

  void inject(const Fault& fault) { faults_.push_back(fault); }
  void clear_faults() { faults_.clear(); }
  void set_bytes_max(std::uint64_t bytes) { options_.bytes_max = bytes; }
  void set_read_only(bool on) { options_.read_only = on; }
  void set_lying_sync(bool on) { options_.lying_sync = on; }

  void cut_power(Survival survival);
  void cut_power();  // Any of them, from the seed.
  // A process died, not its machine: as a cut, but what was written stays as it is, synced or not.
  void kill();
  void power_on() { powered_ = true; }
  bool powered() const { return powered_; }
  std::uint64_t boot() const { return boot_; }

  const Counts& counts() const { return counts_; }
  // What a reader sees now. Copying it is cheap.
  const Image& image() const { return live_; }
  // Another disk is put in: as cut_power() and power_on(), with that image, all of it durable.
  void insert(Image image);

  // ---- for SimFiles and SimVfs

  Result<Handle> open(std::string_view path, Files::Mode mode);
  Result<Handle> open_unnamed();
  void close(const Handle& handle);
  Result<std::size_t> read(const Handle& handle, std::uint64_t offset, MutableBytes to);
  Status write(const Handle& handle, std::uint64_t offset, Bytes bytes);
  Status truncate(const Handle& handle, std::uint64_t bytes);
  Status reserve(const Handle& handle, std::uint64_t bytes);
  Status punch(const Handle& handle, std::uint64_t offset, std::uint64_t bytes);
  Status sync(const Handle& handle);
  Result<FileInfo> info(const Handle& handle);

  Result<FileInfo> info(std::string_view path);
  Result<std::vector<std::string>> list(std::string_view directory);
  Status make_directory(std::string_view path);
  Status rename(std::string_view from, std::string_view to);
  Status remove(std::string_view path);
  Status sync_directory(std::string_view path);
  Result<FileSystemInfo> file_system(std::string_view path);

  // The file of a handle is exclusively its owner's. Code::busy: somebody else has it.
  Status lock(const Handle& handle);
  void unlock(const Handle& handle);
  // What the connections to one file have in common.
  std::shared_ptr<Sharing> sharing(InodeId inode);

  const Clock& clock() const { return clock_; }
  Random& random() { return random_; }
  bool powersafe_overwrite() const { return options_.medium.powersafe_overwrite; }

 private:
  struct Place {
    InodeId directory = 0;  // 0: there is no such directory.
    std::string_view name;  // Empty: the directory itself.
    InodeId inode = 0;      // 0: nothing has that name.
  };

  Status admit(Call call);
  Status admit(Call call, const Handle& handle);
  const Fault* fault_of(Call call);
  Result<Place> locate(std::string_view path) const;
  Status change(Operation&& operation);
  void perform(const std::shared_ptr<const Operation>& operation);
  Status write_some(const Handle& handle, std::uint64_t offset, Bytes bytes, const Error& then);
  Status put(const Handle& handle, std::uint64_t offset, Bytes bytes);
  std::uint64_t bytes_free() const;
  std::size_t bytes_fitting(InodeId inode, std::uint64_t offset, std::size_t bytes) const;
  Status synced(Operation&& operation, Call call);
  void drop_if_unused(InodeId inode);
  FileInfo info_of(InodeId inode) const;

  const Clock& clock_;
  Options options_;
  Random random_;
  Image live_;
  Medium medium_;
  std::vector<Fault> faults_;
  std::map<InodeId, std::uint64_t> open_counts_;
  std::map<InodeId, std::shared_ptr<Sharing>> sharings_;
  std::vector<InodeId> locked_;
  Counts counts_;
  std::uint64_t bytes_used_ = 0;
  InodeId next_inode_ = Image::kRoot + 1;
  std::uint64_t boot_ = 1;
  bool powered_ = true;
};

}  // namespace pinaflux::sim
