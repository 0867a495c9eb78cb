// The lock is on the file spool.lock, which stays. SQLite's own exclusive lock would do, but it is taken
// late, says nothing of the holder, and does not cover setting a damaged database aside.

#include "agent/spool/lock.h"

namespace pinaflux {

namespace {

std::unexpected<Error> refused(const Error& error) {
  const auto is = [&](const char* what) { return fail(error.code, what, error.sys_errno); };
  switch (error.code) {
    case Code::denied: return is("the spool's directory may not be written");
    case Code::read_only: return is("the spool's disk is read-only");
    case Code::full: return is("no space is left for the spool");
    case Code::invalid:
    case Code::exists: return is("the spool's path is not a directory");
    case Code::busy: return is("another agent has this spool open: stop it first");
    default: return fail(Code::io, "the spool's directory cannot be used", error.sys_errno);
  }
}

}  // namespace

Result<std::unique_ptr<FileLock>> lock_directory(Files& files, const std::string& directory,
                                                 long& holder) {
  constexpr std::uint32_t kOwnerOnly = 0700;
  holder = 0;
  if (Status s = files.make_directory(directory, kOwnerOnly); !s) return refused(s.error());
  auto lock = files.lock(directory + "/spool.lock", holder);
  if (!lock) return refused(lock.error());
  return lock;
}

}  // namespace pinaflux
