// Units are written without spaces and without fractions ("1h30m", not "1.5 h"), so that every value has one
// reading and the number shown by `config explain` can be pasted back. A bare number is refused with the
// unit that it probably meant: `10` seconds and `10` milliseconds have both been guessed wrong before.
#include "agent/config/units.h"

#include <algorithm>
#include <array>

#include "platform/base/text.h"

namespace pinaflux::config {

namespace {

struct DurationUnit {
  std::string_view name;
  std::int64_t ns;
};
constexpr std::array kDurationUnits = {
    DurationUnit{"d", Duration::days(1).ns},
    DurationUnit{"h", Duration::hours(1).ns},
    DurationUnit{"m", Duration::minutes(1).ns},
    DurationUnit{"s", Duration::seconds(1).ns},
    DurationUnit{"ms", Duration::milliseconds(1).ns},
    DurationUnit{"us", Duration::microseconds(1).ns},
};

struct SizeUnit {
  std::string_view name;
  std::uint64_t bytes;
};
constexpr std::array kSizeUnits = {
    SizeUnit{"TiB", 1ull << 40},
    SizeUnit{"GiB", 1ull << 30},
    SizeUnit{"MiB", 1ull << 20},
    SizeUnit{"KiB", 1ull << 10},
    SizeUnit{"TB", 1'000'000'000'000ull},
    SizeUnit{"GB", 1'000'000'000},
    SizeUnit{"MB", 1'000'000},
    SizeUnit{"KB", 1'000},
    SizeUnit{"kB", 1'000},
    SizeUnit{"B", 1},
};

std::string_view take_digits(std::string_view& text) {
  std::size_t n = 0;
  while (n < text.size() && is_digit(text[n])) ++n;
  const std::string_view digits = text.substr(0, n);
  text.remove_prefix(n);
  return digits;
}

std::string_view take_unit(std::string_view& text) {
  std::size_t n = 0;
  while (n < text.size() && !is_digit(text[n])) ++n;
  const std::string_view unit = text.substr(0, n);
  text.remove_prefix(n);
  return unit;
}

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
  if (text == "0") return Duration{};
  std::int64_t total = 0;
  std::size_t unit_min = 0;
  do {
    const auto number = parse_integer<std::int64_t>(take_digits(text));
    const std::string_view unit = take_unit(text);
    std::size_t at = unit_min;
    while (at < kDurationUnits.size() && kDurationUnits[at].name != unit) ++at;
    if (!number || at == kDurationUnits.size()) return std::nullopt;
    std::int64_t part = 0;
    if (__builtin_mul_overflow(*number, kDurationUnits[at].ns, &part)) return std::nullopt;
    if (__builtin_add_overflow(total, part, &total)) return std::nullopt;
    unit_min = at + 1;
  } while (!text.empty());
  return Duration{total};
}

std::string format_duration(Duration duration) {
  std::string out;
  std::int64_t rest = duration.ns;
  for (const DurationUnit& unit : kDurationUnits) {
    if (rest < unit.ns) continue;
    append_integer(out, rest / unit.ns);
    out += unit.name;
    rest %= unit.ns;
  }
  return out.empty() ? "0s" : out;
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  const auto number = parse_integer<std::uint64_t>(take_digits(text));
  if (!number) return std::nullopt;
  for (const SizeUnit& unit : kSizeUnits) {
    if (unit.name != text) continue;
    std::uint64_t bytes = 0;
    if (__builtin_mul_overflow(*number, unit.bytes, &bytes)) return std::nullopt;
    return bytes;
  }
  return std::nullopt;
}

std::string format_size(std::uint64_t bytes) {
  for (const SizeUnit& unit : kSizeUnits) {
    if (bytes < unit.bytes || bytes % unit.bytes != 0) continue;
    return std::to_string(bytes / unit.bytes) + std::string(unit.name);
  }
  return "0B";
}

bool valid_name(std::string_view text) {
  if (text.empty() || text.size() > 64 || text == "." || text == "..") return false;
  for (char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter && !is_digit(c) && c != '.' && c != '_' && c != '-') return false;
  }
  return true;
}

std::string Address::text() const {
  switch (kind) {
    case Kind::standard_input: return "stdin:";
    case Kind::unix_socket: return "unix://" + path;
    case Kind::tcp:
    case Kind::tls:
    case Kind::http: break;
  }
  const bool six = host.find(':') != std::string::npos;
  const bool encrypted = kind == Kind::tls;
  const char* scheme = websocket            ? (encrypted ? "wss://" : "ws://")
                       : post               ? (encrypted ? "https://" : "http://")
                       : encrypted          ? "tls://"
                       : kind == Kind::http ? "http://"
                                            : "tcp://";
  return scheme + (six ? '[' + host + ']' : host) + ':' + std::to_string(port) + path;
}

namespace {

AddressRead wrong(std::string what, std::string fix) {
  return {std::nullopt, std::move(what), std::move(fix)};
}

bool valid_host(std::string_view host, bool six) {
  if (host.empty() || host.size() > 253) return false;
  for (char c : host) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c);
    const bool sign = six ? c == ':' || c == '.' || c == '%' : c == '.' || c == '-' || c == '_';
    if (!letter && !sign) return false;
  }
  return true;
}

AddressRead parse_tcp(std::string_view rest) {
  Address address;
  if (rest.find('@') != std::string_view::npos) {
    return wrong("an address holds no user and no password",
                 "use the keys 'user' and 'password: {file: PATH}'");
  }
  if (rest.ends_with('/')) rest.remove_suffix(1);
  const bool six = rest.starts_with('[');
  const std::size_t end = six ? rest.find(']') : rest.find(':');
  if (six && end == std::string_view::npos) {
    return wrong("the ']' of an IPv6 address is missing", "write tcp://[::1]:1883");
  }
  address.host = rest.substr(six ? 1 : 0, six ? end - 1 : end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + (six ? 1 : 0));
  if (!valid_host(address.host, six)) {
    return wrong("the address has no valid host", "write tcp://HOST:PORT");
  }
  if (rest.empty()) return {std::move(address), {}, {}};
  const auto port = parse_integer<std::uint16_t>(rest.substr(1));
  if (rest[0] != ':' || !port) {
    return wrong("the port is not a number from 0 to 65535", "write tcp://HOST:PORT");
  }
  address.port = *port;
  address.port_given = true;
  return {std::move(address), {}, {}};
}

// Behind the scheme.
AddressRead parse_url(std::string_view rest, bool encrypted) {
  const std::size_t slash = std::min(rest.find_first_of("/?"), rest.size());
  const std::string_view path = rest.substr(slash);
  const auto plain = [](char c) {
    return c > ' ' && c <= '~' && c != '"' && c != '\\' && c != '#';
  };
  if (!std::ranges::all_of(path, plain)) {
    return wrong("the path of the address has letters that a URL cannot have",
                 "write for example wss://broker.example/mqtt");
  }
  AddressRead read = parse_tcp(rest.substr(0, slash));
  if (!read.address) return read;
  read.address->path = path;
  if (encrypted) read.address->kind = Address::Kind::tls;
  return read;
}

}  // namespace

AddressRead parse_address(std::string_view text) {
  if (text == "stdin:") return {Address{.kind = Address::Kind::standard_input}, {}, {}};
  if (text.starts_with("tcp://")) return parse_tcp(text.substr(6));
  if (text.starts_with("tls://")) {
    AddressRead read = parse_tcp(text.substr(6));
    if (read.address) read.address->kind = Address::Kind::tls;
    return read;
  }
  for (const std::string_view scheme : {"ws://", "wss://", "http://", "https://"}) {
    if (!text.starts_with(scheme)) continue;
    AddressRead read =
        parse_url(text.substr(scheme.size()), scheme.ends_with("s://") && scheme != "ws://");
    if (read.address)
      (scheme.starts_with("ws") ? read.address->websocket : read.address->post) = true;
    return read;
  }
  if (text.starts_with("unix://")) {
    Address address{.kind = Address::Kind::unix_socket};
    address.path = text.substr(7);
    // sun_path holds 108 bytes with its end.
    if (address.path.starts_with('/') && address.path.size() < 108)
      return {std::move(address), {}, {}};
    return wrong("a unix socket needs an absolute path of at most 107 bytes",
                 "write unix:///run/pinaflux/name.sock");
  }
  for (const char* scheme : {"ssl://", "mqtts://"}) {
    if (text.starts_with(scheme)) return wrong("not an address of ours", "write tls://HOST:PORT");
  }
  if (text.starts_with("mqtt://")) return wrong("not an address of ours", "write tcp://HOST:PORT");
  return wrong("not an address", "write tcp://HOST:PORT, for example tcp://127.0.0.1:1883");
}

AddressRead parse_proxy(std::string_view text) {
  constexpr std::string_view kScheme = "http://";
  const char* const fix = "write http://HOST:PORT, for example http://proxy.example:3128";
  if (text.starts_with("https://"))
    return wrong("a proxy is asked in plain HTTP: tls:// and wss:// encrypt what goes through it",
                 fix);
  if (text.starts_with("socks")) return wrong("this version speaks to HTTP proxies only", fix);
  if (!text.starts_with(kScheme)) return wrong("not the address of a proxy", fix);
  const std::string_view rest = text.substr(kScheme.size());
  if (rest.contains('@')) {
    return wrong("an address holds no user and no password",
                 "use the keys 'proxy_user' and 'proxy_password: {file: PATH}'");
  }
  if (rest.find('/') < rest.size() - 1) return wrong("the address of a proxy has no path", fix);
  AddressRead read = parse_tcp(rest);
  if (!read.address) return wrong(std::move(read.what), fix);
  if (read.address->port == 0) return wrong("the address of the proxy has no port", fix);
  read.address->kind = Address::Kind::http;
  return read;
}

}  // namespace pinaflux::config
