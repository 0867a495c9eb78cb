// HttpChunks: the body of a chunked request, piece by piece.
//
// Limits     A size line has at most kLineBytesMax bytes; trailers are read and forgotten, within
//            the same.
// Source     RFC 9112 section 7.1.
// Tests      tests/platform/http/head_test.cc
#pragma once

#include <cstdint>
#include <string>

#include "platform/base/bytes.h"

namespace pinaflux {

class HttpChunks {
 public:
  static constexpr std::size_t kLineBytesMax = 1024;
  enum class State { size, data, data_end, trailer, done, bad };

  // Takes from the front of `in` and gives the next piece of the body, empty when `in` is used up
  // or the state is done or bad.
  Bytes next(Bytes& in);
  State state() const { return state_; }

 private:
  void end_line();

  State state_ = State::size;
  std::uint64_t left_ = 0;  // Of the chunk.
  std::string line_;
};

}  // namespace pinaflux
