// What every Network keeps to. `address` can be listened on ("tcp://127.0.0.1:0"); `deserted` is
// one where nobody listens.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "platform/network.h"
#include "tests/kit/run.h"

namespace pinaflux {

// One end of a connection, and all that it was told.
struct End final : Stream::Events {
  void connected() override { told += "connected "; }
  void bytes(Bytes bytes) override {
    CHECK_FALSE(reason.has_value());
    got += as_text(bytes);
    if (got.size() >= destroy_at) stream.reset();
  }
  bool ended() override {
    told += "ended ";
    return stays;
  }
  void drained() override { told += "drained "; }
  void closed(Error why) override {
    CHECK_FALSE(reason.has_value());
    reason = why;
    told += "closed ";
    if (destroy_on_close) stream.reset();
  }
  bool write(std::string_view text) { return stream->write(as_bytes(text)); }

  std::unique_ptr<Stream> stream;
  std::string got, told;
  std::optional<Error> reason;
  bool stays = false;
  bool destroy_on_close = false;
  std::size_t destroy_at = SIZE_MAX;
};

struct NetworkPair {
  NetworkPair(Network& network_, Loop& loop_, const std::string& address,
              Network::Options client_options = {})
      : network(network_), loop(loop_) {
    auto listening = network.listen(address, {}, [this](Network::Accepted& accepted) {
      peer = accepted.peer();
      server.stream = accepted.with(server);
    });
    REQUIRE(listening.has_value());
    listener = std::move(*listening);
    auto dialled = network.connect(listener->address(), client_options, client);
    REQUIRE(dialled.has_value());
    client.stream = std::move(*dialled);
  }
  bool until(const std::function<bool()>& reached) { return kit::run_until(loop, reached); }
  bool connect() {
    return until([&] { return client.told == "connected " && server.stream != nullptr; });
  }

  Network& network;
  Loop& loop;
  End client, server;
  std::string peer;
  std::unique_ptr<Listener> listener;
};

inline void network_contract(Network& network, Loop& loop, const std::string& address,
                             const std::string& deserted) {
  SUBCASE("bytes arrive in order, both ways, also those written before the connection stood") {
    NetworkPair pair(network, loop, address);
    CHECK(pair.client.told.empty());  // No event from inside connect().
    CHECK(pair.client.write("hello "));
    CHECK(pair.client.write("world"));
    CHECK(pair.until([&] { return pair.server.got == "hello world"; }));
    CHECK_FALSE(pair.peer.empty());
    CHECK(pair.server.write("answer"));
    CHECK(pair.until([&] { return pair.client.got == "answer"; }));
    CHECK(pair.client.told == "connected ");
    CHECK(pair.server.told.empty());
  }
  SUBCASE("megabytes arrive whole") {
    Network::Options options;
    options.write_bytes_max = 8 * 1024 * 1024;
    NetworkPair pair(network, loop, address, options);
    std::string text;
    for (int i = 0; text.size() < 4 * 1024 * 1024; ++i) text += std::to_string(i) + ",";
    CHECK(pair.client.write(text));
    CHECK(pair.until([&] { return pair.server.got.size() == text.size(); }));
    CHECK(pair.server.got == text);
    CHECK(pair.client.stream->bytes_queued() == 0);
  }
  SUBCASE("finish() sends what is queued, then both ends close, in order") {
    NetworkPair pair(network, loop, address);
    REQUIRE(pair.connect());
    CHECK(pair.client.write(std::string(500'000, 'x')));
    pair.client.stream->finish();
    CHECK(pair.client.told == "connected ");
    CHECK_FALSE(pair.client.write("more"));
    CHECK(pair.until([&] { return pair.client.reason && pair.server.reason; }));
    CHECK(pair.server.got.size() == 500'000);
    CHECK(pair.server.reason->code == Code::closed);
    CHECK(pair.client.reason->code == Code::closed);
    CHECK_FALSE(pair.server.write("late"));
  }
  SUBCASE("finish() before the connection stands sends what was written") {
    NetworkPair pair(network, loop, address);
    CHECK(pair.client.write("short"));
    pair.client.stream->finish();
    CHECK(pair.until([&] { return pair.client.reason && pair.server.reason; }));
    CHECK(pair.server.got == "short");
  }
  SUBCASE("a peer that has ended can still be answered") {
    NetworkPair pair(network, loop, address);
    pair.server.stays = true;
    REQUIRE(pair.connect());
    CHECK(pair.client.write("question"));
    pair.client.stream->finish();
    CHECK(pair.until([&] { return pair.server.told == "ended "; }));
    CHECK_FALSE(pair.server.reason.has_value());
    CHECK(pair.server.write("answer"));
    pair.server.stream->finish();
    CHECK(pair.until([&] { return pair.client.reason && pair.server.reason; }));
    CHECK(pair.server.reason->code == Code::closed);
  }
  SUBCASE("a paused stream gives nothing, and everything later") {
    NetworkPair pair(network, loop, address);
    REQUIRE(pair.connect());
    pair.server.stream->pause(true);
    CHECK(pair.client.write("later"));
    kit::settle(loop);
    CHECK(pair.server.got.empty());
    pair.server.stream->pause(false);
    CHECK(pair.until([&] { return pair.server.got == "later"; }));
  }
  SUBCASE("a full queue refuses whole writes, and tells when it is empty again") {
    Network::Options options;
    options.write_bytes_max = 100'000;
    NetworkPair pair(network, loop, address, options);
    REQUIRE(pair.connect());
    pair.server.stream->pause(true);
    std::size_t written = 0;
    const std::string block(50'000, 'x');
    for (int i = 0; i < 10'000 && pair.client.write(block); ++i) {
      written += block.size();
      CHECK(pair.client.stream->bytes_queued() <= options.write_bytes_max);
      kit::run_until(loop, [] { return true; });
    }
    CHECK(pair.client.stream->bytes_queued() > 0);
    CHECK(pair.client.told == "connected ");
    pair.server.stream->pause(false);
    CHECK(pair.until([&] { return pair.client.told == "connected drained "; }));
    CHECK(pair.until([&] { return pair.server.got.size() == written; }));
  }
  SUBCASE("a stream that is destroyed closes, and is told nothing more") {
    NetworkPair pair(network, loop, address);
    REQUIRE(pair.connect());
    pair.client.stream.reset();
    CHECK(pair.until([&] { return pair.server.reason.has_value(); }));
    CHECK(pair.client.told == "connected ");
  }
  SUBCASE("a stream may be destroyed inside its own events") {
    NetworkPair pair(network, loop, address);
    pair.server.destroy_at = 1;
    pair.client.destroy_on_close = true;
    REQUIRE(pair.connect());
    CHECK(pair.client.write("x"));
    CHECK(pair.until([&] { return pair.client.reason.has_value(); }));
    CHECK(pair.server.told.empty());
    CHECK(pair.client.stream == nullptr);
  }
  SUBCASE("a stream destroyed before it is connected is told nothing") {
    NetworkPair pair(network, loop, address);
    pair.client.stream.reset();
    kit::settle(loop);
    CHECK(pair.client.told.empty());
  }
  SUBCASE("where nobody listens the dialler is refused, in words") {
    End client;
    auto stream = network.connect(deserted, {}, client);
    REQUIRE(stream.has_value());
    CHECK(client.told.empty());
    CHECK(kit::run_until(loop, [&] { return client.reason.has_value(); }));
    CHECK(client.told == "closed ");
    CHECK((client.reason->code == Code::refused || client.reason->code == Code::not_found));
  }
  SUBCASE("an address is taken once") {
    NetworkPair pair(network, loop, address);
    const auto second = network.listen(pair.listener->address(), {}, [](Network::Accepted&) {});
    REQUIRE_FALSE(second.has_value());
    CHECK(second.error().code == Code::busy);
  }
  SUBCASE("a connection that the owner does not take is closed") {
    auto listener = network.listen(address, {}, [](Network::Accepted&) {});
    REQUIRE(listener.has_value());
    End client;
    auto stream = network.connect((*listener)->address(), {}, client);
    REQUIRE(stream.has_value());
    CHECK(kit::run_until(loop, [&] { return client.reason.has_value(); }));
  }
  SUBCASE("accepted streams outlive their listener, and its address is free again") {
    NetworkPair pair(network, loop, address);
    REQUIRE(pair.connect());
    const std::string where = pair.listener->address();
    pair.listener.reset();
    CHECK(pair.client.write("still"));
    CHECK(pair.until([&] { return pair.server.got == "still"; }));
    CHECK(network.listen(where, {}, [](Network::Accepted&) {}).has_value());
  }
  SUBCASE("a wrong address is an error at once") {
    End client;
    for (const char* wrong : {"", "localhost", "tcp://", "tcp://host",
                              "tcp://host:", "tcp://host:99999", "tcp://::1:80", "tcp://[::1:80",
                              "http://host:80", "unix://relative", "tcp://:80", "tcp://host:0"}) {
      CAPTURE(wrong);
      const auto stream = network.connect(wrong, {}, client);
      REQUIRE_FALSE(stream.has_value());
      CHECK(stream.error().code == Code::invalid);
    }
  }
}

}  // namespace pinaflux
