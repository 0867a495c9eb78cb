// TlsStream over real sockets of loopback, against the Server in memory.

#include "platform/tls/stream.h"

#include <algorithm>
#include <optional>
#include <string>

#include <doctest/doctest.h>

#include "platform/linux/linux.h"
#include "tests/kit/run.h"
#include "tests/platform/network_contract.h"
#include "tests/platform/tls/talk.h"

using namespace pinaflux;
using namespace pinaflux::tls_kit;

namespace {

// One accepted connection: says back what it hears, `piece` bytes of ciphertext at a time.
struct Peer final : Stream::Events {
  Peer(Server& server, std::size_t piece_) : session(server), piece(piece_) {}
  void bytes(Bytes bytes) override {
    heard += bytes.size();
    if (silent) return;
    session.receive(bytes);
    const bool alive = session.step();
    if (alive && session.ready && !session.plain.empty() && echo) {
      session.write(session.plain);
      session.plain.clear();
    }
    send();
    if (!alive) stream->finish();
  }
  void drained() override { send(); }
  void closed(Error) override { gone = true; }
  void send() {
    while (!session.outgoing.empty()) {
      const std::size_t n = std::min(piece, session.outgoing.size());
      if (!stream->write(Bytes(session.outgoing).first(n))) return;
      session.outgoing.erase(session.outgoing.begin(),
                             session.outgoing.begin() + static_cast<std::ptrdiff_t>(n));
    }
  }
  std::unique_ptr<Stream> stream;
  Server::Session session;
  std::size_t piece, heard = 0;
  bool silent = false, echo = true, gone = false;
};

struct StreamFixture {
  World world;
  std::unique_ptr<LinuxPlatform> platform = std::move(LinuxPlatform::make().value());
  Server server{{.own = world.server({.common_name = "b", .addresses = {"127.0.0.1"}})}};
  std::size_t piece = 1 << 20;
  bool silent = false;
  std::vector<std::unique_ptr<Peer>> peers;
  std::unique_ptr<Listener> listener =
      std::move(platform->network
                    .listen("tcp://127.0.0.1:0", {.write_bytes_max = 16 * 1024 * 1024},
                            [this](Network::Accepted& accepted) {
                              peers.push_back(std::make_unique<Peer>(server, piece));
                              peers.back()->silent = silent;
                              peers.back()->stream = accepted.with(*peers.back());
                            })
                    .value());

  std::string address() const { return "tls" + listener->address().substr(3); }
  void dial(End& end, Network::Options options) {
    auto stream = platform->network.connect(address(), options, end);
    REQUIRE(stream.has_value());
    end.stream = std::move(*stream);
  }
  void dial(End& end) { dial(end, {.tls = world.trusting()}); }
  bool until(const std::function<bool()>& reached) {
    return kit::run_until(*platform->loop, reached);
  }
};

}  // namespace

TEST_CASE_FIXTURE(StreamFixture, "a stream to tls:// carries bytes both ways, and ends in order") {
  End end;
  dial(end);
  REQUIRE(until([&] { return end.told == "connected "; }));
  CHECK(end.write("hello"));
  CHECK(until([&] { return end.got == "hello"; }));

  end.stream->finish();
  CHECK(until([&] { return end.reason.has_value() && peers[0]->gone; }));
  CHECK(end.reason->code == Code::closed);
  CHECK(end.stream->why().empty());
}

TEST_CASE_FIXTURE(StreamFixture,
                  "megabytes come back whole although the peer sends them in crumbs") {
  piece = 1'500;
  End end;
  dial(end);
  REQUIRE(until([&] { return end.told == "connected "; }));
  std::string large(3'000'000, 'm');
  for (std::size_t i = 0; i < large.size(); i += 1013) large[i] = static_cast<char>(i / 7);
  std::size_t sent = 0;
  REQUIRE(until([&] {
    while (sent < large.size()) {
      const std::string some = large.substr(sent, 100'000);
      if (!end.write(some)) break;
      sent += some.size();
    }
    return end.got.size() == large.size();
  }));
  CHECK(end.got == large);
}

TEST_CASE_FIXTURE(StreamFixture, "what is written before the handshake is done follows it") {
  End end;
  dial(end);
  CHECK(end.write("early"));
  CHECK(until([&] { return end.got == "early"; }));
}

TEST_CASE_FIXTURE(StreamFixture,
                  "a server without trust ends the stream with its name in the text") {
  const Authority other("Other CA");
  End end;
  dial(end, {.tls = {.ca_file = world.file("other.pem", other.certificate())}});
  REQUIRE(until([&] { return end.reason.has_value(); }));
  CHECK(end.told == "closed ");
  CHECK(end.reason->code == Code::refused);
  CHECK(end.stream->why().starts_with(
      "the certificate 'CN=b' of '127.0.0.1' was issued by 'CN=Test CA', which is not among"));
}

TEST_CASE_FIXTURE(StreamFixture, "a CA file that is missing ends the stream, and names it") {
  End end;
  dial(end, {.tls = {.ca_file = "/nowhere/ca.pem"}});
  REQUIRE(until([&] { return end.reason.has_value(); }));
  CHECK(end.stream->why() == "'/nowhere/ca.pem' does not exist: put the PEM file there");
}

TEST_CASE_FIXTURE(StreamFixture, "a handshake that hangs is given up, and named") {
  silent = true;
  End end;
  dial(end, {.connect_timeout = Duration::milliseconds(200), .tls = world.trusting()});
  REQUIRE(until([&] { return end.reason.has_value(); }));
  CHECK(end.reason->code == Code::timeout);
  CHECK(
      end.stream->why() ==
      "the TLS handshake with '127.0.0.1' takes too long: check the network, and whether the port "
      "speaks TLS");
}

TEST_CASE_FIXTURE(StreamFixture, "a port where nobody listens is told as any is") {
  const std::string deserted = address();
  listener.reset();
  End end;
  auto stream = platform->network.connect(deserted, {.tls = world.trusting()}, end);
  REQUIRE(stream.has_value());
  end.stream = std::move(*stream);
  REQUIRE(until([&] { return end.reason.has_value(); }));
  CHECK(end.reason->code == Code::refused);
  CHECK(end.stream->why().empty());
}

TEST_CASE_FIXTURE(StreamFixture, "a stream may be destroyed in any of its events") {
  for (const std::size_t at : {std::size_t{1}, SIZE_MAX}) {
    End end;
    end.destroy_at = at;
    end.destroy_on_close = true;
    dial(end);
    REQUIRE(until([&] { return end.told == "connected "; }));
    CHECK(end.write("x"));
    if (at == SIZE_MAX) {
      REQUIRE(until([&] { return end.got == "x"; }));
      end.stream->finish();
    }
    CHECK(until([&] { return end.stream == nullptr; }));
  }
}

TEST_CASE_FIXTURE(StreamFixture, "hundreds of connections in turn leave nothing behind") {
  for (int i = 0; i < 200; ++i) {
    End end;
    dial(end);
    REQUIRE(until([&] { return end.told == "connected "; }));
    CHECK(end.write("x"));
    REQUIRE(until([&] { return end.got == "x"; }));
    end.stream.reset();
    REQUIRE(until([&] { return peers.back()->gone; }));
    peers.clear();
  }
}
