// Files of this machine. All calls are close-on-exec, none follows O_TRUNC: what exists is not cut.
//
// Threads    Any; a File by one owner at a time.
#pragma once

#include "platform/files.h"

namespace pinaflux {

class LinuxFiles final : public Files {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, Mode mode) override;
  Result<FileInfo> info(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& directory) override;
  Status make_directory(const std::string& path, std::uint32_t mode) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status sync_directory(const std::string& path) override;
  Result<FileSystemInfo> file_system(const std::string& path) override;
  Result<std::unique_ptr<FileLock>> lock(const std::string& path, long& holder) override;
  const char* sqlite_vfs() const override { return nullptr; }
};

}  // namespace pinaflux
