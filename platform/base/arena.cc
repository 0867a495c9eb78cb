#include "platform/base/arena.h"

#include <algorithm>

#include "platform/base/bytes.h"

namespace pinaflux {

namespace {
constexpr std::size_t kBlockBytes = 256 * 1024;
}

void* Arena::allocate_in_next(std::size_t bytes) {
  if (block_ < blocks_.size()) {
    blocks_[block_].used = used_;
    ++block_;
  }
  while (block_ < blocks_.size() && blocks_[block_].size < bytes) {
    blocks_[block_].used = 0;
    ++block_;
  }
  if (block_ == blocks_.size()) {
    const std::size_t size = std::max(std::min(kBlockBytes, bytes_max_), bytes);
    if (size > bytes_max_ - reserved_) {
      used_ = 0;
      return nullptr;
    }
    blocks_.push_back({std::make_unique_for_overwrite<std::uint8_t[]>(size), size, 0});
    reserved_ += size;
  }
  used_ = bytes;
  return blocks_[block_].memory.get();
}

std::size_t Arena::bytes_used() const {
  std::size_t sum = used_;
  for (std::size_t i = 0; i < block_ && i < blocks_.size(); ++i) sum += blocks_[i].used;
  return sum;
}

void Arena::reset(bool wipe_used) {
  if (block_ < blocks_.size()) blocks_[block_].used = used_;
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    if (wipe_used && i <= block_) wipe({blocks_[i].memory.get(), blocks_[i].used});
    blocks_[i].used = 0;
  }
  used_ = 0;
  block_ = 0;
}

}  // namespace pinaflux
