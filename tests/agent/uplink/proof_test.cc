#include "agent/seal/proof.h"

#include <algorithm>

#include <doctest/doctest.h>

#include "tests/agent/uplink/fixture.h"

namespace pinaflux::tests {
namespace {

struct ProofFixture : UplinkFixture {
  ProofFixture() {
    key.assign(32, 'k');
    open();
  }
  void hear(const std::string& line) { client->events.message("pinaflux/gw/ack", as_bytes(line)); }
};

TEST_CASE_FIXTURE(ProofFixture,
                  "whatever is sent is proved: data, hello, status and the last will") {
  const Prover prover("link", key);
  send(1, 1, 2);
  REQUIRE(sent().size() == 2);
  for (const Published& p : published) {
    CAPTURE(p.topic);
    const bool data = p.topic.contains("/data/");
    CHECK((data ? prover.proves_envelope(as_bytes(p.payload))
                : prover.proves(Prover::Way::to_collector, p.payload)));
  }
  CHECK(prover.proves(Prover::Way::to_collector, connects.back().will_payload));
}

TEST_CASE_FIXTURE(ProofFixture, "an ack without a proof deletes nothing, however well it fits") {
  send(1, 1, 3);
  puback();
  std::string forged;
  SUBCASE("none") { forged = format(ack_of("normal", 30)); }
  SUBCASE("by another key") {
    forged = format(ack_of("normal", 30));
    Prover("link", Buffer(32, 'x')).sign(Prover::Way::to_gateway, forged);
  }
  SUBCASE("our own words, turned round") {
    forged = format(ack_of("normal", 30));
    Prover("link", key).sign(Prover::Way::to_collector, forged);
  }
  SUBCASE("a true one, with more behind it") {
    forged = format(ack_of("normal", 10));
    Prover("link", key).sign(Prover::Way::to_gateway, forged);
    forged.insert(forged.find('\n'), " high=30");
  }
  hear(forged);
  CHECK(highs().empty());
  CHECK(claims.empty());
  CHECK(uplink->health().acks_rejected == 1);
  CHECK(uplink->health().text.contains("--keys"));

  ack("normal", 30);
  CHECK(highs() == std::vector<std::uint64_t>{30});
  CHECK(uplink->health().text.empty());
}

}  // namespace
}  // namespace pinaflux::tests
