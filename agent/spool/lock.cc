// The lock is an flock() on the file spool.lock, which stays; the holder's process id stands in it as
// text. SQLite's own exclusive lock would do, but it is taken late, says nothing of the holder, and
// does not cover setting a damaged database aside.

#include "agent/spool/lock.h"

#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace pinaflux {

namespace {

std::unexpected<Error> refused(int sys_errno) {
  switch (sys_errno) {
    case EACCES:
    case EPERM: return fail(Code::denied, "the spool's directory may not be written", sys_errno);
    case EROFS: return fail(Code::read_only, "the spool's disk is read-only", sys_errno);
    case ENOSPC:
    case EDQUOT: return fail(Code::full, "no space is left for the spool", sys_errno);
    case ENOTDIR:
    case EEXIST: return fail(Code::invalid, "the spool's path is not a directory", sys_errno);
    default: return fail(Code::io, "the spool's directory cannot be used", sys_errno);
  }
}

Status make_directory(const std::string& path) {
  for (std::size_t end = 0; end != std::string::npos;) {
    end = path.find('/', end + 1);
    const std::string part = path.substr(0, end);
    if (part.empty() || part == "/") continue;
    struct stat info{};
    if (::stat(part.c_str(), &info) == 0) {
      if (!S_ISDIR(info.st_mode)) return refused(ENOTDIR);
      continue;
    }
    if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) return refused(errno);
  }
  return {};
}

long process_in(int file) {
  char text[24]{};
  const ssize_t count = ::pread(file, text, sizeof text - 1, 0);
  long id = 0;
  if (count > 0) std::from_chars(text, text + count, id);
  return id;
}

void write_process(int file) {
  const std::string text = std::to_string(::getpid()) + "\n";
  if (::ftruncate(file, 0) != 0) return;
  [[maybe_unused]] const ssize_t written = ::pwrite(file, text.data(), text.size(), 0);
}

}  // namespace

Result<Lock> Lock::take(const std::string& directory, long& holder) {
  holder = 0;
  if (Status made = make_directory(directory); !made) return std::unexpected(made.error());
  const std::string path = directory + "/spool.lock";
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return refused(errno);
  Lock lock(file);
  if (::flock(file, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return refused(errno);
    holder = process_in(file);
    return fail(Code::busy, "another agent has this spool open: stop it first", EWOULDBLOCK);
  }
  write_process(file);
  return lock;
}

Lock::~Lock() {
  if (file_ >= 0) ::close(file_);
}

Lock::Lock(Lock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}

}  // namespace pinaflux
