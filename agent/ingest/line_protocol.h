// LineProtocolReader: one line of InfluxDB line protocol becomes the fields of one record.
//
// Example    weather,city=Berlin temp=21.5,hum=40i,ok=t,note="a \"b\"" 1700000000000000000
// Fields     Tags first (as text), then fields, in the order written. The stream is the prefix given,
//            '/', and the measurement. Without a timestamp the record's time is its arrival.
// Limits     Bytes are kept as they are: UTF-8 is not checked. A newline inside a quoted string belongs
//            to it.
// Ownership  Text is copied into the builder's arena.
// Threads    Loop.
// Tests      tests/agent/ingest/line_protocol_test.cc, tests/fuzz/line_protocol_fuzz.cc
// Source     InfluxDB OSS v2, "Line protocol"; what it leaves open is refused.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/ingest/record_builder.h"

namespace pinaflux {

class LineProtocolReader {
 public:
  // Reads the line at the front of `text`, which is neither blank nor a comment; `used` are its bytes,
  // newline included. Of a line that is refused, these are the bytes up to the next newline.
  // `ns_per_tick` is the unit of its timestamp.
  Built read(std::string_view text, std::string_view stream_prefix, std::int64_t ns_per_tick,
             Intake& intake, RecordBuilder& builder, std::size_t& used);

 private:
  Built measurement(std::string_view prefix, Intake& intake);
  Built tags();
  Built fields();
  Built field_value(std::string_view key);
  Built quoted(std::string_view key);
  Built timestamp(std::int64_t ns_per_tick);
  Built word(std::string_view stops, std::string_view& word);
  Built fault() const { return refuse(Reason::malformed, at_); }
  bool at(char c) const { return at_ < text_.size() && text_[at_] == c; }
  bool line_ended() const;

  std::string_view text_;
  std::size_t at_ = 0;
  RecordBuilder* builder_ = nullptr;
  std::string stream_;
  std::string key_;  // Unescaped, where a key had escapes.
  std::string unquoted_;
};

// "ns", "us", "ms", "s", "m", "h", and the "n" and "u" of InfluxDB v1; 0 for none of them.
std::int64_t ns_per_precision(std::string_view precision);

}  // namespace pinaflux
