// WebSocketStream against a web server that the test writes; against a real one: tests/platform/linux_mqtt/.

#include "platform/linux/websocket_stream.h"

#include <doctest/doctest.h>

#include "platform/crypto/crypto.h"
#include "tests/platform/mqtt/scripted.h"
#include "tests/platform/network_contract.h"

using namespace pinaflux;
using namespace pinaflux::tests;

namespace {

struct OnesEntropy final : Entropy {
  void fill(MutableBytes bytes) override { std::ranges::fill(bytes, std::uint8_t{1}); }
};

struct WebSocketFixture {
  ScriptedLoop loop;
  ScriptedNetwork network{loop};
  OnesEntropy entropy;
  End end;
  std::string request;

  WebSocketFixture() {
    auto stream = WebSocketStream::connect(
        loop, entropy,
        {.host = "broker:80", .path = "/mqtt?x=1", .handshake = Duration::seconds(10)},
        [&](Stream::Events& events) { return network.connect("tcp://broker:80", {}, events); },
        end);
    end.stream = std::move(*stream);
    loop.advance();
    request = as_text(network.take());
  }
  static std::string accepted() {
    const std::string key = crypto::base64(Buffer(16, 1));
    return crypto::base64(crypto::sha1(as_bytes(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));
  }
  static std::string answer(const std::string& extra = "Sec-WebSocket-Protocol: mqtt\r\n") {
    return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n"
           "Sec-WebSocket-Accept: " +
           accepted() + "\r\n" + extra + "\r\n";
  }
  void say(std::string_view text) { network.say(as_bytes(text)); }
  // A frame as ours are: the mask is all ones.
  static Buffer masked(websocket::Opcode opcode, std::string_view payload) {
    Buffer made;
    websocket::put_frame(made, opcode, as_bytes(payload), {1, 1, 1, 1});
    return made;
  }
  std::string why(const std::string& said) {
    say(said);
    CHECK(end.told == "closed ");
    CHECK_FALSE(end.write("late"));
    return end.stream->why();
  }
};

}  // namespace

TEST_CASE_FIXTURE(WebSocketFixture, "bytes go out in masked frames, and come in from any") {
  CHECK(request ==
        "GET /mqtt?x=1 HTTP/1.1\r\nHost: broker:80\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: AQEBAQEBAQEBAQEBAQEBAQ==\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Protocol: mqtt\r\n\r\n");
  CHECK(end.write("early"));
  CHECK(end.told.empty());
  say(answer() +
      "\x82\x05"
      "hello");
  CHECK(end.told == "connected ");
  CHECK(end.got == "hello");
  CHECK(network.take() == masked(websocket::Opcode::binary, "early"));
  CHECK(end.write("later"));
  CHECK(network.take() == masked(websocket::Opcode::binary, "later"));
  say("\x02\x01"
      "a");
  say("\x80\x01"
      "b");
  CHECK(end.got == "helloab");
  loop.advance(Duration::minutes(5));
  CHECK_FALSE(end.reason.has_value());
}

TEST_CASE_FIXTURE(WebSocketFixture, "pings are answered, a full queue for them forgiven") {
  say(answer());
  say("\x89\x02hi");
  CHECK(network.take() == masked(websocket::Opcode::pong, "hi"));
  say("\x89\x02yo");
  CHECK(network.take() == masked(websocket::Opcode::pong, "yo"));
  network.room = 0;
  say("\x89\x02hi");
  network.drain();
  CHECK(end.told == "connected ");
  network.room = 0;
  CHECK_FALSE(end.write("x"));
  network.drain();
  CHECK(end.told == "connected drained ");
}

TEST_CASE_FIXTURE(WebSocketFixture,
                  "a server that closes is answered, and what it said before counts") {
  say(answer());
  say(std::string_view("\x82\x04last\x88\x02\x03\xe8", 10));
  CHECK(end.got == "last");
  CHECK(network.take() == masked(websocket::Opcode::close, "\x03\xe8"));
  CHECK(network.finished);
  CHECK_FALSE(end.write("late"));
  network.hang_up();
  CHECK(end.told == "connected closed ");
  CHECK(end.reason->code == Code::closed);
  CHECK(end.stream->why().empty());
}

TEST_CASE_FIXTURE(WebSocketFixture, "a server that closes for a reason is told with it") {
  say(answer());
  say(std::string_view("\x88\x02\x03\xf0", 4));
  network.hang_up();
  CHECK(end.stream->why() ==
        "the web server at broker:80 ends the connection with status 1008: see its log");
}

TEST_CASE_FIXTURE(WebSocketFixture, "we close with a frame, behind what was written") {
  CHECK(end.write("early"));
  end.stream->finish();
  CHECK_FALSE(end.write("more"));
  say(answer());
  Buffer expected = masked(websocket::Opcode::binary, "early");
  append(expected, masked(websocket::Opcode::close, "\x03\xe8"));
  CHECK(network.take() == expected);
  CHECK(network.finished);
}

TEST_CASE_FIXTURE(WebSocketFixture, "what breaks the protocol is not read on") {
  say(answer());
  say("\x82\x01"
      "a"
      "\x81\x01"
      "b"
      "\x82\x01"
      "c");
  CHECK(end.got == "a");
  CHECK(end.reason->code == Code::corrupt);
  CHECK(end.stream->why() ==
        "the web server at broker:80 breaks the WebSocket protocol: it sends text, and MQTT is "
        "binary; see its log");
}

TEST_CASE_FIXTURE(WebSocketFixture, "a stream may be destroyed by what it says") {
  end.destroy_at = 1;
  say(answer() +
      "\x82\x01"
      "a"
      "\x89\x01p\x88");
  CHECK(end.stream == nullptr);
  CHECK(end.got == "a");
}

TEST_CASE_FIXTURE(WebSocketFixture, "a protocol that is not named is taken for ours") {
  say(answer(""));
  CHECK(end.told == "connected ");
}

TEST_CASE_FIXTURE(WebSocketFixture, "answers that are no WebSocket are told apart") {
  const std::string who = "the web server at broker:80 ";
  SUBCASE("no such path") {
    CHECK(why("HTTP/1.1 404 Not Found\r\n\r\n") ==
          who + "has no such path (404 Not Found): check the path of the broker's address");
  }
  SUBCASE("not let in") {
    CHECK(why("HTTP/1.1 403 Forbidden\r\n\r\n") ==
          who + "does not let us in (403 Forbidden): allow WebSocket there, see its log");
  }
  SUBCASE("a page") {
    CHECK(why("HTTP/1.1 200 OK\r\n\r\n<html>") ==
          who + "does not speak WebSocket (200 OK): check port and path, and whether it wants TLS");
  }
  SUBCASE("another key") {
    std::string other = answer();
    other.replace(other.find(accepted()), 1, "!");
    CHECK(why(other).contains("does not answer our key"));
  }
  SUBCASE("no upgrade") {
    std::string other = answer();
    other.replace(other.find("Connection: Upgrade"), 19, "Connection: close");
    CHECK(why(other).contains("does not answer our key"));
  }
  SUBCASE("another protocol") {
    CHECK(why(answer("Sec-WebSocket-Protocol: wamp\r\n")).contains("another protocol"));
  }
  SUBCASE("an MQTT broker") {
    CHECK(why(std::string(" \x02\0\0", 4)) ==
          who +
              "does not speak HTTP: check address and port, and whether it wants TLS (wss://) or "
              "WebSocket at all");
  }
  SUBCASE("an endless head") {
    CHECK(why("HTTP/1.1 101 x\r\nX: " + std::string(10'000, 'x')).contains("without an end"));
  }
}

TEST_CASE_FIXTURE(WebSocketFixture, "a server that hangs up or trickles is given up") {
  SUBCASE("hangs up") {
    network.hang_up();
    CHECK(
        end.stream->why() ==
        "the web server at broker:80 hangs up before it answers: check port and path, and its log");
  }
  SUBCASE("resets the connection") {
    network.hang_up({Code::io, 0, "reset"});
    CHECK(end.stream->why().contains("hangs up before it answers"));
  }
  SUBCASE("trickles") {
    for (int i = 0; i < 9; ++i) {
      say(answer().substr(static_cast<std::size_t>(i), 1));
      loop.advance(Duration::seconds(1));
    }
    CHECK_FALSE(end.reason.has_value());
    loop.advance(Duration::seconds(1));
    CHECK(end.reason->code == Code::timeout);
  }
  SUBCASE("was never reached") {
    network.hang_up({Code::refused, 0, "nobody listens there"});
    CHECK(end.stream->why().empty());
    CHECK(end.reason->code == Code::refused);
  }
}
