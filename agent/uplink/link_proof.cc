#include "agent/uplink/link_proof.h"

#include <algorithm>
#include <utility>

namespace pinaflux {

Result<LinkProof> LinkProof::make(const LinkKeys& keys, const Vault& vault,
                                  const crypto::Random& random, std::string& which) {
  LinkProof proof;
  which = keys.mac;
  if (!keys.mac.empty()) {
    const Bytes key = vault.key(keys.mac);
    if (Status s = check_mac_key(key); !s) return std::unexpected(s.error());
    proof.signs_by_ = ProofKind::mac;
    proof.prover_.emplace(keys.mac, key);
    proof.verifiers_.emplace_back(keys.mac, key);
  }
  which = keys.sign;
  if (!keys.sign.empty()) {
    auto key = crypto::SigningKey::of_pem(vault.key(keys.sign), random);
    if (!key) return std::unexpected(key.error());
    proof.signs_by_ = ProofKind::signature;
    proof.prover_.emplace(keys.sign, std::move(*key));
  }
  for (const std::string& name : keys.acks_by) {
    which = name;
    auto key = crypto::VerifyingKey::of_pem(vault.key(name));
    if (!key) return std::unexpected(key.error());
    proof.verifiers_.emplace_back(std::move(*key));
  }
  which.clear();
  return proof;
}

void LinkProof::sign(std::string& line) const {
  if (prover_) prover_->sign(Prover::Way::to_collector, line);
}

Buffer LinkProof::signed_envelope(Buffer envelope) const {
  return prover_ ? prover_->signed_envelope(envelope) : std::move(envelope);
}

ProofKind LinkProof::asks_for() const {
  return verifiers_.empty() ? ProofKind::none : verifiers_.front().kind();
}

bool LinkProof::believes(std::string_view ack) const {
  const auto proves = [ack](const Verifier& v) { return v.proves(Prover::Way::to_gateway, ack); };
  return verifiers_.empty() || std::ranges::any_of(verifiers_, proves);
}

}  // namespace pinaflux
