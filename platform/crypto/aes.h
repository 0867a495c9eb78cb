// Aes: the bare block cipher, for constructions that need it (FF1). It encrypts no messages: aead.h does.
//
// Limits     A key of 16, 24 or 32 bytes. By tables where the processor has no AES instructions: not in constant
//            time there.
// Ownership  The key is wiped with the object. No call takes memory from the heap.
// Threads    One owner at a time.
// Source     FIPS 197; by mbedTLS.
// Tests      tests/platform/crypto/aes_test.cc (vectors of the standard)
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "platform/base/bytes.h"

namespace pinaflux::crypto {

class Aes {
 public:
  using Block = std::array<std::uint8_t, 16>;

  explicit Aes(Bytes key);
  ~Aes();
  Aes(Aes&& other) noexcept;
  Aes& operator=(Aes&& other) noexcept;
  void encrypt(Block& block) const;  // In place.

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace pinaflux::crypto
