// Proof: a MAC at the end of a printable line, by a key that gateway and collector share, so that nobody between them can
// change, forge or answer what they say. An envelope's is on its header line, and covers the frame, too.
//
// Bytes      " mac=<key id>:<base64url of the first 128 bits of HMAC-SHA-256>": FORMAT.md section 13.
// Threads    Immutable; any.
// Tests      tests/agent/seal/proof_test.cc
// Source     RFC 2104 (HMAC); section 5 there on truncation.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "platform/base/bytes.h"
#include "platform/crypto/crypto.h"

namespace pinaflux {

// The key id that a line, or an envelope's first one, claims its MAC is by; empty: it has none.
std::string_view proof_key_of(Bytes message);

class Prover {
 public:
  enum class Way : std::uint8_t { to_collector, to_gateway };

  Prover(std::string key_id, Bytes key) : key_id_(std::move(key_id)), hmac_(key) {}
  const std::string& key_id() const { return key_id_; }

  void sign(Way way, std::string& line) const;
  Buffer signed_envelope(Bytes envelope) const;
  // The line is as it was signed, and nothing stands behind the MAC.
  bool proves(Way way, std::string_view line) const;
  // It is as it was signed, what relays have noted behind the MAC excepted.
  bool proves_envelope(Bytes envelope) const;

 private:
  std::string mac(Way way, std::string_view line, std::string_view frame = {}) const;

  std::string key_id_;
  crypto::Hmac hmac_;
};

}  // namespace pinaflux
