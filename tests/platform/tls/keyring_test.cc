#include "platform/tls/keyring.h"

#include <doctest/doctest.h>

#include "tests/platform/tls/talk.h"

using namespace pinaflux;
using namespace pinaflux::tls;
using namespace pinaflux::tls_kit;

TEST_CASE("the same options share credentials until a file of theirs changes") {
  World world;
  Keyring keyring(world.files);
  const Options options = world.trusting();
  const auto first = keyring.get(options);
  REQUIRE(first);
  CHECK(keyring.get(options) == first);

  std::ignore = world.file("ca.pem", world.ca.certificate() + Authority("More").certificate());
  const auto second = keyring.get(options);
  REQUIRE(second);
  CHECK(second != first);
  CHECK(keyring.get(options) == second);
}

TEST_CASE("a file that has gone, or holds half of it, leaves what was loaded in use") {
  World world;
  Keyring keyring(world.files);
  const Options options = world.trusting();
  const auto first = keyring.get(options);
  REQUIRE(first);

  std::ignore = world.file("ca.pem", "-----BEGIN CERTIFICATE-----\nMII");
  CHECK(keyring.get(options) == first);
  std::filesystem::remove(options.ca_file);
  CHECK(keyring.get(options) == first);
  CHECK_FALSE(Keyring(world.files).get(options));
}
