#include "platform/http/url.h"

#include <algorithm>

#include "platform/base/text.h"

namespace pinaflux {

namespace {

constexpr std::string_view kUnencrypted = "http://", kEncrypted = "https://";

bool has_port(std::string_view authority) {
  const std::size_t colon = authority.rfind(':');
  return colon != std::string_view::npos && authority.find(']', colon) == std::string_view::npos;
}

bool stands_in_a_url(char c) {
  return c > ' ' && c < 127 && c != '"' && c != '<' && c != '>' && c != '\\';
}

}  // namespace

bool is_http(std::string_view address) {
  return address.starts_with(kUnencrypted) || address.starts_with(kEncrypted);
}

Result<HttpUrl> parse_http_url(std::string_view text) {
  if (!is_http(text)) return fail(Code::invalid, "not a URL: write https://HOST/PATH");
  const bool encrypted = text.starts_with(kEncrypted);
  const std::string_view rest = text.substr((encrypted ? kEncrypted : kUnencrypted).size());
  const std::size_t end = std::min(rest.find_first_of("/?#"), rest.size());
  HttpUrl url;
  url.authority = rest.substr(0, end);
  url.target = rest.substr(end);
  if (url.authority.empty() || url.authority.find('@') != std::string::npos)
    return fail(Code::invalid, "a URL without a host, or with a user in it");
  if (url.target.find('#') != std::string::npos || !std::ranges::all_of(text, stands_in_a_url))
    return fail(Code::invalid, "a URL with characters that are to be escaped");
  if (!url.target.starts_with('/')) url.target.insert(0, "/");
  url.address = (encrypted ? "tls://" : "tcp://") + url.authority;
  if (!has_port(url.authority)) url.address += encrypted ? ":443" : ":80";
  return url;
}

std::string without_query(std::string_view address) {
  const std::size_t query = address.find('?');
  if (query == std::string_view::npos) return std::string(address);
  return std::string(address.substr(0, query)) + "?...";
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~/").find(c) != std::string_view::npos;
    if (plain) {
      encoded += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    encoded += '%';
    encoded += kDigits[byte >> 4];
    encoded += kDigits[byte & 15];
  }
  return encoded;
}

std::string HttpUrl::target_for(std::string_view topic) const {
  std::string text = target;
  const std::size_t at = text.find(kTopic);
  if (at != std::string::npos) text.replace(at, kTopic.size(), percent_encode(topic));
  return text;
}

}  // namespace pinaflux
