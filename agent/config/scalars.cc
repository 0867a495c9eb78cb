// A message says what the key takes, not only that this is not it: the operator has no manual at hand. A bare
// number where a unit is needed is answered with the units.
#include "agent/config/scalars.h"

#include "agent/config/redact.h"
#include "platform/base/text.h"

namespace pinaflux::config {

namespace {

constexpr std::uint16_t kBrokerPort = 1883, kBrokerTlsPort = 8883, kHttpPort = 80, kHttpsPort = 443;

std::string named(const Key& key) { return "'" + std::string(last_step(key.path)) + "'"; }

std::string quoted(const Node& value) { return "'" + printable(value.text, 40) + "'"; }

class Checker {
 public:
  Checker(const Key& key, const Node& value, Findings& findings)
      : key_(key), value_(value), findings_(findings) {}

  bool check() {
    if (value_.text.empty()) {
      return key_.may_be_empty ||
             refuse(named(key_) + " is empty", "it takes " + spoken_type(key_));
    }
    switch (key_.type) {
      case Type::text: return text();
      case Type::texts: return key_.choices.empty() ? text() : choice();
      case Type::name: return name();
      case Type::choice: return choice();
      case Type::boolean: return is_one_of(value_.text, "true|false") || wrong_type();
      case Type::integer: return integer();
      case Type::number: return number();
      case Type::duration: return duration();
      case Type::size: return size();
      case Type::value: return text_within(1024);
      case Type::broker:
      case Type::listen:
      case Type::lines: return address();
      case Type::proxy: return proxy();
      case Type::path: return path();
      default: return wrong_type();
    }
  }

 private:
  bool refuse(std::string what, std::string fix) {
    findings_.error(value_.place, std::move(what), std::move(fix));
    return false;
  }

  bool wrong_type() {
    return refuse(quoted(value_) + " is not what " + named(key_) + " takes",
                  "it takes " + spoken_type(key_));
  }

  template <class T>
  bool within(T value) {
    if (key_.min == 0 && key_.max == 0) return true;
    if (value >= static_cast<T>(key_.min) && value <= static_cast<T>(key_.max)) return true;
    return refuse(named(key_) + " is out of range", "it takes " + spoken_range(key_));
  }

  bool text_within(std::size_t bytes_max) {
    if (value_.text.size() <= bytes_max) return true;
    return refuse(named(key_) + " is too long",
                  "it takes at most " + std::to_string(bytes_max) + " bytes");
  }

  bool text() { return key_.max == 0 || text_within(static_cast<std::size_t>(key_.max)); }

  bool name() {
    if (valid_name(value_.text)) return true;
    const std::string shown = looks_like_key(value_.text) ? "this" : quoted(value_);
    return refuse(shown + " is not a name", "a name has 1 to 64 of A-Z a-z 0-9 . _ -");
  }

  bool choice() {
    if (is_one_of(value_.text, key_.choices)) return true;
    if (const auto later = later_value(key_.path, value_.text); !later.empty()) {
      return refuse(quoted(value_) + " is not in this version", std::string(later));
    }
    const auto choices = split(key_.choices, '|');
    const auto meant = closest(value_.text, choices);
    return refuse(quoted(value_) + " is not what " + named(key_) + " takes",
                  meant ? "did you mean '" + std::string(*meant) + "'?"
                        : "it takes " + spoken_choices(key_.choices));
  }

  bool integer() {
    const auto value = parse_integer<std::int64_t>(value_.text);
    return value ? within(*value) : wrong_type();
  }

  bool number() {
    const auto value = parse_double(value_.text);
    return value ? within(*value) : wrong_type();
  }

  bool duration() {
    if (const auto value = parse_duration(value_.text)) return within(value->ns);
    if (!parse_double(value_.text)) return wrong_type();
    return refuse(named(key_) + " needs a unit",
                  "write " + value_.text + "s, " + value_.text + "ms, or another of d h m s ms us");
  }

  bool size() {
    if (const auto value = parse_size(value_.text)) return within(*value);
    if (!parse_double(value_.text)) return wrong_type();
    return refuse(named(key_) + " needs a unit",
                  "write " + value_.text + "MiB, or another of B KiB MiB GiB");
  }

  bool address() {
    auto read = parse_address(value_.text);
    if (!read.address) return refuse(std::move(read.what), std::move(read.fix));
    const Address& address = *read.address;
    const bool leaves = key_.path.starts_with("uplink");
    if (address.websocket && !leaves) {
      return refuse("only the uplink speaks MQTT over WebSockets",
                    "write tls://HOST:PORT or tcp://HOST:PORT");
    }
    if (address.post && !leaves) return refuse("not an address of ours", "write tcp://HOST:PORT");
    if (key_.type != Type::broker && address.kind == Address::Kind::tls) {
      return refuse("listening speaks no TLS in this version",
                    "listen on tcp://127.0.0.1:PORT or unix:///PATH, behind a proxy if need be");
    }
    const bool remote = address.kind == Address::Kind::tcp || address.kind == Address::Kind::tls;
    if (key_.type != Type::lines && !remote) {
      return refuse(named(key_) + " takes tcp:// addresses only", "write tcp://HOST:PORT");
    }
    const bool listens = key_.type != Type::broker && address.kind == Address::Kind::tcp;
    if (listens && !address.port_given) {
      return refuse("the address to listen at has no port", "write tcp://HOST:PORT");
    }
    if (key_.type == Type::broker && address.port_given && address.port == 0) {
      return refuse("nobody can be reached at port 0",
                    "write the broker's port, usually 1883, with TLS 8883");
    }
    return true;
  }

  bool proxy() {
    auto read = parse_proxy(value_.text);
    return read.address || refuse(std::move(read.what), std::move(read.fix));
  }

  bool path() {
    if (value_.text[0] != '/') {
      return refuse(named(key_) + " is not an absolute path", "begin it with '/'");
    }
    return text();
  }

  const Key& key_;
  const Node& value_;
  Findings& findings_;
};

}  // namespace

bool check_scalar(const Key& key, const Node& value, Findings& findings) {
  return Checker(key, value, findings).check();
}

Constant read_value(const Node& value) {
  if (value.quoted) return value.text;
  if (value.text == "true") return true;
  if (value.text == "false") return false;
  if (const auto integer = parse_integer<std::int64_t>(value.text)) return *integer;
  if (const auto number = parse_double(value.text)) return *number;
  return value.text;
}

std::string read_address(const Key& key, std::string_view text) {
  if (key.type == Type::proxy) {
    const auto proxy = parse_proxy(text).address;
    return proxy ? proxy->text() : std::string();
  }
  auto read = parse_address(text);
  if (!read.address) return {};
  if (!read.address->port_given && key.type == Type::broker) {
    const bool encrypted = read.address->kind == Address::Kind::tls;
    read.address->port = encrypted ? kBrokerTlsPort : kBrokerPort;
    const bool web = read.address->websocket || read.address->post;
    if (web) read.address->port = encrypted ? kHttpsPort : kHttpPort;
  }
  return read.address->text();
}

}  // namespace pinaflux::config
