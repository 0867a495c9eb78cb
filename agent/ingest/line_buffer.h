// LineBuffer: bytes go in as they come, whole lines come out; a line without end costs no memory.
//
// Promise    A line longer than the bound is skipped to its newline while it arrives, and comes out once,
//            marked, with its true size and its first bytes. What was popped is overwritten: it is raw.
// Limits     The owner stops feeding while bytes() is large; of one line at most the bound is kept.
// Ownership  A line's text dies with pop(), append() or clear(); padding behind it is readable.
// Threads    Loop.
// Tests      tests/agent/ingest/line_buffer_test.cc
#pragma once

#include <cstdint>
#include <string_view>

#include "platform/base/bytes.h"

namespace pinaflux {

class LineBuffer {
 public:
  explicit LineBuffer(std::size_t line_bytes_max) : line_bytes_max_(line_bytes_max) {}
  ~LineBuffer() { wipe(buffer_); }
  LineBuffer(const LineBuffer&) = delete;
  LineBuffer& operator=(const LineBuffer&) = delete;

  struct Line {
    std::string_view text;   // Without newline and carriage return; of a long line its beginning.
    std::uint64_t size = 0;  // In full, without the newline.
    bool too_long = false;
  };

  void append(Bytes bytes);
  // The end of the input: what is left is a line.
  void finish() { finished_ = true; }
  // The oldest whole line, which stays until pop(); false: there is none yet.
  bool front(Line& line);
  void pop();
  void clear();

  std::size_t bytes() const { return end_ - begin_; }
  // Bytes of the input up to the end of the last popped line; since construction or clear().
  std::uint64_t position() const { return position_; }
  // Bytes appended, since construction or clear().
  std::uint64_t appended() const { return appended_; }

 private:
  void keep(Bytes bytes);
  void make_room(std::size_t more);

  const std::size_t line_bytes_max_;
  Buffer buffer_;
  std::size_t begin_ = 0, end_ = 0;  // Of what is not popped yet.
  std::size_t searched_ = 0;         // No newline before this, from begin_.
  std::size_t front_bytes_ = 0;      // Of the line that front() gave, in the buffer.
  std::uint64_t front_size_ = 0;     // The same, in the input, newline included.
  std::uint64_t skipped_ = 0;        // Of the long line at begin_, beyond the bytes that are kept.
  bool skipping_ = false;            // The long line at begin_ has not ended yet.
  bool skipped_ended_ = false;       // It has: its newline was seen.
  bool finished_ = false;
  std::uint64_t position_ = 0, appended_ = 0;
};

}  // namespace pinaflux
