// SQLite's own locks would let two collectors take turns, and each would answer gateways from what it
// remembers. They must not both run, so one lock is held from start to end, beside the database: readers
// (the sqlite3 shell, verify) never look at it.

#include "agent/collector/lock.h"

namespace pinaflux {

namespace {

std::unexpected<Error> refused(const Error& error) {
  const auto is = [&](const char* what) { return fail(error.code, what, error.sys_errno); };
  switch (error.code) {
    case Code::denied: return is("the database's folder may not be written");
    case Code::read_only: return is("the database's disk is read-only");
    case Code::full: return is("no space is left for the database");
    case Code::not_found: return is("the database's folder does not exist");
    case Code::invalid:
      return fail(Code::not_found, "the database's folder does not exist", error.sys_errno);
    case Code::busy: return is("another collector has this database open: stop it first");
    default: return fail(Code::io, "the database's folder cannot be used", error.sys_errno);
  }
}

}  // namespace

Result<std::unique_ptr<FileLock>> lock_database(Files& files, const std::string& database) {
  long holder = 0;
  auto lock = files.lock(database + "-lock", holder);
  if (!lock) return refused(lock.error());
  return lock;
}

}  // namespace pinaflux
