#include "platform/linux/websocket_frames.h"

#include <string>

#include <doctest/doctest.h>

using namespace pinaflux;
using namespace pinaflux::websocket;

namespace {

std::string text_of(const Buffer& bytes) { return std::string(as_text(bytes)); }

// As a server sends it: with no mask.
Buffer frame(int first, std::string_view payload) {
  Buffer made{static_cast<std::uint8_t>(first)};
  const std::size_t n = payload.size();
  made.push_back(static_cast<std::uint8_t>(n < 126 ? n : n < 65536 ? 126 : 127));
  for (int shift = n < 126 ? -8 : n < 65536 ? 8 : 56; shift >= 0; shift -= 8)
    made.push_back(static_cast<std::uint8_t>(std::uint64_t{n} >> shift));
  append(made, as_bytes(payload));
  return made;
}

const char* wrong(const Buffer& bytes) {
  Frames frames;
  Buffer data;
  const char* first = frames.feed(bytes, data).wrong;
  CHECK(data.empty());
  // Nothing is read after it.
  CHECK(frames.feed(frame(0x82, "later"), data).wrong == first);
  CHECK(data.empty());
  return first;
}

}  // namespace

TEST_CASE("a client's frame is the one of RFC 6455, masked") {
  Buffer made;
  put_frame(made, Opcode::text, as_bytes("Hello"), {0x37, 0xfa, 0x21, 0x3d});  // Section 5.7.
  CHECK(made == Buffer{0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58});
  for (const auto& [n, head] : {std::pair(125, Buffer{0x82, 0xfd}),
                                {126, Buffer{0x82, 0xfe, 0, 126}},
                                {65'535, Buffer{0x82, 0xfe, 0xff, 0xff}},
                                {65'536, Buffer{0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0}}}) {
    made.clear();
    put_frame(made, Opcode::binary, Buffer(static_cast<std::size_t>(n), 'x'), {});
    CHECK(made.size() == head.size() + 4 + static_cast<std::size_t>(n));
    CHECK(Buffer(made.begin(), made.begin() + static_cast<std::ptrdiff_t>(head.size())) == head);
  }
}

TEST_CASE("data come out in order, however they are cut into frames and pieces") {
  const std::string middle(300, 'm'), longest(70'000, 'l');
  Buffer sent = frame(0x82, "one ");
  append(sent, frame(0x02, "two "));
  append(sent, frame(0x89, "ping"));  // Between the frames of a message.
  append(sent, frame(0x00, middle));
  append(sent, frame(0x80, ""));
  append(sent, frame(0x82, longest));
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, sent.size()}) {
    Frames frames;
    Buffer data;
    std::string pings;
    for (std::size_t at = 0; at < sent.size(); at += piece) {
      const auto heard =
          frames.feed(Bytes(sent).subspan(at, std::min(piece, sent.size() - at)), data);
      REQUIRE(heard.wrong == nullptr);
      CHECK_FALSE(heard.closed.has_value());
      if (heard.ping) pings += text_of(*heard.ping);
    }
    CHECK(text_of(data) == "one two " + middle + longest);
    CHECK(pings == "ping");
  }
}

TEST_CASE("a close frame ends what is read, with its status") {
  Frames frames;
  Buffer data, sent = frame(0x82, "last");
  append(sent, frame(0x88, std::string_view("\x03\xe9gone", 6)));
  append(sent, frame(0x82, "after"));
  CHECK(frames.feed(sent, data).closed == 1001);
  CHECK(text_of(data) == "last");
  Frames others;
  CHECK(others.feed(frame(0x88, ""), data).closed == kNoStatus);
}

TEST_CASE("what breaks the protocol is refused, and nothing is read after it") {
  CHECK(std::string(wrong({0xc2, 0x01, 'x'})).contains("extension"));
  CHECK(std::string(wrong({0x82, 0x81, 0, 0, 0, 0, 'x'})).contains("masks"));
  CHECK(std::string(wrong(frame(0x81, "text"))).contains("text"));
  CHECK(std::string(wrong(frame(0x83, "?"))).contains("unknown kind"));
  CHECK(std::string(wrong(frame(0x8b, "?"))).contains("unknown kind"));
  CHECK(std::string(wrong(frame(0x80, "x"))).contains("out of order"));
  CHECK(std::string(wrong(frame(0x09, "x"))).contains("control frames"));
  CHECK(std::string(wrong(frame(0x89, std::string(126, 'x')))).contains("control frames"));
  CHECK(std::string(wrong({0x82, 0x7f, 0, 0, 0, 0, 0x10, 0, 0, 5})).contains("longer"));
  CHECK(std::string(wrong({0x82, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}))
            .contains("longer"));
  Frames frames;
  Buffer data;
  CHECK(frames.feed(frame(0x02, "a"), data).wrong == nullptr);
  CHECK(std::string(frames.feed(frame(0x82, "b"), data).wrong).contains("out of order"));
}
