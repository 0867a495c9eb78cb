#include "agent/ingest/line_buffer.h"

// buffer_: [popped][begin_ ... lines and the start of one more ... end_][padding]. A long line is cut to
// its first line_bytes_max_ bytes as soon as front() sees that it is too long; then its bytes are only
// counted until the newline comes, and what follows is kept behind the cut.

#include <algorithm>
#include <cstring>

#include "agent/ingest/json.h"
#include "platform/base/assert.h"

namespace pinaflux {

void LineBuffer::append(Bytes bytes) {
  appended_ += bytes.size();
  if (skipping_ && !skipped_ended_) {
    const auto newline = std::ranges::find(bytes, '\n');
    skipped_ += static_cast<std::uint64_t>(newline - bytes.begin());
    if (newline == bytes.end()) return;
    skipped_ended_ = true;
    bytes = bytes.subspan(static_cast<std::size_t>(newline - bytes.begin()) + 1);
  }
  keep(bytes);
}

void LineBuffer::keep(Bytes bytes) {
  if (bytes.empty()) return;
  make_room(bytes.size());
  std::memcpy(buffer_.data() + end_, bytes.data(), bytes.size());
  end_ += bytes.size();
}

void LineBuffer::make_room(std::size_t more) {
  if (begin_ > 0 && (begin_ == end_ || end_ + more + kParsePadding > buffer_.size())) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    wipe(MutableBytes(buffer_).subspan(end_ - begin_, begin_));
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ + more + kParsePadding > buffer_.size()) {
    buffer_.resize(std::max(end_ + more + kParsePadding, buffer_.size() * 2));
  }
}

bool LineBuffer::front(Line& line) {
  if (skipping_) {
    if (!skipped_ended_ && !finished_) return false;
    const char* text = reinterpret_cast<const char*>(buffer_.data()) + begin_;
    line = {{text, line_bytes_max_}, line_bytes_max_ + skipped_, true};
    front_bytes_ = line_bytes_max_;
    front_size_ = line.size + (skipped_ended_ ? 1 : 0);
    return true;
  }
  const std::uint8_t* from = buffer_.data() + begin_;
  const void* found =
      bytes() > searched_ ? std::memchr(from + searched_, '\n', bytes() - searched_) : nullptr;
  if (found == nullptr && !(finished_ && bytes() > 0)) {
    searched_ = bytes();
    if (bytes() > line_bytes_max_) {
      skipping_ = true;
      skipped_ = bytes() - line_bytes_max_;
      end_ = begin_ + line_bytes_max_;
    }
    return false;
  }
  const std::size_t length =
      found == nullptr ? bytes()
                       : static_cast<std::size_t>(static_cast<const std::uint8_t*>(found) - from);
  front_bytes_ = length + (found == nullptr ? 0 : 1);
  front_size_ = front_bytes_;
  searched_ = length;
  line = {{reinterpret_cast<const char*>(from), std::min(length, line_bytes_max_)},
          length,
          length > line_bytes_max_};
  if (!line.too_long && line.text.ends_with('\r')) line.text.remove_suffix(1);
  return true;
}

void LineBuffer::pop() {
  ASSERT(front_size_ > 0);
  wipe(MutableBytes(buffer_).subspan(begin_, front_bytes_));
  position_ += front_size_;
  begin_ += front_bytes_;
  front_bytes_ = 0;
  front_size_ = 0;
  searched_ = 0;
  skipping_ = skipped_ended_ = false;
  skipped_ = 0;
}

void LineBuffer::clear() {
  wipe(MutableBytes(buffer_).first(end_));
  begin_ = end_ = searched_ = front_bytes_ = 0;
  front_size_ = skipped_ = position_ = appended_ = 0;
  skipping_ = skipped_ended_ = finished_ = false;
}

}  // namespace pinaflux
