#include "agent/ingest/followed_file.h"

// Row: device (u64), inode (u64), offset (u64), head bytes (u32), head (u64). The head is hashed again
// at each change of the size: a file whose beginning changed is another file in the same inode
// (truncated and written anew, or the inode was used again).

#include <algorithm>
#include <vector>

#include "agent/data/identity.h"
#include "platform/crypto/crypto.h"

namespace pinaflux {

std::string FilePosition::key() const { return "file/" + std::to_string(inode); }

Buffer FilePosition::row() const {
  Buffer row;
  Writer writer(row);
  writer.u64(device);
  writer.u64(inode);
  writer.u64(offset);
  writer.u32(head_bytes);
  writer.u64(head);
  return row;
}

bool FilePosition::parse(Bytes row, FilePosition& position) {
  Reader reader(row);
  position.device = reader.u64();
  position.inode = reader.u64();
  position.offset = reader.u64();
  position.head_bytes = reader.u32();
  position.head = reader.u64();
  return !reader.failed() && position.head_bytes <= FollowedFile::kHeadBytes;
}

FollowedFile::FollowedFile(std::string path, std::unique_ptr<File> file, const FileInfo& info,
                           const InstallKey& key, std::size_t line_bytes_max)
    : path_(std::move(path)),
      file_(std::move(file)),
      info_(info),
      key_(key),
      lines_(line_bytes_max) {
  info_.bytes = 0;  // look() finds out.
}

std::uint64_t FollowedFile::hash_of_head(std::size_t bytes) {
  std::uint8_t head[kHeadBytes];
  std::size_t have = 0;
  while (have < bytes) {
    const auto n = file_->read_at(have, MutableBytes(head).subspan(have, bytes - have));
    if (!n || *n == 0) break;
    have += *n;
  }
  return have < bytes ? 0 : crypto::siphash(key_, Bytes(head, have)) | 1;
}

bool FollowedFile::resume(const FilePosition& position) {
  const auto now = file_->info();
  if (!now || now->bytes < position.offset || hash_of_head(position.head_bytes) != position.head) {
    return false;
  }
  base_ = position.offset;
  head_bytes_ = position.head_bytes;
  head_ = position.head;
  return true;
}

void FollowedFile::start_at_end() {
  const auto now = file_->info();
  if (!now) return;
  // After the last newline: a line that is being written is not torn.
  std::uint8_t block[4096];
  std::uint64_t end = now->bytes;
  while (end > 0) {
    const std::uint64_t begin = end - std::min<std::uint64_t>(end, sizeof block);
    const auto n =
        file_->read_at(begin, MutableBytes(block).first(static_cast<std::size_t>(end - begin)));
    if (!n || *n == 0) break;
    const auto tail = std::ranges::find_last(block, block + *n, static_cast<std::uint8_t>(10));
    if (!tail.empty()) {
      base_ = begin + static_cast<std::uint64_t>(tail.begin() - block) + 1;
      return;
    }
    end = begin;
  }
  base_ = 0;
}

void FollowedFile::restart() {
  lines_.clear();
  base_ = 0;
  head_bytes_ = 0;
  head_ = 0;
}

Status FollowedFile::look() {
  const auto now = file_->info();
  if (!now) return std::unexpected(now.error());
  ++quiet_looks_;
  if (now->bytes != info_.bytes) {
    quiet_looks_ = 0;
    const bool other = head_bytes_ > 0 && hash_of_head(head_bytes_) != head_;
    if (now->bytes < read_to() || other) restart();
    const auto head_bytes =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(now->bytes, kHeadBytes));
    if (head_bytes > head_bytes_) {
      head_bytes_ = head_bytes;
      head_ = hash_of_head(head_bytes);
    }
    info_.bytes = now->bytes;
  }
  LineBuffer::Line line;
  ready_ = lines_.front(line) || info_.bytes > read_to();
  if (!ready_ && detached_ && quiet_looks_ == kQuietLooks) {
    lines_.finish();
    ready_ = lines_.front(line);
  }
  return {};
}

Status FollowedFile::read_on() {
  std::uint8_t block[16 * 1024];
  const auto n = file_->read_at(read_to(), block);
  if (!n) return std::unexpected(n.error());
  lines_.append(Bytes(block, *n));
  wipe(MutableBytes(block).first(*n));
  if (*n == 0) info_.bytes = read_to();
  return {};
}

bool FollowedFile::front(LineBuffer::Line& line) {
  while (!lines_.front(line)) {
    if (info_.bytes <= read_to() || !read_on()) {
      ready_ = false;
      return false;
    }
  }
  ready_ = true;
  return true;
}

FilePosition FollowedFile::position() {
  return {info_.device, info_.inode, base_ + lines_.position(), head_bytes_, head_};
}

}  // namespace pinaflux
