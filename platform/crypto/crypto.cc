#include "platform/crypto/crypto.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include <mbedtls/base64.h>
#include <mbedtls/sha1.h>
#include <mbedtls/sha256.h>

#include "platform/base/assert.h"
#include "platform/crypto/sha256_blocks.h"

// HMAC is composed here from SHA-256 (RFC 2104) instead of by mbedtls_md_hmac(), which takes three
// pieces from the heap at each call: masking a field must take none. mbedTLS's software SHA-256
// cannot fail; check() is for a build that would put hardware under it. Where the processor hashes itself, it does.

namespace pinaflux::crypto {

namespace {

constexpr std::size_t kBlockBytes = kShaBlockBytes;

// By the processor's instructions (sha256_blocks.h). Bytes of a block that is not whole wait in block_.
class BlockHash {
 public:
  ~BlockHash() {
    wipe(block_);
    wipe({reinterpret_cast<std::uint8_t*>(state_.data()), sizeof state_});
  }
  void begin() {
    state_ = kShaBegin;
    bytes_ = 0;
  }
  void update(Bytes bytes) {
    const std::size_t held = bytes_ % kBlockBytes;
    bytes_ += bytes.size();
    if (held > 0) {
      const std::size_t some = std::min(kBlockBytes - held, bytes.size());
      std::memcpy(block_.data() + held, bytes.data(), some);
      bytes = bytes.subspan(some);
      if (held + some < kBlockBytes) return;
      sha_blocks(state_, block_);
    }
    const std::size_t whole = bytes.size() / kBlockBytes * kBlockBytes;
    sha_blocks(state_, bytes.first(whole));
    bytes = bytes.subspan(whole);
    if (!bytes.empty()) std::memcpy(block_.data(), bytes.data(), bytes.size());
  }
  // A 1 bit, zeros, and the count of bits as the last 8 bytes of a block.
  Digest finish() {
    const std::uint64_t bits = bytes_ * 8;
    std::array<std::uint8_t, kBlockBytes + 8> end{0x80};
    std::size_t size = 1;
    while ((bytes_ + size) % kBlockBytes != kBlockBytes - 8) ++size;
    for (unsigned shift = 64; shift > 0; ++size)
      end[size] = static_cast<std::uint8_t>(bits >> (shift -= 8));
    update(Bytes(end).first(size));
    Digest digest;
    for (std::size_t i = 0; i < digest.size(); ++i)
      digest[i] = static_cast<std::uint8_t>(state_[i / 4] >> (24 - 8 * (i % 4)));
    return digest;
  }

 private:
  ShaState state_ = kShaBegin;
  std::array<std::uint8_t, kBlockBytes> block_;
  std::uint64_t bytes_ = 0;
};

class Context {
 public:
  Context() {
    mbedtls_sha256_init(&context_);
    begin();
  }
  ~Context() { mbedtls_sha256_free(&context_); }
  Context(const Context& other) : blocks_(other.blocks_) {
    mbedtls_sha256_init(&context_);
    mbedtls_sha256_clone(&context_, &other.context_);
  }
  Context& operator=(const Context&) = delete;

  void begin() {
    if (fast_) return blocks_.begin();
    check(mbedtls_sha256_starts(&context_, 0));
  }
  void update(Bytes bytes) {
    if (bytes.empty()) return;
    if (fast_) return blocks_.update(bytes);
    check(mbedtls_sha256_update(&context_, bytes.data(), bytes.size()));
  }
  Digest finish() {
    if (fast_) return blocks_.finish();
    Digest digest;
    check(mbedtls_sha256_finish(&context_, digest.data()));
    return digest;
  }

 private:
  static bool has_blocks() {
    static const bool has = has_sha_blocks();
    return has;
  }
  static void check(int failure) { ASSERT(failure == 0); }
  const bool fast_ = has_blocks();
  BlockHash blocks_;
  mbedtls_sha256_context context_;
};

}  // namespace

struct Sha256::State {
  Context context;
};

Sha256::Sha256() : state_(std::make_unique<State>()) {}
Sha256::~Sha256() = default;

void Sha256::update(Bytes bytes) { state_->context.update(bytes); }

Digest Sha256::finish() {
  const Digest digest = state_->context.finish();
  state_->context.begin();
  return digest;
}

Digest sha256(Bytes bytes) {
  Context context;
  context.update(bytes);
  return context.finish();
}

namespace {

// Each pass of HMAC behind its first block, which is the key's.
struct Passes {
  explicit Passes(Bytes key) {
    std::array<std::uint8_t, kBlockBytes> pad{};
    if (key.size() > kBlockBytes) {
      Digest hashed = sha256(key);
      std::memcpy(pad.data(), hashed.data(), hashed.size());
      wipe(hashed);
    } else if (!key.empty()) {
      std::memcpy(pad.data(), key.data(), key.size());
    }
    for (auto& b : pad) b ^= 0x36;
    inner.update(pad);
    for (auto& b : pad) b ^= 0x36 ^ 0x5c;
    outer.update(pad);
    wipe(pad);
  }
  Digest of(Bytes message) const {
    Context first(inner), second(outer);
    first.update(message);
    second.update(first.finish());
    return second.finish();
  }
  Context inner, outer;
};

}  // namespace

struct Hmac::State {
  Passes passes;
};

Hmac::Hmac(Bytes key) : state_(std::make_unique<State>(Passes(key))) {}
Hmac::~Hmac() = default;
Hmac::Hmac(Hmac&& other) noexcept = default;
Hmac& Hmac::operator=(Hmac&& other) noexcept = default;

Digest Hmac::of(Bytes message) const { return state_->passes.of(message); }

Digest hmac_sha256(Bytes key, Bytes message) { return Passes(key).of(message); }

// One round of the expansion is all that 32 bytes need.
void hkdf_sha256(Bytes key, Bytes salt, Bytes info, MutableBytes to) {
  ASSERT(to.size() <= sizeof(Digest));
  Digest extracted = hmac_sha256(salt, key);
  Buffer round(info.begin(), info.end());
  round.push_back(1);
  Digest expanded = hmac_sha256(extracted, round);
  std::memcpy(to.data(), expanded.data(), to.size());
  wipe(extracted);
  wipe(expanded);
}

namespace {

struct Sip {
  std::uint64_t v0, v1, v2, v3;

  void rounds(int count) {
    for (; count > 0; --count) {
      v0 += v1;
      v1 = std::rotl(v1, 13) ^ v0;
      v0 = std::rotl(v0, 32);
      v2 += v3;
      v3 = std::rotl(v3, 16) ^ v2;
      v0 += v3;
      v3 = std::rotl(v3, 21) ^ v0;
      v2 += v1;
      v1 = std::rotl(v1, 17) ^ v2;
      v2 = std::rotl(v2, 32);
    }
  }
  void word(std::uint64_t m) {
    v3 ^= m;
    rounds(2);
    v0 ^= m;
  }
};

}  // namespace

std::uint64_t siphash(Bytes key, Bytes message) {
  ASSERT(key.size() == 16);
  Reader keys(key);
  const std::uint64_t k0 = keys.u64();
  const std::uint64_t k1 = keys.u64();
  Sip sip{k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du, k0 ^ 0x6c7967656e657261u,
          k1 ^ 0x7465646279746573u};
  Reader words(message);
  while (words.left() >= 8) sip.word(words.u64());
  std::uint64_t last = std::uint64_t{message.size() & 0xff} << 56;
  for (unsigned shift = 0; words.left() > 0; shift += 8) last |= std::uint64_t{words.u8()} << shift;
  sip.word(last);
  sip.v2 ^= 0xff;
  sip.rounds(4);
  return sip.v0 ^ sip.v1 ^ sip.v2 ^ sip.v3;
}

std::array<std::uint8_t, 20> sha1(Bytes bytes) {
  std::array<std::uint8_t, 20> digest{};
  ASSERT(mbedtls_sha1(bytes.data(), bytes.size(), digest.data()) == 0);
  return digest;
}

std::string base64(Bytes bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  std::size_t written = 0;
  ASSERT(mbedtls_base64_encode(reinterpret_cast<unsigned char*>(text.data()), text.size(), &written,
                               bytes.data(), bytes.size()) == 0);
  text.resize(written);
  return text;
}

}  // namespace pinaflux::crypto
