// Paho through an HTTP proxy, to a real broker; and what is said when there is no way through.

#include <stdlib.h>

#include "platform/linux/linux.h"
#include "platform/linux/mqtt_tunnel.h"
#include "tests/platform/linux/connect_proxy.h"
#include "tests/platform/linux_mqtt/client_fixture.h"
#include "tests/platform/linux_mqtt/pki.h"

namespace pinaflux::tests {
namespace {

struct Variable {
  Variable(const char* its, const std::string& value) : name(its) {
    ::setenv(name, value.c_str(), 1);
  }
  ~Variable() { ::unsetenv(name); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;
  const char* name;
};

struct ProxiedFixture : ClientFixture {
  LinuxNetwork network{*loop};
  ConnectProxy by{network};

  MqttConnect proxied(const std::string& broker) {
    MqttConnect made;
    made.broker = broker;
    made.client_id = "gw";
    made.tls = tls;
    made.proxy.address = by.address();
    made.keep_alive =
        Duration::seconds(1);  // By it alone Paho notices the end of a broker over wss.
    return made;
  }
  // Why the connection did not come about.
  std::string why(const MqttConnect& to) {
    MqttRecorder events;
    const auto client = maker(events);
    connect(*client, events, to);
    CHECK(events.sessions.empty());
    REQUIRE(events.losses.size() == 1);
    return events.losses[0].second;
  }
};

TEST_CASE_FIXTURE(ProxiedFixture,
                  "tcp, tls, ws and wss go through a proxy, and come back after a cut") {
  if (mosquitto_is_missing() || Pki::is_missing()) return;
  Pki pki;
  pki.issue("broker", "DNS:localhost");
  tls.ca_file = pki.ca();
  const std::string websockets = "protocol websockets\nlistener 0 " + pki.path("socket");
  std::string scheme, path, lines;
  SUBCASE("tcp") { scheme = "tcp", lines = "allow_anonymous true\n"; }
  SUBCASE("tls") { scheme = "tls", lines = pki.listener("broker"); }
  SUBCASE("ws") {
    scheme = "ws", path = "/mqtt", lines = "allow_anonymous true\nuser root\n" + websockets + "\n";
  }
  SUBCASE("wss") {
    scheme = "wss", path = "/mqtt", lines = pki.listener("broker") + websockets + "\n";
  }
  Mosquitto broker(lines);
  const std::string where = broker.address(scheme, "localhost") + path;
  MqttRecorder events;
  const auto client = maker(events);
  for (int round = 1; round <= 3; ++round) {
    connect(*client, events, proxied(where));
    REQUIRE(events.sessions.size() == 1);
    CHECK(by.heads.size() == static_cast<std::size_t>(round));
    const auto token = client->publish({"a/b", as_bytes("hello"), false, {}, {}});
    REQUIRE(token.has_value());
    REQUIRE(loop_until([&] { return events.pubacks.size() == static_cast<std::size_t>(round); }));
    if (round == 2) client->disconnect();
    if (round != 2) broker.stop();
    REQUIRE(loop_until([&] { return !events.losses.empty(); }));
    if (round == 1) {
      CHECK(events.losses[0].second == "the connection to " + where + " through the proxy " +
                                           by.address() +
                                           " broke: check the link, and the broker's log");
      broker.start();
    }
  }
  CHECK(why(proxied(where)) == "cannot reach the broker at " + where + ": the proxy " +
                                   by.address() +
                                   " does not reach localhost:" + std::to_string(broker.port()) +
                                   " (502 Bad Gateway): check that address, and the proxy's log");
}

TEST_CASE_FIXTURE(ProxiedFixture,
                  "two clients at one broker go through, each on its own connection") {
  if (mosquitto_is_missing()) return;
  Mosquitto broker;
  MqttRecorder one, two;
  const auto first = maker(one), second = maker(two);
  MqttConnect to = proxied(broker.address());
  first->connect(to);
  to.client_id = "gw2";
  second->connect(to);
  REQUIRE(loop_until([&] { return one.sessions.size() == 1 && two.sessions.size() == 1; }));
  CHECK(by.heads.size() == 2);
  CHECK(one.losses.empty());
  CHECK(two.losses.empty());
}

TEST_CASE_FIXTURE(
    ProxiedFixture,
    "a proxy that refuses, is no proxy or is not there is told, and nobody goes past it") {
  if (mosquitto_is_missing()) return;
  Mosquitto broker;
  const std::string head = "cannot reach the broker at " + broker.address() + ": ";
  MqttConnect to = proxied(broker.address());
  SUBCASE("refuses") {
    by.answer = "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n";
    CHECK(why(to) == head + "the proxy " + by.address() +
                         " wants a user and a password (407 Proxy Authentication Required): set "
                         "uplink.proxy_user and uplink.proxy_password");
  }
  SUBCASE("is no proxy") {
    to.proxy.address = "http" + broker.address().substr(3);
    CHECK(why(to) == head + "the proxy " + to.proxy.address +
                         " hangs up before it answers: check whether it is an HTTP proxy");
  }
  SUBCASE("is not there") {
    to.proxy.address = "http://127.0.0.1:1";
    CHECK(why(to) == head +
                         "cannot reach the proxy http://127.0.0.1:1: nobody listens there: start "
                         "it, or check address and port");
  }
  SUBCASE("is silent") {
    by.silent = true;
    to.timeout = Duration::milliseconds(200);
    CHECK(why(to).contains("does not answer in time"));
  }
  SUBCASE("is written wrong") {
    to.proxy.address = "socks5://127.0.0.1:1080";
    CHECK(why(to) == "a proxy is written http://HOST:PORT");
  }
}

TEST_CASE_FIXTURE(ProxiedFixture,
                  "a client that is gone while its proxy is asked leaves nothing behind") {
  if (mosquitto_is_missing()) return;
  Mosquitto broker;
  by.silent = true;
  MqttRecorder events;
  auto client = maker(events);
  client->connect(proxied(broker.address()));
  kit::settle(*loop);
  SUBCASE("it disconnects") {
    client->disconnect();
    REQUIRE(loop_until([&] { return !events.losses.empty(); }));
  }
  SUBCASE("it is destroyed") { client.reset(); }
  // The way without a proxy is open to others at once.
  MqttRecorder others;
  const auto other = maker(others);
  connect(*other, others, options(broker));
  CHECK(others.sessions.size() == 1);
}

TEST_CASE_FIXTURE(ProxiedFixture,
                  "while a tunnel does not stand, its broker is not to be dialled") {
  by.silent = true;
  MqttTunnel::Sockets sockets(*loop);
  MqttTunnel tunnel(sockets);
  const MqttConnect to = proxied("tcp://127.0.0.1:1");
  const auto broker = parse_mqtt_broker(to.broker);
  REQUIRE(tunnel.open(to, *broker, [](const std::string&) {}).has_value());
  {
    const TunnelTaken taken("127.0.0.1", 1);
    CHECK(taken.lost());
    CHECK_FALSE(TunnelTaken("127.0.0.1", 2).lost());
    CHECK_FALSE(TunnelTaken::connect(-1).has_value());
  }
  tunnel.close();
  CHECK_FALSE(TunnelTaken("127.0.0.1", 1).lost());
}

TEST_CASE_FIXTURE(ProxiedFixture, "what the environment says of proxies leads nothing astray") {
  if (mosquitto_is_missing()) return;
  Mosquitto broker;
  const Variable use("PAHO_C_CLIENT_USE_HTTP_PROXY", "TRUE");
  const Variable http("http_proxy", by.address()), https("https_proxy", by.address());
  MqttRecorder events;
  const auto client = maker(events);
  connect(*client, events, options(broker));
  CHECK(events.sessions.size() == 1);
  CHECK(by.heads.empty());
}

}  // namespace
}  // namespace pinaflux::tests
