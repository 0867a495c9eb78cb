// Arena: memory that is handed out piece by piece and taken back all at once.
//
// Limits     `bytes_max` at construction; allocate() gives nullptr beyond it. Blocks are kept across
//            reset(), so that the steady state takes nothing from the heap.
// Ownership  What it gives lives until reset(). Destructors are not run: trivial types only.
// Threads    One owner at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

namespace pinaflux {

class Arena {
 public:
  explicit Arena(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  // nullptr when the limit would be passed. `align` is a power of two, at most 16.
  void* allocate(std::size_t bytes, std::size_t align = alignof(std::max_align_t)) {
    const std::size_t at = (used_ + align - 1) & ~(align - 1);
    if (block_ < blocks_.size() && at + bytes <= blocks_[block_].size) {
      used_ = at + bytes;
      return blocks_[block_].memory.get() + at;
    }
    return allocate_in_next(bytes);
  }

  template <class T>
  std::span<T> array(std::size_t count) {
    static_assert(std::is_trivially_destructible_v<T>);
    if (count > bytes_max_ / sizeof(T)) return {};
    void* p = allocate(count * sizeof(T), alignof(T));
    return p == nullptr ? std::span<T>() : std::span<T>(static_cast<T*>(p), count);
  }

  // A copy of `text`, or data() == nullptr when the limit would be passed.
  std::string_view copy(std::string_view text) {
    char* p = static_cast<char*>(allocate(text.size() + 1, 1));
    if (p == nullptr) return {};
    if (!text.empty()) std::memcpy(p, text.data(), text.size());
    return {p, text.size()};
  }

  std::size_t bytes_used() const;
  std::size_t bytes_max() const { return bytes_max_; }

  // Forgets all pieces; keeps the blocks. `wipe` overwrites what was used first (raw values).
  void reset(bool wipe = false);

 private:
  struct Block {
    std::unique_ptr<std::uint8_t[]> memory;
    std::size_t size;
    std::size_t used;
  };
  void* allocate_in_next(std::size_t bytes);

  std::size_t bytes_max_;
  std::size_t reserved_ = 0;
  std::size_t used_ = 0;   // In the current block.
  std::size_t block_ = 0;  // Index of the current block.
  std::vector<Block> blocks_;
};

}  // namespace pinaflux
