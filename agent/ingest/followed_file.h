// FollowedFile: one file that is read line by line while it grows; its position names it by content,
// because inodes are used again.
//
// Threads    Loop.
// Tests      tests/agent/ingest/file_source_test.cc
#pragma once

#include <memory>
#include <string>

#include "agent/ingest/line_buffer.h"
#include "agent/ingest/options.h"
#include "platform/files.h"

namespace pinaflux {

// Where a file was read to: a row of cursors, "file/<inode>".
struct FilePosition {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t offset = 0;      // Of the first line that is not committed.
  std::uint32_t head_bytes = 0;  // How many of the first bytes `head` is the keyed hash of.
  std::uint64_t head = 0;

  std::string key() const;
  Buffer row() const;
  static bool parse(Bytes row, FilePosition& position);
};

class FollowedFile {
 public:
  static constexpr std::size_t kHeadBytes = 256;
  static constexpr int kQuietLooks = 20;

  FollowedFile(std::string path, std::unique_ptr<File> file, const FileInfo& info,
               const InstallKey& key, std::size_t line_bytes_max);

  // Resumes there if the file begins as it did then; otherwise from the start. True: resumed.
  bool resume(const FilePosition& position);
  void start_at_end();

  // Looks at the size: notices growth and truncation. An error of the medium.
  Status look();
  // The oldest whole line; reads on where it must. False: none yet.
  bool front(LineBuffer::Line& line);
  void pop() { lines_.pop(); }
  // A whole line is there, or bytes that have not been read.
  bool ready() const { return ready_; }
  // Another file has its name now: its last line ends where the file ends.
  void detach() {
    if (!detached_) quiet_looks_ = 0;
    detached_ = true;
  }
  bool detached() const { return detached_; }
  // Its writers have had kQuietLooks looks to find the new name, and wrote nothing more here.
  bool used_up() const { return detached_ && !ready_ && quiet_looks_ > kQuietLooks; }

  const std::string& path() const { return path_; }
  std::uint64_t inode() const { return info_.inode; }
  FilePosition position();

 private:
  std::uint64_t hash_of_head(std::size_t bytes);
  std::uint64_t read_to() const { return base_ + lines_.appended(); }
  Status read_on();
  void restart();

  const std::string path_;
  std::unique_ptr<File> file_;
  FileInfo info_;
  const InstallKey key_;
  LineBuffer lines_;
  std::uint64_t base_ = 0;  // Offset where the buffer's input begins.
  std::uint32_t head_bytes_ = 0;
  std::uint64_t head_ = 0;
  bool ready_ = false;
  bool detached_ = false;
  int quiet_looks_ = 0;  // Since it last grew.
};

}  // namespace pinaflux
