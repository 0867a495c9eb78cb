// SimFiles: Files on a SimDisk, and the SQLite VFS that sees the same disk.
//
// Promise    As Files; what is cut, full or broken is the SimDisk's to say.
// Ownership  The disk must outlive it, it must outlive every File, lock and database that it opened.
// Threads    One owner at a time: that of the disk.
// Tests      tests/platform/files_contract.h, tests/platform/sim/disk_test.cc
#pragma once

#include <memory>
#include <string>

#include "platform/files.h"
#include "platform/sim/disk.h"

namespace pinaflux::sim {

class SqliteVfs;

class SimFiles final : public Files {
 public:
  // `process` is what stands in a lock. Several processes have a SimFiles each, on one disk.
  explicit SimFiles(SimDisk& disk, long process = 1);
  ~SimFiles() override;

  Result<std::unique_ptr<File>> open(const std::string& path, Mode mode) override;
  Result<FileInfo> info(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& directory) override;
  Status make_directory(const std::string& path, std::uint32_t mode) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status sync_directory(const std::string& path) override;
  Result<FileSystemInfo> file_system(const std::string& path) override;
  Result<std::unique_ptr<FileLock>> lock(const std::string& path, long& holder) override;
  const char* sqlite_vfs() const override;

 private:
  SimDisk& disk_;
  const long process_;
  std::unique_ptr<SqliteVfs> vfs_;
};

}  // namespace pinaflux::sim
