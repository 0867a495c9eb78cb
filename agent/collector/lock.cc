// SQLite's own locks would let two collectors take turns, and each would answer gateways from what it
// remembers. They must not both run, so one lock is held from start to end, beside the database: readers
// (the sqlite3 shell, verify) never look at it.

#include "agent/collector/lock.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>
#include <utility>

namespace pinaflux {

namespace {

std::unexpected<Error> refused(int sys_errno) {
  switch (sys_errno) {
    case EACCES:
    case EPERM: return fail(Code::denied, "the database's folder may not be written", sys_errno);
    case EROFS: return fail(Code::read_only, "the database's disk is read-only", sys_errno);
    case ENOSPC:
    case EDQUOT: return fail(Code::full, "no space is left for the database", sys_errno);
    case ENOENT:
    case ENOTDIR: return fail(Code::not_found, "the database's folder does not exist", sys_errno);
    default: return fail(Code::io, "the database's folder cannot be used", sys_errno);
  }
}

}  // namespace

Result<DatabaseLock> DatabaseLock::take(const std::string& database) {
  const std::string path = database + "-lock";
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return refused(errno);
  DatabaseLock lock(file);
  if (::flock(file, LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno != EWOULDBLOCK) return refused(errno);
  return fail(Code::busy, "another collector has this database open: stop it first", EWOULDBLOCK);
}

DatabaseLock::~DatabaseLock() {
  if (file_ >= 0) ::close(file_);
}

DatabaseLock::DatabaseLock(DatabaseLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}

}  // namespace pinaflux
