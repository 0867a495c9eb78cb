#include "platform/tls/credentials.h"

#include <string>

#include <doctest/doctest.h>

#include "tests/platform/tls/talk.h"

using namespace pinaflux;
using namespace pinaflux::tls;
using namespace pinaflux::tls_kit;

namespace {

std::string refusal(World& world, const Options& options) {
  const auto loaded = Credentials::load(world.files, options);
  REQUIRE_FALSE(loaded);
  CHECK(loaded.error().cause == Cause::file);
  return loaded.error().text;
}

}  // namespace

TEST_CASE("a file that is missing, empty or no PEM is named with what to do") {
  World world;
  CHECK(refusal(world, {.ca_file = "/nowhere/ca.pem"}) ==
        "'/nowhere/ca.pem' does not exist: put the PEM file there");
  const std::string der = world.file("ca.der", std::string("0\x82\x01\x00", 4));
  CHECK(refusal(world, {.ca_file = der}) ==
        "'" + der +
            "' is no PEM file, as it has no line '-----BEGIN CERTIFICATE-----': put the "
            "certificate there in PEM");
  const std::string broken =
      world.file("broken.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
  CHECK(refusal(world, {.ca_file = broken}) ==
        "'" + broken + "' holds no certificate that can be read: copy it there again");
  CHECK(refusal(world, {.ca_directory = "/nowhere"}) ==
        "'/nowhere' is no directory that can be read: check its path and mode");
  CHECK(refusal(world, {.ca_file = world.file("huge.pem", std::string(3'000'000, 'x'))})
            .ends_with("is too large for a PEM file: leave only its certificates in it"));
}

TEST_CASE("every PEM file of a directory is trusted") {
  World world;
  std::filesystem::create_directory(world.directory / "ca");
  std::ignore = world.file("ca/one.pem", Authority("One").certificate());
  std::ignore = world.file("ca/ours.pem", world.ca.certificate());
  std::ignore = world.file("ca/README", "not a certificate");
  Server server({.own = world.server()});
  Server::Session session(server);
  Connection client(world.credentials({.ca_directory = world.directory / "ca"}), "broker.example",
                    kMay2026);

  talk(client, session);

  CHECK_MESSAGE(client.step() == Connection::Step::ready, client.failure().text);
}

TEST_CASE("a certificate and a key that do not belong together are refused") {
  World world;
  const Issued one = world.ca.issue({.common_name = "gateway"});
  const Issued other = world.ca.issue({.common_name = "gateway"});
  Options options = world.trusting();
  options.certificate_file = world.file("gateway.pem", one.certificate);
  options.key_file = world.file("gateway.key", other.key);
  CHECK(refusal(world, options) ==
        "'" + options.certificate_file +
            "' and its key do not belong together: give the key of the file's first certificate, "
            "which must be the gateway's own");
  options.key_file = world.file("no.key", "nothing");
  CHECK(refusal(world, options) ==
        "'" + options.key_file +
            "' holds no private key in PEM that can be read: copy it there again");
  options.key_file = world.file("one.key", one.key);
  CHECK(Credentials::load(world.files, options).has_value());
}

TEST_CASE("a cipher suite that is unknown here is named") {
  World world;
  Options options = world.trusting();
  options.ciphers = {"TLS_FAST_AND_LOOSE"};
  CHECK(refusal(world, options) ==
        "the cipher suite 'TLS_FAST_AND_LOOSE' is unknown here: write IANA's name of one, for "
        "example TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
}
