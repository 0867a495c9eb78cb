#include "agent/seal/proof.h"

#include "agent/seal/line.h"

namespace pinaflux {

namespace {

constexpr std::string_view kMac = " mac=";
constexpr std::string_view kSignature = " sig=";
constexpr std::size_t kPairBytes = kMac.size();
constexpr std::size_t kMacBytes = 16;
constexpr std::size_t kWordBytesMax = 24;  // Of what stands before the line.
static_assert(kMac.size() == kSignature.size());

std::string_view first_line(std::string_view text) { return text.substr(0, text.find('\n')); }

// The line before its last proof, and that proof's value.
struct Proved {
  ProofKind kind = ProofKind::none;
  std::string_view before, value, behind;
  explicit Proved(std::string_view line) {
    take(line, kMac, ProofKind::mac);
    take(line, kSignature, ProofKind::signature);
  }
  std::string_view key_id() const {
    const std::size_t colon = value.find(':');
    return colon == std::string_view::npos ? std::string_view() : value.substr(0, colon);
  }

 private:
  void take(std::string_view line, std::string_view pair, ProofKind its) {
    const std::size_t at = line.rfind(pair);
    if (at == std::string_view::npos || at < before.size()) return;
    kind = its;
    before = line.substr(0, at);
    const std::string_view rest = line.substr(at + kPairBytes);
    value = rest.substr(0, rest.find(' '));
    behind = rest.substr(value.size());
  }
};

// Takes as long wherever they differ.
bool same(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned different = 0;
  for (std::size_t i = 0; i < a.size(); ++i) different |= static_cast<unsigned char>(a[i] ^ b[i]);
  return different == 0;
}

// What is proved. `frame`: of an envelope, from the line's newline on.
std::string covered(Prover::Way way, std::string_view line, std::string_view frame = {}) {
  std::string text;
  text.reserve(kWordBytesMax + line.size() + frame.size());
  text += way == Prover::Way::to_collector ? "pinaflux to collector" : "pinaflux to gateway";
  text.push_back('\0');
  text.append(line).append(frame);
  return text;
}

std::string mac(const crypto::Hmac& hmac, const std::string& text) {
  return seal::base64url(Bytes(hmac.of(as_bytes(text))).first(kMacBytes));
}

}  // namespace

ProofClaim proof_claim_of(Bytes message) {
  const Proved parts(first_line(as_text(message)));
  return {parts.kind, parts.key_id()};
}

Status check_mac_key(Bytes key) {
  if (!crypto::is_written_key(key)) return {};
  return fail(Code::invalid,
              "a MAC's key is random bytes, and this is the writing of another key: make one with "
              "`openssl rand -hex 32`; a public key belongs here in PEM, if at all");
}

std::string Prover::proof(Way way, std::string_view line, std::string_view frame) const {
  const std::string text = covered(way, line, frame);
  if (const auto* hmac = std::get_if<crypto::Hmac>(&key_))
    return std::string(kMac) + key_id_ + ":" + mac(*hmac, text);
  const auto signature = std::get<crypto::SigningKey>(key_).sign(as_bytes(text));
  return std::string(kSignature) + key_id_ + ":" + seal::base64url(signature);
}

void Prover::sign(Way way, std::string& line) const {
  const bool ended = line.ends_with('\n');
  if (ended) line.pop_back();
  line += proof(way, line);
  if (ended) line += '\n';
}

Buffer Prover::signed_envelope(Bytes envelope) const {
  const std::string_view all = as_text(envelope);
  const std::string_view line = first_line(all), frame = all.substr(line.size());
  const std::string proved = proof(Way::to_collector, line, frame);
  Buffer bytes;
  bytes.reserve(all.size() + proved.size());
  for (const std::string_view piece : {line, std::string_view(proved), frame}) append(bytes, piece);
  return bytes;
}

ProofKind Verifier::kind() const {
  return std::holds_alternative<crypto::Hmac>(key_) ? ProofKind::mac : ProofKind::signature;
}

bool Verifier::fits(std::string_view value, const std::string& text) const {
  if (const auto* hmac = std::get_if<crypto::Hmac>(&key_))
    return same(value, key_id_ + ":" + mac(*hmac, text));
  crypto::Signature signature;
  const std::size_t colon = value.find(':');
  if (colon == std::string_view::npos || !seal::unbase64url(value.substr(colon + 1), signature))
    return false;
  return std::get<crypto::VerifyingKey>(key_).verifies(as_bytes(text), signature);
}

bool Verifier::proves(Way way, std::string_view line) const {
  if (line.ends_with('\n')) line.remove_suffix(1);
  const Proved parts(line);
  return parts.kind == kind() && parts.behind.empty() &&
         fits(parts.value, covered(way, parts.before));
}

bool Verifier::proves_envelope(Bytes envelope) const {
  const std::string_view all = as_text(envelope), line = first_line(all);
  const Proved parts(line);
  return parts.kind == kind() &&
         fits(parts.value, covered(Way::to_collector, parts.before, all.substr(line.size())));
}

}  // namespace pinaflux
