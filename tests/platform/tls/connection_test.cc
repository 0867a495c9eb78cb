#include "platform/tls/connection.h"

#include <string>

#include <doctest/doctest.h>

#include "tests/platform/tls/talk.h"

using namespace pinaflux;
using namespace pinaflux::tls;
using namespace pinaflux::tls_kit;

namespace {

// The failure of a client of these options against that server.
Failure failure_of(World& world, const Options& options, const ServerOptions& with,
                   const std::string& host = kHost, std::int64_t at = kMay2026) {
  Server server(with);
  Server::Session session(server);
  Connection client(world.credentials(options), host, at);
  talk(client, session);
  if (session.failed != 0) client.receive_end();
  std::ignore = client.step();
  return client.failure();
}

}  // namespace

TEST_CASE("a client and a server exchange bytes over every version and kind of key") {
  World world;
  for (const int version : {12, 13}) {
    for (const Key key : {Key::p256, Key::p384, Key::rsa2048}) {
      CAPTURE(version);
      CAPTURE(static_cast<int>(key));
      Server server({.own = world.server({.common_name = "b", .names = {kHost}, .key = key}),
                     .version = version});
      Server::Session session(server);
      Connection client(world.credentials(world.trusting()), kHost, kMay2026);

      talk(client, session);
      REQUIRE_MESSAGE(client.step() == Connection::Step::ready, client.failure().text);
      CHECK(client.write(as_bytes("ping")));
      session.write(as_bytes("pong"));
      talk(client, session);

      CHECK(as_text(session.plain) == "ping");
      CHECK(read_all(client) == "pong");
      CHECK(client.facts().version == (version == 12 ? "TLSv1.2" : "TLSv1.3"));
    }
  }
}

TEST_CASE("five megabytes pass both ways, in pieces of any size") {
  World world;
  for (const int version : {12, 13}) {
    Server server({.own = world.server(), .version = version});
    Server::Session session(server);
    Connection client(world.credentials(world.trusting()), kHost, kMay2026);
    talk(client, session, 7);
    std::string large(5'000'000, 'x');
    for (std::size_t i = 0; i < large.size(); i += 977) large[i] = static_cast<char>(i);

    CHECK(client.write(as_bytes(large)));
    session.write(as_bytes(large));
    talk(client, session, 100'003);

    CHECK(as_text(session.plain) == large);
    CHECK(read_all(client) == large);
  }
}

TEST_CASE("a chain through two intermediate authorities is followed") {
  World world;
  const Authority first(world.ca, {.common_name = "First", .authority = true});
  const Authority second(first, {.common_name = "Second", .authority = true});
  Issued own = second.issue({.common_name = "b", .names = {kHost}});
  own.certificate += second.certificate() + first.certificate();

  CHECK_FALSE(failure_of(world, world.trusting(), {.own = own}).any());
  own.certificate.resize(own.certificate.size() - first.certificate().size());
  CHECK(failure_of(world, world.trusting(), {.own = own}).cause == Cause::unknown_issuer);
}

TEST_CASE("an issuer that nobody vouches for is named") {
  World world;
  const Authority other("Other CA");

  const Failure failure =
      failure_of(world, world.trusting(), {.own = other.issue({"broker", {kHost}, {}})});

  CHECK(failure.cause == Cause::unknown_issuer);
  CHECK(
      failure.text.starts_with("the certificate 'CN=broker' of 'broker.example' was issued by "
                               "'CN=Other CA', which is not among '/"));
  CHECK(
      failure.text.ends_with("/ca.pem': put the issuer's CA certificate there (`ca`), or check "
                             "who answers"));
}

TEST_CASE("a certificate for another name is refused, and its names are told") {
  World world;

  const Failure failure =
      failure_of(world, world.trusting(),
                 {.own = world.server({.common_name = "x", .names = {"a.example", "b.example"}})});

  CHECK(failure.cause == Cause::wrong_name);
  CHECK(failure.text ==
        "the server's certificate is for 'a.example', 'b.example', not for 'broker.example': use a "
        "name that it has, or check who answers");
}

TEST_CASE("an IP address must stand in the certificate, and is no server name") {
  World world;
  const Issued v4 = world.server({.common_name = "b", .addresses = {"127.0.0.1"}});
  const Issued v6 = world.server({.common_name = "b", .addresses = {"::1"}});

  CHECK_FALSE(failure_of(world, world.trusting(), {.own = v4}, "127.0.0.1").any());
  CHECK_FALSE(failure_of(world, world.trusting(), {.own = v6}, "::1").any());
  const Failure failure = failure_of(world, world.trusting(), {.own = v4}, "127.0.0.2");
  CHECK(failure.cause == Cause::wrong_name);
  CHECK(failure.text ==
        "the server's certificate is for '127.0.0.1', not for '127.0.0.2': use a name that it has, "
        "or check who answers");
  CHECK(failure_of(world, world.trusting(), {.own = v4}, "::1").cause == Cause::wrong_name);
}

TEST_CASE("certificates are judged by the time that is given, not by the system's clock") {
  World world;
  const Issued old = world.server(
      {.common_name = "b", .names = {kHost}, .from = "20200101000000", .to = "20210101000000"});
  const Issued coming = world.server(
      {.common_name = "b", .names = {kHost}, .from = "20300101000000", .to = "20310101000000"});

  const Failure expired = failure_of(world, world.trusting(), {.own = old});
  CHECK(expired.cause == Cause::expired);
  CHECK(
      expired.text ==
      "the certificate 'CN=b' of 'broker.example' expired on 2021-01-01 00:00:00 UTC, by our time "
      "of 2026-05-01 00:00:00 UTC: let it be renewed, or set the clock");
  const Failure early = failure_of(world, world.trusting(), {.own = coming});
  CHECK(early.cause == Cause::not_yet_valid);
  CHECK(early.text ==
        "the certificate 'CN=b' of 'broker.example' is valid from 2030-01-01 00:00:00 UTC on, by "
        "our time of 2026-05-01 00:00:00 UTC: set the clock");
  constexpr std::int64_t kJune2020 = 1'590'969'600, kJune2030 = 1'906'502'400;
  CHECK_FALSE(failure_of(world, world.trusting(), {.own = old}, kHost, kJune2020).any());
  CHECK_FALSE(failure_of(world, world.trusting(), {.own = coming}, kHost, kJune2030).any());
}

TEST_CASE("a weak key is refused") {
  World world;
  const Failure failure = failure_of(
      world, world.trusting(),
      {.own = world.server({.common_name = "b", .names = {kHost}, .key = Key::rsa1024})});
  CHECK(failure.cause == Cause::weak_certificate);
}

TEST_CASE("a server that wants a certificate gets ours, or says why not") {
  World world;
  const Issued ours = world.ca.issue({.common_name = "gateway"});
  const Issued foreign = Authority("Other CA").issue({.common_name = "gateway"});
  Options with = world.trusting();
  with.certificate_file = world.file("gateway.pem", ours.certificate);
  with.key_file = world.file("gateway.key", ours.key);
  const ServerOptions any{.own = world.server(), .clients = world.ca.certificate()};
  CHECK_FALSE(failure_of(world, with, any).any());

  // Of TLS 1.3's refusals, which come after our side is done, see tests/platform/linux_mqtt: this server
  // encrypts them with keys that are over.
  ServerOptions strict = any;
  strict.version = 12;
  CHECK(failure_of(world, world.trusting(), strict).text ==
        "'broker.example' hung up in the middle of the TLS handshake: check the port, whether it "
        "speaks TLS, whether it wants a client certificate, and its log");
  with.certificate_file = world.file("foreign.pem", foreign.certificate);
  with.key_file = world.file("foreign.key", foreign.key);
  CHECK(failure_of(world, with, strict).text ==
        "the server refuses us with the TLS alert unknown_ca: the server does not know who signed "
        "our certificate: give it that CA's certificate");
}

TEST_CASE("a pre-shared key is enough where both have the same") {
  World world;
  const Buffer key(32, 7), other(32, 8);
  for (const int version : {12, 13}) {
    const ServerOptions server{.psk_identity = "gw-1", .psk_key = key, .version = version};
    CHECK_FALSE(failure_of(world, {.psk_identity = "gw-1", .psk_key = key}, server).any());
    CHECK(failure_of(world, {.psk_identity = "gw-1", .psk_key = other}, server).any());
    CHECK(failure_of(world, {.psk_identity = "gw-2", .psk_key = key}, server).any());
  }
}

TEST_CASE("the second connection to a host resumes the session of the first") {
  World world;
  for (const int version : {12, 13}) {
    Server server({.own = world.server(), .version = version});
    const auto credentials = world.credentials(world.trusting());
    for (const bool resumed : {false, true, true}) {
      Server::Session session(server);
      Connection client(credentials, kHost, kMay2026);
      talk(client, session);
      session.write(as_bytes("hello"));
      talk(client, session);
      CHECK(read_all(client) == "hello");
      CHECK(client.facts().resumed == resumed);
    }
    Server::Session session(server);
    Connection elsewhere(credentials, "other.example", kMay2026);
    talk(elsewhere, session);
    CHECK(elsewhere.failure().cause == Cause::wrong_name);
  }
}

// mbedTLS cannot always turn from the version of an offered session to another.
TEST_CASE("a server that changes its version costs one attempt, no more") {
  World world;
  const auto credentials = world.credentials(world.trusting());
  const Issued own = world.server();
  Server renewed({.own = own, .version = 13}), old({.own = own, .version = 12});
  std::vector<std::string> heard;
  for (Server* server : {&renewed, &old, &old, &old, &renewed, &renewed}) {
    Server::Session session(*server);
    Connection client(credentials, kHost, kMay2026);
    talk(client, session);
    if (session.ready) session.write(as_bytes("hello"));
    talk(client, session);
    heard.push_back(read_all(client));
  }
  for (const std::size_t i : {0, 2, 3, 5}) CHECK(heard[i] == "hello");
}

TEST_CASE("the protocol of ALPN is agreed, or refused") {
  World world;
  Options with = world.trusting();
  with.alpn = {"x-amzn-mqtt-ca"};
  Server server({.own = world.server(), .alpn = "x-amzn-mqtt-ca"});
  Server::Session session(server);
  Connection client(world.credentials(with), kHost, kMay2026);
  talk(client, session);
  CHECK(client.facts().alpn == "x-amzn-mqtt-ca");

  const Failure failure = failure_of(world, with, {.own = world.server(), .alpn = "mqtt"});
  CHECK(
      failure.text ==
      "the server refuses us with the TLS alert no_application_protocol: the server does not speak "
      "the protocol of `alpn`");
}

TEST_CASE("a minimum version and suites of one's own are kept to") {
  World world;
  Options strict = world.trusting();
  strict.version_min = Version::tls13;
  CHECK(failure_of(world, strict, {.own = world.server(), .version = 12}).any());
  Options one = world.trusting();
  one.ciphers = {"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"};
  Server server({.own = world.server()});
  Server::Session session(server);
  Connection client(world.credentials(one), kHost, kMay2026);
  talk(client, session);
  CHECK(client.facts().cipher == "TLS-ECDHE-ECDSA-WITH-AES-256-GCM-SHA384");
}

TEST_CASE("what answers without TLS is named") {
  World world;
  const auto answer = [&](std::string_view bytes) {
    Connection client(world.credentials(world.trusting()), kHost, kMay2026);
    std::ignore = client.step();
    client.receive(as_bytes(bytes));
    CHECK(client.step() == Connection::Step::failed);
    return client.failure();
  };
  CHECK(answer("HTTP/1.1 302 Found\r\n").cause == Cause::plain_http);
  CHECK(answer(std::string_view("\x20\x02\x00\x05\x00", 5)).text ==
        "'broker.example' answers in plain MQTT, not TLS: use its TLS port (8883 as a rule), or "
        "tcp:// where the network is yours");
  CHECK(answer("220 mail.example ESMTP\r\n").cause == Cause::no_tls);
}

TEST_CASE("the ends of a connection are told apart") {
  World world;
  Server server({.own = world.server()});
  const auto credentials = world.credentials(world.trusting());
  Connection early(credentials, kHost, kMay2026);
  std::ignore = early.step();
  early.receive_end();
  CHECK(early.step() == Connection::Step::failed);
  CHECK(early.failure().cause == Cause::hung_up);

  Server::Session silent(server);
  Connection unheard(credentials, kHost, kMay2026);
  talk(unheard, silent);
  unheard.receive_end();
  CHECK(read_all(unheard).empty());
  CHECK(unheard.failure().text ==
        "'broker.example' hung up after the TLS handshake without a word: it may want a client "
        "certificate (`certificate`, `key`), not accept ours, or refuse user or client id; see its "
        "log");

  for (const bool orderly : {true, false}) {
    Server::Session session(server);
    Connection client(credentials, kHost, kMay2026);
    talk(client, session);
    session.write(as_bytes("last words"));
    if (orderly) session.close();
    talk(client, session);
    client.receive_end();
    CHECK(read_all(client) == "last words");
    CHECK(client.failure().cause == (orderly ? Cause::ended : Cause::cut));
  }
}

TEST_CASE("one changed bit on the way ends the connection") {
  World world;
  Server server({.own = world.server()});
  Server::Session session(server);
  Connection client(world.credentials(world.trusting()), kHost, kMay2026);
  talk(client, session);
  session.write(as_bytes("open the valve"));
  session.outgoing.back() ^= 1;
  client.receive(session.outgoing);

  CHECK(read_all(client).empty());
  CHECK(client.failure().text.starts_with("what came from 'broker.example' was changed"));
}

TEST_CASE("nothing is written or read before the server has proved who it is") {
  World world;
  Connection client(world.credentials(world.trusting()), kHost, kMay2026);
  std::ignore = client.step();
  const std::size_t hello = client.outgoing().size();

  CHECK_FALSE(client.write(as_bytes("secret")));
  CHECK(client.outgoing().size() == hello);
  CHECK(read_all(client).empty());
}
