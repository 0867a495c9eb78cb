// Redaction: how much of each line of a configuration may be shown.
//
// Promise    No value of a secret key, of a key that looks like a misspelt one, of anything below `keys`, of a
//            key written where its name belongs,
//            and no user or password inside an address. It looks at text, not at a tree: it must hold
//            where the YAML cannot be read. It hides too much rather than too little.
// Threads    One owner.
// Tests      tests/agent/config/redact_test.cc
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace pinaflux::config {

// The key names a secret, or looks like a misspelt name of one.
bool is_secret_name(std::string_view key);

// A key itself where a key's name belongs: 32 or more characters as `openssl rand` writes them, or PEM.
bool looks_like_key(std::string_view text);

// A key as it may stand in a message: of `password=abc`, where the ':' was forgotten, `password=***`.
std::string shown_key(std::string_view key);

// The line with the users and passwords of its addresses as ***.
std::string without_credentials(std::string_view line);

// Takes the lines of a file in their order.
class Redaction {
 public:
  static constexpr std::size_t kAll = static_cast<std::size_t>(-1);

  // Bytes of the line that may be shown; the rest is ***.
  std::size_t shown(std::string_view line);

 private:
  std::size_t secret_at(std::string_view line);

  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  std::size_t secret_ = kNone;  // Lines indented deeper than this belong to a secret.
  bool open_ = false;  // Its key was the last of its line: a list may follow without indentation.
  bool next_ = false;  // The value is on the next line, whatever the indentation.
  std::size_t keys_ = kNone;  // Lines indented deeper than this are below `keys`.
};

}  // namespace pinaflux::config
