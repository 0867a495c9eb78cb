#include "platform/sim/files.h"

#include <algorithm>
#include <charconv>
#include <tuple>

#include "platform/sim/sqlite_vfs.h"

namespace pinaflux::sim {

namespace {

class SimFile final : public File {
 public:
  SimFile(SimDisk& disk, SimDisk::Handle handle) : disk_(disk), handle_(handle) {}
  ~SimFile() override { disk_.close(handle_); }

  Result<std::size_t> read_at(std::uint64_t offset, MutableBytes bytes) override {
    return disk_.read(handle_, offset, bytes);
  }
  Status write_at(std::uint64_t offset, Bytes bytes) override {
    return disk_.write(handle_, offset, bytes);
  }
  Status truncate(std::uint64_t bytes) override { return disk_.truncate(handle_, bytes); }
  Status reserve(std::uint64_t bytes) override { return disk_.reserve(handle_, bytes); }
  Status punch(std::uint64_t offset, std::uint64_t bytes) override {
    return disk_.punch(handle_, offset, bytes);
  }
  Status sync() override { return disk_.sync(handle_); }
  Result<FileInfo> info() override { return disk_.info(handle_); }

 private:
  SimDisk& disk_;
  SimDisk::Handle handle_;
};

class SimFileLock final : public FileLock {
 public:
  SimFileLock(SimDisk& disk, SimDisk::Handle handle) : disk_(disk), handle_(handle) {}
  ~SimFileLock() override {
    disk_.unlock(handle_);
    disk_.close(handle_);
  }

 private:
  SimDisk& disk_;
  SimDisk::Handle handle_;
};

}  // namespace

SimFiles::SimFiles(SimDisk& disk, long process)
    : disk_(disk), process_(process), vfs_(std::make_unique<SqliteVfs>(disk)) {}

SimFiles::~SimFiles() = default;

Result<std::unique_ptr<File>> SimFiles::open(const std::string& path, Mode mode) {
  const auto handle = disk_.open(path, mode);
  if (!handle) return std::unexpected(handle.error());
  return std::make_unique<SimFile>(disk_, *handle);
}

Result<FileInfo> SimFiles::info(const std::string& path) { return disk_.info(path); }

Result<std::vector<std::string>> SimFiles::list(const std::string& directory) {
  return disk_.list(directory);
}

Status SimFiles::make_directory(const std::string& path, std::uint32_t) {
  for (std::size_t at = path.find('/', 1);; at = path.find('/', at + 1)) {
    const std::string part = path.substr(0, at);
    const bool made = !disk_.info(part).has_value();
    if (Status s = disk_.make_directory(part); !s) return s;
    if (made) {
      Status s = disk_.sync_directory(part.substr(0, std::max<std::size_t>(1, part.rfind('/'))));
      if (!s) return s;
    }
    if (at == std::string::npos) return {};
  }
}

Status SimFiles::rename(const std::string& from, const std::string& to) {
  return disk_.rename(from, to);
}

Status SimFiles::remove(const std::string& path) { return disk_.remove(path); }

Status SimFiles::sync_directory(const std::string& path) { return disk_.sync_directory(path); }

Result<FileSystemInfo> SimFiles::file_system(const std::string& path) {
  return disk_.file_system(path);
}

// As platform/linux: the process id is written at best, the lock holds without it.
Result<std::unique_ptr<FileLock>> SimFiles::lock(const std::string& path, long& holder) {
  holder = 0;
  const auto handle = disk_.open(path, Mode::create);
  if (!handle) return std::unexpected(handle.error());
  if (Status s = disk_.lock(*handle); !s) {
    char text[24]{};
    const auto count = disk_.read(*handle, 0, {reinterpret_cast<std::uint8_t*>(text), sizeof text});
    if (count) std::from_chars(text, text + *count, holder);
    disk_.close(*handle);
    return std::unexpected(s.error());
  }
  if (disk_.truncate(*handle, 0)) {
    std::ignore = disk_.write(*handle, 0, as_bytes(std::to_string(process_) + "\n"));
  }
  return std::make_unique<SimFileLock>(disk_, *handle);
}

const char* SimFiles::sqlite_vfs() const { return vfs_->name(); }

}  // namespace pinaflux::sim
