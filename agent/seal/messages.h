// Messages: the small printable lines that gateway and collector exchange beside envelopes. Bytes:
// FORMAT.md. One line each: a magic word with version, then key=value pairs, unknown keys ignored.
//
// Promise    parse(format(m)) == m. Parsers trust nothing and never allocate beyond the limits.
// Threads    Values and pure functions; any.
// Tests      tests/agent/seal/messages_test.cc
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/data/identity.h"
#include "platform/base/result.h"
#include "platform/base/time.h"

namespace pinaflux {

// What has landed, up to the envelope whose hash that is.
struct LandedRange {
  Range range;
  Digest hash{};
  friend bool operator==(const LandedRange&, const LandedRange&) = default;
};

// An envelope that the collector did not take as it came: another one may have landed under its numbers. What
// became of its records was compared one by one.
struct Comparison {
  Range range;
  Digest hash{};             // Of the envelope; of one that declares a loss, its `through`.
  std::vector<Range> known;  // These seqs of it are settled with just these records, rising.
  friend bool operator==(const Comparison&, const Comparison&) = default;
};
// An envelope that the collector cannot take, however often it comes.
struct RefusedEnvelope {
  Range range;
  Digest hash{};  // What the chain is behind it.
  std::string reason;
  friend bool operator==(const RefusedEnvelope&, const RefusedEnvelope&) = default;
};
// All of it is known.
bool is_known(const Comparison& comparison);

// Of a hello: its `at`, and when it came, by the collector's clock.
struct HelloEcho {
  Instant at;
  WallTime received;
  friend bool operator==(const HelloEcho&, const HelloEcho&) = default;
};

// Collector to gateway, on `<root>/<gateway>/ack`: everything up to `high` has landed.
struct AckMessage {
  std::string gateway, lane;
  Epoch epoch{};
  std::uint64_t high = 0;  // End of the contiguous prefix that has landed or was declared lost.
  // Of the envelope that ends at `high`. It says nothing of what is below `from`: that never came, or was refused, and
  // may be another gateway's; above `high` it says nothing at all.
  Digest hash{};
  std::uint64_t from = 1;
  std::vector<Range> gaps;  // Missing ranges above `high`, at most limits::kGapRangesMax.
  // What has landed above `high`, rising: the last limits::kLandedRangesMax ranges of it.
  std::vector<LandedRange> landed;
  bool fork = false;  // Some of what the lane sends contradicts what has landed.
  // At most limits::kComparedMax, with kComparedRangesMax ranges together. What is not known there is another
  // gateway's under these numbers, or nobody's: it is to be sent in another epoch.
  std::vector<Comparison> compared;
  std::vector<RefusedEnvelope> refused = {};  // At most limits::kComparedMax.
  std::optional<HelloEcho> hello = {};        // That it answers.
  // Ids of the lane's dictionaries that the collector has, at most limits::kDictionariesMax. Not said: nothing is known
  // of that, and a collector that never says it takes none.
  std::optional<std::vector<std::string>> dictionaries = {};
};

// Gateway to collector on connecting, on `<root>/<gateway>/hello`; the collector answers with acks.
// A lane that nobody has, for `pinaflux test uplink`: its hello is answered, and leaves nothing behind.
inline constexpr std::string_view kProbeLane = "pinaflux-test";

struct LaneMark {
  std::string lane;
  Epoch epoch{};
  std::uint64_t floor = 1;  // Lowest seq not acknowledged yet.
  std::uint64_t last = 0;   // Last committed seq.
};
// The gateway's clocks as the hello was handed over to the link.
struct HelloClock {
  std::uint64_t boot = 0;  // Clock::boot().
  Instant at;
  bool trusted = true;  // The gateway's records have calendar time.
  friend bool operator==(const HelloClock&, const HelloClock&) = default;
};
// An earlier hello of the same boot had its answer so long after it was said: it took no longer to get there.
struct HelloAnswer {
  HelloEcho echo;
  Duration after;
  friend bool operator==(const HelloAnswer&, const HelloAnswer&) = default;
};
struct HelloMessage {
  std::string gateway;
  std::uint64_t generation = 0;
  std::vector<LaneMark> lanes;
  std::optional<HelloClock> clock = {};
  std::optional<HelloAnswer> answer = {};
};

// Gateway, retained and as last will, on `<root>/<gateway>/status`.
struct StatusMessage {
  std::string gateway;
  std::string state;  // "online", "offline" (said goodbye), "lost" (the will).
  std::vector<LaneMark> lanes;
};

std::string format(const AckMessage& message);
std::string format(const HelloMessage& message);
std::string format(const StatusMessage& message);
Result<AckMessage> parse_ack(std::string_view text);
Result<HelloMessage> parse_hello(std::string_view text);
Result<StatusMessage> parse_status(std::string_view text);

}  // namespace pinaflux
