// Every change goes one way: hook, history, medium, live image. Readers see the live image; the medium
// alone knows what a power cut would leave. A call that fails does so before it changes anything, except
// where real ones do not: a write may have done a part, a sync may have lost what it should have kept.
//
// Space is counted as a file system does it: in blocks that were written, so that overwriting never fails
// for want of space and a hole reserves nothing.

#include "platform/sim/disk.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "platform/base/assert.h"

namespace pinaflux::sim {

namespace {

constexpr Error kIo{Code::io, EIO, "the simulated disk failed"};
constexpr Error kFull{Code::full, ENOSPC, "the simulated disk is full"};
constexpr Error kReadOnly{Code::read_only, EROFS, "the simulated disk is read-only"};
constexpr Error kNoMemory{Code::full, ENOMEM, "out of simulated memory"};
constexpr Error kNotFound{Code::not_found, ENOENT, "no such file on the simulated disk"};
constexpr Error kNoDirectory{Code::invalid, ENOTDIR, "a part of the path is not a directory"};
constexpr Error kDirectory{Code::invalid, EISDIR, "that is a directory"};
constexpr Error kNotEmpty{Code::invalid, ENOTEMPTY, "the directory is not empty"};
constexpr Error kLocked{Code::busy, EWOULDBLOCK, "somebody else has the file"};

constexpr std::uint32_t kFileMode = 0600, kDirectoryMode = 0700;

Error error_of(Fault::Kind kind) {
  switch (kind) {
    case Fault::Kind::io: return kIo;
    case Fault::Kind::full:
    case Fault::Kind::short_write: return kFull;
    case Fault::Kind::memory: return kNoMemory;
  }
  return kIo;
}

}  // namespace

SimDisk::SimDisk(const Clock& clock, const Options& options)
    : clock_(clock), options_(options), random_(options.seed), medium_(options.medium) {
  medium_.reset(live_);
}

void SimDisk::cut_power(Survival survival) {
  insert(options_.cuttable ? medium_.cut(survival, random_) : live_);
  powered_ = false;
}

void SimDisk::cut_power() { cut_power(static_cast<Survival>(random_.below(kSurvivalCount))); }

void SimDisk::insert(Image image) {
  live_ = std::move(image);
  if (options_.cuttable) medium_.reset(live_);
  next_inode_ = std::max(next_inode_, live_.inode_end());
  kill();
  powered_ = true;
}

void SimDisk::kill() {
  live_.collect();
  bytes_used_ = live_.bytes_allocated();
  open_counts_.clear();
  sharings_.clear();
  locked_.clear();
  ++boot_;
  powered_ = false;
}

// ---- faults

const Fault* SimDisk::fault_of(Call call) {
  for (Fault& fault : faults_) {
    if ((fault.calls & call) == 0 || fault.count == 0 || clock_.now() >= fault.until) continue;
    if (fault.skip > 0) {
      --fault.skip;
      continue;
    }
    if (fault.count != kForEver) --fault.count;
    ++counts_.faults;
    return &fault;
  }
  return nullptr;
}

Status SimDisk::admit(Call call) {
  if (!powered_) return std::unexpected(kIo);
  ++counts_.calls;
  if (faults_.empty()) return {};
  if (const Fault* fault = fault_of(call)) return std::unexpected(error_of(fault->kind));
  return {};
}

Status SimDisk::admit(Call call, const Handle& handle) {
  if (handle.boot != boot_) return std::unexpected(kIo);
  return admit(call);
}

// ---- changes

Status SimDisk::change(Operation&& operation) {
  if (options_.read_only) return std::unexpected(kReadOnly);
  operation.time = clock_.wall();
  const std::uint64_t boot = boot_;
  if (before_change) before_change(operation);
  if (!powered_ || boot != boot_) return std::unexpected(kIo);
  perform(std::make_shared<const Operation>(std::move(operation)));
  return {};
}

void SimDisk::perform(const std::shared_ptr<const Operation>& operation) {
  if (history != nullptr) history->push_back(operation);
  if (options_.cuttable) medium_.add(operation, random_);
  live_.apply(*operation);
  if (!after_write) return;
  const Operation& o = *operation;
  if (o.kind == Operation::Kind::write) after_write(o.inode, o.offset, o.bytes->size());
  if (o.kind == Operation::Kind::punch) after_write(o.inode, o.offset, o.count);
  if (o.kind == Operation::Kind::truncate) after_write(o.inode, o.offset, kForEver - o.offset);
}

Status SimDisk::synced(Operation&& operation, Call call) {
  if (!powered_) return std::unexpected(kIo);
  ++counts_.calls;
  ++counts_.syncs;
  if (const Fault* fault = faults_.empty() ? nullptr : fault_of(call)) {
    const bool lossy = fault->kind == Fault::Kind::io && call == kSync;
    const Error error = error_of(fault->kind);
    operation.kind = lossy ? Operation::Kind::sync_failed : Operation::Kind::sync_refused;
    perform(std::make_shared<const Operation>(std::move(operation)));
    return std::unexpected(error);
  }
  const auto done = std::make_shared<const Operation>(std::move(operation));
  if (!options_.lying_sync) perform(done);
  const std::uint64_t boot = boot_;
  if (after_sync) after_sync(*done);
  if (!powered_ || boot != boot_) return std::unexpected(kIo);
  return {};
}

void SimDisk::drop_if_unused(InodeId inode) {
  if (inode == 0 || open_counts_.contains(inode) || live_.has_name(inode)) return;
  live_.forget(inode);
  sharings_.erase(inode);
  bytes_used_ = live_.bytes_allocated();
}

// ---- names

Result<SimDisk::Place> SimDisk::locate(std::string_view path) const {
  Place place{0, {}, Image::kRoot};
  while (!path.empty()) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, slash);
    path.remove_prefix(std::min(slash + 1, path.size()));
    if (part.empty() || part == ".") continue;
    if (place.inode == 0) return std::unexpected(kNotFound);
    if (!live_.is_directory(place.inode)) return std::unexpected(kNoDirectory);
    place = {place.inode, part, live_.find(place.inode, part)};
  }
  return place;
}

FileInfo SimDisk::info_of(InodeId inode) const {
  FileInfo info;
  info.device = 1;
  info.inode = inode;
  info.bytes = live_.bytes(inode);
  info.bytes_on_disk = live_.bytes_allocated(inode);
  info.modified = live_.modified(inode);
  info.directory = live_.is_directory(inode);
  info.mode = info.directory ? kDirectoryMode : kFileMode;
  return info;
}

Result<FileInfo> SimDisk::info(std::string_view path) {
  if (Status s = admit(kInfo); !s) return std::unexpected(s.error());
  const Result<Place> place = locate(path);
  if (!place) return std::unexpected(place.error());
  if (place->inode == 0) return std::unexpected(kNotFound);
  return info_of(place->inode);
}

Result<std::vector<std::string>> SimDisk::list(std::string_view directory) {
  if (Status s = admit(kList); !s) return std::unexpected(s.error());
  const Result<Place> place = locate(directory);
  if (!place) return std::unexpected(place.error());
  if (place->inode == 0) return std::unexpected(kNotFound);
  if (!live_.is_directory(place->inode)) return std::unexpected(kNoDirectory);
  std::vector<std::string> names;
  for (const Image::Entry& entry : live_.entries()) {
    if (entry.directory == place->inode) names.push_back(entry.name);
  }
  std::ranges::sort(names);
  return names;
}

Status SimDisk::make_directory(std::string_view path) {
  if (Status s = admit(kMakeDirectory); !s) return s;
  for (std::size_t at = path.find('/', 1);; at = path.find('/', at + 1)) {
    const Result<Place> place = locate(path.substr(0, at));
    if (!place) return std::unexpected(place.error());
    if (place->inode != 0 && !live_.is_directory(place->inode)) {
      return std::unexpected(kNoDirectory);
    }
    if (place->inode == 0) {
      Status made = change({.kind = Operation::Kind::link,
                            .is_directory = true,
                            .inode = next_inode_++,
                            .directory = place->directory,
                            .name = std::string(place->name)});
      if (!made) return made;
    }
    if (at == std::string_view::npos) return {};
  }
}

Status SimDisk::rename(std::string_view from, std::string_view to) {
  if (Status s = admit(kRename); !s) return s;
  const Result<Place> old_place = locate(from), new_place = locate(to);
  if (!old_place) return std::unexpected(old_place.error());
  if (!new_place) return std::unexpected(new_place.error());
  if (old_place->inode == 0) return std::unexpected(kNotFound);
  const InodeId replaced = new_place->inode;
  if (replaced == old_place->inode) return {};
  if (live_.is_directory(replaced)) return std::unexpected(kDirectory);
  Status done = change({.kind = Operation::Kind::rename,
                        .is_directory = live_.is_directory(old_place->inode),
                        .inode = old_place->inode,
                        .directory = old_place->directory,
                        .directory_to = new_place->directory,
                        .name = std::string(old_place->name),
                        .name_to = std::string(new_place->name)});
  if (done) drop_if_unused(replaced);
  return done;
}

Status SimDisk::remove(std::string_view path) {
  if (Status s = admit(kRemove); !s) return s;
  const Result<Place> place = locate(path);
  if (!place) return std::unexpected(place.error());
  if (place->inode == 0) return std::unexpected(kNotFound);
  if (live_.is_directory(place->inode) && !live_.is_empty(place->inode)) {
    return std::unexpected(kNotEmpty);
  }
  Status done = change({.kind = Operation::Kind::unlink,
                        .inode = place->inode,
                        .directory = place->directory,
                        .name = std::string(place->name)});
  if (done) drop_if_unused(place->inode);
  return done;
}

Status SimDisk::sync_directory(std::string_view path) {
  const Result<Place> place = locate(path);
  if (!place) return std::unexpected(place.error());
  if (place->inode == 0) return std::unexpected(kNotFound);
  if (!live_.is_directory(place->inode)) return std::unexpected(kNoDirectory);
  return synced({.kind = Operation::Kind::sync_directory, .directory = place->inode},
                kSyncDirectory);
}

Result<FileSystemInfo> SimDisk::file_system(std::string_view path) {
  if (Result<FileInfo> there = info(path); !there) return std::unexpected(there.error());
  FileSystemInfo info;
  info.bytes_total = options_.bytes_max;
  info.bytes_free = bytes_free();
  info.read_only = options_.read_only;
  return info;
}

// ---- files

Result<SimDisk::Handle> SimDisk::open(std::string_view path, Files::Mode mode) {
  if (Status s = admit(kOpen); !s) return std::unexpected(s.error());
  const Result<Place> place = locate(path);
  if (!place) return std::unexpected(place.error());
  const bool writes = mode != Files::Mode::read;
  InodeId inode = place->inode;
  if (inode == 0 && mode != Files::Mode::create) return std::unexpected(kNotFound);
  if (writes && live_.is_directory(inode)) return std::unexpected(kDirectory);
  if (writes && options_.read_only) return std::unexpected(kReadOnly);
  if (inode == 0) {
    inode = next_inode_++;
    Status made = change({.kind = Operation::Kind::link,
                          .inode = inode,
                          .directory = place->directory,
                          .name = std::string(place->name)});
    if (!made) return std::unexpected(made.error());
  }
  ++open_counts_[inode];
  return Handle{inode, boot_, writes};
}

Result<SimDisk::Handle> SimDisk::open_unnamed() {
  if (Status s = admit(kOpen); !s) return std::unexpected(s.error());
  const InodeId inode = next_inode_++;
  ++open_counts_[inode];
  return Handle{inode, boot_, true};
}

void SimDisk::close(const Handle& handle) {
  if (handle.boot != boot_) return;
  const auto count = open_counts_.find(handle.inode);
  ASSERT(count != open_counts_.end());
  if (--count->second > 0) return;
  open_counts_.erase(count);
  drop_if_unused(handle.inode);
}

Result<std::size_t> SimDisk::read(const Handle& handle, std::uint64_t offset, MutableBytes to) {
  if (Status s = admit(kRead, handle); !s) return std::unexpected(s.error());
  if (live_.is_directory(handle.inode)) return std::unexpected(kDirectory);
  const std::size_t count = live_.read(handle.inode, offset, to);
  if (after_read) after_read(handle.inode, offset, count);
  return count;
}

Status SimDisk::write(const Handle& handle, std::uint64_t offset, Bytes bytes) {
  if (!powered_ || handle.boot != boot_) return std::unexpected(kIo);
  if (before_write) before_write(bytes);
  ++counts_.calls;
  if (const Fault* fault = faults_.empty() ? nullptr : fault_of(kWrite)) {
    const bool partly = fault->kind == Fault::Kind::io || fault->kind == Fault::Kind::short_write;
    const Error error = error_of(fault->kind);
    return write_some(handle, offset, bytes.first(partly ? random_.below(bytes.size()) : 0), error);
  }
  const std::size_t fitting = bytes_fitting(handle.inode, offset, bytes.size());
  if (fitting < bytes.size()) return write_some(handle, offset, bytes.first(fitting), kFull);
  return put(handle, offset, bytes);
}

// The beginning of a write, and the error that ended it.
Status SimDisk::write_some(const Handle& handle, std::uint64_t offset, Bytes bytes,
                           const Error& then) {
  const std::size_t fitting = bytes_fitting(handle.inode, offset, bytes.size());
  if (Status s = put(handle, offset, bytes.first(fitting)); !s) return s;
  return std::unexpected(then);
}

Status SimDisk::put(const Handle& handle, std::uint64_t offset, Bytes bytes) {
  if (!handle.writable) return std::unexpected(kReadOnly);
  if (bytes.empty()) return {};
  const std::uint64_t grown = live_.bytes_needed(handle.inode, offset, bytes.size());
  if (options_.cuttable || history != nullptr || before_change) {
    Status done = change({.kind = Operation::Kind::write,
                          .inode = handle.inode,
                          .offset = offset,
                          .bytes = std::make_shared<const Buffer>(bytes.begin(), bytes.end())});
    if (!done) return done;
  } else if (options_.read_only) {
    return std::unexpected(kReadOnly);
  } else {
    live_.write(handle.inode, offset, bytes);
    if (after_write) after_write(handle.inode, offset, bytes.size());
  }
  bytes_used_ += grown;
  ++counts_.writes;
  counts_.bytes_written += bytes.size();
  return {};
}

std::uint64_t SimDisk::bytes_free() const {
  return options_.bytes_max - std::min(options_.bytes_max, bytes_used_);
}

std::size_t SimDisk::bytes_fitting(InodeId inode, std::uint64_t offset, std::size_t bytes) const {
  const std::uint64_t free = bytes_free();
  while (bytes > 0 && live_.bytes_needed(inode, offset, bytes) > free) {
    const std::uint64_t block = (offset + bytes - 1) / Image::kBlockBytes * Image::kBlockBytes;
    bytes = block > offset ? block - offset : 0;
  }
  return bytes;
}

Status SimDisk::truncate(const Handle& handle, std::uint64_t bytes) {
  if (Status s = admit(kTruncate, handle); !s) return s;
  if (!handle.writable) return std::unexpected(kReadOnly);
  Status done = change({.kind = Operation::Kind::truncate, .inode = handle.inode, .offset = bytes});
  if (done) bytes_used_ = live_.bytes_allocated();
  return done;
}

Status SimDisk::reserve(const Handle& handle, std::uint64_t bytes) {
  if (Status s = admit(kReserve, handle); !s) return s;
  if (!handle.writable) return std::unexpected(kReadOnly);
  if (live_.bytes_needed(handle.inode, 0, bytes) > bytes_free()) return std::unexpected(kFull);
  Status done = change({.kind = Operation::Kind::reserve, .inode = handle.inode, .offset = bytes});
  if (done) bytes_used_ = live_.bytes_allocated();
  return done;
}

Status SimDisk::punch(const Handle& handle, std::uint64_t offset, std::uint64_t bytes) {
  if (Status s = admit(kPunch, handle); !s) return s;
  if (!handle.writable) return std::unexpected(kReadOnly);
  Status done = change(
      {.kind = Operation::Kind::punch, .inode = handle.inode, .offset = offset, .count = bytes});
  if (done) bytes_used_ = live_.bytes_allocated();
  return done;
}

Status SimDisk::sync(const Handle& handle) {
  if (handle.boot != boot_) return std::unexpected(kIo);
  return synced({.kind = Operation::Kind::sync, .inode = handle.inode}, kSync);
}

Result<FileInfo> SimDisk::info(const Handle& handle) {
  if (Status s = admit(kInfo, handle); !s) return std::unexpected(s.error());
  return info_of(handle.inode);
}

Status SimDisk::lock(const Handle& handle) {
  if (Status s = admit(kLock, handle); !s) return s;
  if (std::ranges::find(locked_, handle.inode) != locked_.end()) return std::unexpected(kLocked);
  locked_.push_back(handle.inode);
  return {};
}

void SimDisk::unlock(const Handle& handle) {
  if (handle.boot == boot_) std::erase(locked_, handle.inode);
}

std::shared_ptr<Sharing> SimDisk::sharing(InodeId inode) {
  auto& sharing = sharings_[inode];
  if (!sharing) sharing = std::make_shared<Sharing>();
  return sharing;
}

}  // namespace pinaflux::sim
