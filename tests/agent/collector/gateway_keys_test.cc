#include "agent/collector/gateway_keys.h"

#include <algorithm>
#include <sys/stat.h>

#include <doctest/doctest.h>

#include "agent/seal/dictionary_message.h"
#include "platform/linux/files.h"
#include "tests/kit/directory.h"
#include "tests/kit/es256_keys.h"
#include "tests/kit/sealed_rows.h"

namespace pinaflux {
namespace {

struct KeysFixture {
  kit::TemporaryDirectory directory;
  LinuxFiles files;
  std::string which;

  void write(const std::string& gateway, const std::string& name, const std::string& key) {
    ::mkdir((directory / gateway).c_str(), 0700);
    REQUIRE(files.replace(directory / (gateway + "/" + name), key));
    REQUIRE(::chmod((directory / (gateway + "/" + name)).c_str(), 0600) == 0);
  }
  GatewayKeys load(bool others = false) {
    auto loaded = GatewayKeys::load(files, directory.path(), others, which);
    REQUIRE(loaded);
    return std::move(*loaded);
  }
  std::string why_not(const std::string& key) {
    write("gw", "gate", key);
    const auto loaded = GatewayKeys::load(files, directory.path(), false, which);
    REQUIRE_FALSE(loaded.has_value());
    CHECK(which == directory / "gw/gate");
    return loaded.error().what;
  }
  std::string why_not_sign(const std::string& name, std::string_view key) {
    write("own", name, std::string(key));
    const Status status = GatewayKeys::none().sign_by(files, directory / ("own/" + name), blind);
    REQUIRE_FALSE(status.has_value());
    return status.error().what;
  }
  void sign_by(GatewayKeys& keys, const std::string& name) {
    kit::TemporaryDirectory own;
    REQUIRE(files.replace(own / name, kit::kJwsPkcs8));
    REQUIRE(::chmod((own / name).c_str(), 0600) == 0);
    REQUIRE(keys.sign_by(files, own / name, blind));
  }
  static void blind(MutableBytes bytes) { std::ranges::fill(bytes, std::uint8_t{7}); }
  static Prover signer(const std::string& id, std::string_view pem) {
    auto key = crypto::SigningKey::of_pem(as_bytes(pem), blind);
    REQUIRE(key);
    return {id, std::move(*key)};
  }
  static std::string signed_line(const std::string& id, std::string_view pem) {
    std::string text = "pfxhello1 g=gw";
    signer(id, pem).sign(Prover::Way::to_collector, text);
    return text;
  }
  static std::string word(GatewayKeys& keys, const Topic& topic, Bytes payload) {
    const char* why = keys.refusal_of(topic, payload);
    return why ? why : "";
  }
  static std::string proved_ack(const GatewayKeys& keys, const std::string& gateway) {
    std::string ack = "pfxack1 g=" + gateway;
    keys.prove(gateway, "normal", ack);
    return ack;
  }
  static bool is_own(const std::string& ack) {
    auto key = crypto::VerifyingKey::of_pem(as_bytes(kit::kJwsPublic));
    REQUIRE(key);
    return Verifier(std::move(*key)).proves(Prover::Way::to_gateway, ack);
  }
  static std::string line(const std::string& id, const std::string& key) {
    std::string text = "pfxhello1 g=gw";
    Prover(id, as_bytes(key)).sign(Prover::Way::to_collector, text);
    return text;
  }
};

const std::string kOld(32, 'o'), kNew(32, 'n');
constexpr Topic kHello{Topic::Kind::hello, "gw", ""};

TEST_CASE_FIXTURE(
    KeysFixture,
    "what is proved by one of its gateway's keys is believed, and the ack proved by the same") {
  write("gw", "a-old", kOld);
  write("gw", "b-new", kNew);
  GatewayKeys keys = load();
  CHECK(keys.gateways() == 1);
  for (const auto& [id, key] : {std::pair{"a-old", kOld}, {"b-new", kNew}, {"a-old", kOld}}) {
    CHECK(keys.refusal_of(kHello, as_bytes(line(id, key))) == nullptr);
    std::string ack = "pfxack1 g=gw";
    keys.prove("gw", "normal", ack);
    CHECK(Verifier(id, as_bytes(key)).proves(Prover::Way::to_gateway, ack));
  }
  kit::SealedRows rows;
  rows.walk(3);
  const Buffer proved = Prover("b-new", as_bytes(kNew)).signed_envelope(rows.envelope());
  CHECK(keys.refusal_of({Topic::Kind::data, "gw", "normal"}, proved) == nullptr);
}

TEST_CASE_FIXTURE(KeysFixture, "a dictionary is believed as an envelope is, by its proof") {
  write("gw", "link", kOld);
  GatewayKeys keys = load();
  const Topic topic{Topic::Kind::data, "gw", "normal"};
  const auto dictionary = Dictionary::of(Buffer(100, 'x'));
  REQUIRE(dictionary.has_value());
  const Buffer plain = format_dictionary("gw", "normal", Epoch{}, *dictionary);
  Buffer proved = Prover("link", as_bytes(kOld)).signed_envelope(plain);
  CHECK(word(keys, topic, proved).empty());
  const auto message = parse_dictionary(proved);
  REQUIRE(message.has_value());
  CHECK(message->dictionary.id() == dictionary->id());
  CHECK(word(keys, topic, plain) == "no_mac");
  proved.back() ^= 1;
  CHECK(word(keys, topic, proved) == "wrong_mac");
}

// A gateway with two uplinks to one collector, each with a key of its own.
TEST_CASE_FIXTURE(KeysFixture, "acks of a lane are proved by the key that proved the lane") {
  write("gw", "a-old", kOld);
  write("gw", "b-new", kNew);
  GatewayKeys keys = load();
  kit::SealedRows rows;
  rows.walk(3);
  const auto sealed = [&](const char* id, const std::string& key) {
    return Prover(id, as_bytes(key)).signed_envelope(rows.envelope());
  };
  REQUIRE(keys.refusal_of({Topic::Kind::data, "gw", "alarm"}, sealed("a-old", kOld)) == nullptr);
  REQUIRE(keys.refusal_of({Topic::Kind::data, "gw", "normal"}, sealed("b-new", kNew)) == nullptr);
  const auto proved_by = [&](const char* lane, const char* id, const std::string& key) {
    std::string ack = "pfxack1 g=gw";
    keys.prove("gw", lane, ack);
    return Verifier(id, as_bytes(key)).proves(Prover::Way::to_gateway, ack);
  };
  CHECK(proved_by("alarm", "a-old", kOld));
  CHECK(proved_by("normal", "b-new", kNew));
  CHECK(proved_by("another", "b-new", kNew));
  GatewayKeys reloaded = load();
  reloaded.go_on_from(keys);
  std::swap(keys, reloaded);
  CHECK(proved_by("alarm", "a-old", kOld));
}

TEST_CASE_FIXTURE(KeysFixture, "what is not proved is refused with a word for why") {
  write("gw", "link", kOld);
  GatewayKeys keys = load();
  const auto refused = [&](const Topic& topic, const std::string& text) {
    const char* why = keys.refusal_of(topic, as_bytes(text));
    return std::string(why ? why : "");
  };
  CHECK(refused(kHello, "pfxhello1 g=gw") == "no_mac");
  CHECK(refused(kHello, line("link", kNew)) == "wrong_mac");
  CHECK(refused(kHello, line("other", kOld)) == "unknown_key");
  CHECK(refused({Topic::Kind::hello, "stranger", ""}, line("link", kOld)) == "no_key_of_gateway");
  CHECK(refused({Topic::Kind::status, "gw", ""}, line("link", kOld) + " x=1") == "wrong_mac");
  CHECK(refused({Topic::Kind::data, "gw", "normal"}, "") == "no_mac");
  std::string ack = "pfxack1 g=stranger";
  keys.prove("stranger", "normal", ack);
  CHECK(ack == "pfxack1 g=stranger");

  GatewayKeys some = load(true);
  CHECK(some.refusal_of({Topic::Kind::hello, "stranger", ""}, as_bytes(std::string("pfxhello1"))) ==
        nullptr);
  CHECK(some.refusal_of(kHello, as_bytes(std::string("pfxhello1 g=gw"))) != nullptr);
}

TEST_CASE_FIXTURE(KeysFixture, "a file that is no key is named") {
  write("gw", "short", "short");
  CHECK_FALSE(GatewayKeys::load(files, directory.path(), false, which));
  CHECK(which == directory / "gw/short");
  CHECK_FALSE(GatewayKeys::load(files, directory / "none", false, which));
  CHECK(which == directory / "none");
}

TEST_CASE_FIXTURE(KeysFixture, "a gateway with a public key is believed by its signature") {
  write("gw", "gate", std::string(kit::kSamplePublic));
  GatewayKeys keys = load();
  CHECK(word(keys, kHello, as_bytes(signed_line("gate", kit::kSampleSec1))).empty());
  kit::SealedRows rows;
  rows.walk(3);
  const Topic data{Topic::Kind::data, "gw", "normal"};
  Buffer envelope = signer("gate", kit::kSampleSec1).signed_envelope(rows.envelope());
  CHECK(word(keys, data, envelope).empty());
  envelope.back() ^= 1;
  CHECK(word(keys, data, envelope) == "wrong_signature");

  CHECK(word(keys, kHello, as_bytes("pfxhello1 g=gw")) == "no_signature");
  CHECK(word(keys, kHello, as_bytes("pfxhello1 g=gw sig=")) == "no_signature");
  CHECK(word(keys, kHello, as_bytes("pfxhello1 g=gw sig=gate:")) == "wrong_signature");
  CHECK(word(keys, kHello, as_bytes(signed_line("gate", kit::kJwsPkcs8))) == "wrong_signature");
  CHECK(word(keys, kHello, as_bytes(signed_line("other", kit::kSampleSec1))) == "unknown_key");
  CHECK(word(keys, kHello, as_bytes(signed_line("gate", kit::kSampleSec1) + " x=1")) ==
        "wrong_signature");
}

TEST_CASE_FIXTURE(KeysFixture, "a MAC by a public key's bytes is not its gateway's") {
  const std::string pem(kit::kSamplePublic);
  write("gw", "gate", pem);
  for (const bool others : {false, true}) {
    GatewayKeys keys = load(others);
    for (const std::string& bytes : {pem, pem.substr(0, pem.size() - 1), pem.substr(27, 129)})
      CHECK(word(keys, kHello, as_bytes(line("gate", bytes))) == "no_signature");
    kit::SealedRows rows;
    rows.walk(3);
    CHECK(word(keys, {Topic::Kind::data, "gw", "normal"},
               Prover("gate", as_bytes(pem)).signed_envelope(rows.envelope())) == "no_signature");
  }
}

TEST_CASE_FIXTURE(KeysFixture, "a signature is no MAC, whatever key it names") {
  write("gw", "gate", std::string(kit::kSamplePublic));
  write("gw", "link", kOld);
  GatewayKeys keys = load();
  CHECK(word(keys, kHello, as_bytes(line("link", kOld))).empty());
  CHECK(word(keys, kHello, as_bytes("pfxhello1 g=gw")) == "no_mac");
  CHECK(word(keys, kHello, as_bytes(signed_line("gate", kit::kSampleSec1))).empty());
  CHECK(word(keys, kHello, as_bytes("pfxhello1 g=gw")) == "no_signature");
  CHECK(word(keys, kHello, as_bytes(signed_line("link", kit::kSampleSec1))) == "no_mac");
  CHECK(word(keys, kHello, as_bytes(line("gate", kOld))) == "no_signature");
}

TEST_CASE_FIXTURE(KeysFixture, "acks that no MAC proves are signed by the collector's own key") {
  write("gw", "gate", std::string(kit::kSamplePublic));
  write("old", "link", kOld);
  GatewayKeys keys = load();
  CHECK(proved_ack(keys, "gw") == "pfxack1 g=gw");
  sign_by(keys, "cloud.2026.pem");
  CHECK(is_own(proved_ack(keys, "gw")));
  CHECK(proved_ack(keys, "gw").contains(" sig=cloud.2026:"));
  CHECK(is_own(proved_ack(keys, "stranger")));
  CHECK(Verifier("link", as_bytes(kOld)).proves(Prover::Way::to_gateway, proved_ack(keys, "old")));

  GatewayKeys none = GatewayKeys::none();
  CHECK(word(none, kHello, as_bytes("pfxhello1 g=gw")).empty());
  sign_by(none, "cloud");
  CHECK(is_own(proved_ack(none, "gw")));
}

TEST_CASE_FIXTURE(KeysFixture, "a gateway that changes from MACs to signatures gets its acks so") {
  write("gw", "a-link", kOld);
  write("gw", "b-gate", std::string(kit::kSamplePublic));
  GatewayKeys keys = load();
  sign_by(keys, "cloud");
  CHECK(word(keys, kHello, as_bytes(line("a-link", kOld))).empty());
  CHECK(Verifier("a-link", as_bytes(kOld)).proves(Prover::Way::to_gateway, proved_ack(keys, "gw")));
  CHECK(word(keys, kHello, as_bytes(signed_line("b-gate", kit::kSampleSec1))).empty());
  CHECK(is_own(proved_ack(keys, "gw")));
  GatewayKeys again = load();
  sign_by(again, "cloud");
  again.go_on_from(keys);
  CHECK(is_own(proved_ack(again, "gw")));
}

TEST_CASE_FIXTURE(KeysFixture, "a file that is neither a MAC's key nor a public one says why") {
  CHECK(why_not(std::string(kit::kSamplePkcs8)).contains("a private key"));
  CHECK(why_not(std::string(kit::kEncryptedPkcs8)).contains("a private key"));
  CHECK(why_not(std::string(kit::kCertificate)).contains("a certificate"));
  CHECK(why_not(std::string(kit::kP384Public)).contains("not of the curve P-256"));
  CHECK(why_not(std::string(kit::kSamplePublic.substr(0, 100))).contains("damaged"));
  CHECK(why_not("-----BEGIN anything at all").contains("no public key in PEM"));
  CHECK(why_not(std::string(kit::kSamplePublic.substr(27, 129))).contains("random bytes"));
  CHECK(why_not("").contains("16 to 4,096 bytes"));
  CHECK(why_not(std::string(kit::kSamplePublic) + std::string(100'000, '\n'))
            .contains("16 to 4,096 bytes"));
}

TEST_CASE_FIXTURE(KeysFixture, "an own key that cannot sign, or names no key, says why") {
  CHECK(why_not_sign("public", kit::kSamplePublic).contains("there is no private key"));
  CHECK(why_not_sign("large", kit::kP384Private).contains("P-256"));
  CHECK(why_not_sign("locked", kit::kEncryptedSec1).contains("encrypted"));
  CHECK(why_not_sign("random", kOld).contains("no private key in PEM"));
  CHECK(why_not_sign("two words.pem", kit::kSamplePkcs8).contains("names the key"));
  CHECK(why_not_sign(".pem", kit::kSamplePkcs8).contains("names the key"));
  CHECK_FALSE(GatewayKeys::none().sign_by(files, directory / "none.pem", blind).has_value());
}

}  // namespace
}  // namespace pinaflux
