// Crypto: the few primitives that we use, by mbedTLS; hashes of public and of private things apart.
//
// Threads    Pure functions; Sha256 by one owner at a time.
// Source     FIPS 180-4 (SHA-256, SHA-1), RFC 2104 (HMAC), RFC 5869 (HKDF), SipHash-2-4 (Aumasson, Bernstein 2012).
// Tests      tests/platform/crypto/crypto_test.cc (published vectors)
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "platform/base/bytes.h"

namespace pinaflux::crypto {

using Digest = std::array<std::uint8_t, 32>;

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void update(Bytes bytes);
  Digest finish();  // And begins again.

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// HMAC under one key: what it needs of the key is computed once, which is half the work of a short message.
class Hmac {
 public:
  explicit Hmac(Bytes key);
  ~Hmac();
  Hmac(Hmac&& other) noexcept;
  Hmac& operator=(Hmac&& other) noexcept;
  Digest of(Bytes message) const;  // Takes nothing from the heap.

 private:
  struct State;
  std::unique_ptr<State> state_;
};

Digest sha256(Bytes bytes);
Digest hmac_sha256(Bytes key, Bytes message);
// A key of to.size() bytes (at most 32) for the purpose `info`, from one that need not be uniform.
void hkdf_sha256(Bytes key, Bytes salt, Bytes info, MutableBytes to);
// Of handshakes that ask for it (RFC 6455): it protects nothing.
std::array<std::uint8_t, 20> sha1(Bytes bytes);
// With padding (RFC 4648 section 4).
std::string base64(Bytes bytes);
// For hash tables over hostile keys, and for naming private bytes without storing them. 16-byte key.
std::uint64_t siphash(Bytes key, Bytes message);

}  // namespace pinaflux::crypto
