// LinkProof: by what the uplink proves what it sends, and by what it believes acks: one key that the collector has, too
// (uplink.mac), or a private key of its own and public ones of the collector (uplink.sign, uplink.acks_by).
//
// Threads    One owner at a time.
// Tests      tests/agent/uplink/proof_test.cc
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/seal/proof.h"
#include "agent/vault/vault.h"
#include "platform/base/result.h"

namespace pinaflux {

// Names of keys in the vault; where all are empty, nothing is proved.
struct LinkKeys {
  std::string mac = {};
  std::string sign = {};
  std::vector<std::string> acks_by = {};  // One is enough: the collector's key, and its successor.
};

class LinkProof {
 public:
  // Errors: invalid, a key of another kind than its use wants; `which` then names it.
  static Result<LinkProof> make(const LinkKeys& keys, const Vault& vault,
                                const crypto::Random& random, std::string& which);

  ProofKind signs_by() const { return signs_by_; }
  void sign(std::string& line) const;
  Buffer signed_envelope(Buffer envelope) const;

  ProofKind asks_for() const;
  // True, too, where no proof is asked for.
  bool believes(std::string_view ack) const;

 private:
  ProofKind signs_by_ = ProofKind::none;
  std::optional<Prover> prover_;
  std::vector<Verifier> verifiers_;
};

}  // namespace pinaflux
