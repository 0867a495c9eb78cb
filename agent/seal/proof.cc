#include "agent/seal/proof.h"

#include "agent/seal/line.h"

namespace pinaflux {

namespace {

constexpr std::string_view kMac = " mac=";
constexpr std::size_t kMacBytes = 16;
constexpr std::size_t kWordBytesMax = 24;  // Of what stands before the line.

std::string_view first_line(std::string_view text) { return text.substr(0, text.find('\n')); }

// The line before its last MAC, and that MAC's value; an empty value: there is none.
struct Proved {
  std::string_view before, value, behind;
  explicit Proved(std::string_view line) {
    const std::size_t at = line.rfind(kMac);
    if (at == std::string_view::npos) return;
    before = line.substr(0, at);
    const std::string_view rest = line.substr(at + kMac.size());
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

}  // namespace

std::string_view proof_key_of(Bytes message) {
  const Proved parts(first_line(as_text(message)));
  const std::size_t colon = parts.value.find(':');
  return colon == std::string_view::npos ? std::string_view() : parts.value.substr(0, colon);
}

// `frame`: of an envelope, from the line's newline on.
std::string Prover::mac(Way way, std::string_view line, std::string_view frame) const {
  std::string text;
  text.reserve(kWordBytesMax + line.size() + frame.size());
  text += way == Way::to_collector ? "pinaflux to collector" : "pinaflux to gateway";
  text.push_back('\0');
  text.append(line).append(frame);
  return key_id_ + ":" + seal::base64url(Bytes(hmac_.of(as_bytes(text))).first(kMacBytes));
}

void Prover::sign(Way way, std::string& line) const {
  const bool ended = line.ends_with('\n');
  if (ended) line.pop_back();
  line += std::string(kMac) + mac(way, line);
  if (ended) line += '\n';
}

Buffer Prover::signed_envelope(Bytes envelope) const {
  const std::string_view all = as_text(envelope);
  const std::string_view line = first_line(all), frame = all.substr(line.size());
  const std::string proof = mac(Way::to_collector, line, frame);
  Buffer bytes;
  bytes.reserve(all.size() + kMac.size() + proof.size());
  for (const std::string_view piece : {line, kMac, std::string_view(proof), frame})
    append(bytes, piece);
  return bytes;
}

bool Prover::proves(Way way, std::string_view line) const {
  if (line.ends_with('\n')) line.remove_suffix(1);
  const Proved parts(line);
  return parts.behind.empty() && !parts.value.empty() && same(parts.value, mac(way, parts.before));
}

bool Prover::proves_envelope(Bytes envelope) const {
  const std::string_view all = as_text(envelope), line = first_line(all);
  const Proved parts(line);
  return !parts.value.empty() &&
         same(parts.value, mac(Way::to_collector, parts.before, all.substr(line.size())));
}

}  // namespace pinaflux
