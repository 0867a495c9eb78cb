#include "agent/config/units.h"

#include <doctest/doctest.h>

namespace pinaflux::config {
namespace {

TEST_CASE("durations are read whole or not at all") {
  CHECK(parse_duration("250ms") == Duration::milliseconds(250));
  CHECK(parse_duration("1h30m") == Duration::minutes(90));
  CHECK(parse_duration("30d") == Duration::days(30));
  CHECK(parse_duration("15us") == Duration::microseconds(15));
  CHECK(parse_duration("0") == Duration{});
  for (const char* wrong : {"", "5", "m", "5 m", "1.5h", "-5s", "30m1h", "5s5s", "5y", "5S",
                            "99999999999d", "9223372036854775808us", "1h 30m"}) {
    CAPTURE(wrong);
    CHECK(!parse_duration(wrong));
  }
}

TEST_CASE("sizes know both kinds of thousands") {
  CHECK(parse_size("64KiB") == 65536u);
  CHECK(parse_size("1GB") == 1'000'000'000u);
  CHECK(parse_size("512B") == 512u);
  CHECK(parse_size("16TiB") == 16ull << 40);
  for (const char* wrong :
       {"", "5", "MiB", "1.5GiB", "-1B", "5 MiB", "5mib", "99999999999999TiB"}) {
    CAPTURE(wrong);
    CHECK(!parse_size(wrong));
  }
}

TEST_CASE("what is formatted reads back as the same") {
  for (std::int64_t ns :
       {0ll, 1'000ll, 250'000'000ll, 5'400'000'000'000ll, 2'592'000'000'000'000ll}) {
    CHECK(parse_duration(format_duration(Duration{ns})) == Duration{ns});
  }
  for (std::uint64_t bytes : {0ull, 1ull, 1000ull, 1024ull, 65537ull, 512ull << 20, 3ull << 40}) {
    CHECK(parse_size(format_size(bytes)) == bytes);
  }
  CHECK(format_duration(Duration::minutes(90)) == "1h30m");
  CHECK(format_size(512ull << 20) == "512MiB");
}

TEST_CASE("an address is taken apart, and put together as the network takes it") {
  const auto text = [](const char* address) {
    const auto read = parse_address(address);
    return read.address ? read.address->text() : "refused: " + read.what;
  };
  CHECK(text("tcp://10.0.0.5:1883") == "tcp://10.0.0.5:1883");
  CHECK(text("tcp://[::1]:1883/") == "tcp://[::1]:1883");
  CHECK(text("unix:///run/a.sock") == "unix:///run/a.sock");
  CHECK(text("stdin:") == "stdin:");
  CHECK(!parse_address("tcp://host").address->port_given);
  CHECK(text("ws://[::1]:9001") == "ws://[::1]:9001");
  CHECK(text("wss://broker.example:443/mqtt/x?k=v") == "wss://broker.example:443/mqtt/x?k=v");
  CHECK(parse_address("wss://h/").address->path == "/");
  CHECK(text("https://h:8443/in?db=plant&to={topic}") == "https://h:8443/in?db=plant&to={topic}");
  CHECK(text("http://[::1]:80?x") == "http://[::1]:80?x");
  CHECK(parse_address("https://h").address->kind == Address::Kind::tls);
  for (const char* wrong :
       {"", "host:1", "tcp://", "tcp://:1", "tcp://a b:1", "tcp://[::1", "tcp://h:", "tcp://h:x",
        "tcp://h:65536", "unix://relative", "http://", "http://h#x", "https://u:p@h",
        "tcp://u:p@h:1", "ws:///x", "ws://h/a b", "wss://h/a\"b", "wss://u:p@h/x"}) {
    CAPTURE(wrong);
    CHECK(text(wrong).starts_with("refused: "));
  }
}

TEST_CASE("names are what a topic, a file and a terminal all take") {
  CHECK(valid_name("pump-station_7.b"));
  CHECK(valid_name(std::string(64, 'a')));
  for (const std::string& wrong :
       {std::string(), std::string("."), std::string(".."), std::string("a/b"), std::string("a b"),
        std::string("\xC3\xA4"), std::string(65, 'a')}) {
    CHECK(!valid_name(wrong));
  }
}

}  // namespace
}  // namespace pinaflux::config
