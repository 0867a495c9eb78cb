// HttpHead: the first lines of a request, taken apart; and the length of the body that follows.
//
// Promise    Whatever the bytes are: a head that means one thing only, or the status to refuse it
//            with. Two lengths, or a length beside chunks, are refused, so that no proxy can read
//            it differently.
// Limits     kHeadersMax headers; the bytes are the caller's to bound.
// Ownership  Views point into `text`, which belongs to the head.
// Source     RFC 9112 (HTTP/1.1), RFC 9110.
// Tests      tests/platform/http/head_test.cc
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pinaflux {

struct HttpRefusal {
  int status = 0;  // 0: not refused.
  const char* why = "";
};

struct HttpHead {
  static constexpr std::size_t kHeadersMax = 100;

  std::string text;  // With its last, empty line.
  std::string_view method;
  std::string path;
  std::string_view query;
  std::vector<std::pair<std::string_view, std::string_view>> headers;
  std::uint64_t body_bytes = 0;
  bool chunked = false;
  bool modern = true;  // HTTP/1.1
  bool keep_alive = true;
  bool expects_continue = false;

  std::string_view header(std::string_view name) const;
  // Fills everything from `text`.
  HttpRefusal parse();

 private:
  HttpRefusal parse_request_line(std::string_view line);
  HttpRefusal parse_header(std::string_view line);
  HttpRefusal parse_meaning();
  HttpRefusal parse_length();
};

// Where the head at the front of `bytes` ends (after its empty line); 0: not yet.
std::size_t http_head_end(std::string_view bytes);
// "Not Found"
const char* http_phrase(int status);

}  // namespace pinaflux
