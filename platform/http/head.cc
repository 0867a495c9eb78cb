#include "platform/http/head.h"

#include <algorithm>

#include "platform/base/text.h"
#include "platform/http_server.h"

namespace pinaflux {

namespace {

constexpr HttpRefusal kTaken{};

bool token(std::string_view text) {  // RFC 9110 section 5.6.2
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

bool has_word(std::string_view list, std::string_view word) {
  Split words(list, ',');
  for (std::string_view one; words.next(one);) {
    if (equal_ignoring_case(trim(one), word)) return true;
  }
  return false;
}

}  // namespace

std::size_t http_head_end(std::string_view bytes) {
  for (std::size_t at = bytes.find('\n'); at != std::string_view::npos;
       at = bytes.find('\n', at + 1)) {
    const std::string_view rest = bytes.substr(at + 1);
    if (rest.starts_with('\n')) return at + 2;
    if (rest.starts_with("\r\n")) return at + 3;
  }
  return 0;
}

std::string_view HttpHead::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (equal_ignoring_case(key, name)) return value;
  }
  return {};
}

HttpRefusal HttpHead::parse() {
  Split lines(text, '\n');
  bool first = true;
  for (std::string_view line; lines.next(line); first = false) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.find('\r') != std::string_view::npos || line.find('\0') != std::string_view::npos) {
      return {400, "a line of the request has forbidden characters"};
    }
    if (!first && line.empty()) break;
    const HttpRefusal refusal = first ? parse_request_line(line) : parse_header(line);
    if (refusal.status != 0) return refusal;
  }
  return parse_meaning();
}

HttpRefusal HttpHead::parse_request_line(std::string_view line) {
  const auto parts = split(line, ' ');
  if (parts.size() != 3 || !token(parts[0]) || parts[1].empty()) {
    return {400, "the request line is not METHOD PATH HTTP/1.1"};
  }
  if (parts[2] != "HTTP/1.1" && parts[2] != "HTTP/1.0") return {505, "speak HTTP/1.1 or HTTP/1.0"};
  method = parts[0];
  modern = parts[2] == "HTTP/1.1";
  constexpr std::string_view kMethods[] = {"GET", "POST", "PUT", "DELETE", "HEAD"};
  if (std::ranges::find(kMethods, method) == std::end(kMethods)) {
    return {405, "the method is not GET, POST, PUT, DELETE or HEAD"};
  }
  std::string_view target = parts[1];
  if (target.starts_with("http://")) {
    const std::size_t slash = target.find('/', 7);
    target = slash == std::string_view::npos ? "/" : target.substr(slash);
  }
  const std::size_t mark = target.find('?');
  if (mark != std::string_view::npos) query = target.substr(mark + 1);
  if (!target.starts_with('/') || !percent_decode(target.substr(0, mark), false, path)) {
    return {400, "the path does not begin with / or has a broken % escape"};
  }
  return kTaken;
}

HttpRefusal HttpHead::parse_header(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !token(line.substr(0, colon))) {
    return {400, "a header line is not NAME: VALUE"};
  }
  if (headers.size() == kHeadersMax) return {431, "the request has too many headers"};
  headers.emplace_back(line.substr(0, colon), trim(line.substr(colon + 1)));
  return kTaken;
}

HttpRefusal HttpHead::parse_meaning() {
  if (modern && header("Host").data() == nullptr) return {400, "the Host header is missing"};
  if (modern) keep_alive = !has_word(header("Connection"), "close");
  if (!modern) keep_alive = has_word(header("Connection"), "keep-alive");
  if (const std::string_view expected = header("Expect"); !expected.empty()) {
    if (!equal_ignoring_case(expected, "100-continue"))
      return {417, "only Expect: 100-continue is known"};
    expects_continue = modern;
  }
  const std::string_view coding = header("Content-Encoding");
  if (!coding.empty() && !equal_ignoring_case(coding, "identity")) {
    return {415, "compressed bodies are not taken: send it without Content-Encoding"};
  }
  return parse_length();
}

HttpRefusal HttpHead::parse_length() {
  bool counted = false;
  for (const auto& [key, value] : headers) {
    if (equal_ignoring_case(key, "Transfer-Encoding")) {
      if (chunked || !equal_ignoring_case(value, "chunked")) {
        return {501, "the only Transfer-Encoding taken is chunked"};
      }
      chunked = true;
    } else if (equal_ignoring_case(key, "Content-Length")) {
      const auto length = parse_integer<std::uint64_t>(value);
      if (!length || (counted && *length != body_bytes))
        return {400, "the Content-Length is wrong"};
      counted = true;
      body_bytes = *length;
    }
  }
  if (chunked && counted) return {400, "Content-Length and Transfer-Encoding exclude one another"};
  return kTaken;
}

const char* http_phrase(int status) {
  switch (status) {
    case 100: return "Continue";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 411: return "Length Required";
    case 413: return "Content Too Large";
    case 415: return "Unsupported Media Type";
    case 417: return "Expectation Failed";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    case 505: return "HTTP Version Not Supported";
    case 507: return "Insufficient Storage";
    default: return status < 400 ? "OK" : "Error";
  }
}

}  // namespace pinaflux
