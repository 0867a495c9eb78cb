#include "agent/ingest/line_buffer.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

namespace pinaflux {
namespace {

std::vector<std::string> drain(LineBuffer& buffer) {
  std::vector<std::string> lines;
  LineBuffer::Line line;
  while (buffer.front(line)) {
    lines.push_back((line.too_long ? "!" + std::to_string(line.size) + ":" : "") +
                    std::string(line.text));
    buffer.pop();
  }
  return lines;
}
using Lines = std::vector<std::string>;

TEST_CASE("lines come out whole however the bytes come in") {
  const std::string input = "one\ntwo\r\n\nfour\nrest";
  for (std::size_t piece = 1; piece <= input.size(); ++piece) {
    LineBuffer buffer(100);
    Lines lines;
    for (std::size_t at = 0; at < input.size(); at += piece) {
      buffer.append(as_bytes(std::string_view(input).substr(at, piece)));
      for (auto& line : drain(buffer)) lines.push_back(line);
    }
    CHECK(lines == Lines{"one", "two", "", "four"});
    CHECK(buffer.position() == input.size() - 4);
    buffer.finish();
    CHECK(drain(buffer) == Lines{"rest"});
    CHECK(buffer.position() == input.size());
  }
}

TEST_CASE("a line beyond the bound comes out once, with its size and its beginning") {
  const std::string input = "ok\n" + std::string(50, 'x') + "\nnext\n";
  for (std::size_t piece = 1; piece <= input.size(); ++piece) {
    LineBuffer buffer(8);
    Lines lines;
    for (std::size_t at = 0; at < input.size(); at += piece) {
      buffer.append(as_bytes(std::string_view(input).substr(at, piece)));
      for (auto& line : drain(buffer)) lines.push_back(line);
    }
    CHECK(lines == Lines{"ok", "!50:xxxxxxxx", "next"});
    CHECK(buffer.position() == input.size());
  }
}

TEST_CASE("what was popped is overwritten, and so is what moved") {
  LineBuffer buffer(100);
  buffer.append(as_bytes("secret one\nsecret two\n"));
  LineBuffer::Line line;
  REQUIRE(buffer.front(line));
  const std::string_view first = line.text;
  buffer.pop();
  CHECK(first == std::string(first.size(), '\0'));
  REQUIRE(buffer.front(line));
  const std::string_view second = line.text;
  CHECK(second == "secret two");
  // It moves to the front, so that there is room.
  buffer.append(as_bytes(std::string(first.size() + 1, 'x')));
  REQUIRE(buffer.front(line));
  CHECK(line.text == "secret two");
  if (line.text.data() == first.data()) {
    CHECK_FALSE(std::string_view(second.data(), second.size()).contains("two"));
  }
}

TEST_CASE("a line of 100 MB is skipped in bounded memory") {
  LineBuffer buffer(64 * 1024);
  const std::string block(64 * 1024, 'x');
  LineBuffer::Line line;
  for (int i = 0; i < 1600; ++i) {
    buffer.append(as_bytes(block));
    CHECK_FALSE(buffer.front(line));
    REQUIRE(buffer.bytes() <= 128 * 1024);
  }
  buffer.append(as_bytes("\n{\"a\":1}\n"));
  REQUIRE(buffer.front(line));
  CHECK(line.too_long);
  CHECK(line.size == 1600ull * 64 * 1024);
  CHECK(line.text.size() == 64 * 1024);
  buffer.pop();
  REQUIRE(buffer.front(line));
  CHECK(line.text == "{\"a\":1}");
}

TEST_CASE("a long line that never ends is one line when the input does") {
  LineBuffer buffer(4);
  buffer.append(as_bytes("abcdefgh"));
  LineBuffer::Line line;
  CHECK_FALSE(buffer.front(line));
  buffer.finish();
  CHECK(drain(buffer) == Lines{"!8:abcd"});
}

}  // namespace
}  // namespace pinaflux
