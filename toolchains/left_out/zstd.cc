// Frames of zstd before 0.8 (2016), which Debian's archive still reads: three decoders, 61 KB on armhf, on the way of bytes that
// anybody may send. Ours are found before those of the archive, and refuse.
//
// Source     zstd 1.5.7, lib/legacy/zstd_legacy.h: which functions, what they answer

#include <cstddef>

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

extern "C" {
PINAFLUX_LEFT_OUT(v05)
PINAFLUX_LEFT_OUT(v06)
PINAFLUX_LEFT_OUT(v07)
}
