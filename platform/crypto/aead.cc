// ChaCha20-Poly1305 and not AES-GCM: most ARM gateways have no AES instructions, and there mbedTLS's AES and
// GHASH look up tables by secret bytes: slower, and readable through the cache. ChaCha20 and Poly1305 are
// additions, rotations and multiplications: constant time everywhere, and one suite is enough.
//
// Opening decrypts first and compares the tag afterwards, in constant time; mbedTLS then overwrites
// what does not belong to its tag.

#include "platform/crypto/aead.h"

#include <mbedtls/chachapoly.h>

#include "platform/base/assert.h"

namespace pinaflux::crypto {

struct Aead::State {
  State() { mbedtls_chachapoly_init(&context); }
  ~State() { mbedtls_chachapoly_free(&context); }  // Wipes it.
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  mbedtls_chachapoly_context context;
};

Aead::Aead(Bytes key) : state_(std::make_unique<State>()) {
  ASSERT(key.size() == kKeyBytes);
  const int failure = mbedtls_chachapoly_setkey(&state_->context, key.data());
  ASSERT(failure == 0);
}

Aead::~Aead() = default;

void Aead::seal(Bytes nonce, Bytes associated, MutableBytes text, MutableBytes tag) {
  ASSERT(nonce.size() == kNonceBytes);
  ASSERT(tag.size() == kTagBytes);
  const int failure = mbedtls_chachapoly_encrypt_and_tag(
      &state_->context, text.size(), nonce.data(), associated.data(), associated.size(),
      text.data(), text.data(), tag.data());
  ASSERT(failure == 0);
}

bool Aead::open(Bytes nonce, Bytes associated, MutableBytes text, Bytes tag) {
  ASSERT(nonce.size() == kNonceBytes);
  ASSERT(tag.size() == kTagBytes);
  const int failure = mbedtls_chachapoly_auth_decrypt(&state_->context, text.size(), nonce.data(),
                                                      associated.data(), associated.size(),
                                                      tag.data(), text.data(), text.data());
  ASSERT(failure == 0 || failure == MBEDTLS_ERR_CHACHAPOLY_AUTH_FAILED);
  return failure == 0;
}

}  // namespace pinaflux::crypto
