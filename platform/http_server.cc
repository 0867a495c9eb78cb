#include "platform/http_server.h"

#include "platform/base/text.h"

namespace pinaflux {

std::string query_value(std::string_view query, std::string_view key) {
  Split pairs(query, '&');
  for (std::string_view pair; pairs.next(pair);) {
    const std::size_t equals = pair.find('=');
    std::string name, value;
    // What is not decodable is no match: a value that the sender did not mean must not be used.
    if (!percent_decode(pair.substr(0, equals), true, name) || name != key) continue;
    if (equals == std::string_view::npos) return {};
    return percent_decode(pair.substr(equals + 1), true, value) ? value : std::string();
  }
  return {};
}

bool percent_decode(std::string_view text, bool form, std::string& to) {
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (form && text[i] == '+') {
      to.push_back(' ');
    } else if (text[i] != '%') {
      to.push_back(text[i]);
    } else {
      if (i + 2 >= text.size()) return false;
      const int high = digit(text[i + 1]), low = digit(text[i + 2]);
      if (high < 0 || low < 0 || (high == 0 && low == 0)) return false;
      to.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    }
  }
  return true;
}

}  // namespace pinaflux
