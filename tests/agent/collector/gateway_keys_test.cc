#include "agent/collector/gateway_keys.h"

#include <sys/stat.h>

#include <doctest/doctest.h>

#include "platform/linux/files.h"
#include "tests/kit/directory.h"
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
    keys.prove("gw", ack);
    CHECK(Prover(id, as_bytes(key)).proves(Prover::Way::to_gateway, ack));
  }
  kit::SealedRows rows;
  rows.walk(3);
  const Buffer proved = Prover("b-new", as_bytes(kNew)).signed_envelope(rows.envelope());
  CHECK(keys.refusal_of({Topic::Kind::data, "gw", "normal"}, proved) == nullptr);
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
  keys.prove("stranger", ack);
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

}  // namespace
}  // namespace pinaflux
