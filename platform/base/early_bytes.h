// EarlyBytes: what is written to a stream before it stands, kept in order until then.
//
// Limits     As many as it is made for.
// Threads    One owner.
// Tests      tests/platform/base/early_bytes_test.cc
#pragma once

#include <cstddef>
#include <utility>

#include "platform/base/bytes.h"

namespace pinaflux {

class EarlyBytes {
 public:
  explicit EarlyBytes(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  // All of them, or none: false.
  [[nodiscard]] bool add(Bytes bytes) {
    if (bytes.size() > bytes_max_ - bytes_.size()) return false;
    append(bytes_, bytes);
    return true;
  }
  Buffer take() { return std::exchange(bytes_, {}); }
  std::size_t size() const { return bytes_.size(); }

 private:
  const std::size_t bytes_max_;
  Buffer bytes_;
};

}  // namespace pinaflux
