// Counted heap: every allocation of a test program is counted in heap_calls. To be included by exactly one source of the
// program. All forms are replaced together, so that sanitizers see matching pairs; ThreadSanitizer keeps its own, and
// counts nothing here.
#pragma once

#include <new>
#include <stdlib.h>

#include "tests/kit/heap_calls.h"

namespace pinaflux::kit {

#if defined(__has_feature) && __has_feature(thread_sanitizer)
inline constexpr bool kHeapIsCounted = false;
#else
inline constexpr bool kHeapIsCounted = true;

inline void* counted(std::size_t size) {
  ++heap_calls;
  void* p = ::malloc(size == 0 ? 1 : size);
  if (p == nullptr) ::abort();
  return p;
}
#endif

}  // namespace pinaflux::kit

#if !defined(__has_feature) || !__has_feature(thread_sanitizer)
void* operator new(std::size_t size) { return pinaflux::kit::counted(size); }
void* operator new[](std::size_t size) { return pinaflux::kit::counted(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return pinaflux::kit::counted(size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return pinaflux::kit::counted(size);
}
void operator delete(void* p) noexcept { ::free(p); }
void operator delete[](void* p) noexcept { ::free(p); }
void operator delete(void* p, std::size_t) noexcept { ::free(p); }
void operator delete[](void* p, std::size_t) noexcept { ::free(p); }
void operator delete(void* p, const std::nothrow_t&) noexcept { ::free(p); }
void operator delete[](void* p, const std::nothrow_t&) noexcept { ::free(p); }
#endif
