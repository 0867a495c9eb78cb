// What is never asked of zstd. Ours are found before those of the archive, whose objects then stay out.
//
// - Frames of before 0.8 (2016): three decoders, 61 KB on armhf, on the way of bytes that anybody may send. Ours refuse.
// - The greedy and lazy searches of levels 5 to 15: 147 KB on armhf. Ours find nothing: all of a block are literals, which every
//   decoder takes. agent/seal/compress.cc asks for others (levels 1, 6 as double fast, and 19), within 0.1 % of the bytes on five
//   of the files of `pinaflux bench seal`, 0.9 % on the sixth, in less time.
//
// Source     zstd 1.5.7, lib/legacy/zstd_legacy.h, lib/compress/zstd_lazy.h: which functions, what they answer

#include <cstddef>
#include <cstdint>

#include <zstd_errors.h>

namespace {
constexpr std::size_t kRefused = 0 - static_cast<std::size_t>(ZSTD_error_version_unsupported);
}

// The two sizes that the last function fills in are outputs; a null context says that there is none.
#define PINAFLUX_LEFT_OUT(version)                                                                 \
  void* ZBUFF##version##_createDCtx() { return nullptr; }                                          \
  std::size_t ZBUFF##version##_freeDCtx(void*) { return 0; }                                       \
  std::size_t ZBUFF##version##_decompressInitDictionary(void*, const void*, std::size_t) {         \
    return kRefused;                                                                               \
  }                                                                                                \
  std::size_t ZBUFF##version##_decompressContinue(void*, void*, std::size_t*, const void*,         \
                                                  std::size_t*) {                                  \
    return kRefused;                                                                               \
  }                                                                                                \
  void* ZSTD##version##_createDCtx() { return nullptr; }                                           \
  std::size_t ZSTD##version##_freeDCtx(void*) { return 0; }                                        \
  std::size_t ZSTD##version##_getFrameParams(void*, const void*, std::size_t) { return kRefused; } \
  std::size_t ZSTD##version##_decompress_usingDict(void*, void*, std::size_t, const void*,         \
                                                   std::size_t, const void*, std::size_t) {        \
    return kRefused;                                                                               \
  }                                                                                                \
  void ZSTD##version##_findFrameSizeInfoLegacy(const void*, std::size_t, std::size_t* size,        \
                                               unsigned long long* bound) {                        \
    *size = kRefused;                                                                              \
    *bound = 0ULL - 2;                                                                             \
  }

#define PINAFLUX_FINDS_NOTHING(search)                                               \
  std::size_t ZSTD_compressBlock_##search(void*, void*, std::uint32_t*, const void*, \
                                          std::size_t count) {                       \
    return count;                                                                    \
  }
#define PINAFLUX_FINDS_NOTHING_IN_ROWS(search) \
  PINAFLUX_FINDS_NOTHING(search) PINAFLUX_FINDS_NOTHING(search##_row)
#define PINAFLUX_FINDS_NOTHING_ANYWHERE(search)                \
  PINAFLUX_FINDS_NOTHING_IN_ROWS(search)                       \
  PINAFLUX_FINDS_NOTHING_IN_ROWS(search##_dictMatchState)      \
  PINAFLUX_FINDS_NOTHING_IN_ROWS(search##_dedicatedDictSearch) \
  PINAFLUX_FINDS_NOTHING_IN_ROWS(search##_extDict)

extern "C" {
PINAFLUX_LEFT_OUT(v05)
PINAFLUX_LEFT_OUT(v06)
PINAFLUX_LEFT_OUT(v07)
PINAFLUX_FINDS_NOTHING_ANYWHERE(greedy)
PINAFLUX_FINDS_NOTHING_ANYWHERE(lazy)
PINAFLUX_FINDS_NOTHING_ANYWHERE(lazy2)
PINAFLUX_FINDS_NOTHING(btlazy2)
PINAFLUX_FINDS_NOTHING(btlazy2_dictMatchState)
PINAFLUX_FINDS_NOTHING(btlazy2_extDict)
void ZSTD_dedicatedDictSearch_lazy_loadDictionary(void*, const void*) {}
std::uint32_t ZSTD_insertAndFindFirstIndex(void*, const void*) { return 0; }
void ZSTD_row_update(void*, const void*) {}
}
