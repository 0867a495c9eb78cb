// Compress: zstd frames with a content checksum, within fixed memory. The only room that knows
// zstd.
//
// Limits     The window is kWindowLog whatever the level, so that an opener needs no more than 128
//            KiB of history; decompress() refuses a frame that does not declare its size or
//            declares too much.
// Ownership  Holds its contexts: taken once, reused.
// Threads    One owner at a time.
// Source     RFC 8878.
// Tests      tests/agent/seal/compress_test.cc
#pragma once

#include <memory>

#include "platform/base/bytes.h"
#include "platform/base/result.h"

namespace pinaflux {

class Compressor {
 public:
  static constexpr int kWindowLog = 17;

  Compressor();
  ~Compressor();
  // Appends one frame to `to`.
  Status compress(Bytes bytes, int level, Buffer& to);
  std::size_t bytes_held() const;  // Working memory now.

 private:
  struct State;
  std::unique_ptr<State> state_;
};

class Decompressor {
 public:
  Decompressor();
  ~Decompressor();
  // Replaces `to` by the content of exactly one frame of at most `bytes_max`. Errors: corrupt.
  Status decompress(Bytes frame, std::size_t bytes_max, Buffer& to);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace pinaflux
