#include "platform/crypto/aes.h"

#include <mbedtls/aes.h>

#include "platform/base/assert.h"

namespace pinaflux::crypto {

struct Aes::State {
  State() { mbedtls_aes_init(&context); }
  ~State() { mbedtls_aes_free(&context); }  // Wipes it.
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  mbedtls_aes_context context;
};

Aes::Aes(Bytes key) : state_(std::make_unique<State>()) {
  const auto bits = static_cast<unsigned>(key.size() * 8);
  const int failure = mbedtls_aes_setkey_enc(&state_->context, key.data(), bits);
  ASSERT(failure == 0);
}

Aes::~Aes() = default;
Aes::Aes(Aes&& other) noexcept = default;
Aes& Aes::operator=(Aes&& other) noexcept = default;

void Aes::encrypt(Block& block) const {
  const int failure =
      mbedtls_aes_crypt_ecb(&state_->context, MBEDTLS_AES_ENCRYPT, block.data(), block.data());
  ASSERT(failure == 0);
}

}  // namespace pinaflux::crypto
