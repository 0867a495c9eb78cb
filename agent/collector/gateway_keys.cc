#include "agent/collector/gateway_keys.h"

#include <utility>
#include <vector>

#include "agent/vault/vault.h"

namespace pinaflux {

Result<GatewayKeys> GatewayKeys::load(Files& files, const std::string& directory, bool others,
                                      std::string& which) {
  GatewayKeys all;
  all.others_ = others;
  which = directory;
  const auto gateways = files.list(directory);
  if (!gateways) return std::unexpected(gateways.error());
  for (const std::string& gateway : *gateways) {
    which = directory + "/" + gateway;
    const auto names = files.list(which);
    if (!names) return std::unexpected(names.error());
    std::vector<Vault::Reference> references;
    for (const std::string& name : *names) references.push_back({name, which + "/" + name, ""});
    Vault vault;
    std::string at;
    if (Status s = vault.load(files, references, at); !s) {
      which += "/" + at;
      return std::unexpected(s.error());
    }
    Gateway& its = all.gateways_[gateway];
    for (const std::string& name : *names) its.keys.emplace(name, Prover(name, vault.key(name)));
    if (!names->empty()) its.last = names->back();
  }
  return all;
}

const char* GatewayKeys::refusal_of(const Topic& topic, Bytes payload) {
  const auto gateway = gateways_.find(topic.gateway);
  if (gateway == gateways_.end() || gateway->second.keys.empty()) {
    return others_ ? nullptr : "no_key_of_gateway";
  }
  Gateway& its = gateway->second;
  const std::string_view id = proof_key_of(payload);
  if (id.empty()) return "no_mac";
  const auto key = its.keys.find(id);
  if (key == its.keys.end()) return "unknown_key";
  const Prover& prover = key->second;
  const bool proved = topic.kind == Topic::Kind::data
                          ? prover.proves_envelope(payload)
                          : prover.proves(Prover::Way::to_collector, as_text(payload));
  if (!proved) return "wrong_mac";
  if (its.last != key->first) its.last = key->first;
  return nullptr;
}

void GatewayKeys::prove(const std::string& gateway, std::string& ack) const {
  const auto its = gateways_.find(gateway);
  if (its == gateways_.end()) return;
  const auto key = its->second.keys.find(its->second.last);
  if (key != its->second.keys.end()) key->second.sign(Prover::Way::to_gateway, ack);
}

void GatewayKeys::go_on_from(const GatewayKeys& before) {
  for (auto& [name, its] : gateways_) {
    const auto earlier = before.gateways_.find(name);
    if (earlier != before.gateways_.end() && its.keys.contains(earlier->second.last)) {
      its.last = earlier->second.last;
    }
  }
}

}  // namespace pinaflux
