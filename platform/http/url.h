// HttpUrl: http://HOST:PORT/PATH?QUERY, in which {topic} stands for the topic of what is sent.
//
// Threads    Values and pure functions; any.
// Source     RFC 3986
// Tests      tests/platform/http/url_test.cc
#pragma once

#include <string>
#include <string_view>

#include "platform/base/result.h"

namespace pinaflux {

struct HttpUrl {
  std::string address;    // For Network: "tcp://HOST:PORT" or "tls://HOST:PORT".
  std::string authority;  // For the header Host.
  std::string target;     // Path and query; at least "/".

  // Whether what is sent can say its topic.
  bool has_topic() const { return target.find(kTopic) != std::string::npos; }
  std::string target_for(std::string_view topic) const;

  static constexpr std::string_view kTopic = "{topic}";
};

// http:// or https://.
bool is_http(std::string_view address);
// Errors: invalid. The port is 80 (https: 443) if none is given.
Result<HttpUrl> parse_http_url(std::string_view text);
// As it may be shown: a query holds tokens where servers want them there.
std::string without_query(std::string_view address);
// What may not stand in a path is %-escaped; '/' stays.
std::string percent_encode(std::string_view text);

}  // namespace pinaflux
