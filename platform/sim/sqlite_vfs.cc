// SQLite calls through two tables of functions. The file object lies in memory that SQLite allots
// (szOsFile); ours is made in it by xOpen and destroyed by xClose.
//
// Locks follow os_unix.c within one process: a connection reads (shared), gets ready (reserved), waits for
// the readers (pending), writes (exclusive). The WAL index is heap memory that the connections to one
// file share (sharing.h); with exclusive locking SQLite keeps its own and never asks for it.

#include "platform/sim/sqlite_vfs.h"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>
#include <tuple>

#include <sqlite3.h>

namespace pinaflux::sim {

namespace {

constexpr int kSectorBytes = 4096;  // SQLITE_DEFAULT_SECTOR_SIZE, what os_unix.c says.

SqliteVfs& self(sqlite3_vfs* vfs) { return *static_cast<SqliteVfs*>(vfs->pAppData); }

std::string_view directory_of(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? "." : path.substr(0, slash + 1);
}

class Connection {
 public:
  Connection(SqliteVfs& vfs, SimDisk::Handle handle, const char* path, bool sync_directory)
      : vfs_(vfs),
        disk_(vfs.disk()),
        handle_(handle),
        path_(path == nullptr ? "" : path),
        sync_directory_(sync_directory),
        sharing_(disk_.sharing(handle.inode)) {}
  ~Connection() {
    unlock(SQLITE_LOCK_NONE);
    disk_.close(handle_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  int read(void* to, int count, sqlite3_int64 offset) {
    const MutableBytes bytes(static_cast<std::uint8_t*>(to), static_cast<std::size_t>(count));
    const auto done = disk_.read(handle_, static_cast<std::uint64_t>(offset), bytes);
    if (!done) return vfs_.failed(done.error(), SQLITE_IOERR_READ);
    if (*done == bytes.size()) return SQLITE_OK;
    std::memset(bytes.data() + *done, 0, bytes.size() - *done);
    return SQLITE_IOERR_SHORT_READ;
  }

  int write(const void* from, int count, sqlite3_int64 offset) {
    const Bytes bytes(static_cast<const std::uint8_t*>(from), static_cast<std::size_t>(count));
    return said(disk_.write(handle_, static_cast<std::uint64_t>(offset), bytes),
                SQLITE_IOERR_WRITE);
  }

  int truncate(sqlite3_int64 bytes) {
    if (chunk_ > 0) bytes = (bytes + chunk_ - 1) / chunk_ * chunk_;  // As os_unix.c.
    return said(disk_.truncate(handle_, static_cast<std::uint64_t>(bytes)), SQLITE_IOERR_TRUNCATE);
  }

  int sync() {
    if (Status s = disk_.sync(handle_); !s) return vfs_.failed(s.error(), SQLITE_IOERR_FSYNC);
    // os_unix.c does not look at what comes of it either.
    if (sync_directory_) std::ignore = disk_.sync_directory(directory_of(path_));
    sync_directory_ = false;
    return SQLITE_OK;
  }

  int size(sqlite3_int64* bytes) {
    const auto info = disk_.info(handle_);
    if (!info) return vfs_.failed(info.error(), SQLITE_IOERR_FSTAT);
    *bytes = static_cast<sqlite3_int64>(info->bytes);
    return SQLITE_OK;
  }

  int lock(int level);
  int unlock(int level);
  bool is_reserved() const { return sharing_->reserved != nullptr; }
  int control(int operation, void* argument);
  int characteristics() const {
    return powersafe_overwrite_ && disk_.powersafe_overwrite() ? SQLITE_IOCAP_POWERSAFE_OVERWRITE
                                                               : 0;
  }

  int map_index(int region, int bytes, bool extend, void volatile** to);
  int lock_index(int first, int count, int flags);
  void unmap_index(bool remove);

 private:
  int said(const Status& status, int otherwise) {
    return status ? SQLITE_OK : vfs_.failed(status.error(), otherwise);
  }

  SqliteVfs& vfs_;
  SimDisk& disk_;
  SimDisk::Handle handle_;
  std::string path_;
  bool sync_directory_;
  std::shared_ptr<Sharing> sharing_;
  int level_ = SQLITE_LOCK_NONE;
  int chunk_ = 0;
  bool persist_wal_ = false;
  bool powersafe_overwrite_ = true;
  bool uses_index_ = false;
  std::uint32_t index_shared_ = 0, index_exclusive_ = 0;  // Locks that are ours, as bits.
};

int Connection::lock(int level) {
  Sharing& s = *sharing_;
  if (level <= level_) return SQLITE_OK;
  if (level_ == SQLITE_LOCK_NONE) {
    if (s.pending) return SQLITE_BUSY;
    ++s.readers;
    level_ = SQLITE_LOCK_SHARED;
  }
  if (level >= SQLITE_LOCK_RESERVED) {
    if (s.reserved != nullptr && s.reserved != this) return SQLITE_BUSY;
    s.reserved = this;
    level_ = SQLITE_LOCK_RESERVED;
  }
  if (level >= SQLITE_LOCK_PENDING) {
    s.pending = true;
    level_ = SQLITE_LOCK_PENDING;
    if (s.readers > 1) return SQLITE_BUSY;
    level_ = level;
  }
  return SQLITE_OK;
}

int Connection::unlock(int level) {
  Sharing& s = *sharing_;
  if (level >= level_) return SQLITE_OK;
  if (level_ > SQLITE_LOCK_SHARED && s.reserved == this) {
    s.reserved = nullptr;
    s.pending = false;
  }
  if (level == SQLITE_LOCK_NONE) --s.readers;
  level_ = level;
  return SQLITE_OK;
}

// -1 asks, anything else sets.
void flag(bool& value, void* argument) {
  int& wanted = *static_cast<int*>(argument);
  if (wanted < 0) {
    wanted = value ? 1 : 0;
  } else {
    value = wanted != 0;
  }
}

int Connection::control(int operation, void* argument) {
  switch (operation) {
    case SQLITE_FCNTL_LOCKSTATE: *static_cast<int*>(argument) = level_; return SQLITE_OK;
    case SQLITE_FCNTL_LAST_ERRNO:
      *static_cast<int*>(argument) = vfs_.last_errno();
      return SQLITE_OK;
    case SQLITE_FCNTL_PERSIST_WAL: flag(persist_wal_, argument); return SQLITE_OK;
    case SQLITE_FCNTL_POWERSAFE_OVERWRITE: flag(powersafe_overwrite_, argument); return SQLITE_OK;
    case SQLITE_FCNTL_HAS_MOVED: {
      const auto there = disk_.info(path_);
      *static_cast<int*>(argument) = !there || there->inode != handle_.inode ? 1 : 0;
      return SQLITE_OK;
    }
    case SQLITE_FCNTL_SIZE_HINT: return SQLITE_OK;
    case SQLITE_FCNTL_CHUNK_SIZE: chunk_ = *static_cast<int*>(argument); return SQLITE_OK;
    default: return SQLITE_NOTFOUND;
  }
}

int Connection::map_index(int region, int bytes, bool extend, void volatile** to) {
  *to = nullptr;
  auto& regions = sharing_->index_regions;
  if (!uses_index_) ++sharing_->index_users;
  uses_index_ = true;
  const auto wanted = static_cast<std::size_t>(region) + 1;
  if (regions.size() < wanted && !extend) return SQLITE_OK;
  while (regions.size() < wanted) {
    regions.push_back(std::make_unique<std::uint8_t[]>(static_cast<std::size_t>(bytes)));
  }
  *to = regions[static_cast<std::size_t>(region)].get();
  return SQLITE_OK;
}

int Connection::lock_index(int first, int count, int flags) {
  for (int i = first; i < first + count; ++i) {
    const Sharing::IndexLock& lock = sharing_->index_locks[static_cast<std::size_t>(i)];
    const std::uint32_t bit = 1u << i;
    if ((flags & SQLITE_SHM_UNLOCK) != 0) continue;
    if (lock.exclusive && (index_exclusive_ & bit) == 0) return SQLITE_BUSY;
    const int others = lock.shared - ((index_shared_ & bit) != 0 ? 1 : 0);
    if ((flags & SQLITE_SHM_EXCLUSIVE) != 0 && others > 0) return SQLITE_BUSY;
  }
  for (int i = first; i < first + count; ++i) {
    Sharing::IndexLock& lock = sharing_->index_locks[static_cast<std::size_t>(i)];
    const std::uint32_t bit = 1u << i;
    if ((flags & SQLITE_SHM_UNLOCK) != 0) {
      if ((index_shared_ & bit) != 0) --lock.shared;
      if ((index_exclusive_ & bit) != 0) lock.exclusive = false;
      index_shared_ &= ~bit;
      index_exclusive_ &= ~bit;
    } else if ((flags & SQLITE_SHM_EXCLUSIVE) != 0) {
      lock.exclusive = true;
      index_exclusive_ |= bit;
    } else if ((index_shared_ & bit) == 0) {
      ++lock.shared;
      index_shared_ |= bit;
    }
  }
  return SQLITE_OK;
}

void Connection::unmap_index(bool remove) {
  if (!uses_index_) return;
  lock_index(0, Sharing::kIndexLocks, SQLITE_SHM_UNLOCK);
  uses_index_ = false;
  if (--sharing_->index_users == 0 && remove) sharing_->index_regions.clear();
}

// ---- the tables

struct OsFile {
  sqlite3_file head;  // First: SQLite sees this one.
  alignas(Connection) std::byte room[sizeof(Connection)];
};

Connection& of(sqlite3_file* file) {
  return *std::launder(reinterpret_cast<Connection*>(reinterpret_cast<OsFile*>(file)->room));
}

constexpr sqlite3_io_methods kMethods = {
    .iVersion = 2,
    .xClose =
        [](sqlite3_file* f) {
          of(f).~Connection();
          return SQLITE_OK;
        },
    .xRead = [](sqlite3_file* f, void* to, int n,
                sqlite3_int64 at) { return of(f).read(to, n, at); },
    .xWrite = [](sqlite3_file* f, const void* from, int n,
                 sqlite3_int64 at) { return of(f).write(from, n, at); },
    .xTruncate = [](sqlite3_file* f, sqlite3_int64 bytes) { return of(f).truncate(bytes); },
    .xSync = [](sqlite3_file* f, int) { return of(f).sync(); },
    .xFileSize = [](sqlite3_file* f, sqlite3_int64* bytes) { return of(f).size(bytes); },
    .xLock = [](sqlite3_file* f, int level) { return of(f).lock(level); },
    .xUnlock = [](sqlite3_file* f, int level) { return of(f).unlock(level); },
    .xCheckReservedLock =
        [](sqlite3_file* f, int* reserved) {
          *reserved = of(f).is_reserved() ? 1 : 0;
          return SQLITE_OK;
        },
    .xFileControl = [](sqlite3_file* f, int operation,
                       void* argument) { return of(f).control(operation, argument); },
    .xSectorSize = [](sqlite3_file*) { return kSectorBytes; },
    .xDeviceCharacteristics = [](sqlite3_file* f) { return of(f).characteristics(); },
    .xShmMap = [](sqlite3_file* f, int region, int bytes, int extend,
                  void volatile** to) { return of(f).map_index(region, bytes, extend != 0, to); },
    .xShmLock = [](sqlite3_file* f, int first, int count,
                   int flags) { return of(f).lock_index(first, count, flags); },
    .xShmBarrier = [](sqlite3_file*) {},
    .xShmUnmap =
        [](sqlite3_file* f, int remove) {
          of(f).unmap_index(remove != 0);
          return SQLITE_OK;
        },
};

Result<SimDisk::Handle> open_as(SimDisk& disk, const char* path, int flags, bool& writable) {
  if (path == nullptr) return disk.open_unnamed();
  if ((flags & SQLITE_OPEN_READWRITE) == 0) {
    writable = false;
    return disk.open(path, Files::Mode::read);
  }
  const bool create = (flags & SQLITE_OPEN_CREATE) != 0;
  auto handle = disk.open(path, create ? Files::Mode::create : Files::Mode::write);
  if (handle || handle.error().code != Code::read_only) return handle;
  auto to_read = disk.open(path, Files::Mode::read);
  if (!to_read) return handle;
  writable = false;
  return to_read;
}

int open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* flags_out) {
  file->pMethods = nullptr;
  SqliteVfs& us = self(vfs);
  constexpr int kJournals = SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL;
  bool writable = true;
  const auto handle = open_as(us.disk(), path, flags, writable);
  if (!handle) return us.failed(handle.error(), SQLITE_CANTOPEN);
  const bool made = (flags & SQLITE_OPEN_CREATE) != 0 && (flags & kJournals) != 0;
  new (reinterpret_cast<OsFile*>(file)->room) Connection(us, *handle, path, made);
  file->pMethods = &kMethods;
  if (flags_out == nullptr) return SQLITE_OK;
  *flags_out = writable
                   ? flags
                   : (flags & ~(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)) | SQLITE_OPEN_READONLY;
  return SQLITE_OK;
}

int remove(sqlite3_vfs* vfs, const char* path, int sync_directory) {
  SqliteVfs& us = self(vfs);
  if (Status s = us.disk().remove(path); !s) {
    if (s.error().code == Code::not_found) return SQLITE_IOERR_DELETE_NOENT;
    return us.failed(s.error(), SQLITE_IOERR_DELETE);
  }
  if ((sync_directory & 1) == 0) return SQLITE_OK;
  if (Status s = us.disk().sync_directory(directory_of(path)); !s) {
    return us.failed(s.error(), SQLITE_IOERR_DIR_FSYNC);
  }
  return SQLITE_OK;
}

// An empty file does not exist: a hot journal of no bytes is none.
int access(sqlite3_vfs* vfs, const char* path, int flags, int* yes) {
  const auto info = self(vfs).disk().info(path);
  *yes = info && (flags != SQLITE_ACCESS_EXISTS || info->directory || info->bytes > 0) ? 1 : 0;
  return SQLITE_OK;
}

int full_path(sqlite3_vfs*, const char* path, int room, char* to) {
  const std::string_view text = path;
  if (text.size() >= static_cast<std::size_t>(room)) return SQLITE_CANTOPEN;
  std::memcpy(to, text.data(), text.size());
  to[text.size()] = '\0';
  return SQLITE_OK;
}

int randomness(sqlite3_vfs* vfs, int count, char* to) {
  Random& random = self(vfs).disk().random();
  for (int i = 0; i < count; ++i) to[i] = static_cast<char>(random.u64() >> 56);
  return count;
}

int current_time(sqlite3_vfs* vfs, sqlite3_int64* milliseconds) {
  constexpr sqlite3_int64 kUnixEpoch = 24405875ll * 8640000;  // Of the Julian day, as os_unix.c.
  *milliseconds = kUnixEpoch + self(vfs).disk().clock().wall().milliseconds();
  return SQLITE_OK;
}

}  // namespace

SqliteVfs::SqliteVfs(SimDisk& disk)
    : disk_(disk),
      name_("sim-" + std::to_string(reinterpret_cast<std::uintptr_t>(this))),
      vfs_(std::make_unique<sqlite3_vfs>()) {
  *vfs_ = {
      .iVersion = 2,
      .szOsFile = sizeof(OsFile),
      .mxPathname = 512,
      .zName = name_.c_str(),
      .pAppData = this,
      .xOpen = &open,
      .xDelete = &remove,
      .xAccess = &access,
      .xFullPathname = &full_path,
      .xRandomness = &randomness,
      .xSleep = [](sqlite3_vfs*, int microseconds) { return microseconds; },
      .xCurrentTime =
          [](sqlite3_vfs* vfs, double* days) {
            sqlite3_int64 milliseconds = 0;
            current_time(vfs, &milliseconds);
            *days = static_cast<double>(milliseconds) / 86'400'000.0;
            return SQLITE_OK;
          },
      .xGetLastError = [](sqlite3_vfs* vfs, int, char*) { return self(vfs).last_errno(); },
      .xCurrentTimeInt64 = &current_time,
  };
  sqlite3_vfs_register(vfs_.get(), 0);
}

SqliteVfs::~SqliteVfs() { sqlite3_vfs_unregister(vfs_.get()); }

int SqliteVfs::failed(const Error& error, int otherwise) {
  last_errno_ = error.sys_errno;
  if (error.sys_errno == ENOMEM) return SQLITE_IOERR_NOMEM;
  if (error.code == Code::full && otherwise == SQLITE_IOERR_WRITE) return SQLITE_FULL;
  return otherwise;
}

}  // namespace pinaflux::sim
