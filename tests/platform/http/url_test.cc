#include "platform/http/url.h"

#include <doctest/doctest.h>

namespace pinaflux::tests {

TEST_CASE("a URL is taken apart, and what is sent is put into it") {
  const auto url = parse_http_url("https://user.example:8443/in/{topic}?qos=1");
  REQUIRE(url.has_value());
  CHECK(url->address == "tls://user.example:8443");
  CHECK(url->authority == "user.example:8443");
  CHECK(url->has_topic());
  CHECK(url->target_for("p/g/data/a b") == "/in/p/g/data/a%20b?qos=1");
  const auto bare = parse_http_url("http://[::1]?db=x");
  REQUIRE(bare.has_value());
  CHECK(bare->address == "tcp://[::1]:80");
  CHECK(bare->target_for("p/g") == "/?db=x");
  CHECK(parse_http_url("https://h")->address == "tls://h:443");
  CHECK(parse_http_url("http://[fe80::1]:8080/x")->address == "tcp://[fe80::1]:8080");
}

TEST_CASE("what is no URL of a server is refused") {
  for (const char* wrong : {"", "http://", "http:///x", "ftp://h/", "http://u:p@h/", "http://h/#x",
                            "http://h/a b", "http://h/\r\nX: y", "http://h/\"", "http://h/\x80"}) {
    CAPTURE(wrong);
    CHECK_FALSE(parse_http_url(wrong).has_value());
  }
}

TEST_CASE("a query is not shown") {
  CHECK(without_query("https://h/write?db=x&token=t0ps3cret") == "https://h/write?...");
  CHECK(without_query("https://h/write") == "https://h/write");
  CHECK(without_query("tcp://h:1883") == "tcp://h:1883");
}

TEST_CASE("percent escapes are RFC 3986's") {
  CHECK(percent_encode("aZ09-._~/") == "aZ09-._~/");
  CHECK(percent_encode("a b+c%\n\xff") == "a%20b%2Bc%25%0A%FF");
}

}  // namespace pinaflux::tests
