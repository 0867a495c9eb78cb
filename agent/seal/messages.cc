#include "agent/seal/messages.h"

// All three are lines of the kind in line.h:
//
//   pinaflux-ack/1 g=pump-7 l=normal e=EPOCH high=600 h=HASH from=101 gaps=701-800,901-950 landed=801-900:HASH fork=1 compared=951-980:HASH:951-970 refused=981-990:HASH:damaged hello=95000000000,1700000000000000000
//                  dict=q83vEjRW
//   pinaflux-hello/1 g=pump-7 c=3 l=normal,EPOCH,101,950 l=alarm,EPOCH,1,0 boot=BOOT at=95000000000 clock=untrusted
//                    answered=91000000000,1700000000000000000,42000000
//   pinaflux-status/1 g=pump-7 state=online l=normal,EPOCH,101,950
//
// The broker may hand them over in any order and from long ago: whoever reads one checks it against
// what it knows.

#include <algorithm>
#include <array>
#include <span>

#include "agent/data/anchor.h"
#include "agent/data/limits.h"
#include "agent/seal/dictionary.h"
#include "agent/seal/line.h"
#include "platform/base/text.h"

namespace pinaflux {

namespace {

using namespace seal;

constexpr std::string_view kAckMagic = "pinaflux-ack/1";
constexpr std::string_view kHelloMagic = "pinaflux-hello/1";
constexpr std::string_view kStatusMagic = "pinaflux-status/1";
constexpr std::size_t kMessageBytesMax = 64 * 1024;
constexpr std::size_t kReasonBytesMax = 64;
constexpr std::string_view kNone = "none";

std::string finish(const LineWriter& line) { return line.text() + "\n"; }

// What is wrong with a text that does not begin with `magic`: another version of it is `newer`.
std::unexpected<Error> foreign(std::string_view text, std::string_view magic) {
  const std::size_t slash = magic.find('/') + 1;
  const std::string_view after = text.starts_with(magic.substr(0, slash)) ? text.substr(slash) : "";
  const auto version = parse_integer<unsigned>(after.substr(0, after.find_first_of(" \n")));
  if (version && *version > 1) {
    return fail(Code::newer, "the message has a newer format: use a newer version of this program");
  }
  return fail(Code::corrupt, "the message is damaged or foreign");
}

std::unexpected<Error> damaged() {
  return fail(Code::corrupt, "the message is damaged or foreign");
}

// Without its newline; empty when it cannot be a message.
std::string_view line_of(std::string_view text) {
  if (text.size() > kMessageBytesMax) return {};
  if (text.ends_with('\n')) text.remove_suffix(1);
  return text.find('\n') == std::string_view::npos ? text : std::string_view();
}

std::string format_mark(const LaneMark& mark) {
  return mark.lane + "," + base64url(mark.epoch) + "," + std::to_string(mark.floor) + "," +
         std::to_string(mark.last);
}

bool parse_mark(std::string_view text, std::vector<LaneMark>& to) {
  Split pieces(text, ',');
  std::string_view lane, epoch, floor, last, none;
  if (!pieces.next(lane) || !pieces.next(epoch) || !pieces.next(floor) || !pieces.next(last) ||
      pieces.next(none)) {
    return false;
  }
  LaneMark mark;
  mark.lane = lane;
  const auto f = parse_number(floor), l = parse_number(last);
  if (!valid_name(lane) || !unbase64url(epoch, mark.epoch) || !f || !l) return false;
  mark.floor = *f;
  mark.last = *l;
  if (to.size() >= limits::kLanesMax) return false;
  to.push_back(std::move(mark));
  return true;
}

bool parse_count(std::string_view text, std::uint64_t& to) {
  const auto number = parse_number(text);
  to = number.value_or(0);
  return number.has_value();
}

bool parse_gaps(std::string_view text, std::vector<Range>& to) {
  Split pieces(text, ',');
  std::string_view piece;
  while (pieces.next(piece)) {
    Range range;
    if (to.size() >= limits::kGapRangesMax || !parse_range(piece, range) || range.count() == 0 ||
        (!to.empty() && range.first <= to.back().last)) {
      return false;
    }
    to.push_back(range);
  }
  return true;
}

// RANGE:HASH, rising.
bool parse_landed(std::string_view text, std::vector<LandedRange>& to) {
  Split pieces(text, ',');
  std::string_view piece;
  while (pieces.next(piece)) {
    const auto colon = piece.find(':');
    LandedRange landed;
    if (to.size() >= limits::kLandedRangesMax || colon == std::string_view::npos ||
        !parse_range(piece.substr(0, colon), landed.range) || landed.range.count() == 0 ||
        !parse_digest(piece.substr(colon + 1), landed.hash) ||
        (!to.empty() && landed.range.first <= to.back().range.last)) {
      return false;
    }
    to.push_back(landed);
  }
  return true;
}

std::string format_range(const Range& range) {
  return std::to_string(range.first) + "-" + std::to_string(range.last);
}

std::string format_landed(const std::vector<LandedRange>& all) {
  std::string text;
  for (const LandedRange& landed : all) {
    if (!text.empty()) text += ',';
    text += format_range(landed.range) + ":" + base64url(Bytes(landed.hash).first(kDigestBytes));
  }
  return text;
}

// RANGE:HASH:KNOWN, apart by commas; KNOWN is nothing, or ranges with `+` between, rising and within RANGE.
bool parse_known(std::string_view text, Comparison& to) {
  Split pieces(text, '+');
  std::string_view piece;
  while (!text.empty() && pieces.next(piece)) {
    Range range;
    if (!parse_range(piece, range) || range.count() == 0 || range.first < to.range.first ||
        range.last > to.range.last || (!to.known.empty() && range.first <= to.known.back().last)) {
      return false;
    }
    to.known.push_back(range);
  }
  return true;
}

bool parse_compared(std::string_view text, std::vector<Comparison>& to) {
  Split pieces(text, ',');
  std::string_view piece;
  std::size_t ranges = 0;
  while (pieces.next(piece)) {
    Split parts(piece, ':');
    std::string_view range, hash, known, none;
    Comparison comparison;
    if (to.size() >= limits::kComparedMax || !parts.next(range) || !parts.next(hash) ||
        !parts.next(known) || parts.next(none) || !parse_range(range, comparison.range) ||
        comparison.range.count() == 0 || !parse_digest(hash, comparison.hash) ||
        !parse_known(known, comparison)) {
      return false;
    }
    ranges += comparison.known.size();
    if (ranges > limits::kComparedRangesMax) return false;
    to.push_back(std::move(comparison));
  }
  return true;
}

// RANGE:HASH:REASON, apart by commas.
bool parse_refused(std::string_view text, std::vector<RefusedEnvelope>& to) {
  Split pieces(text, ',');
  std::string_view piece;
  while (pieces.next(piece)) {
    Split parts(piece, ':');
    std::string_view range, hash, reason, none;
    RefusedEnvelope refused;
    if (to.size() >= limits::kComparedMax || !parts.next(range) || !parts.next(hash) ||
        !parts.next(reason) || parts.next(none) || !parse_range(range, refused.range) ||
        refused.range.count() == 0 || !parse_digest(hash, refused.hash) || !valid_name(reason) ||
        reason.size() > kReasonBytesMax) {
      return false;
    }
    refused.reason = reason;
    to.push_back(std::move(refused));
  }
  return true;
}

// Ids apart by commas, or `none`.
bool parse_dictionaries(std::string_view text, std::optional<std::vector<std::string>>& to) {
  to.emplace();
  if (text == kNone) return true;
  Split pieces(text, ',');
  std::string_view id;
  while (pieces.next(id)) {
    if (to->size() >= limits::kDictionariesMax || !valid_dictionary_id(id)) return false;
    to->emplace_back(id);
  }
  return true;
}

std::string format_dictionaries(const std::vector<std::string>& ids) {
  std::string text;
  for (const std::string& id : ids) {
    if (!text.empty()) text += ',';
    text += id;
  }
  return text.empty() ? std::string(kNone) : text;
}

// Time since a boot, or a part of it.
std::optional<std::int64_t> parse_ns(std::string_view text) {
  const auto ns = parse_number(text);
  if (!ns || *ns >= static_cast<std::uint64_t>(Anchor::kNsMax)) return std::nullopt;
  return static_cast<std::int64_t>(*ns);
}

bool parse_instant(std::string_view text, Instant& to) {
  const auto ns = parse_ns(text);
  to.ns = ns.value_or(0);
  return ns.has_value();
}

// As many as are wanted, apart by commas, and no more.
bool parse_all_ns(std::string_view text, std::span<std::int64_t> to) {
  Split pieces(text, ',');
  std::string_view piece;
  for (std::int64_t& each : to) {
    const auto ns = pieces.next(piece) ? parse_ns(piece) : std::nullopt;
    if (!ns) return false;
    each = *ns;
  }
  return !pieces.next(piece);
}

bool parse_echo(std::string_view text, std::optional<HelloEcho>& to) {
  std::array<std::int64_t, 2> ns{};
  if (!parse_all_ns(text, ns)) return false;
  to = HelloEcho{Instant{ns[0]}, WallTime{ns[1]}};
  return true;
}

bool parse_answer(std::string_view text, std::optional<HelloAnswer>& to) {
  std::array<std::int64_t, 3> ns{};
  if (!parse_all_ns(text, ns)) return false;
  to = HelloAnswer{{Instant{ns[0]}, WallTime{ns[1]}}, Duration{ns[2]}};
  return true;
}

std::string format_echo(const HelloEcho& echo) {
  return std::to_string(echo.at.ns) + "," + std::to_string(echo.received.ns);
}

void append_clock(LineWriter& line, const HelloMessage& m) {
  if (m.clock) {
    line.pair("boot", boot_name(m.clock->boot));
    line.number("at", static_cast<std::uint64_t>(m.clock->at.ns));
    line.pair("clock", m.clock->trusted ? "trusted" : "untrusted");
  }
  if (m.answer) {
    line.pair("answered", format_echo(m.answer->echo) + "," + std::to_string(m.answer->after.ns));
  }
}

// False: it is damaged. What it says of the clock counts only if it is all there.
bool parse_clock(std::string_view key, std::string_view value, HelloMessage& m, HelloClock& clock) {
  if (key == "boot") {
    const auto boot = parse_boot(value);
    clock.boot = boot.value_or(0);
    return boot.has_value();
  }
  if (key == "at") return parse_instant(value, clock.at);
  if (key == "clock") clock.trusted = value != "untrusted";
  return key != "answered" || parse_answer(value, m.answer);
}

std::string format_ranges(const std::vector<Range>& ranges, char between) {
  std::string text;
  for (const Range& range : ranges) {
    if (!text.empty()) text += between;
    text += format_range(range);
  }
  return text;
}

std::string format_compared(const std::vector<Comparison>& all) {
  std::string text;
  for (const Comparison& each : all) {
    if (!text.empty()) text += ',';
    text += format_range(each.range) + ":" + base64url(Bytes(each.hash).first(kDigestBytes)) + ":" +
            format_ranges(each.known, '+');
  }
  return text;
}

std::string format_refused(const std::vector<RefusedEnvelope>& all) {
  std::string text;
  for (const RefusedEnvelope& each : all) {
    if (!text.empty()) text += ',';
    text += format_range(each.range) + ":" + base64url(Bytes(each.hash).first(kDigestBytes)) + ":" +
            each.reason;
  }
  return text;
}

}  // namespace

bool is_known(const Comparison& comparison) {
  return comparison.known.size() == 1 && comparison.known.front() == comparison.range;
}

std::string format(const AckMessage& m) {
  LineWriter line(kAckMagic);
  line.pair("g", m.gateway).pair("l", m.lane).bytes("e", m.epoch).number("high", m.high);
  line.digest("h", m.hash);
  if (m.from != 1) line.number("from", m.from);
  if (!m.gaps.empty()) line.pair("gaps", format_ranges(m.gaps, ','));
  if (!m.landed.empty()) line.pair("landed", format_landed(m.landed));
  if (m.fork) line.pair("fork", "1");
  if (!m.compared.empty()) line.pair("compared", format_compared(m.compared));
  if (!m.refused.empty()) line.pair("refused", format_refused(m.refused));
  if (m.hello) line.pair("hello", format_echo(*m.hello));
  if (m.dictionaries) line.pair("dict", format_dictionaries(*m.dictionaries));
  return finish(line);
}

std::string format(const HelloMessage& m) {
  LineWriter line(kHelloMagic);
  line.pair("g", m.gateway).number("c", m.generation);
  for (const auto& mark : m.lanes) line.pair("l", format_mark(mark));
  append_clock(line, m);
  return finish(line);
}

std::string format(const StatusMessage& m) {
  LineWriter line(kStatusMagic);
  line.pair("g", m.gateway).pair("state", m.state);
  for (const auto& mark : m.lanes) line.pair("l", format_mark(mark));
  return finish(line);
}

Result<AckMessage> parse_ack(std::string_view text) {
  AckMessage m;
  LineReader reader(line_of(text), kAckMagic);
  if (reader.failed()) return foreign(text, kAckMagic);
  bool epoch = false, high = false, hash = false;
  std::string_view key, value;
  while (reader.next(key, value)) {
    bool ok = true;
    if (key == "g") m.gateway = value;
    if (key == "l") m.lane = value;
    if (key == "e") ok = epoch = unbase64url(value, m.epoch);
    if (key == "h") ok = hash = parse_digest(value, m.hash);
    if (key == "gaps") ok = parse_gaps(value, m.gaps);
    if (key == "landed") ok = parse_landed(value, m.landed);
    if (key == "fork") m.fork = value == "1";
    if (key == "compared") ok = parse_compared(value, m.compared);
    if (key == "refused") ok = parse_refused(value, m.refused);
    if (key == "hello") ok = parse_echo(value, m.hello);
    if (key == "dict") ok = parse_dictionaries(value, m.dictionaries);
    if (key == "high") ok = high = parse_count(value, m.high);
    if (key == "from") ok = parse_count(value, m.from);
    if (!ok) return damaged();
  }
  if (reader.failed() || !valid_name(m.gateway) || !valid_name(m.lane) || !epoch || !high ||
      !hash) {
    return damaged();
  }
  return m;
}

Result<HelloMessage> parse_hello(std::string_view text) {
  HelloMessage m;
  LineReader reader(line_of(text), kHelloMagic);
  if (reader.failed()) return foreign(text, kHelloMagic);
  HelloClock clock;
  std::string_view key, value;
  while (reader.next(key, value)) {
    bool ok = parse_clock(key, value, m, clock);
    if (key == "g") m.gateway = value;
    if (key == "l") ok = parse_mark(value, m.lanes);
    if (key == "c") ok = parse_count(value, m.generation);
    if (!ok) return damaged();
  }
  if (reader.failed() || !valid_name(m.gateway)) return damaged();
  if (clock.boot != 0) m.clock = clock;
  return m;
}

Result<StatusMessage> parse_status(std::string_view text) {
  StatusMessage m;
  LineReader reader(line_of(text), kStatusMagic);
  if (reader.failed()) return foreign(text, kStatusMagic);
  std::string_view key, value;
  while (reader.next(key, value)) {
    if (key == "g") m.gateway = value;
    if (key == "state") m.state = value;
    if (key == "l" && !parse_mark(value, m.lanes)) return damaged();
  }
  const bool known = m.state == "online" || m.state == "offline" || m.state == "lost";
  if (reader.failed() || !valid_name(m.gateway) || !known) return damaged();
  return m;
}

}  // namespace pinaflux
