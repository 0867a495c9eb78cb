// Replaces operator new of this test program, to count.

#include <atomic>
#include <cstdlib>
#include <new>

#include "tests/agent/mask/mask_kit.h"

namespace {
std::atomic<std::uint64_t> calls{0};
}

std::uint64_t pinaflux::heap_calls() { return calls; }

void* operator new(std::size_t size) {
  ++calls;
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) std::abort();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
