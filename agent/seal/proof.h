// Proof: what stands at the end of a printable line, so that nobody between gateway and collector can change, forge or
// answer what they say: a MAC by a key that both have, or a signature by one that its maker alone has. An envelope's is
// on its header line, and covers the frame, too.
//
// Bytes      " mac=<key id>:<base64url of the first 128 bits of HMAC-SHA-256>" or " sig=<key id>:<base64url of r and s>":
//            FORMAT.md section 13. The last of them on the line counts.
// Promise    A Verifier believes its own kind alone: no public key ever is a MAC's.
// Threads    One owner at a time.
// Tests      tests/agent/seal/proof_test.cc
// Source     RFC 2104 (HMAC); section 5 there on truncation. RFC 7518 section 3.4 (ES256).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "platform/base/bytes.h"
#include "platform/base/result.h"
#include "platform/crypto/crypto.h"
#include "platform/crypto/es256.h"

namespace pinaflux {

enum class ProofKind : std::uint8_t { none, mac, signature };

// What a line, or an envelope's first one, claims to be proved by. `key_id` points into the message.
struct ProofClaim {
  ProofKind kind = ProofKind::none;
  std::string_view key_id;
};
ProofClaim proof_claim_of(Bytes message);

// Errors: the bytes are the writing of a public key or of a private one, not a secret for MACs.
Status check_mac_key(Bytes key);

class Prover {
 public:
  enum class Way : std::uint8_t { to_collector, to_gateway };

  Prover(std::string key_id, Bytes key) : key_id_(std::move(key_id)), key_(crypto::Hmac(key)) {}
  Prover(std::string key_id, crypto::SigningKey key)
      : key_id_(std::move(key_id)), key_(std::move(key)) {}

  void sign(Way way, std::string& line) const;
  // The same bytes each time.
  Buffer signed_envelope(Bytes envelope) const;

 private:
  std::string proof(Way way, std::string_view line, std::string_view frame = {}) const;

  std::string key_id_;
  std::variant<crypto::Hmac, crypto::SigningKey> key_;
};

class Verifier {
 public:
  using Way = Prover::Way;

  Verifier(std::string key_id, Bytes key) : key_id_(std::move(key_id)), key_(crypto::Hmac(key)) {}
  // Of a signature the key id only says which key to take: whoever has one asks for no name.
  explicit Verifier(crypto::VerifyingKey key) : key_(std::move(key)) {}

  ProofKind kind() const;
  // The line is as it was signed, and nothing stands behind the proof.
  bool proves(Way way, std::string_view line) const;
  // It is as it was signed, what relays have noted behind the proof excepted.
  bool proves_envelope(Bytes envelope) const;

 private:
  bool fits(std::string_view value, const std::string& text) const;

  std::string key_id_;
  std::variant<crypto::Hmac, crypto::VerifyingKey> key_;
};

}  // namespace pinaflux
