// What Paho's WebSocket client takes from OpenSSL: base64 (of its key and of a proxy's password), SHA-1 (of the
// server's answer, RFC 6455) and random bytes (masks).
//
// Base64 goes through a chain of two BIOs, [codec] -> [memory]. To encode: write to the codec, flush it, read the
// memory. To decode: write to the memory, read the codec. Always on one line, and each chain for one text.

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <sys/random.h>

#include <mbedtls/base64.h>
#include <mbedtls/sha1.h>

#include "platform/base/bytes.h"

namespace pinaflux::tls {

namespace {

constexpr int kControlFlush = 11;  // BIO_CTRL_FLUSH
constexpr std::size_t kTextBytesMax = 64 * 1024;
constexpr unsigned kSha1Bytes = 20;

struct Bio {
  bool codec = false;
  Bio* next = nullptr;
  Buffer bytes;
};

Bio* bio_of(void* handle) { return static_cast<Bio*>(handle); }

// As base64 has it: the needed size by a first call.
template <class Codec>
bool convert(Codec codec, const Buffer& from, Buffer& to) {
  std::size_t bytes = 0;
  (void)codec(nullptr, 0, &bytes, from.data(), from.size());
  to.resize(bytes);
  const bool ok = codec(to.data(), to.size(), &bytes, from.data(), from.size()) == 0;
  to.resize(ok ? bytes : 0);
  return ok;
}

int read(Bio& from, void* to, int bytes) {
  Buffer decoded;
  if (from.codec) {
    if (from.next == nullptr || !convert(mbedtls_base64_decode, from.next->bytes, decoded))
      return -1;
  }
  const Buffer& source = from.codec ? decoded : from.bytes;
  const std::size_t n = std::min(source.size(), static_cast<std::size_t>(bytes));
  if (n > 0) std::memcpy(to, source.data(), n);
  return static_cast<int>(n);
}

}  // namespace

extern "C" {

const void* BIO_f_base64() { return "base64"; }
const void* BIO_s_mem() { return nullptr; }

void* BIO_new(const void* kind) { return new (std::nothrow) Bio{kind != nullptr, nullptr, {}}; }

void* BIO_push(void* first, void* second) {
  if (first == nullptr) return second;
  bio_of(first)->next = bio_of(second);
  return first;
}

void BIO_set_flags(void*, int) {}  // BIO_FLAGS_BASE64_NO_NL: always.

long BIO_ctrl(void* handle, int command, long, void*) {
  Bio* bio = bio_of(handle);
  if (bio == nullptr || command != kControlFlush) return 0;
  if (!bio->codec) return 1;
  try {
    return bio->next != nullptr && convert(mbedtls_base64_encode, bio->bytes, bio->next->bytes) ? 1
                                                                                                : 0;
  } catch (...) {
    return 0;
  }
}

int BIO_write(void* handle, const void* from, int bytes) {
  Bio* bio = bio_of(handle);
  if (bio == nullptr || from == nullptr || bytes <= 0) return -1;
  if (static_cast<std::size_t>(bytes) > kTextBytesMax - std::min(bio->bytes.size(), kTextBytesMax))
    return -1;
  try {
    append(bio->bytes,
           Bytes(static_cast<const std::uint8_t*>(from), static_cast<std::size_t>(bytes)));
    return bytes;
  } catch (...) {
    return -1;
  }
}

int BIO_read(void* handle, void* to, int bytes) {
  if (handle == nullptr || to == nullptr || bytes <= 0) return -1;
  try {
    return read(*bio_of(handle), to, bytes);
  } catch (...) {
    return -1;
  }
}

void BIO_free_all(void* handle) {
  for (Bio* bio = bio_of(handle); bio != nullptr;) {
    const std::unique_ptr<Bio> gone(bio);
    wipe(gone->bytes);  // Perhaps a password.
    bio = gone->next;
  }
}

const void* EVP_sha1() { return "sha1"; }

void* EVP_MD_CTX_new() {
  auto* digest = new (std::nothrow) mbedtls_sha1_context;
  if (digest != nullptr) mbedtls_sha1_init(digest);
  return digest;
}

void EVP_MD_CTX_free(void* digest) {
  const std::unique_ptr<mbedtls_sha1_context> gone(static_cast<mbedtls_sha1_context*>(digest));
  if (gone != nullptr) mbedtls_sha1_free(gone.get());
}

int EVP_DigestInit(void* digest, const void*) {
  return digest != nullptr && mbedtls_sha1_starts(static_cast<mbedtls_sha1_context*>(digest)) == 0
             ? 1
             : 0;
}

int EVP_DigestUpdate(void* digest, const void* from, std::size_t bytes) {
  if (digest == nullptr || from == nullptr) return 0;
  return mbedtls_sha1_update(static_cast<mbedtls_sha1_context*>(digest),
                             static_cast<const unsigned char*>(from), bytes) == 0
             ? 1
             : 0;
}

int EVP_DigestFinal(void* digest, unsigned char* to, unsigned* bytes) {
  if (digest == nullptr || to == nullptr) return 0;
  if (bytes != nullptr) *bytes = kSha1Bytes;
  return mbedtls_sha1_finish(static_cast<mbedtls_sha1_context*>(digest), to) == 0 ? 1 : 0;
}

int RAND_bytes(unsigned char* to, int bytes) {
  for (int got = 0; got < bytes;) {
    const ssize_t n = ::getrandom(to + got, static_cast<std::size_t>(bytes - got), 0);
    if (n < 0 && errno != EINTR) return 0;
    if (n > 0) got += static_cast<int>(n);
  }
  return 1;
}

}  // extern "C"

}  // namespace pinaflux::tls
