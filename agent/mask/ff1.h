// Ff1: format-preserving encryption of digit strings: as many digits come out as went in.
//
// Promise    A permutation of all strings of a length, given by key and tweak.
// Limits     kDigitsMin digits: below a million strings it could be searched (SP 800-38G, revision 1). No heap.
// Ownership  The key is wiped with the object.
// Threads    One owner at a time.
// Source     NIST SP 800-38G, algorithm FF1, radix 10.
// Tests      tests/agent/mask/ff1_test.cc (the samples of NIST)
#pragma once

#include <cstddef>
#include <span>

#include "platform/base/bytes.h"
#include "platform/crypto/aes.h"

namespace pinaflux {

class Ff1 {
 public:
  static constexpr std::size_t kDigitsMin = 6;
  static constexpr std::size_t kDigitsMax = 56;
  static constexpr std::size_t kTweakMax = 16;

  explicit Ff1(Bytes aes_key) : aes_(aes_key) {}
  // In place: kDigitsMin to kDigitsMax of '0' to '9'. `tweak` has at most kTweakMax bytes.
  void encrypt(std::span<char> digits, Bytes tweak = {}) const;

 private:
  crypto::Aes aes_;
};

}  // namespace pinaflux
