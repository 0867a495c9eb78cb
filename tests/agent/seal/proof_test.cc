#include "agent/seal/proof.h"

#include <algorithm>

#include <doctest/doctest.h>

#include "agent/seal/envelope.h"
#include "agent/seal/line.h"
#include "agent/seal/messages.h"
#include "tests/kit/es256_keys.h"
#include "tests/kit/sealed_rows.h"

namespace pinaflux::tests {
namespace {

using Way = Prover::Way;

Buffer key(char c) { return Buffer(32, static_cast<std::uint8_t>(c)); }

std::string ack_line() {
  AckMessage ack{.gateway = "gw", .lane = "normal", .high = 7};
  return format(ack);
}

void check_envelope(const Prover& prover, const Verifier& verifier, std::size_t proof_bytes) {
  kit::SealedRows rows;
  rows.walk(50);
  const Buffer envelope = rows.envelope();
  const Buffer proved = prover.signed_envelope(envelope);
  CHECK(proved.size() == envelope.size() + 5 + 4 + 1 + proof_bytes);
  CHECK(prover.signed_envelope(envelope) == proved);
  CHECK(verifier.proves_envelope(proved));
  CHECK_FALSE(verifier.proves_envelope(envelope));
  const auto header = Opener::verify(proved);
  REQUIRE(header);
  CHECK(header->hash == Opener::verify(envelope)->hash);
  const auto line = static_cast<std::size_t>(std::ranges::find(proved, '\n') - proved.begin());
  const std::size_t name = as_text(proved).substr(0, line).rfind('=') + 1;
  for (std::size_t i = 0; i < line; ++i) {
    const bool in_name =
        i >= name && i < name + 4;  // Which of a signature says only what key to take.
    if (in_name && verifier.kind() == ProofKind::signature) continue;
    Buffer changed = proved;
    changed[i] ^= 1;
    CHECK_FALSE(verifier.proves_envelope(changed));
  }
  for (const std::size_t at : {line, line + 1, proved.size() - 1}) {
    Buffer changed = proved;
    changed[at] ^= 1;
    CHECK_FALSE(verifier.proves_envelope(changed));
  }
  // What a relay notes behind it is not covered, and does no harm.
  std::string relayed(as_text(proved));
  relayed.insert(line, " relay=r1");
  CHECK(verifier.proves_envelope(as_bytes(relayed)));
  CHECK(Opener::verify(as_bytes(relayed)));
}

crypto::SigningKey signing_key(std::string_view pem) {
  const auto blind = [](MutableBytes bytes) { std::ranges::fill(bytes, std::uint8_t{7}); };
  auto made = crypto::SigningKey::of_pem(as_bytes(pem), blind);
  REQUIRE(made);
  return std::move(*made);
}

Verifier verifier_of(std::string_view pem) {
  auto made = crypto::VerifyingKey::of_pem(as_bytes(pem));
  REQUIRE(made);
  return Verifier(std::move(*made));
}

// Whose line it is: nothing may stand behind the proof, and without one it is nobody's.
void check_nothing_behind(const Verifier& ours, const std::string& line) {
  CHECK_FALSE(ours.proves(Way::to_gateway, line + " fork=1"));
  CHECK_FALSE(ours.proves(Way::to_gateway, line + " "));
  std::string longer = line;
  longer.insert(longer.size() - 1, " fork=1");
  CHECK_FALSE(ours.proves(Way::to_gateway, longer));
  CHECK_FALSE(ours.proves(Way::to_gateway, ack_line()));
}

}  // namespace

TEST_CASE("a proved line is read as before, and holds for its key, its way and its bytes alone") {
  const Verifier ours("link", key('k')), other("link", key('x')), renamed("lunk", key('k'));
  std::string line = ack_line();
  Prover("link", key('k')).sign(Way::to_gateway, line);
  CHECK(proof_claim_of(as_bytes(line)).key_id == "link");
  CHECK(proof_claim_of(as_bytes(line)).kind == ProofKind::mac);
  CHECK(ours.proves(Way::to_gateway, line));
  CHECK_FALSE(ours.proves(Way::to_collector, line));
  CHECK_FALSE(other.proves(Way::to_gateway, line));
  CHECK_FALSE(renamed.proves(Way::to_gateway, line));
  const auto read = parse_ack(line);
  REQUIRE(read);
  CHECK(read->high == 7);
  for (std::size_t i = 0; i + 1 < line.size(); ++i) {  // Its end is a newline.
    std::string changed = line;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    CHECK_FALSE(ours.proves(Way::to_gateway, changed));
    CHECK_FALSE(ours.proves(Way::to_gateway, line.substr(0, i)));
  }
  check_nothing_behind(ours, line);
  CHECK_FALSE(ours.proves(Way::to_gateway, ack_line() + " mac="));
  CHECK_FALSE(ours.proves(Way::to_gateway, ""));
  CHECK(proof_claim_of(as_bytes(ack_line())).kind == ProofKind::none);
}

TEST_CASE("the MAC is HMAC-SHA-256 of way and line, as FORMAT.md has it") {
  const Prover prover("k1", key('k'));
  std::string line = "pfxack1 g=gw";
  prover.sign(Way::to_gateway, line);
  std::string text = "pinaflux to gateway";
  text.push_back('\0');
  text += "pfxack1 g=gw";
  const Digest mac = crypto::hmac_sha256(key('k'), as_bytes(text));
  CHECK(line == "pfxack1 g=gw mac=k1:" + seal::base64url(Bytes(mac).first(16)));
}

TEST_CASE("a proved envelope is opened as before; line and frame are proved") {
  SUBCASE("by a MAC") { check_envelope(Prover("link", key('k')), Verifier("link", key('k')), 22); }
  SUBCASE("by a signature") {
    check_envelope(Prover("gate", signing_key(kit::kJwsPkcs8)), verifier_of(kit::kJwsPublic), 86);
  }
}

TEST_CASE("a signed line holds for its key, its way and its bytes alone") {
  const Verifier ours = verifier_of(kit::kJwsPublic), other = verifier_of(kit::kSamplePublic);
  std::string line = ack_line();
  Prover("cloud", signing_key(kit::kJwsPkcs8)).sign(Way::to_gateway, line);
  CHECK(proof_claim_of(as_bytes(line)).key_id == "cloud");
  CHECK(proof_claim_of(as_bytes(line)).kind == ProofKind::signature);
  CHECK(ours.proves(Way::to_gateway, line));
  CHECK_FALSE(ours.proves(Way::to_collector, line));
  CHECK_FALSE(other.proves(Way::to_gateway, line));
  const auto read = parse_ack(line);
  REQUIRE(read);
  CHECK(read->high == 7);
  const std::size_t name = line.find("cloud:");
  for (std::size_t i = 0; i + 1 < line.size(); ++i) {
    CAPTURE(i);
    std::string changed = line;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    const bool in_name = i >= name && i < name + 5;  // Which says only what key to take.
    CHECK(ours.proves(Way::to_gateway, changed) == in_name);
    CHECK_FALSE(ours.proves(Way::to_gateway, line.substr(0, i)));
  }
  check_nothing_behind(ours, line);
}

TEST_CASE("a signature of another length, or in bad base64url, is none") {
  const Verifier ours = verifier_of(kit::kJwsPublic);
  std::string line = ack_line();
  line.pop_back();
  const std::string bare = line;
  Prover("cloud", signing_key(kit::kJwsPkcs8)).sign(Way::to_gateway, line);
  const std::string good = line.substr(line.find("cloud:") + 6);
  REQUIRE(good.size() == 86);
  REQUIRE(ours.proves(Way::to_gateway, bare + " sig=cloud:" + good));
  for (const std::string& wrong :
       {std::string(), good.substr(1), good + "A", good + "=",
        good + "==", good.substr(0, 85) + "/", good.substr(0, 85) + "*", std::string(86, 'A'),
        std::string(100'000, 'A'), good + good, good.substr(0, 85) + '\0'}) {
    CAPTURE(wrong.substr(0, 200));
    CHECK_FALSE(ours.proves(Way::to_gateway, bare + " sig=cloud:" + wrong));
  }
  CHECK_FALSE(ours.proves(Way::to_gateway, bare + " sig=" + good));
  CHECK_FALSE(ours.proves(Way::to_gateway, bare + " sig="));
  CHECK_FALSE(ours.proves(Way::to_gateway, bare + " mac=cloud:" + good));
}

TEST_CASE("the signature is ES256 of way and line, as FORMAT.md has it") {
  std::string line = "pfxack1 g=gw";
  Prover("k1", signing_key(kit::kSamplePkcs8)).sign(Way::to_gateway, line);
  std::string text = "pinaflux to gateway";
  text.push_back('\0');
  text += "pfxack1 g=gw";
  const auto signature = signing_key(kit::kSamplePkcs8).sign(as_bytes(text));
  CHECK(line == "pfxack1 g=gw sig=k1:" + seal::base64url(signature));
}

TEST_CASE("a public key's bytes make no MAC that is believed in place of its signature") {
  const Verifier ours = verifier_of(kit::kJwsPublic);
  for (const std::size_t cut : {0u, 1u}) {  // With and without the newline at the end.
    const auto bytes = as_bytes(kit::kJwsPublic.substr(0, kit::kJwsPublic.size() - cut));
    std::string forged = ack_line();
    Prover("cloud", bytes).sign(Way::to_gateway, forged);
    CHECK_FALSE(ours.proves(Way::to_gateway, forged));
    std::string renamed = forged;
    renamed.replace(renamed.find(" mac="), 5, " sig=");
    CHECK_FALSE(ours.proves(Way::to_gateway, renamed));
    CHECK_FALSE(check_mac_key(bytes).has_value());
  }
  CHECK(check_mac_key(key('k')));
}

TEST_CASE("of two proofs the last one counts, and the first is covered") {
  const Verifier mac("link", key('k')), signature = verifier_of(kit::kJwsPublic);
  const Prover by_mac("link", key('k')), by_signature("gate", signing_key(kit::kJwsPkcs8));
  std::string line = ack_line();
  by_mac.sign(Way::to_gateway, line);
  by_signature.sign(Way::to_gateway, line);
  CHECK(signature.proves(Way::to_gateway, line));
  CHECK_FALSE(mac.proves(Way::to_gateway, line));
  by_mac.sign(Way::to_gateway, line);
  CHECK(mac.proves(Way::to_gateway, line));
  CHECK_FALSE(signature.proves(Way::to_gateway, line));
}

}  // namespace pinaflux::tests
