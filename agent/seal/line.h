// Line: the printable `magic key=value key=value ...` lines of envelopes and messages.
//
// Promise    Every byte is printable ASCII; keys and values hold no blank and no '='.
// Threads    Pure functions and values; any.
#pragma once

#include <charconv>
#include <optional>
#include <string>
#include <string_view>

#include "agent/data/identity.h"
#include "agent/data/record.h"

namespace pinaflux::seal {

inline constexpr std::size_t kDigestBytes =
    16;  // Of a hash that travels: the first half of SHA-256.

// 1 to 64 of A-Z a-z 0-9 . _ - : gateways and lanes on a line and in a topic.
bool valid_name(std::string_view name);

// Fit to be a key or a value.
bool printable_word(std::string_view word);

// A trace context as W3C writes it (Trace Context level 1, traceparent): 00-TRACE-PARENT-FLAGS, lower-case hex, ids not
// all zero. Of later versions what stands behind the flags is anything.
bool valid_traceparent(std::string_view text);

// base64url without padding (RFC 4648 section 5).
std::string base64url(Bytes bytes);
bool unbase64url(std::string_view text, MutableBytes to);  // Exactly to.size() bytes.

class LineWriter {
 public:
  explicit LineWriter(std::string_view magic) : text_(magic) {}
  LineWriter& pair(std::string_view key, std::string_view value);
  LineWriter& number(std::string_view key, std::uint64_t value);
  LineWriter& bytes(std::string_view key, Bytes value) { return pair(key, base64url(value)); }
  LineWriter& digest(std::string_view key, const Digest& value) {
    return bytes(key, Bytes(value).first(kDigestBytes));
  }
  LineWriter& range(std::string_view key, Range value);
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// Walks the pairs of a line after its magic. failed() when a pair is malformed.
class LineReader {
 public:
  // `line` without its newline.
  LineReader(std::string_view line, std::string_view magic);
  bool failed() const { return failed_; }
  // False at the end (or when failed).
  bool next(std::string_view& key, std::string_view& value);
  // After a failure: goes on behind the pair that is malformed.
  void pass_over();
  std::size_t left() const { return rest_.size(); }  // Bytes of the line.

 private:
  std::string_view rest_;
  bool failed_ = false;
};

std::optional<std::uint64_t> parse_number(std::string_view text);
bool parse_digest(std::string_view text, Digest& to);
bool parse_range(std::string_view text, Range& to);  // "7-12"
std::string format_stamp(Stamp stamp);               // "1700000000s", "15ms@BOOT" (boot in hex)
bool parse_stamp(std::string_view text, Stamp& to);

}  // namespace pinaflux::seal
