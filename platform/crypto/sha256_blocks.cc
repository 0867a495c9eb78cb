#include "platform/crypto/sha256_blocks.h"

#include "platform/base/assert.h"

// Two instructions make two rounds: they take the state as ABEF and CDGH, and four words of the message with their
// constants, of which they use the lower two. Sixteen groups of four rounds; from the fifth on the words of
// a group come from those of the four before it.

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

namespace pinaflux::crypto {

namespace {

constexpr std::uint32_t kShaBit = 1u << 29;  // Leaf 7, EBX.

alignas(16) constexpr std::uint32_t kRound[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

const __m128i* vector_at(const void* at) { return static_cast<const __m128i*>(at); }

}  // namespace

bool has_sha_blocks() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  const bool leaf = __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0;
  return leaf && (b & kShaBit) != 0 && __builtin_cpu_supports("sse4.1") != 0;
}

__attribute__((target("sha,sse4.1,ssse3"))) void sha_blocks(ShaState& state, Bytes blocks) {
  ASSERT(blocks.size() % kShaBlockBytes == 0);
  const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  const __m128i badc = _mm_shuffle_epi32(_mm_loadu_si128(vector_at(state.data())), 0xb1);
  const __m128i hgfe = _mm_shuffle_epi32(_mm_loadu_si128(vector_at(state.data() + 4)), 0x1b);
  __m128i abef = _mm_alignr_epi8(badc, hgfe, 8), cdgh = _mm_blend_epi16(hgfe, badc, 0xf0);
  for (; !blocks.empty(); blocks = blocks.subspan(kShaBlockBytes)) {
    const __m128i abef_before = abef, cdgh_before = cdgh;
    __m128i words[4];
#pragma clang loop unroll(full)
    for (unsigned group = 0; group < 16; ++group) {
      __m128i& word = words[group % 4];
      if (group < 4) {
        word = _mm_shuffle_epi8(_mm_loadu_si128(vector_at(blocks.data() + 16 * group)), swap);
      } else {
        const __m128i last = words[(group + 3) % 4], middle = words[(group + 2) % 4];
        word = _mm_sha256msg1_epu32(word, words[(group + 1) % 4]);
        word = _mm_sha256msg2_epu32(_mm_add_epi32(word, _mm_alignr_epi8(last, middle, 4)), last);
      }
      const __m128i keyed =
          _mm_add_epi32(word, _mm_load_si128(vector_at(kRound + std::size_t{4} * group)));
      cdgh = _mm_sha256rnds2_epu32(cdgh, abef, keyed);
      abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(keyed, 0x0e));
    }
    abef = _mm_add_epi32(abef, abef_before);
    cdgh = _mm_add_epi32(cdgh, cdgh_before);
  }
  const __m128i feba = _mm_shuffle_epi32(abef, 0x1b), dchg = _mm_shuffle_epi32(cdgh, 0xb1);
  auto* const to = reinterpret_cast<__m128i*>(state.data());
  _mm_storeu_si128(to, _mm_blend_epi16(feba, dchg, 0xf0));
  _mm_storeu_si128(to + 1, _mm_alignr_epi8(dchg, feba, 8));
}

}  // namespace pinaflux::crypto

#else

namespace pinaflux::crypto {

bool has_sha_blocks() { return false; }
void sha_blocks(ShaState& state, Bytes blocks) {
  (void)state;
  ASSERT(blocks.empty());
}

}  // namespace pinaflux::crypto

#endif
