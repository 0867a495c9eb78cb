// Files: the few things that we do with files outside of SQLite.
//
// Errors     not_found, denied, full, read_only, io, exists, invalid; `sys_errno` is set.
// Limits     Calls may block on the medium; the loop uses them for small or cached reads only.
// Threads    Any; a File by one owner at a time.
// Tests      tests/platform/files_contract.h, run against linux/ and sim/.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "platform/base/bytes.h"
#include "platform/base/result.h"
#include "platform/base/time.h"

namespace pinaflux {

struct FileInfo {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t bytes = 0;
  std::uint64_t bytes_on_disk =
      0;  // Of blocks that it occupies: less with holes, more with reserve().
  WallTime modified;
  bool directory = false;
  std::uint32_t mode = 0;  // Permission bits, 07777; 0 where the file system has none.
};

struct FileSystemInfo {
  std::uint64_t bytes_total = 0;
  std::uint64_t bytes_free = 0;  // For an unprivileged writer.
  bool in_memory = false;        // tmpfs, ramfs: gone at a power cut.
  bool read_only = false;
};

class File {
 public:
  virtual ~File() = default;  // Closes.
  // Reads up to bytes.size() at `offset`; 0 at the end.
  virtual Result<std::size_t> read_at(std::uint64_t offset, MutableBytes bytes) = 0;
  virtual Status write_at(std::uint64_t offset, Bytes bytes) = 0;  // All or an error.
  virtual Status truncate(std::uint64_t bytes) = 0;
  // Space for the first `bytes` bytes, zeros where nothing was written: writing there cannot meet a full disk.
  // The file becomes that long if it is shorter. Code::full: not all of it could be had, and nothing has
  // changed; Code::unsupported: this file system cannot.
  virtual Status reserve(std::uint64_t bytes) = 0;
  // Gives the space of a range back; it then reads as zeros, and the length stays. Code::unsupported: this
  // file system cannot.
  virtual Status punch(std::uint64_t offset, std::uint64_t bytes) = 0;
  virtual Status sync() = 0;
  // Lets the medium begin with what lies there, so that sync() finds less to wait for. Promises nothing.
  virtual void begin_sync(std::uint64_t offset, std::uint64_t bytes) { (void)offset, (void)bytes; }
  virtual Result<FileInfo> info() = 0;
};

class FileLock {
 public:
  virtual ~FileLock() = default;  // Lets go.
};

class Files {
 public:
  enum class Mode { read, write, create };  // create: made if missing, mode 0600, then as write.

  virtual ~Files() = default;
  virtual Result<std::unique_ptr<File>> open(const std::string& path, Mode mode) = 0;
  virtual Result<FileInfo> info(const std::string& path) = 0;
  // Names in a directory, sorted, without "." and "..".
  virtual Result<std::vector<std::string>> list(const std::string& directory) = 0;
  // With its parents; ok if it exists. `mode` is of those that are made; they survive a power cut.
  virtual Status make_directory(const std::string& path, std::uint32_t mode) = 0;
  virtual Status rename(const std::string& from, const std::string& to) = 0;
  virtual Status remove(const std::string& path) = 0;
  virtual Status sync_directory(const std::string& path) = 0;
  virtual Result<FileSystemInfo> file_system(const std::string& path) = 0;
  // One owner at a time, in this process or another; the kernel lets go when the process ends, however
  // it ends. The file is made if it is missing (mode 0600), and stays; the owner's process id stands in it
  // as text. Code::busy: somebody else has it, and `holder` is its process id, 0 if it did not say.
  virtual Result<std::unique_ptr<FileLock>> lock(const std::string& path, long& holder) = 0;
  // The name of the SQLite VFS that sees these files; null: SQLite's own.
  virtual const char* sqlite_vfs() const = 0;

  // The whole file, at most `bytes_max` (else Code::full).
  Result<std::string> read_text(const std::string& path, std::size_t bytes_max);
  // Temporary file, sync, rename, sync of the directory: the old content or the new one, never half.
  Status replace(const std::string& path, std::string_view text);
};

}  // namespace pinaflux
