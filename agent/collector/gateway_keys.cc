#include "agent/collector/gateway_keys.h"

#include <utility>

#include "agent/seal/line.h"
#include "agent/vault/vault.h"

namespace pinaflux {

namespace {

constexpr std::size_t kLanesKept = 64;  // Of a gateway; it has 16 at a time.

bool is_pem(Bytes bytes) { return as_text(bytes).contains("-----BEGIN"); }

const char* missing(ProofKind kind) { return kind == ProofKind::mac ? "no_mac" : "no_signature"; }

const char* wrong(ProofKind kind) {
  return kind == ProofKind::mac ? "wrong_mac" : "wrong_signature";
}

std::string stem(const std::string& file) {
  const std::string name = file.substr(file.rfind('/') + 1);
  return name.substr(0, name.rfind('.'));
}

}  // namespace

GatewayKeys GatewayKeys::none() {
  GatewayKeys all;
  all.others_ = true;
  return all;
}

Result<GatewayKeys::Key> GatewayKeys::key_of(const std::string& name, Bytes bytes) {
  if (is_pem(bytes)) {
    auto key = crypto::VerifyingKey::of_pem(bytes);
    if (!key) return std::unexpected(key.error());
    return Key{Verifier(std::move(*key)), std::nullopt};
  }
  if (Status s = check_mac_key(bytes); !s) return std::unexpected(s.error());
  return Key{Verifier(name, bytes), Prover(name, bytes)};
}

Result<GatewayKeys> GatewayKeys::load(Files& files, const std::string& directory, bool others,
                                      std::string& which) {
  GatewayKeys all;
  all.others_ = others;
  which = directory;
  const auto gateways = files.list(directory);
  if (!gateways) return std::unexpected(gateways.error());
  for (const std::string& gateway : *gateways) {
    const std::string folder = directory + "/" + gateway;
    which = folder;
    const auto names = files.list(folder);
    if (!names) return std::unexpected(names.error());
    Gateway& its = all.gateways_[gateway];
    for (const std::string& name : *names) {
      which = folder + "/" + name;
      Vault vault;
      std::string at;
      if (Status s = vault.load(files, {{name, which, ""}}, at); !s)
        return std::unexpected(s.error());
      auto key = key_of(name, vault.key(name));
      if (!key) return std::unexpected(key.error());
      its.keys.emplace(name, std::move(*key));
    }
    if (!names->empty()) its.last = names->back();
  }
  return all;
}

Status GatewayKeys::sign_by(Files& files, const std::string& file, const crypto::Random& random) {
  const std::string name = stem(file);
  if (!seal::valid_name(name)) {
    return fail(Code::invalid,
                "the file's name, without its ending, names the key to gateways: 1 to 64 letters, "
                "digits, '.', '_' or '-'");
  }
  Vault vault;
  std::string at;
  if (Status s = vault.load(files, {{name, file, ""}}, at); !s) return s;
  auto key = crypto::SigningKey::of_pem(vault.key(name), random);
  if (!key) return std::unexpected(key.error());
  own_.emplace(name, std::move(*key));
  return {};
}

const char* GatewayKeys::refusal_of(const Topic& topic, Bytes payload) {
  const auto gateway = gateways_.find(topic.gateway);
  if (gateway == gateways_.end() || gateway->second.keys.empty()) {
    return others_ ? nullptr : "no_key_of_gateway";
  }
  Gateway& its = gateway->second;
  const ProofClaim claim = proof_claim_of(payload);
  if (claim.key_id.empty()) return missing(its.keys.find(its.last)->second.verifier.kind());
  const auto key = its.keys.find(claim.key_id);
  if (key == its.keys.end()) return "unknown_key";
  const Verifier& verifier = key->second.verifier;
  if (claim.kind != verifier.kind()) return missing(verifier.kind());
  const bool proved = topic.kind == Topic::Kind::data
                          ? verifier.proves_envelope(payload)
                          : verifier.proves(Verifier::Way::to_collector, as_text(payload));
  if (!proved) return wrong(verifier.kind());
  if (its.last != key->first) its.last = key->first;
  if (its.last_of.size() > kLanesKept) its.last_of.clear();
  for (const std::string& lane : lanes_spoken_of(topic, payload)) its.last_of[lane] = key->first;
  return nullptr;
}

void GatewayKeys::prove(const std::string& gateway, const std::string& lane,
                        std::string& ack) const {
  const auto its = gateways_.find(gateway);
  if (its != gateways_.end()) {
    const auto of_lane = its->second.last_of.find(lane);
    const bool known = of_lane != its->second.last_of.end();
    const auto key = its->second.keys.find(known ? of_lane->second : its->second.last);
    if (key != its->second.keys.end() && key->second.prover)
      return key->second.prover->sign(Prover::Way::to_gateway, ack);
  }
  if (own_) own_->sign(Prover::Way::to_gateway, ack);
}

void GatewayKeys::go_on_from(const GatewayKeys& before) {
  for (auto& [name, its] : gateways_) {
    const auto earlier = before.gateways_.find(name);
    if (earlier == before.gateways_.end()) continue;
    if (its.keys.contains(earlier->second.last)) its.last = earlier->second.last;
    for (const auto& [lane, key] : earlier->second.last_of) {
      if (its.keys.contains(key)) its.last_of[lane] = key;
    }
  }
}

}  // namespace pinaflux
