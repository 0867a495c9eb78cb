#include "platform/http/answer_head.h"

#include <doctest/doctest.h>

using namespace pinaflux;

namespace {

AnswerHead::Step feed(AnswerHead& answer, std::string_view text, std::string* rest = nullptr) {
  Bytes bytes = as_bytes(text);
  const AnswerHead::Step step = answer.take(bytes);
  if (rest != nullptr) *rest = as_text(bytes);
  return step;
}

}  // namespace

TEST_CASE("an answer's head is taken, and nothing of what follows") {
  AnswerHead answer;
  std::string rest;
  CHECK((feed(answer,
              "HTTP/1.1 101 Switching Protocols\r\nUpgrade:  websocket \r\n"
              "connection: keep-alive, UPGRADE\r\nupgrade: second\r\n\r\nrest",
              &rest) == AnswerHead::Step::done));
  CHECK(rest == "rest");
  CHECK(answer.status() == 101);
  CHECK(answer.reason() == "101 Switching Protocols");
  CHECK(answer.header("UPGRADE") == "websocket");
  CHECK(answer.header("Via").empty());
  CHECK(answer.lists("Connection", "upgrade"));
  CHECK_FALSE(answer.lists("Connection", "keep"));
}

TEST_CASE("an answer may come byte by byte, and without a reason") {
  for (const std::string text : {"HTTP/1.0 200\r\n\r\n", "HTTP/1.1 200 \n\n"}) {
    AnswerHead answer;
    for (std::size_t i = 0; i + 1 < text.size(); ++i)
      CHECK((feed(answer, text.substr(i, 1)) == AnswerHead::Step::more));
    CHECK((feed(answer, text.substr(text.size() - 1)) == AnswerHead::Step::done));
    CHECK(answer.status() == 200);
    CHECK(answer.reason() == "200");
  }
}

TEST_CASE("what is no HTTP is refused by its first byte that cannot be") {
  for (const char* text : {"X", "HTTX", "HTTP/2", "HTTP/1.x", "HTTP/1.1 2x", "HTTP/1.1 20\r",
                           "\n\n", "HTTP/1.1 2000\r\n\r\n", "HTTP/1.1 099 x\r\n\r\n"}) {
    CAPTURE(text);
    AnswerHead answer;
    CHECK((feed(answer, text) == AnswerHead::Step::not_http));
  }
}

TEST_CASE("a head without an end is bounded") {
  AnswerHead answer;
  CHECK((feed(answer, "HTTP/1.1 200 OK\r\n") == AnswerHead::Step::more));
  CHECK((feed(answer, std::string(AnswerHead::kBytesMax - 17, 'x')) == AnswerHead::Step::more));
  CHECK((feed(answer, "x") == AnswerHead::Step::too_long));
}
