// Es256: signatures by ECDSA on the curve P-256 with SHA-256; keys in PEM.
//
// Promise    One key signs one message always alike (RFC 6979): no bad random number gives the key away. `random` only
//            blinds what the computation gives off. Keys are wiped with the object; no error holds a part of one.
// Limits     Private keys: PKCS#8 or SEC 1, not encrypted. Public keys: SubjectPublicKeyInfo. No other curve.
// Threads    One owner at a time.
// Source     FIPS 186-5, RFC 7518 section 3.4 (r and s, 32 bytes each), RFC 5958, RFC 5915, RFC 5480; by mbedTLS.
// Tests      tests/platform/crypto/es256_test.cc (vectors of RFC 6979 and RFC 7515, keys that openssl made)
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>

#include "platform/base/bytes.h"
#include "platform/base/result.h"

namespace pinaflux::crypto {

inline constexpr std::size_t kSignatureBytes = 64;
using Signature = std::array<std::uint8_t, kSignatureBytes>;
using Random = std::function<void(MutableBytes)>;

class SigningKey {
 public:
  // Errors: invalid, with what the text is instead and what to do.
  static Result<SigningKey> of_pem(Bytes pem, Random random);
  ~SigningKey();
  SigningKey(SigningKey&& other) noexcept;
  SigningKey& operator=(SigningKey&& other) noexcept;
  Signature sign(Bytes message) const;

 private:
  struct State;
  explicit SigningKey(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

class VerifyingKey {
 public:
  // Errors: as above. A private key is refused, too: it belongs to its owner alone.
  static Result<VerifyingKey> of_pem(Bytes pem);
  ~VerifyingKey();
  VerifyingKey(VerifyingKey&& other) noexcept;
  VerifyingKey& operator=(VerifyingKey&& other) noexcept;
  // False, too: a signature of another length.
  bool verifies(Bytes message, Bytes signature) const;

 private:
  struct State;
  explicit VerifyingKey(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// What everybody may know, or what is not a key's bytes but their writing: no secret of a MAC. PEM of any kind, the same
// without its first line or in DER, a JSON Web Key, an OpenSSH key.
bool is_written_key(Bytes bytes);

}  // namespace pinaflux::crypto
