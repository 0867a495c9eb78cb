#include "platform/sim/network.h"

#include <string>

#include <doctest/doctest.h>

#include "tests/platform/network_contract.h"
#include "tests/platform/sim/world.h"

using namespace pinaflux;
using tests::SimProgram;

namespace {

// A client on one machine, a server on another, and one connection between them.
struct LinkFixture : tests::SimWorld {
  LinkFixture() {
    serve();
    dial();
    pass(Duration::milliseconds(10));
    REQUIRE(client.told == "connected ");
    REQUIRE(server.stream != nullptr);
  }
  void serve() {
    listener = std::move(
        there->network
            .listen("tcp://*:5", {},
                    [this](Network::Accepted& accepted) { server.stream = accepted.with(server); })
            .value());
  }
  void dial(Network::Options options = {}) {
    client = End{};
    client.stream = std::move(here->network.connect("tcp://server:5", options, client).value());
  }
  SimLink& link() { return fabric.link("server", "client"); }

  std::unique_ptr<SimProgram> here = program("client"), there = program("server");
  End client, server;
  std::unique_ptr<Listener> listener;
};

}  // namespace

TEST_CASE_FIXTURE(LinkFixture, "bytes arrive in pieces of any size, in order, some delay later") {
  std::string text;
  for (int i = 0; i < 2'000; ++i) text += std::to_string(i);
  for (std::size_t at = 0; at < text.size(); at += 100) {
    CHECK(client.write(text.substr(at, 100)));
    pass(Duration::microseconds(30));
  }
  CHECK(server.got.size() < text.size());

  pass(Duration::milliseconds(10));

  CHECK(server.got == text);
}

TEST_CASE_FIXTURE(LinkFixture, "over a cut link bytes wait; they arrive when it is mended") {
  link().cut();
  CHECK(client.write("late"));
  pass(Duration::minutes(1));
  CHECK(server.got.empty());

  link().mend();
  pass(Duration::minutes(10));

  CHECK(server.got == "late");
  CHECK_FALSE(client.reason.has_value());
}

TEST_CASE_FIXTURE(LinkFixture, "a link that stays cut ends its connections by a timeout") {
  link().cut();

  pass(Duration::minutes(3));

  REQUIRE((client.reason.has_value() && server.reason.has_value()));
  CHECK(client.reason->code == Code::timeout);
}

TEST_CASE_FIXTURE(LinkFixture, "a connect over a cut link waits for it, or times out") {
  link().cut();
  Network::Options options;
  options.connect_timeout = Duration::seconds(5);
  dial(options);
  pass(Duration::seconds(6));
  CHECK(client.reason->code == Code::timeout);
  dial();
  pass(Duration::seconds(2));

  link().mend();
  pass(Duration::seconds(5));

  CHECK(client.told == "connected ");
}

TEST_CASE_FIXTURE(LinkFixture, "over a refusing link connects are refused, what stands goes on") {
  link().refuse();
  CHECK(client.write("still"));
  End second;
  second.stream = std::move(here->network.connect("tcp://server:5", {}, second).value());

  pass(Duration::milliseconds(10));

  CHECK(server.got == "still");
  CHECK(second.reason->code == Code::refused);
}

TEST_CASE_FIXTURE(LinkFixture, "a link that breaks off tells both ends") {
  link().break_off();

  pass(Duration::milliseconds(10));

  CHECK(client.reason->code == Code::io);
  CHECK(server.reason->code == Code::io);
}

TEST_CASE_FIXTURE(
    LinkFixture, "half-open: bytes vanish in silence, a full window stalls, new connections work") {
  link().forget();
  CHECK(client.write(std::string(200'000, 'x')));
  pass(Duration::minutes(1));
  CHECK(server.got.empty());
  CHECK(client.stream->bytes_queued() == 200'000 - SimFabric::kWindowBytes);
  CHECK_FALSE(client.reason.has_value());

  const std::unique_ptr<Stream> lost = std::move(client.stream);
  dial();
  CHECK(client.write("new"));
  pass(Duration::milliseconds(10));

  CHECK(server.got == "new");
}

TEST_CASE_FIXTURE(LinkFixture,
                  "a killed program's peers are told by its kernel, what was sent arrives") {
  CHECK(server.write("last words"));
  there->network.die(SimNetwork::Death::kill);
  there->loop.kill();

  pass(Duration::milliseconds(10));

  CHECK(client.got == "last words");
  CHECK(client.reason->code == Code::closed);
  CHECK(server.told.empty());
  End second;
  second.stream = std::move(here->network.connect("tcp://server:5", {}, second).value());
  pass(Duration::milliseconds(10));
  CHECK(second.reason->code == Code::refused);
}

TEST_CASE_FIXTURE(LinkFixture,
                  "a machine without power is silent; when it is back it resets what was") {
  there->network.die(SimNetwork::Death::power);
  there->loop.kill();
  fabric.power("server", false);
  CHECK(client.write("into the dark"));
  pass(Duration::seconds(30));
  CHECK_FALSE(client.reason.has_value());

  fabric.power("server", true);
  CHECK(client.write("anybody?"));
  pass(Duration::milliseconds(10));

  CHECK(client.reason->code == Code::io);
}

TEST_CASE_FIXTURE(LinkFixture,
                  "a machine without power answers no connect; its address is free again") {
  there->network.die(SimNetwork::Death::power);
  there->loop.kill();
  fabric.power("server", false);
  dial();
  pass(Duration::seconds(1));
  CHECK(client.told.empty());

  listener.reset();
  server.stream.reset();
  there = program("server");
  fabric.power("server", true);
  serve();
  pass(Duration::seconds(5));

  CHECK(client.told == "connected ");
}

TEST_CASE_FIXTURE(LinkFixture, "there are no proxies, and that is said") {
  const auto stream = here->network.connect(
      "tcp://server:5", {.proxy = {.address = "http://proxy:3128", .user = {}, .password = {}}},
      client);
  REQUIRE_FALSE(stream.has_value());
  CHECK(stream.error().code == Code::unsupported);
}
