// Log: one line an event, for the journal: "<4>uplink.lost: the broker closed the connection
// reason=135".
//
// Promise    One line stays one line, whatever the values hold. Values of raw records are never
//            given to it. A key that repeats is held down: a burst of lines, then one now and then
//            with the number suppressed, so that a broken cable cannot fill a disk.
// Limits     kBurst lines a key, then one each kQuiet; kKeysMax keys, the rest share one allowance.
// Ownership  Made by main.cc and handed in by reference; there is no global log.
// Threads    Any.
// Source     sd-daemon(3): the level in angle brackets at the start of a line of standard error.
// Tests      tests/platform/base/log_test.cc
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <variant>

#include "platform/base/result.h"
#include "platform/base/time.h"

namespace pinaflux {

class Log {
 public:
  enum class Level : std::uint8_t { error = 3, warning = 4, notice = 5, info = 6, debug = 7 };
  static constexpr int kBurst = 10;
  static constexpr Duration kQuiet = Duration::minutes(1);
  static constexpr std::size_t kKeysMax = 256;

  struct Field {
    Field(std::string_view key_, std::string_view v) : key(key_), value(v) {}
    Field(std::string_view key_, const char* v) : key(key_), value(std::string_view(v)) {}
    Field(std::string_view key_, const std::string& v) : key(key_), value(std::string_view(v)) {}
    Field(std::string_view key_, bool v) : key(key_), value(v) {}
    Field(std::string_view key_, double v) : key(key_), value(v) {}
    template <std::signed_integral T>
    Field(std::string_view key_, T v) : key(key_), value(std::int64_t{v}) {}
    template <std::unsigned_integral T>
    Field(std::string_view key_, T v) : key(key_), value(std::uint64_t{v}) {}

    std::string_view key;
    std::variant<std::string_view, bool, double, std::int64_t, std::uint64_t> value;
  };
  using Fields = std::initializer_list<Field>;
  using Sink =
      std::function<void(std::string_view line)>;  // With its newline, under the log's lock.

  // Writes lines up to and including `level`. `now` must be callable from every thread that logs.
  Log(Level level, std::function<Instant()> now, Sink sink);
  // To standard error.
  Log(Level level, std::function<Instant()> now);
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  // `key` names the call site ("uplink.lost"): what is counted when the same event repeats.
  void line(Level level, std::string_view key, std::string_view text, Fields fields = {});
  void error(std::string_view key, std::string_view text, Fields f = {}) {
    line(Level::error, key, text, f);
  }
  void warning(std::string_view key, std::string_view text, Fields f = {}) {
    line(Level::warning, key, text, f);
  }
  void notice(std::string_view key, std::string_view text, Fields f = {}) {
    line(Level::notice, key, text, f);
  }
  void info(std::string_view key, std::string_view text, Fields f = {}) {
    line(Level::info, key, text, f);
  }
  void debug(std::string_view key, std::string_view text, Fields f = {}) {
    line(Level::debug, key, text, f);
  }
  // The error's text, code and errno.
  void failed(Level level, std::string_view key, const Error& error, Fields fields = {});

 private:
  struct Allowance {
    int left = kBurst;
    Instant next{};  // When one more is allowed.
    std::uint64_t suppressed = 0;
  };
  // The number suppressed before this line, or -1 for "not this one".
  std::int64_t admit(std::string_view key);

  const Level level_;
  const std::function<Instant()> now_;
  const Sink sink_;
  std::mutex mutex_;
  std::map<std::string, Allowance, std::less<>> allowances_;
};

}  // namespace pinaflux
