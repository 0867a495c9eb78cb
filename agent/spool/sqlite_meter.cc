// A VFS that is SQLite's own one, except that xOpen wraps the file: the wrapper stands first in memory,
// SQLite's file behind it in the same block. Two calls are counted, all others only passed on.

#include "agent/spool/sqlite_meter.h"

#include <sqlite3.h>

#include "platform/base/assert.h"

namespace pinaflux::sqlite {

namespace {

struct MeteredFile {
  sqlite3_file head;  // First: SQLite takes the whole for one of these.
  FileCounts* counts;
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

static_assert(sizeof(MeteredFile) % 8 == 0, "SQLite's file behind it holds 64-bit members");

MeteredFile* metered(sqlite3_file* file) { return reinterpret_cast<MeteredFile*>(file); }
sqlite3_file* real(sqlite3_file* file) { return metered(file)->real(); }

int write(sqlite3_file* f, const void* from, int count, sqlite3_int64 at) {
  metered(f)->counts->bytes_written += static_cast<std::uint64_t>(count);
  return real(f)->pMethods->xWrite(real(f), from, count, at);
}
int sync(sqlite3_file* f, int flags) {
  ++metered(f)->counts->syncs;
  return real(f)->pMethods->xSync(real(f), flags);
}
int close(sqlite3_file* f) { return real(f)->pMethods->xClose(real(f)); }
int read(sqlite3_file* f, void* to, int count, sqlite3_int64 at) {
  return real(f)->pMethods->xRead(real(f), to, count, at);
}
int truncate(sqlite3_file* f, sqlite3_int64 size) {
  return real(f)->pMethods->xTruncate(real(f), size);
}
int file_size(sqlite3_file* f, sqlite3_int64* size) {
  return real(f)->pMethods->xFileSize(real(f), size);
}
int lock(sqlite3_file* f, int level) { return real(f)->pMethods->xLock(real(f), level); }
int unlock(sqlite3_file* f, int level) { return real(f)->pMethods->xUnlock(real(f), level); }
int check_reserved(sqlite3_file* f, int* out) {
  return real(f)->pMethods->xCheckReservedLock(real(f), out);
}
int control(sqlite3_file* f, int which, void* argument) {
  return real(f)->pMethods->xFileControl(real(f), which, argument);
}
int sector_size(sqlite3_file* f) { return real(f)->pMethods->xSectorSize(real(f)); }
int traits(sqlite3_file* f) { return real(f)->pMethods->xDeviceCharacteristics(real(f)); }

// Version 1: no shared memory (our databases lock exclusively) and no mapping.
constexpr sqlite3_io_methods kMethods = {
    .iVersion = 1,
    .xClose = close,
    .xRead = read,
    .xWrite = write,
    .xTruncate = truncate,
    .xSync = sync,
    .xFileSize = file_size,
    .xLock = lock,
    .xUnlock = unlock,
    .xCheckReservedLock = check_reserved,
    .xFileControl = control,
    .xSectorSize = sector_size,
    .xDeviceCharacteristics = traits,
    .xShmMap = nullptr,
    .xShmLock = nullptr,
    .xShmBarrier = nullptr,
    .xShmUnmap = nullptr,
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

}  // namespace

struct Meter::State {
  sqlite3_vfs vfs;
  sqlite3_vfs* own;
  FileCounts counts;

  static int open(sqlite3_vfs* vfs, sqlite3_filename name, sqlite3_file* file, int flags,
                  int* out) {
    auto* state = static_cast<State*>(vfs->pAppData);
    file->pMethods = nullptr;
    metered(file)->counts = &state->counts;
    const int code = state->own->xOpen(state->own, name, real(file), flags, out);
    if (code == SQLITE_OK) file->pMethods = &kMethods;
    return code;
  }
};

// All other calls of the VFS get ours as their argument, and the unix VFS uses nothing of it that a copy does
// not have.
Meter::Meter() : state_(std::make_unique<State>()) {
  ASSERT(sqlite3_initialize() == SQLITE_OK);
  state_->own = sqlite3_vfs_find(nullptr);
  ASSERT(state_->own != nullptr);
  state_->vfs = *state_->own;
  state_->vfs.zName = "pinaflux-meter";
  state_->vfs.szOsFile += static_cast<int>(sizeof(MeteredFile));
  state_->vfs.pAppData = state_.get();
  state_->vfs.xOpen = &State::open;
  state_->vfs.pNext = nullptr;
  ASSERT(sqlite3_vfs_register(&state_->vfs, 0) == SQLITE_OK);
}

Meter::~Meter() { sqlite3_vfs_unregister(&state_->vfs); }

const char* Meter::vfs() const { return state_->vfs.zName; }
FileCounts Meter::counts() const { return state_->counts; }

}  // namespace pinaflux::sqlite
