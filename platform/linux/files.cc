#include "platform/linux/files.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <tuple>
#include <unistd.h>

#include "platform/linux/error.h"
#include "platform/linux/fd.h"

namespace pinaflux {

namespace {

constexpr std::uint32_t kTmpfsMagic = 0x01021994;  // linux/magic.h
constexpr std::uint32_t kRamfsMagic = 0x858458f6;

std::unexpected<Error> refused() { return std::unexpected(file_error(errno)); }

Status done(int result) {
  if (result != 0) return refused();
  return {};
}

FileInfo info_of(const struct stat& s) {
  FileInfo info;
  info.device = s.st_dev;
  info.inode = s.st_ino;
  info.bytes = static_cast<std::uint64_t>(s.st_size);
  info.bytes_on_disk = static_cast<std::uint64_t>(s.st_blocks) * 512;
  info.modified = {std::int64_t{s.st_mtim.tv_sec} * 1'000'000'000 + s.st_mtim.tv_nsec};
  info.directory = S_ISDIR(s.st_mode);
  info.mode = s.st_mode & 07777;
  return info;
}

class LinuxFile final : public File {
 public:
  explicit LinuxFile(Fd fd) : fd_(std::move(fd)) {}

  Result<std::size_t> read_at(std::uint64_t offset, MutableBytes bytes) override {
    std::size_t done_bytes = 0;
    while (done_bytes < bytes.size()) {
      const ssize_t n = ::pread(fd_.get(), bytes.data() + done_bytes, bytes.size() - done_bytes,
                                static_cast<off_t>(offset + done_bytes));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return refused();
      if (n == 0) break;
      done_bytes += static_cast<std::size_t>(n);
    }
    return done_bytes;
  }

  Status write_at(std::uint64_t offset, Bytes bytes) override {
    while (!bytes.empty()) {
      const ssize_t n = ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return refused();
      offset += static_cast<std::uint64_t>(n);
      bytes = bytes.subspan(static_cast<std::size_t>(n));
    }
    return {};
  }

  Status truncate(std::uint64_t bytes) override {
    return done(::ftruncate(fd_.get(), static_cast<off_t>(bytes)));
  }
  Status reserve(std::uint64_t bytes) override {
    const auto before = info();
    if (!before) return std::unexpected(before.error());
    const Status reserved = allocate(0, 0, bytes);
    // ext4 keeps what it had found when it ran out.
    if (!reserved && before->bytes < bytes) std::ignore = truncate(before->bytes);
    return reserved;
  }
  Status punch(std::uint64_t offset, std::uint64_t bytes) override {
    return allocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, bytes);
  }
  Status sync() override { return done(::fsync(fd_.get())); }
  void begin_sync(std::uint64_t offset, std::uint64_t bytes) override {
    const auto from = static_cast<off_t>(offset), count = static_cast<off_t>(bytes);
    std::ignore = ::sync_file_range(fd_.get(), from, count, SYNC_FILE_RANGE_WRITE);
  }
  Result<FileInfo> info() override {
    struct stat s{};
    if (::fstat(fd_.get(), &s) != 0) return refused();
    return info_of(s);
  }

 private:
  // fallocate() itself: where the file system cannot, posix_fallocate() would write into every block.
  Status allocate(int mode, std::uint64_t offset, std::uint64_t bytes) {
    int failed = 0;
    do {
      const auto from = static_cast<off_t>(offset), count = static_cast<off_t>(bytes);
      failed = ::fallocate(fd_.get(), mode, from, count) == 0 ? 0 : errno;
    } while (failed == EINTR);
    if (failed == 0) return {};
    if (failed == EOPNOTSUPP || failed == ENOSYS) {
      return fail(Code::unsupported, "the file system reserves no space", failed);
    }
    return std::unexpected(file_error(failed));
  }

  Fd fd_;
};

class LinuxFileLock final : public FileLock {
 public:
  explicit LinuxFileLock(Fd fd) : fd_(std::move(fd)) {}

 private:
  Fd fd_;
};

long process_in(int file) {
  char text[24]{};
  const ssize_t count = ::pread(file, text, sizeof text - 1, 0);
  long id = 0;
  if (count > 0) std::from_chars(text, text + count, id);
  return id;
}

// Best effort: the lock holds without it.
void write_process(int file) {
  const std::string text = std::to_string(::getpid()) + "\n";
  if (::ftruncate(file, 0) != 0) return;
  [[maybe_unused]] const ssize_t written = ::pwrite(file, text.data(), text.size(), 0);
}

int flags_of(Files::Mode mode) {
  switch (mode) {
    case Files::Mode::read: return O_RDONLY;
    case Files::Mode::write: return O_RDWR;
    case Files::Mode::create: return O_RDWR | O_CREAT;
  }
  return O_RDONLY;
}

}  // namespace

Result<std::unique_ptr<File>> LinuxFiles::open(const std::string& path, Mode mode) {
  // O_NONBLOCK: opening a pipe by mistake must not wait for its other end.
  Fd fd(::open(path.c_str(), flags_of(mode) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600));
  if (!fd) return refused();
  return std::make_unique<LinuxFile>(std::move(fd));
}

Result<FileInfo> LinuxFiles::info(const std::string& path) {
  struct stat s{};
  if (::stat(path.c_str(), &s) != 0) return refused();
  return info_of(s);
}

Result<std::vector<std::string>> LinuxFiles::list(const std::string& directory) {
  DIR* open_directory = ::opendir(directory.c_str());
  if (open_directory == nullptr) return refused();
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(open_directory)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  const int failed = errno;
  ::closedir(open_directory);
  if (failed != 0) return std::unexpected(file_error(failed));
  std::ranges::sort(names);
  return names;
}

// A directory is not there after a power cut until its parent is synced: what is synced in it later
// would be gone with it. Where the parent may not be read, the file system's own order must do.
Status LinuxFiles::make_directory(const std::string& path, std::uint32_t mode) {
  for (std::size_t at = path.find('/', 1);; at = path.find('/', at + 1)) {
    const std::string part = path.substr(0, at);
    if (::mkdir(part.c_str(), mode) == 0) {
      const std::size_t slash = part.rfind('/');
      const Status synced = sync_directory(
          slash == std::string::npos ? "." : part.substr(0, std::max<std::size_t>(1, slash)));
      if (!synced && synced.error().code != Code::denied) return synced;
    } else {
      const int failed = errno;
      const auto there = info(part);
      if (!there) return std::unexpected(file_error(failed));
      if (!there->directory) return std::unexpected(file_error(ENOTDIR));
    }
    if (at == std::string::npos) return {};
  }
}

Status LinuxFiles::rename(const std::string& from, const std::string& to) {
  return done(::rename(from.c_str(), to.c_str()));
}

Status LinuxFiles::remove(const std::string& path) { return done(::remove(path.c_str())); }

Status LinuxFiles::sync_directory(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return refused();
  // Some file systems (vfat, some network ones) cannot: there is nothing more that we could do.
  if (::fsync(fd.get()) != 0 && errno != EINVAL && errno != EROFS) return refused();
  return {};
}

Result<FileSystemInfo> LinuxFiles::file_system(const std::string& path) {
  struct statfs kind{};
  struct statvfs space{};
  if (::statfs(path.c_str(), &kind) != 0) return refused();
  if (::statvfs(path.c_str(), &space) != 0) return refused();
  FileSystemInfo info;
  info.bytes_total = std::uint64_t{space.f_blocks} * space.f_frsize;
  info.bytes_free = std::uint64_t{space.f_bavail} * space.f_frsize;
  const auto magic = static_cast<std::uint32_t>(kind.f_type);
  info.in_memory = magic == kTmpfsMagic || magic == kRamfsMagic;
  info.read_only = (space.f_flag & ST_RDONLY) != 0;
  return info;
}

Result<std::unique_ptr<FileLock>> LinuxFiles::lock(const std::string& path, long& holder) {
  holder = 0;
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return refused();
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return refused();
    holder = process_in(fd.get());
    return fail(Code::busy, "another process has it: stop that one first", EWOULDBLOCK);
  }
  write_process(fd.get());
  return std::make_unique<LinuxFileLock>(std::move(fd));
}

}  // namespace pinaflux
