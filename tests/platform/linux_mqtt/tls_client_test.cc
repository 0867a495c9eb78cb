// Paho's TLS archive over mbedTLS, against a real mosquitto, whose TLS is OpenSSL.

#include <algorithm>
#include <ctime>
#include <vector>

#include <doctest/doctest.h>

#include "tests/platform/linux_mqtt/client_fixture.h"
#include "tests/platform/linux_mqtt/pki.h"

namespace pinaflux::tests {
namespace {

constexpr std::int64_t kDay = 24 * 3600;

struct TlsFixture : ClientFixture {
  TlsFixture() { pki.issue("broker", "DNS:localhost,IP:127.0.0.1"); }

  MqttConnect trusting(const Mosquitto& broker, int version = 5) {
    MqttConnect made = options(broker, version);
    made.broker = broker.address("tls", "localhost");
    made.tls.ca_file = pki.ca();
    return made;
  }
  // What connect() comes to: "connected", or the text of lost().
  std::string outcome(const MqttConnect& to) {
    MqttRecorder events;
    const auto client = maker(events);
    connect(*client, events, to);
    if (events.sessions.empty()) return events.losses[0].second;
    session = events.sessions[0].tls;
    REQUIRE(client->subscribe("a").has_value());
    REQUIRE(client->publish({"a", as_bytes("there and back"), false, {}, {}}).has_value());
    // TLS 1.3: that a server refuses our certificate comes after our handshake.
    REQUIRE(loop_until([&] { return !events.messages.empty() || !events.losses.empty(); }));
    return events.messages.empty() ? events.losses[0].second : "connected";
  }
  bool says(const MqttConnect& to, const std::vector<std::string>& words) {
    const std::string text = outcome(to);
    MESSAGE(text);
    return std::ranges::all_of(words, [&](const std::string& word) { return text.contains(word); });
  }

  Pki pki;
  std::string session;
};

// Mosquitto 2.0 knows a lowest version only; the client's suites decide.
void choose(MqttConnect& to, bool tls13) {
  if (tls13) {
    to.tls.version_min = pinaflux::tls::Version::tls13;
  } else {
    to.tls.ciphers = {"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
                      "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"};
  }
}

TEST_CASE_FIXTURE(TlsFixture,
                  "TLS 1.2 and 1.3 with RSA, P-256 and P-384, in both versions of MQTT") {
  if (tools_are_missing()) return;
  for (const char* kind : {Pki::kRsa, Pki::kP256, Pki::kP384}) {
    pki.issue("one", "DNS:localhost", kind);
    Mosquitto broker(pki.listener("one"));
    for (const bool tls13 : {false, true}) {
      CAPTURE(kind);
      CAPTURE(tls13);
      for (const int mqtt : {4, 5}) {
        MqttConnect to = trusting(broker, mqtt);
        choose(to, tls13);
        CHECK(outcome(to) == "connected");
      }
      CHECK(session.starts_with(tls13 ? "TLSv1.3" : "TLSv1.2"));
    }
  }
}

TEST_CASE_FIXTURE(TlsFixture, "a chain over two intermediate authorities leads to the anchor") {
  if (tools_are_missing()) return;
  pki.issue("first", "DNS:first", Pki::kP256, "ca", true);
  pki.issue("second", "DNS:second", Pki::kP256, "first", true);
  pki.issue("leaf", "DNS:localhost", Pki::kP256, "second");
  pki.append("leaf", {"second", "first"});
  Mosquitto broker(pki.listener("leaf"));

  CHECK(outcome(trusting(broker)) == "connected");
}

TEST_CASE_FIXTURE(TlsFixture, "an IP address is proved by the certificate's address") {
  if (tools_are_missing()) return;
  Mosquitto broker(pki.listener("broker"));
  MqttConnect to = trusting(broker);
  to.broker = broker.address("tls", "127.0.0.1");

  CHECK(outcome(to) == "connected");
}

TEST_CASE_FIXTURE(TlsFixture, "an IPv6 address is proved by the certificate's address") {
  if (tools_are_missing() || !has_ipv6()) return;
  pki.issue("six", "IP:::1");
  Mosquitto broker(pki.listener("six"), "::1");
  MqttConnect to = trusting(broker);
  to.broker = broker.address("tls", "[::1]");

  CHECK(outcome(to) == "connected");
}

TEST_CASE_FIXTURE(TlsFixture, "mutual TLS with a plain and with an encrypted key") {
  if (tools_are_missing()) return;
  pki.issue("gateway", "DNS:gw");
  pki.encrypt_key("gateway", "secret");
  Mosquitto broker(pki.listener("broker") + "require_certificate true\n");
  for (const bool tls13 : {false, true}) {
    MqttConnect to = trusting(broker);
    choose(to, tls13);
    to.tls.certificate_file = pki.certificate("gateway");
    to.tls.key_file = pki.key("gateway");
    CHECK(outcome(to) == "connected");

    to.tls.key_file = pki.key("gateway-encrypted");
    to.tls.key_password = "secret";
    CHECK(outcome(to) == "connected");

    to.tls.key_password = "wrong";
    CHECK(says(to, {"gateway-encrypted.key"}));
  }
}

TEST_CASE_FIXTURE(TlsFixture,
                  "a server that wants our certificate and does not get it is told so") {
  if (tools_are_missing()) return;
  Pki strangers("Strangers");
  strangers.issue("gateway", "DNS:gw");
  Mosquitto broker(pki.listener("broker") + "require_certificate true\n");
  for (const bool tls13 : {false, true}) {
    CAPTURE(tls13);
    MqttConnect to = trusting(broker);
    choose(to, tls13);
    CHECK(says(to, {"client certificate"}));

    to.tls.certificate_file = strangers.certificate("gateway");
    to.tls.key_file = strangers.key("gateway");
    CHECK(says(to, {"alert unknown_ca"}));
  }
}

TEST_CASE_FIXTURE(TlsFixture, "a pre-shared key connects, and a wrong one is refused") {
  if (tools_are_missing()) return;
  std::ofstream(pki.path("psk")) << "gw:000102030405060708090a0b0c0d0e0f\n";
  Mosquitto broker("allow_anonymous true\nuser root\npsk_hint hint\npsk_file " + pki.path("psk") +
                   "\n");
  for (const bool tls13 : {false, true}) {
    CAPTURE(tls13);
    MqttConnect to = options(broker);
    to.broker = broker.address("tls", "localhost");
    to.tls.psk_identity = "gw";
    for (std::uint8_t i = 0; i < 16; ++i) to.tls.psk_key.push_back(i);
    if (!tls13) to.tls.ciphers = {"TLS_PSK_WITH_AES_128_GCM_SHA256"};
    CHECK(outcome(to) == "connected");
    if (tls13 && session.starts_with("TLSv1.2")) {
      // Mosquitto 2.0.21 speaks no TLS 1.3 with pre-shared keys: the choice must have been the broker's.
      MqttConnect insisting = to;
      insisting.tls.version_min = pinaflux::tls::Version::tls13;
      CHECK(says(insisting, {"TLS alert protocol_version"}));
    } else {
      CHECK(session.starts_with(tls13 ? "TLSv1.3" : "TLSv1.2"));
    }

    to.tls.psk_key[0] = 1;
    CHECK(says(to, {"TLS alert"}));
  }
}

TEST_CASE_FIXTURE(TlsFixture,
                  "an unknown issuer, a wrong name and wrong dates are lost() in words") {
  if (tools_are_missing()) return;
  Mosquitto broker(pki.listener("broker"));
  Pki strangers("Strangers");

  MqttConnect to = trusting(broker);
  to.tls.ca_file = strangers.ca();
  CHECK(says(to, {"tls://localhost", "Test CA", strangers.ca()}));
  pki.issue("other", "DNS:elsewhere.example");
  Mosquitto other(pki.listener("other"));
  CHECK(says(trusting(other), {"'elsewhere.example'", "not for 'localhost'"}));
  to = trusting(broker);
  to.judged_at = std::time(nullptr) + 400 * kDay;
  CHECK(says(to, {"expired on"}));
  to.judged_at = std::time(nullptr) - 400 * kDay;
  CHECK(says(to, {"is valid from"}));
}

TEST_CASE_FIXTURE(
    TlsFixture, "a plain port, a file that is missing and an address of old are lost() in words") {
  if (tools_are_missing()) return;
  Mosquitto plain;
  CHECK(says(trusting(plain), {"tls://localhost"}));
  Mosquitto broker(pki.listener("broker"));
  MqttConnect to = trusting(broker);
  to.tls.ca_file = "/nowhere/ca.pem";
  CHECK(says(to, {"/nowhere/ca.pem"}));
  to.broker = broker.address("ssl", "localhost");
  CHECK(says(to, {"tls://HOST:PORT"}));
  to.broker = broker.address("mqtts", "localhost");
  CHECK(says(to, {"tls://HOST:PORT"}));
}

TEST_CASE_FIXTURE(TlsFixture, "Paho over TLS keeps the contract of publishing and receiving") {
  if (tools_are_missing()) return;
  Mosquitto broker(pki.listener("broker"));
  address = broker.address("tls", "localhost");
  tls.ca_file = pki.ca();
  check_publish_and_receive(*this, 5);
  check_publish_and_receive(*this, 4);
  check_inflight_max(*this);
}

TEST_CASE_FIXTURE(
    TlsFixture,
    "a session is resumed by the next connection, and a file that changed is read again") {
  if (tools_are_missing()) return;
  Mosquitto broker(pki.listener("broker"));
  MqttRecorder events;
  const auto client = maker(events);
  for (const bool resumed : {false, true}) {
    connect(*client, events, trusting(broker));
    REQUIRE(events.sessions.size() == 1);
    CHECK(events.sessions[0].tls.contains("resumed") == resumed);
    client->disconnect();
    REQUIRE(loop_until([&] { return !events.losses.empty(); }));
  }

  Pki strangers("Strangers");
  std::filesystem::copy_file(strangers.ca(), pki.path("trusted"));
  MqttConnect to = trusting(broker);
  to.tls.ca_file = pki.path("trusted");
  connect(*client, events, to);
  CHECK(events.sessions.empty());
  std::filesystem::copy_file(pki.ca(), pki.path("new"));
  std::filesystem::rename(pki.path("new"), pki.path("trusted"));
  connect(*client, events, to);
  CHECK(events.sessions.size() == 1);
}

TEST_CASE_FIXTURE(ClientFixture, "WebSocket with and without TLS, one connection at a time") {
  if (tools_are_missing()) return;
  Pki pki;
  pki.issue("broker", "DNS:localhost");
  // Mosquitto 2.0 ends when none of its listeners is a plain one.
  const std::string plain = "protocol websockets\nlistener 0 " + pki.path("socket");
  Mosquitto open("allow_anonymous true\nuser root\n" + plain + "1\n");
  Mosquitto secure(pki.listener("broker") + plain + "2\n");
  tls.ca_file = pki.ca();

  address = open.address("ws", "localhost");
  check_publish_and_receive(*this, 5);
  address = secure.address("wss", "localhost") + "/mqtt";
  check_publish_and_receive(*this, 5);

  MqttRecorder events, second_events;
  const auto client = maker(events), second = maker(second_events);
  MqttConnect to = options(open);
  to.broker = open.address("ws", "localhost");
  client->connect(to);
  second->connect(to);
  REQUIRE(loop_until([&] { return !second_events.losses.empty(); }));
  CHECK(second_events.losses[0].second.contains("one connection at a time"));
}

}  // namespace
}  // namespace pinaflux::tests
