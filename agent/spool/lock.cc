// The lock is on the file spool.lock, which stays. SQLite's own exclusive lock would do, but it is taken
// late, says nothing of the holder, and does not cover setting a damaged database aside.
//
// A directory that was made is on disk only once the directory that it is in has been synced; SQLite syncs
// the spool's own, nobody else the ones above. Whether an earlier start came so far is not to be seen: they
// are synced at each.

#include "agent/spool/lock.h"

#include <algorithm>

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

// A parent that we may not read was not made by us.
Status sync_parents(Files& files, const std::string& directory) {
  for (std::size_t slash = directory.rfind('/'); slash != std::string::npos;
       slash = slash == 0 ? std::string::npos : directory.rfind('/', slash - 1)) {
    const Status s = files.sync_directory(directory.substr(0, std::max<std::size_t>(slash, 1)));
    if (!s && s.error().code != Code::denied) return s;
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<FileLock>> lock_directory(Files& files, const std::string& directory,
                                                 long& holder) {
  constexpr std::uint32_t kOwnerOnly = 0700;
  holder = 0;
  if (Status s = files.make_directory(directory, kOwnerOnly); !s) return refused(s.error());
  if (Status s = sync_parents(files, directory); !s) return refused(s.error());
  auto lock = files.lock(directory + "/spool.lock", holder);
  if (!lock) return refused(lock.error());
  return lock;
}

}  // namespace pinaflux
