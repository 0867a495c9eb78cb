// MaskScratch: where rules write a result until the masker has copied it.
//
// Promise    Texts that are masked by value are built in one of two buffers, so that a rule may read what the
//            one before it wrote. wipe() overwrites them: what they held may have been masked afterwards.
// Limits     A text, and what all texts of a record grow by: limits::kRecordBytesMax.
// Ownership  Views of it are good until the same buffer is begun again.
// Threads    One owner at a time.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "agent/data/limits.h"
#include "platform/base/bytes.h"

namespace pinaflux {

class MaskScratch {
 public:
  char text[128];  // A token, or a number's text.

  // Once, before begin().
  void make_room() {
    for (auto& buffer : buffers_) buffer.resize(limits::kRecordBytesMax);
  }
  void begin_record() { growth_left_ = limits::kRecordBytesMax; }

  // A text of this many bytes is built anew, while the one that was built last can be read.
  void begin(std::size_t bytes) {
    which_ ^= 1;
    size_ = 0;
    from_ = bytes;
  }
  // False: it does not fit.
  bool append(std::string_view piece) {
    std::vector<char>& to = buffers_[which_];
    if (piece.size() > to.size() - size_) return false;
    if (!piece.empty()) std::memcpy(to.data() + size_, piece.data(), piece.size());
    size_ += piece.size();
    if (size_ > used_) used_ = size_;
    return true;
  }
  // The text; data() == nullptr when the record has grown too much.
  std::string_view finish() {
    const std::size_t growth = size_ > from_ ? size_ - from_ : 0;
    if (growth > growth_left_) return {};
    growth_left_ -= growth;
    return {buffers_[which_].data(), size_};
  }

  void wipe() {
    for (auto& buffer : buffers_) {
      pinaflux::wipe({reinterpret_cast<std::uint8_t*>(buffer.data()), used_});
    }
    used_ = 0;
  }

 private:
  std::vector<char> buffers_[2];
  unsigned which_ = 0;
  std::size_t size_ = 0;  // Of the text that is built.
  std::size_t from_ = 0;
  std::size_t used_ = 0;  // The most since wipe().
  std::size_t growth_left_ = limits::kRecordBytesMax;
};

}  // namespace pinaflux
