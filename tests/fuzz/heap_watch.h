// HeapWatch: what one execution takes from the heap beyond what was held before it, at its highest.
//
// Limits     AddressSanitizer's hooks; one watch a program.
// Threads    Counts those of all threads.
#pragma once

#include <atomic>
#include <cstddef>

#include "platform/base/assert.h"

// Of AddressSanitizer's runtime.
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*taken)(const volatile void*,
                                                                       std::size_t),
                                                         void (*given)(const volatile void*));
extern "C" std::size_t __sanitizer_get_allocated_size(const volatile void* p);

namespace pinaflux::fuzz {

class HeapWatch {
 public:
  HeapWatch() { ASSERT(__sanitizer_install_malloc_and_free_hooks(taken, given) != 0); }
  void begin() { start_ = highest_ = held_.load(); }
  std::size_t highest() const { return static_cast<std::size_t>(highest_.load() - start_); }

 private:
  static void taken(const volatile void* p, std::size_t size) {
    (void)p;
    const std::ptrdiff_t now = held_ += static_cast<std::ptrdiff_t>(size);
    if (now > highest_) highest_ = now;
  }
  static void given(const volatile void* p) {
    if (p != nullptr) held_ -= static_cast<std::ptrdiff_t>(__sanitizer_get_allocated_size(p));
  }
  static inline std::atomic<std::ptrdiff_t> held_{0}, highest_{0};
  std::ptrdiff_t start_ = 0;
};

}  // namespace pinaflux::fuzz
