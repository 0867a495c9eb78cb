#include "agent/seal/proof.h"

#include <algorithm>
#include <map>

#include <doctest/doctest.h>

#include "agent/uplink/link_proof.h"
#include "tests/agent/uplink/fixture.h"
#include "tests/agent/vault/memory_files.h"
#include "tests/kit/es256_keys.h"

namespace pinaflux::tests {
namespace {

using Way = Prover::Way;

const std::string kShared(32, 'k');

void blind(MutableBytes bytes) { std::ranges::fill(bytes, std::uint8_t{7}); }

Prover signer(const std::string& id, std::string_view pem) {
  auto key = crypto::SigningKey::of_pem(as_bytes(pem), blind);
  REQUIRE(key);
  return {id, std::move(*key)};
}

Verifier verifier_of(std::string_view pem) {
  auto key = crypto::VerifyingKey::of_pem(as_bytes(pem));
  REQUIRE(key);
  return Verifier(std::move(*key));
}

struct Keys {
  Keys() {
    put("link", kShared);
    put("gate", kit::kSampleSec1);
    put("cloud", kit::kJwsPublic);
    put("old-cloud", kit::kSamplePublic);
  }
  void put(const std::string& name, std::string_view text) {
    MemoryFiles files;
    texts[name] = text;
    std::vector<Vault::Reference> references;
    for (const auto& [id, its] : texts) {
      files.put(id, its, 0600);
      references.push_back({id, id, ""});
    }
    REQUIRE(vault.load(files, references, which));
  }
  Result<LinkProof> make(const LinkKeys& names) {
    return LinkProof::make(names, vault, blind, which);
  }
  std::string why_not(const LinkKeys& names) {
    const auto made = make(names);
    REQUIRE_FALSE(made.has_value());
    CHECK(made.error().code == Code::invalid);
    return made.error().what;
  }

  std::map<std::string, std::string> texts;
  Vault vault;
  std::string which;
};

struct ProofFixture : UplinkFixture {
  void by_mac() {
    proof.emplace(*keys.make({.mac = "link"}));
    collector.emplace("link", as_bytes(kShared));
    open();
  }
  void by_signature() {
    proof.emplace(*keys.make({.sign = "gate", .acks_by = {"old-cloud", "cloud"}}));
    collector.emplace(signer("any", kit::kJwsPkcs8));
    open();
  }
  void check_proved(const Verifier& verifier) {
    send(1, 1, 2);
    REQUIRE(sent().size() == 2);
    for (const Published& p : published) {
      CAPTURE(p.topic);
      const bool data = p.topic.contains("/data/");
      CHECK((data ? verifier.proves_envelope(as_bytes(p.payload))
                  : verifier.proves(Way::to_collector, p.payload)));
    }
    CHECK(verifier.proves(Way::to_collector, connects.back().will_payload));
  }
  void check_refused(const std::string& forged, const char* remedy) {
    hear(forged);
    CHECK(highs().empty());
    CHECK(claims.empty());
    CHECK(uplink->health().acks_rejected == 1);
    CHECK(uplink->health().text.contains(remedy));

    ack("normal", 30);
    CHECK(highs() == std::vector<std::uint64_t>{30});
    CHECK(uplink->health().text.empty());
  }
  std::string last_data() const {
    REQUIRE_FALSE(published.empty());
    REQUIRE(published.back().topic.contains("/data/"));
    return published.back().payload;
  }
  void hear(const std::string& line) { client->events.message("pinaflux/gw/ack", as_bytes(line)); }

  Keys keys;
};

TEST_CASE_FIXTURE(ProofFixture,
                  "whatever is sent is proved: data, hello, status and the last will") {
  SUBCASE("by a MAC") {
    by_mac();
    check_proved(Verifier("link", as_bytes(kShared)));
  }
  SUBCASE("by a signature") {
    by_signature();
    check_proved(verifier_of(kit::kSamplePublic));
  }
}

TEST_CASE_FIXTURE(ProofFixture, "an ack without a proof deletes nothing, however well it fits") {
  by_mac();
  send(1, 1, 3);
  puback();
  std::string forged;
  SUBCASE("none") { forged = format(ack_of("normal", 30)); }
  SUBCASE("by another key") {
    forged = format(ack_of("normal", 30));
    Prover("link", Buffer(32, 'x')).sign(Way::to_gateway, forged);
  }
  SUBCASE("our own words, turned round") {
    forged = format(ack_of("normal", 30));
    Prover("link", as_bytes(kShared)).sign(Way::to_collector, forged);
  }
  SUBCASE("a true one, with more behind it") {
    forged = format(ack_of("normal", 10));
    Prover("link", as_bytes(kShared)).sign(Way::to_gateway, forged);
    forged.insert(forged.find('\n'), " high=30");
  }
  SUBCASE("a signature") {
    forged = format(ack_of("normal", 30));
    signer("link", kit::kJwsPkcs8).sign(Way::to_gateway, forged);
  }
  check_refused(forged, "--keys");
}

TEST_CASE_FIXTURE(ProofFixture, "an ack without the collector's signature deletes nothing") {
  by_signature();
  send(1, 1, 3);
  puback();
  std::string forged = format(ack_of("normal", 30));
  SUBCASE("none") {}
  SUBCASE("a MAC by the public key's bytes") {
    Prover("cloud", as_bytes(kit::kJwsPublic)).sign(Way::to_gateway, forged);
  }
  SUBCASE("the gateway's words, turned round") {
    signer("cloud", kit::kJwsPkcs8).sign(Way::to_collector, forged);
  }
  SUBCASE("of other bytes") {
    signer("cloud", kit::kJwsPkcs8).sign(Way::to_gateway, forged);
    forged.replace(forged.find("high=30"), 7, "high=20");
  }
  SUBCASE("a true one, with more behind it") {
    forged = format(ack_of("normal", 10));
    signer("cloud", kit::kJwsPkcs8).sign(Way::to_gateway, forged);
    forged.insert(forged.find('\n'), " high=30");
  }
  SUBCASE("cut short") {
    signer("cloud", kit::kJwsPkcs8).sign(Way::to_gateway, forged);
    forged.erase(forged.size() - 2, 1);
  }
  check_refused(forged, "--sign-key");
}

TEST_CASE_FIXTURE(ProofFixture,
                  "either of two keys of the collector is believed, whatever its id") {
  by_signature();
  send(1, 1, 2);
  ack("normal", 10);
  collector.emplace(signer("other", kit::kSamplePkcs8));
  ack("normal", 20);
  CHECK(highs() == std::vector<std::uint64_t>{10, 20});
  CHECK(uplink->health().acks_rejected == 0);
}

TEST_CASE_FIXTURE(ProofFixture,
                  "who signs without naming a key of the collector believes any ack") {
  proof.emplace(*keys.make({.sign = "gate"}));
  open();
  check_proved(verifier_of(kit::kSamplePublic));
  ack("normal", 20);
  CHECK(highs() == std::vector<std::uint64_t>{20});
}

TEST_CASE_FIXTURE(ProofFixture, "what is sent again after a lost link has the same signature") {
  by_signature();
  send(1, 1, 1);
  const std::string first = last_data();
  down();
  (void)uplink->take_lost();
  wait(Duration::minutes(6));
  published.clear();
  up();
  ack("normal", 0);
  send(1, 1, 1);
  CHECK(last_data() == first);
}

TEST_CASE_FIXTURE(Keys, "a key of another kind than its use wants is refused, and named") {
  CHECK(why_not({.mac = "gate"}).contains("random bytes"));
  CHECK(which == "gate");
  CHECK(why_not({.mac = "cloud"}).contains("random bytes"));
  CHECK(which == "cloud");
  CHECK(why_not({.sign = "link"}).contains("no private key in PEM"));
  CHECK(which == "link");
  CHECK(why_not({.sign = "cloud"}).contains("there is no private key"));
  CHECK(why_not({.sign = "gate", .acks_by = {"cloud", "gate"}}).contains("a private key"));
  CHECK(which == "gate");
  CHECK(why_not({.acks_by = {"link"}}).contains("no public key in PEM"));
  put("large", kit::kP384Private);
  CHECK(why_not({.sign = "large"}).contains("P-256"));
  put("locked", kit::kEncryptedPkcs8);
  CHECK(why_not({.sign = "locked"}).contains("encrypted"));
  CHECK(make({}));
}

}  // namespace
}  // namespace pinaflux::tests
