// What each operator does to a value that is present (an absent one stays absent):
//
//              text           number           bool     bytes      null
//   hmac       token          token            token    token      null
//   truncate   first n chars  refused          refused  refused    null
//   round      refused        nearest multiple refused  refused    null
//   replace    the text       the text         the text the text   the text
//
// A token is `<key id>:<base64url of the first 128 bits of HMAC-SHA-256>`. What is hashed is the value's
// canonical text: bytes and text as they are, true and false, integers in decimal, a double that is
// an integer like one, others in their shortest form. So 5, 5.0 and "5" give the same token, and a join by
// token works across sources that type an identifier differently.
//
// Multiples of a step such as 0.1 are computed as n / 10 and not as n * 0.1: the result is then the
// double nearest to the decimal, and seal's scaled integers keep it in one or two bytes.

#include "agent/mask/rule.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <concepts>
#include <cstring>
#include <limits>

#include "agent/vault/vault.h"
#include "platform/base/double_text.h"
#include "platform/base/text.h"

namespace pinaflux {

namespace {

constexpr std::size_t kKeyIdBytesMax = 64;
constexpr std::size_t kReplacementBytesMax = 256;
constexpr std::size_t kTokenBytes = 16;  // 128 bits: collisions are out of reach.
constexpr std::size_t kTokenTextMax = (kTokenBytes * 8 + 5) / 6;
constexpr double kExactMax = 9007199254740992.0;  // 2^53: integers below are exact in a double.

// Every cell of a record may become a token or a replacement, its texts may grow by what is found in them, and it
// still fits into an empty group.
static_assert(kKeyIdBytesMax + 1 + kTokenTextMax <= sizeof(MaskScratch::text));
static_assert(kKeyIdBytesMax + 1 + kTokenTextMax <= kReplacementBytesMax);
static_assert(limits::kFieldsMax * (kReplacementBytesMax + 1 + sizeof(Value)) +
                  2 * limits::kRecordBytesMax <=
              limits::kGroupBytesMax - 512 * 1024);  // The ends of its blocks stay unused.

bool is_base64url(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

bool is_key_id(std::string_view id) {
  return !id.empty() && id.size() <= kKeyIdBytesMax && std::ranges::all_of(id, is_base64url);
}

bool has_mqtt_wildcard(std::string_view pattern) {
  return std::ranges::any_of(split(pattern, '/'), [](auto s) { return s == "+" || s == "#"; });
}

Status check_operator(const MaskRule& rule) {
  using Operator = MaskRule::Operator;
  if (rule.with == Operator::hmac && !is_key_id(rule.key_id)) {
    return fail(Code::invalid, "a key's name has 1 to 64 letters, digits, '-' or '_'");
  }
  if (rule.with == Operator::round && !(rule.step > 0.0 && std::isfinite(rule.step))) {
    return fail(Code::invalid, "a mask rule rounds to a step above 0");
  }
  if (rule.with == Operator::replace && rule.replacement.size() > kReplacementBytesMax) {
    return fail(Code::invalid, "a mask rule's replacement has at most 256 bytes");
  }
  if (rule.value != 0 && (rule.with == Operator::round || rule.with == Operator::keep)) {
    return fail(Code::invalid, "what is found by value can be hashed, cut, replaced or rejected");
  }
  if (!rule.on_stream_name && !rule.on_field_name) return {};
  const bool by_value = rule.value != 0 && !rule.on_stream_name;
  if (rule.with == Operator::drop && by_value) return {};
  if (rule.with == Operator::round || rule.with == Operator::keep || rule.with == Operator::drop) {
    return fail(Code::invalid, "a name can be hashed, truncated, replaced or rejected");
  }
  return {};
}

Status check_patterns(const MaskRule& rule) {
  if (!Pattern(rule.stream, '/').valid() || has_mqtt_wildcard(rule.stream)) {
    return fail(Code::invalid, "a stream pattern is a name with * for one step and ** for any");
  }
  if (rule.on_stream_name && !rule.on_field_name) {
    if (rule.field.empty() && rule.allow.empty()) return {};
    return fail(Code::invalid, "a rule on the stream's name selects no fields");
  }
  if (rule.value != 0 && !rule.allow.empty()) {
    return fail(Code::invalid, "an allow-list goes by names, not by value");
  }
  if (rule.value == 0 && rule.field.empty() == rule.allow.empty()) {
    return fail(Code::invalid, "a mask rule names a field or an allow-list, one of the two");
  }
  if (!rule.field.empty() && !Pattern(rule.field, '.').valid()) {
    return fail(Code::invalid, "a mask rule's field pattern is too long");
  }
  if (!std::ranges::all_of(rule.allow, [](auto& a) { return Pattern(a, '.').valid(); })) {
    return fail(Code::invalid, "an allow-list's pattern is empty or too long");
  }
  return {};
}

std::string_view base64url(Bytes bytes, char* to) {
  static constexpr char kDigits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  char* at = to;
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (std::uint8_t b : bytes) {
    bits = (bits << 8) | b;
    for (count += 8; count >= 6; count -= 6) *at++ = kDigits[(bits >> (count - 6)) & 63];
  }
  if (count > 0) *at++ = kDigits[(bits << (6 - count)) & 63];
  return {to, static_cast<std::size_t>(at - to)};
}

template <std::integral T>
std::string_view integer_text(T number, MaskScratch& scratch) {
  const auto end = std::to_chars(scratch.text, scratch.text + sizeof scratch.text, number).ptr;
  return {scratch.text, static_cast<std::size_t>(end - scratch.text)};
}

std::string_view canonical_double(double d, MaskScratch& scratch) {
  if (std::isnan(d)) return "nan";  // One token for all NaNs.
  if (std::abs(d) < kExactMax && d == std::trunc(d)) {
    return integer_text(static_cast<std::int64_t>(d), scratch);
  }
  const DoubleText text = double_text(d);
  std::memcpy(scratch.text, text.digits, text.size);
  return {scratch.text, text.size};
}

std::string_view canonical_text(const Value& value, MaskScratch& scratch) {
  switch (value.type()) {
    case Type::boolean: return value.as_boolean() ? "true" : "false";
    case Type::int64: return integer_text(value.as_int64(), scratch);
    case Type::uint64: return integer_text(value.as_uint64(), scratch);
    case Type::float64: return canonical_double(value.as_float64(), scratch);
    case Type::text:
    case Type::bytes: return value.as_text();
    case Type::absent:
    case Type::null: break;
  }
  return {};
}

bool is_whole_number(const Value& value) {
  if (value.type() != Type::float64) return value.is_number();
  const double d = value.as_float64();
  return std::abs(d) < kExactMax && d == std::trunc(d);
}

double round_double(double d, double step) {
  if (std::isnan(d))
    return std::numeric_limits<double>::quiet_NaN();  // A payload could say something.
  const double per_unit = std::nearbyint(1.0 / step);
  const bool decimal = per_unit >= 1.0 && std::abs(per_unit * step - 1.0) < 1e-9;
  const double count = decimal ? d * per_unit : d / step;
  // Neighbouring doubles are further apart than the step: `d` is as coarse as asked already.
  if (!(std::abs(count) < kExactMax)) return d;
  const double rounded = decimal ? std::round(count) / per_unit : std::round(count) * step;
  return rounded == 0.0 ? 0.0 : rounded;  // No -0: its sign would tell on which side it was.
}

// Half away from zero. False when the multiple is beyond 64 bits.
bool round_int64(std::int64_t& value, std::int64_t step) {
  const std::int64_t rest = value % step;
  const std::int64_t below = value - rest;  // Towards zero.
  const std::int64_t far = rest < 0 ? -rest : rest;
  if (far < step - far) {
    value = below;
    return true;
  }
  return !__builtin_add_overflow(below, value < 0 ? -step : step, &value);
}

}  // namespace

Result<Rule> Rule::make(const MaskRule& options, const Vault& vault) {
  if (auto s = check_operator(options); !s) return std::unexpected(s.error());
  if (auto s = check_patterns(options); !s) return std::unexpected(s.error());
  if (options.with != Operator::hmac) return Rule(options, std::nullopt);
  const Bytes key = vault.key(options.key_id);
  if (key.empty())
    return fail(Code::not_found, "a mask rule names a key that `keys` does not have");
  return Rule(options, crypto::Hmac(key));
}

Rule::Rule(const MaskRule& options, std::optional<crypto::Hmac> hmac)
    : options_(options),
      with_(options.with),
      stream_(options.stream, '/'),
      field_(by_value() && options.field.empty() ? "**" : options.field, '.'),
      hmac_(std::move(hmac)) {
  for (const std::string& a : options.allow) allow_.emplace_back(a, '.');
  if (with_ != Operator::keep) return;
  if (allow_.empty()) allow_.emplace_back(options.field, '.');
  with_ = Operator::drop;
}

bool Rule::selects_field(std::string_view field, Pattern::StepSet& wild) const {
  if (!is_allow_list()) return field_.matches(field, wild);
  wild.set();
  return std::ranges::none_of(allow_, [&](const Pattern& p) { return p.matches(field); });
}

Pattern::StepSet Rule::stream_steps(std::string_view stream) const {
  Pattern::StepSet steps;
  if (!stream_.matches(stream, steps)) return {};
  steps.reset(0);
  if (steps.none()) steps.set().reset(0);
  return steps;
}

Rule::Applied Rule::apply(Value& value, const Cell& cell, MaskScratch& scratch) const {
  if (by_value()) return apply_by_value(value, cell, scratch);
  if (value.type() == Type::null && with_ != Operator::replace) return Applied::done;
  switch (with_) {
    case Operator::hmac:
      value = Value::text(token(canonical_text(value, scratch), scratch));
      return Applied::done;
    case Operator::truncate:
      if (value.type() != Type::text) return Applied::failed;
      value = Value::text(utf8_prefix(value.as_text(), options_.length));
      return Applied::done;
    case Operator::round: return round(value) ? Applied::done : Applied::failed;
    case Operator::replace: value = Value::text(options_.replacement); return Applied::done;
    case Operator::drop:
    case Operator::keep:
    case Operator::reject: break;
  }
  return Applied::failed;
}

Rule::Applied Rule::apply_by_value(Value& value, const Cell& cell, MaskScratch& scratch) const {
  const bool view = value.is_view(), whole = is_whole_number(value);
  if (!view && !whole) return Applied::done;
  char digits[sizeof scratch.text];
  std::string_view text = canonical_text(value, scratch);
  if (whole) {  // Tokens are written where the number's text is now.
    std::memcpy(digits, text.data(), text.size());
    text = {digits, text.size()};
  }
  if (!finds_in(text)) return Applied::done;
  if (with_ == Operator::reject) return Applied::rejected;
  if (with_ == Operator::drop) {
    value = Value();
    return Applied::done;
  }
  const std::string_view masked = mask_found(text, cell, scratch);
  if (masked.data() == nullptr) return Applied::failed;
  value = value.type() == Type::bytes ? Value::bytes(as_bytes(masked)) : Value::text(masked);
  return Applied::done;
}

bool Rule::finds_in(std::string_view text) const {
  TextSpan found;
  return Finder(options_.value, text).next(found);
}

std::string_view Rule::mask_found(std::string_view text, const Cell& cell,
                                  MaskScratch& scratch) const {
  scratch.begin(text.size());
  while (!text.empty()) {
    const std::string_view done = cell.origin == Masker::Origin::letter ? next_token(text) : "";
    const std::string_view piece =
        done.empty() ? text : text.substr(0, static_cast<std::size_t>(done.data() - text.data()));
    if (!append_masked(piece, scratch) || !scratch.append(done)) return {};
    text.remove_prefix(piece.size() + done.size());
  }
  return scratch.finish();
}

bool Rule::append_masked(std::string_view piece, MaskScratch& scratch) const {
  Finder finder(options_.value, piece);
  std::size_t at = 0;
  for (TextSpan found; finder.next(found); at = found.end) {
    const std::string_view raw = piece.substr(found.begin, found.end - found.begin);
    if (!scratch.append(piece.substr(at, found.begin - at)) ||
        !scratch.append(mask_text(raw, scratch))) {
      return false;
    }
  }
  return scratch.append(piece.substr(at));
}

std::string_view Rule::mask_text(std::string_view text, MaskScratch& scratch) const {
  if (with_ == Operator::hmac) return token(text, scratch);
  if (with_ == Operator::truncate) return utf8_prefix(text, options_.length);
  ASSERT(with_ == Operator::replace);
  return options_.replacement;
}

std::string_view Rule::apply_to_name(std::string_view step, const Cell& cell,
                                     MaskScratch& scratch) const {
  return by_value() ? mask_found(step, cell, scratch) : mask_text(step, scratch);
}

bool Rule::made(const Value& value) const {
  if (by_value() || with_ != Operator::hmac || value.type() != Type::text) return false;
  return next_token(value.as_text()).size() == value.as_text().size();
}

// The first of this rule's own tokens in a text, as a view of it; empty if there is none.
std::string_view Rule::next_token(std::string_view text) const {
  const std::string_view id = options_.key_id;
  const std::size_t size = id.size() + 1 + kTokenTextMax;
  if (with_ != Operator::hmac) return {};
  for (std::size_t at = text.find(id); at != std::string_view::npos && at + size <= text.size();
       at = text.find(id, at + 1)) {
    const std::string_view hash = text.substr(at + id.size() + 1, kTokenTextMax);
    if (text[at + id.size()] == ':' && std::ranges::all_of(hash, is_base64url))
      return text.substr(at, size);
  }
  return {};
}

std::string_view Rule::token(std::string_view text, MaskScratch& scratch) const {
  const auto digest = hmac_->of(as_bytes(text));
  const std::string_view id = options_.key_id;
  std::memcpy(scratch.text, id.data(), id.size());
  scratch.text[id.size()] = ':';
  const auto hash = base64url(Bytes(digest).first(kTokenBytes), scratch.text + id.size() + 1);
  return {scratch.text, id.size() + 1 + hash.size()};
}

bool Rule::round(Value& value) const {
  if (!value.is_number()) return false;
  const double step = options_.step;
  const bool whole = step == std::trunc(step) && step < kExactMax;
  if (value.type() == Type::int64 && whole) {
    std::int64_t i = value.as_int64();
    if (!round_int64(i, static_cast<std::int64_t>(step))) return false;
    value = Value::int64(i);
  } else {
    value = Value::float64(round_double(value.to_double(), step));
  }
  return true;
}

}  // namespace pinaflux
