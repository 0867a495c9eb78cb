// Aead: authenticated encryption of short messages: ChaCha20-Poly1305.
//
// Promise    A message that was changed, or that is bound to something else, does not open: nothing of it
//            is given. The key is wiped with the object. No call takes memory from the heap.
// Limits     One nonce, one message: the caller's duty. Random nonces: at most 2^32 messages a key.
// Threads    One owner at a time.
// Source     RFC 8439; by mbedTLS.
// Tests      tests/platform/crypto/aead_test.cc (vectors of the RFC)
#pragma once

#include <memory>

#include "platform/base/bytes.h"

namespace pinaflux::crypto {

class Aead {
 public:
  static constexpr std::size_t kKeyBytes = 32;
  static constexpr std::size_t kNonceBytes = 12;
  static constexpr std::size_t kTagBytes = 16;

  explicit Aead(Bytes key);  // kKeyBytes.
  ~Aead();
  Aead(const Aead&) = delete;
  Aead& operator=(const Aead&) = delete;

  // In place. `associated` is not stored, but must be the same when it is opened.
  void seal(Bytes nonce, Bytes associated, MutableBytes text, MutableBytes tag);
  // In place. False: not what was sealed; then `text` is zeros.
  bool open(Bytes nonce, Bytes associated, MutableBytes text, Bytes tag);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace pinaflux::crypto
