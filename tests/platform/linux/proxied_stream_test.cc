// Streams through an HTTP proxy over real sockets of loopback, also through proxies that are none.

#include "platform/linux/proxied_stream.h"

#include <doctest/doctest.h>

#include "platform/linux/linux.h"
#include "tests/kit/run.h"
#include "tests/platform/linux/connect_proxy.h"
#include "tests/platform/mqtt/scripted.h"
#include "tests/platform/network_contract.h"

using namespace pinaflux;
using namespace pinaflux::tests;

namespace {

// Every connection that is dialled leaves by the proxy.
struct ProxiedNetwork final : Network {
  ProxiedNetwork(Network& its, Proxy by) : inner(its), proxy(std::move(by)) {}
  Result<std::unique_ptr<Stream>> connect(const std::string& address, const Options& options,
                                          Stream::Events& events) override {
    Options proxied = options;
    proxied.proxy = proxy;
    return inner.connect(address, proxied, events);
  }
  Result<std::unique_ptr<Listener>> listen(const std::string& address, const Options& options,
                                           OnAccept accepted) override {
    return inner.listen(address, options, std::move(accepted));
  }
  std::string interface_to(const std::string& address) const override {
    return inner.interface_to(address);
  }
  Network& inner;
  const Proxy proxy;
};

struct ProxyFixture {
  std::unique_ptr<LinuxPlatform> platform = std::move(LinuxPlatform::make().value());
  ConnectProxy proxy{platform->network};
  Proxy by{.address = proxy.address(), .user = {}, .password = {}};

  void dial(End& end, const std::string& address) {
    auto stream = platform->network.connect(address, {.proxy = by}, end);
    REQUIRE(stream.has_value());
    end.stream = std::move(*stream);
  }
  bool until(const std::function<bool()>& reached) {
    return kit::run_until(*platform->loop, reached);
  }
  // Of a dial that fails.
  std::string why(const std::string& address = "tcp://broker.example:1883") {
    End end;
    dial(end, address);
    REQUIRE(until([&] { return end.reason.has_value(); }));
    CHECK(end.told == "closed ");
    CHECK_FALSE(end.write("late"));
    return end.stream->why();
  }
  std::string why_after(const std::string& answer, bool hangs_up = false) {
    proxy.answer = answer;
    proxy.hangs_up = hangs_up;
    return why();
  }
};

}  // namespace

TEST_CASE_FIXTURE(ProxyFixture, "TCP through a proxy keeps the contract") {
  ProxiedNetwork network(platform->network, by);
  network_contract(network, *platform->loop, "tcp://127.0.0.1:0", "tcp://127.0.0.1:1");
}

TEST_CASE_FIXTURE(ProxyFixture,
                  "a proxy is asked for the host as it is written, and for its user") {
  by.user = "joe";
  by.password = "hunter2";
  CHECK_FALSE(why_after("HTTP/1.1 403 No\r\n\r\n").empty());
  REQUIRE(proxy.heads.size() == 1);
  CHECK(proxy.heads[0] ==
        "CONNECT broker.example:1883 HTTP/1.1\r\nHost: broker.example:1883\r\n"
        "Proxy-Authorization: Basic am9lOmh1bnRlcjI=\r\n\r\n");
  by = {.address = proxy.address(), .user = {}, .password = {}};
  std::ignore = why("tcp://[2001:db8::1]:1883");
  CHECK(proxy.heads[1] ==
        "CONNECT [2001:db8::1]:1883 HTTP/1.1\r\nHost: [2001:db8::1]:1883\r\n\r\n");
}

TEST_CASE_FIXTURE(ProxyFixture, "what a proxy refuses is said, with what to do") {
  const std::string who = "the proxy " + proxy.address() + " ";
  CHECK(why_after("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n") ==
        who +
            "wants a user and a password (407 Proxy Authentication Required): set "
            "uplink.proxy_user and uplink.proxy_password");
  CHECK(why_after("HTTP/1.0 403 Forbidden\r\nContent-Length: 9\r\n\r\nforbidden", true) ==
        who +
            "does not let us through (403 Forbidden): allow CONNECT to broker.example:1883 in its "
            "configuration");
  CHECK(why_after("HTTP/1.1 504 Gateway\x1b[2J Timeout\r\n\r\n") ==
        who +
            "does not reach broker.example:1883 (504 Gateway\\x1b[2J Timeout): check that "
            "address, and the proxy's log");
  CHECK(why_after("HTTP/1.1 301\r\n\r\n") ==
        who + "refuses (301): check uplink.proxy, and the proxy's log");
  by.user = "joe";
  CHECK(why_after("HTTP/1.1 407 No\n\n") ==
        who +
            "does not take our user and password (407 No): check uplink.proxy_user and "
            "uplink.proxy_password");
}

TEST_CASE_FIXTURE(ProxyFixture, "what is no proxy is told apart") {
  const std::string who = "the proxy " + proxy.address() + " ";
  const std::string not_http =
      who + "does not speak HTTP: check its address and port in uplink.proxy";
  CHECK(why_after("\x15\x03\x01\x00\x02\x02\x16") == not_http);
  CHECK(why_after("SSH-2.0-OpenSSH_9.2\r\n") == not_http);
  CHECK(why_after("HTTP/2 200 \r\n\r\n") == not_http);
  CHECK(why_after("HTTP/1.1 200", true) ==
        who + "hangs up before it answers: check whether it is an HTTP proxy");
  CHECK(why_after("HTTP/1.1 200 OK\r\nX: " + std::string(20'000, 'x')) ==
        who + "answers without an end: check what listens there");
}

TEST_CASE_FIXTURE(ProxyFixture, "a proxy that is not there is not taken for the broker") {
  by.address = "http://127.0.0.1:1";
  CHECK(why() ==
        "cannot reach the proxy http://127.0.0.1:1: nobody listens there: start it, or check "
        "address and port");
  by.address = "https://127.0.0.1:3128";
  End end;
  CHECK_FALSE(platform->network.connect("tcp://127.0.0.1:1", {.proxy = by}, end).has_value());
}

TEST_CASE_FIXTURE(ProxyFixture, "TLS through a proxy that refuses says why, as well") {
  proxy.answer = "HTTP/1.1 403 Forbidden\r\n\r\n";
  CHECK(why("tls://broker.example:8883").contains("does not let us through (403 Forbidden)"));
}

TEST_CASE_FIXTURE(ProxyFixture, "what comes with the proxy's answer is the far end's") {
  proxy.greeting += "hello";
  End server, client;
  auto listener = platform->network.listen(
      "tcp://127.0.0.1:0", {}, [&](Network::Accepted& a) { server.stream = a.with(server); });
  dial(client, (*listener)->address());
  CHECK(until([&] { return client.got == "hello"; }));
}

namespace {

struct ScriptedProxyFixture {
  ScriptedLoop loop;
  ScriptedNetwork network{loop};
  End end;
  ScriptedProxyFixture() {
    auto stream = ProxiedStream::connect(
        loop,
        {.proxy = {.address = "http://proxy:3128", .user = {}, .password = {}},
         .to = {Address::Kind::tcp, "broker", 1883, {}},
         .answer = Duration::seconds(10)},
        [&](Stream::Events& events) { return network.connect("tcp://proxy:3128", {}, events); },
        end);
    end.stream = std::move(*stream);
    loop.advance();
  }
};

}  // namespace

TEST_CASE_FIXTURE(ScriptedProxyFixture, "an answer that trickles is given its time, and no more") {
  const std::string answer = "HTTP/1.1 200 OK\r\nVia: x\r\n";
  for (int i = 0; i < 9; ++i) {
    network.say(as_bytes(answer).subspan(static_cast<std::size_t>(i), 1));
    loop.advance(Duration::seconds(1));
    CHECK(end.told.empty());
  }
  loop.advance(Duration::seconds(2));
  CHECK(end.told == "closed ");
  CHECK(end.reason->code == Code::timeout);
  CHECK(
      end.stream->why() ==
      "the proxy http://proxy:3128 does not answer in time: check its log, and whether it reaches "
      "broker:1883");
}

TEST_CASE_FIXTURE(
    ScriptedProxyFixture,
    "what was written early goes out behind the answer, byte by byte as it may come") {
  network.take();
  CHECK(end.write("early"));
  for (const char c : std::string("HTTP/1.1 200 OK\r\n\r\n")) {
    CHECK(network.take().empty());
    CHECK(end.told.empty());
    network.say(as_bytes(std::string_view(&c, 1)));
  }
  CHECK(end.told == "connected ");
  CHECK(as_text(network.take()) == "early");
  loop.advance(Duration::minutes(5));
  CHECK_FALSE(end.reason.has_value());
}
