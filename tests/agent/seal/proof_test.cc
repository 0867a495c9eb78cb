#include "agent/seal/proof.h"

#include <algorithm>

#include <doctest/doctest.h>

#include "agent/seal/envelope.h"
#include "agent/seal/line.h"
#include "agent/seal/messages.h"
#include "tests/kit/sealed_rows.h"

namespace pinaflux::tests {
namespace {

using Way = Prover::Way;

Buffer key(char c) { return Buffer(32, static_cast<std::uint8_t>(c)); }

std::string ack_line() {
  AckMessage ack{.gateway = "gw", .lane = "normal", .high = 7};
  return format(ack);
}

}  // namespace

TEST_CASE("a proved line is read as before, and holds for its key, its way and its bytes alone") {
  const Prover ours("link", key('k')), other("link", key('x')), renamed("lunk", key('k'));
  std::string line = ack_line();
  ours.sign(Way::to_gateway, line);
  CHECK(proof_key_of(as_bytes(line)) == "link");
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
  CHECK_FALSE(ours.proves(Way::to_gateway, line + " fork=1"));
  CHECK_FALSE(ours.proves(Way::to_gateway, line + " "));
  CHECK_FALSE(ours.proves(Way::to_gateway, ack_line()));
  CHECK_FALSE(ours.proves(Way::to_gateway, ack_line() + " mac="));
  CHECK_FALSE(ours.proves(Way::to_gateway, ""));
  CHECK(proof_key_of(as_bytes(ack_line())).empty());
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
  kit::SealedRows rows;
  rows.walk(50);
  const Buffer envelope = rows.envelope();
  const Prover prover("link", key('k'));
  Buffer proved = prover.signed_envelope(envelope);
  CHECK(proved.size() == envelope.size() + 5 + 4 + 1 + 22);
  CHECK(prover.proves_envelope(proved));
  CHECK_FALSE(prover.proves_envelope(envelope));
  const auto header = Opener::verify(proved);
  REQUIRE(header);
  CHECK(header->hash == Opener::verify(envelope)->hash);
  const auto line = static_cast<std::size_t>(std::ranges::find(proved, '\n') - proved.begin());
  for (std::size_t i = 0; i < line; ++i) {
    Buffer changed = proved;
    changed[i] ^= 1;
    CHECK_FALSE(prover.proves_envelope(changed));
  }
  for (const std::size_t at : {line, line + 1, proved.size() - 1}) {
    Buffer changed = proved;
    changed[at] ^= 1;
    CHECK_FALSE(prover.proves_envelope(changed));
  }
  // What a relay notes behind it is not covered, and does no harm.
  std::string relayed(as_text(proved));
  relayed.insert(line, " relay=r1");
  CHECK(prover.proves_envelope(as_bytes(relayed)));
  CHECK(Opener::verify(as_bytes(relayed)));
}

}  // namespace pinaflux::tests
