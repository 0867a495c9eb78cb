// Pieces of 16 to 8,192 bytes come from lists of free pieces by size, larger ones from malloc(). Each has its
// size in front of it. glibc's malloc took a fifth of the time of opening a spool; and a process that lives for one
// seed had 1,700 page faults, and has 1,000 where slabs are huge pages.

#include "tests/sim/crash/heap.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <new>
#include <sys/mman.h>

#include <malloc.h>
#include <sqlite3.h>

#include "platform/base/assert.h"

namespace pinaflux::crash {

namespace {

constexpr std::size_t kStep = 16;
constexpr std::size_t kSmallMax = 8192;
constexpr int kKept = 32 * 1024 * 1024;
constexpr std::size_t kSlabBytes = std::size_t{2} * 1024 * 1024;  // A huge page.

struct Free {
  Free* next;
};

struct Pools {
  std::array<Free*, kSmallMax / kStep + 1> free{};
  char* slab = nullptr;
  std::size_t slab_left = 0;
  std::uint64_t until_refusal = 0;
  bool refused = false;
};

Pools& pools() {
  static Pools all;
  return all;
}

std::size_t& size_of(void* piece) {
  return *reinterpret_cast<std::size_t*>(static_cast<char*>(piece) - kStep);
}

std::size_t rounded(std::size_t bytes) { return (bytes + kStep - 1) / kStep * kStep; }

bool refuses() {
  Pools& p = pools();
  if (p.until_refusal == 0 || --p.until_refusal > 0) return false;
  p.refused = true;
  return true;
}

void* carve(std::size_t bytes) {
  Pools& p = pools();
  if (p.slab_left < bytes + kStep) {
    p.slab = static_cast<char*>(std::aligned_alloc(kSlabBytes, kSlabBytes));
    ASSERT(p.slab != nullptr);
    ::madvise(p.slab, kSlabBytes, MADV_HUGEPAGE);
    p.slab_left = kSlabBytes;
  }
  char* piece = p.slab + kStep;
  p.slab += bytes + kStep;
  p.slab_left -= bytes + kStep;
  size_of(piece) = bytes;
  return piece;
}

void* take(std::size_t bytes) {
  Pools& p = pools();
  if (bytes > kSmallMax) {
    char* whole = static_cast<char*>(std::malloc(bytes + kStep));
    ASSERT(whole != nullptr);
    size_of(whole + kStep) = bytes;
    return whole + kStep;
  }
  Free*& list = p.free[bytes / kStep];
  if (list == nullptr) return carve(bytes);
  void* piece = list;
  list = list->next;
  return piece;
}

void* allocate(int bytes) {
  return refuses() ? nullptr : take(rounded(static_cast<std::size_t>(bytes)));
}

void release(void* piece) {
  const std::size_t bytes = size_of(piece);
  if (bytes > kSmallMax) {
    std::free(static_cast<char*>(piece) - kStep);
    return;
  }
  auto* freed = static_cast<Free*>(piece);
  freed->next = pools().free[bytes / kStep];
  pools().free[bytes / kStep] = freed;
}

void* reallocate(void* piece, int bytes) {
  const auto wanted = static_cast<std::size_t>(bytes);
  if (wanted <= size_of(piece)) return piece;
  void* larger = allocate(bytes);
  if (larger == nullptr) return nullptr;
  std::memcpy(larger, piece, size_of(piece));
  release(piece);
  return larger;
}

}  // namespace

void install_heap() {
  static constexpr sqlite3_mem_methods kMethods = {
      .xMalloc = &allocate,
      .xFree = &release,
      .xRealloc = &reallocate,
      .xSize = [](void* piece) { return static_cast<int>(size_of(piece)); },
      .xRoundup =
          [](int bytes) { return static_cast<int>(rounded(static_cast<std::size_t>(bytes))); },
      .xInit = [](void*) { return SQLITE_OK; },
      .xShutdown = [](void*) {},
  };
  // What malloc() has is kept: a page given back is a page fault when it is taken again.
  ASSERT(::mallopt(M_TRIM_THRESHOLD, kKept) == 1 && ::mallopt(M_MMAP_THRESHOLD, kKept) == 1);
  ASSERT(sqlite3_config(SQLITE_CONFIG_MALLOC, &kMethods) == SQLITE_OK);
  ASSERT(sqlite3_config(SQLITE_CONFIG_SINGLETHREAD) == SQLITE_OK);
  ASSERT(sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0) == SQLITE_OK);
}

void refuse_allocation(std::uint64_t nth) {
  pools().until_refusal = nth;
  pools().refused = false;
}

bool allocation_refused() { return pools().refused; }

namespace {

void* take_for_new(std::size_t bytes) { return take(rounded(std::max<std::size_t>(bytes, 1))); }

void release_for_delete(void* piece) {
  if (piece != nullptr) release(piece);
}

}  // namespace

}  // namespace pinaflux::crash

void* operator new(std::size_t bytes) { return pinaflux::crash::take_for_new(bytes); }
void* operator new[](std::size_t bytes) { return pinaflux::crash::take_for_new(bytes); }
void operator delete(void* piece) noexcept { pinaflux::crash::release_for_delete(piece); }
void operator delete[](void* piece) noexcept { pinaflux::crash::release_for_delete(piece); }
void operator delete(void* piece, std::size_t) noexcept {
  pinaflux::crash::release_for_delete(piece);
}
void operator delete[](void* piece, std::size_t) noexcept {
  pinaflux::crash::release_for_delete(piece);
}
