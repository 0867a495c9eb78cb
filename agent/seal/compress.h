// Compress: zstd frames within fixed memory: with a content checksum, or with a dictionary, whose id and the envelope's hash
// vouch for the content. The only room that knows zstd.
//
// Limits     The window is kWindowLog whatever the level, so that an opener needs no more than 128
//            KiB of history; decompress() refuses a frame that does not declare its size or
//            declares too much.
// Ownership  Holds its contexts: taken when they are used first, reused.
// Threads    One owner at a time.
// Source     RFC 8878.
// Tests      tests/agent/seal/compress_test.cc
#pragma once

#include <memory>

#include "agent/seal/dictionary.h"
#include "platform/base/bytes.h"
#include "platform/base/result.h"

namespace pinaflux {

class Compressor {
 public:
  static constexpr int kWindowLog = 17;

  Compressor();
  ~Compressor();
  // Appends one frame to `to`. Above level 9, bytes that are noise (see compress.cc) get the quickest level.
  // `dictionary` may be nullptr.
  Status compress(Bytes bytes, int level, Buffer& to, const Dictionary* dictionary = nullptr);
  std::size_t bytes_held() const;  // Working memory now.

 private:
  struct State;
  std::unique_ptr<State> state_;
};

class Decompressor {
 public:
  Decompressor();
  ~Decompressor();
  // Replaces `to` by the content of exactly one frame of at most `bytes_max`, packed with `dictionary` (nullptr: with none).
  // Errors: corrupt.
  Status decompress(Bytes frame, std::size_t bytes_max, Buffer& to,
                    const Dictionary* dictionary = nullptr);

  // Length of the frame that `bytes` begin with; 0: it does not end within them. Errors: corrupt.
  static Result<std::size_t> frame_bytes(Bytes bytes);

  // How far a damaged frame could be unpacked.
  struct Unpacked {
    enum class Ending : std::uint8_t {
      whole,
      checksum,  // All blocks unpack, and the content is not what was packed.
      cut,
      damaged
    };
    Ending ending = Ending::damaged;
    std::size_t frame_bytes = 0;  // What was read of it, whole blocks.
    std::size_t declared = 0;     // Of the content.
  };
  // Replaces `to` by what whole blocks hold. Only with Ending::whole is it proven to be what was packed.
  Unpacked salvage(Bytes frame, std::size_t bytes_max, Buffer& to,
                   const Dictionary* dictionary = nullptr);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace pinaflux
