// What each operator does to a value that is present (an absent one stays absent):
//
//              text           number           bool     bytes      null
//   hmac       token          token            token    token      null
//   truncate   first n chars  refused          refused  refused    null
//   round      refused        nearest multiple refused  refused    null
//   replace    the text       the text         the text the text   the text
//   bucket     refused        lower edge       refused  refused    null
//   coarsen    earlier time   earlier time     refused  refused    null
//   noise      refused        number           refused  refused    null
//   ff1        digits changed integer          refused  refused    null
//
// A token is `<key id>:<base64url of the first 128 bits of HMAC-SHA-256>`. What is hashed is the value's
// canonical text: bytes and text as they are, true and false, integers in decimal, a double that is
// an integer like one, others in their shortest form. So 5, 5.0 and "5" give the same token, and a join by
// token works across sources that type an identifier differently.
//
// ff1 keeps integers integers, with as many digits: while what comes out begins with a zero or does not fit the type,
// it is encrypted once more (cycle walking), which is a permutation of those that do.
//
// A key of the vault may serve several operators: noise and ff1 derive keys of their own from it.

#include "agent/mask/rule.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <concepts>
#include <cstring>
#include <span>

#include "agent/mask/coarse_time.h"
#include "agent/mask/number.h"
#include "agent/mask/rule_check.h"
#include "agent/vault/vault.h"
#include "platform/base/double_text.h"
#include "platform/base/text.h"

namespace pinaflux {

namespace {

constexpr std::size_t kTokenBytes = 16;  // 128 bits: collisions are out of reach.
constexpr std::size_t kTokenTextMax = (kTokenBytes * 8 + 5) / 6;

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
  if (std::abs(d) < kExactIntegerMax && d == std::trunc(d)) {
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
  return std::abs(d) < kExactIntegerMax && d == std::trunc(d);
}

}  // namespace

Result<Rule> Rule::make(const MaskRule& options, const Vault& vault) {
  if (auto s = check_rule(options); !s) return std::unexpected(s.error());
  Rule rule(options);
  if (options.with == Operator::hmac || options.with == Operator::noise ||
      options.with == Operator::ff1) {
    const Bytes key = vault.key(options.key_id);
    if (key.empty())
      return fail(Code::not_found, "a mask rule names a key that `keys` does not have");
    rule.take_key(key);
  }
  return rule;
}

Rule::Rule(const MaskRule& options)
    : options_(options),
      with_(options.with),
      stream_(options.stream, '/'),
      field_(options.value != 0 && options.field.empty() ? "**" : options.field, '.') {
  if (!options.match.empty()) regex_.emplace(options.match);
  if (regex_ && options.field.empty()) field_ = Pattern("**", '.');
  for (const std::string& a : options.allow) allow_.emplace_back(a, '.');
  if (with_ != Operator::keep) return;
  if (allow_.empty()) allow_.emplace_back(options.field, '.');
  with_ = Operator::drop;
}

void Rule::take_key(Bytes key) {
  if (with_ == Operator::hmac) {
    hmac_.emplace(key);
    return;
  }
  std::array<std::uint8_t, 32> derived;
  const std::string_view use = with_ == Operator::ff1 ? "pinaflux mask ff1" : "pinaflux mask noise";
  crypto::hkdf_sha256(key, {}, as_bytes(use), derived);
  if (with_ == Operator::ff1) {
    ff1_.emplace(derived);
  } else {
    hmac_.emplace(derived);
  }
  wipe(derived);
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
    case Operator::replace: value = Value::text(options_.replacement); return Applied::done;
    case Operator::ff1: return apply_ff1(value, cell, scratch);
    default: break;
  }
  return apply_to_number(value, cell, scratch) ? Applied::done : Applied::failed;
}

bool Rule::apply_to_number(Value& value, const Cell& cell, MaskScratch& scratch) const {
  switch (with_) {
    case Operator::round: return round_to_multiple(value, options_.step);
    case Operator::bucket:
      return options_.edges.empty() ? lower_to_multiple(value, options_.width)
                                    : lower_to_edge(value, options_.edges);
    case Operator::coarsen: return coarsen(value, options_.to, options_.tick, scratch.text);
    case Operator::noise:
      return value.is_number() && add_noise(value, options_.width, noise_of(value, cell, scratch));
    default: return false;
  }
}

// The same for the same reading: sent twice, it does not tell more.
std::uint64_t Rule::noise_of(const Value& value, const Cell& cell, MaskScratch& scratch) const {
  std::array<std::uint8_t, 2 * limits::kNameBytesMax + 64> message;
  std::size_t size = 0;
  const auto put = [&](Bytes piece) {
    std::ranges::copy(piece, message.begin() + static_cast<std::ptrdiff_t>(size));
    size += piece.size();
  };
  for (const std::string_view name : {cell.stream, cell.field}) {
    put(as_bytes(name));
    message[size++] = 0;
  }
  for (std::uint64_t part : {static_cast<std::uint64_t>(cell.time.ns), cell.time.boot}) {
    for (int i = 0; i < 8; ++i, part >>= 8) message[size++] = static_cast<std::uint8_t>(part);
  }
  put(as_bytes(canonical_text(value, scratch)));
  const auto digest = hmac_->of(Bytes(message).first(size));
  return pinaflux::Reader(digest).u64();
}

Rule::Applied Rule::apply_ff1(Value& value, const Cell& cell, MaskScratch& scratch) const {
  if (cell.origin == Masker::Origin::letter) return Applied::failed;
  if (is_whole_number(value)) {
    return encrypt_number(value, scratch) ? Applied::done : Applied::failed;
  }
  if (value.type() != Type::text) return Applied::failed;
  const std::string_view encrypted = encrypt_digits(value.as_text(), scratch);
  if (encrypted.data() == nullptr) return Applied::failed;
  value = Value::text(encrypted);
  return Applied::done;
}

// data() is nullptr where there are too few or too many digits.
std::string_view Rule::encrypt_digits(std::string_view text, MaskScratch& scratch) const {
  const auto is_digit_here = [](char c) { return c >= '0' && c <= '9'; };
  char digits[Ff1::kDigitsMax];
  const auto count = static_cast<std::size_t>(std::ranges::count_if(text, is_digit_here));
  if (count < Ff1::kDigitsMin || count > Ff1::kDigitsMax || text.size() > sizeof scratch.text)
    return {};
  std::ranges::copy_if(text, digits, is_digit_here);
  ff1_->encrypt({digits, count});
  std::memmove(scratch.text, text.data(), text.size());
  const char* next = digits;
  for (char& c : std::span(scratch.text, text.size())) {
    if (is_digit_here(c)) c = *next++;
  }
  return {scratch.text, text.size()};
}

bool Rule::encrypt_number(Value& value, MaskScratch& scratch) const {
  constexpr int kWalksMax = 1'000;  // One in ten to nine in ten of what comes out fits.
  std::string_view text = canonical_text(value, scratch);
  for (int walk = 0; walk < kWalksMax; ++walk) {
    text = encrypt_digits(text, scratch);
    if (text.data() == nullptr) return false;
    if (text[text[0] == '-' ? 1 : 0] == '0') continue;
    const auto small = parse_integer<std::int64_t>(text);
    const auto large = parse_integer<std::uint64_t>(text);
    if (value.type() == Type::int64 && small) {
      value = Value::int64(*small);
      return true;
    }
    if (value.type() == Type::uint64 && large && !small) {
      value = Value::uint64(*large);
      return true;
    }
    if (value.type() == Type::float64 && small &&
        std::abs(static_cast<double>(*small)) < kExactIntegerMax) {
      value = Value::float64(static_cast<double>(*small));
      return true;
    }
  }
  return false;
}

Rule::Applied Rule::apply_to_position(Value& latitude, Value& longitude) const {
  const auto is_empty = [](const Value& v) {
    return v.type() == Type::absent || v.type() == Type::null;
  };
  if (is_empty(latitude) && is_empty(longitude)) return Applied::done;
  if (!latitude.is_number() || !longitude.is_number()) return Applied::failed;
  const GeoPosition position{latitude.to_double(), longitude.to_double()};
  if (!position.valid()) return Applied::failed;
  if (with_ == Operator::grid) {
    const GeoPosition centre = cell_centre(position, options_.cell);
    latitude = Value::float64(centre.latitude);
    longitude = Value::float64(centre.longitude);
  } else if (distance(position, options_.centre) <= options_.radius) {
    latitude = longitude = options_.null_inside ? Value::null() : Value();
  }
  return Applied::done;
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
  if (with_ == Operator::ff1 && cell.origin == Masker::Origin::letter) return Applied::failed;
  if (with_ == Operator::ff1 && whole && !regex_)
    return encrypt_number(value, scratch) ? Applied::done : Applied::failed;
  const std::string_view masked = mask_found(text, cell.origin, scratch);
  if (masked.data() == nullptr) return Applied::failed;
  value = value.type() == Type::bytes ? Value::bytes(as_bytes(masked)) : Value::text(masked);
  return Applied::done;
}

bool Rule::finds_in(std::string_view text) const {
  TextSpan found;
  return regex_ ? RegexFinder(*regex_, text).next(found) : Finder(options_.value, text).next(found);
}

std::string_view Rule::mask_found(std::string_view text, Masker::Origin origin,
                                  MaskScratch& scratch) const {
  scratch.begin(text.size());
  while (!text.empty()) {
    const std::string_view done = origin == Masker::Origin::letter ? next_token(text) : "";
    const std::string_view piece =
        done.empty() ? text : text.substr(0, static_cast<std::size_t>(done.data() - text.data()));
    if (!append_masked(piece, scratch) || !scratch.append(done)) return {};
    text.remove_prefix(piece.size() + done.size());
  }
  return scratch.finish();
}

bool Rule::append_masked(std::string_view piece, MaskScratch& scratch) const {
  return regex_ ? append_masked(piece, RegexFinder(*regex_, piece), scratch)
                : append_masked(piece, Finder(options_.value, piece), scratch);
}

template <class Finds>
bool Rule::append_masked(std::string_view piece, Finds finder, MaskScratch& scratch) const {
  std::size_t at = 0;
  for (TextSpan found; finder.next(found); at = found.end) {
    const std::string_view raw = piece.substr(found.begin, found.end - found.begin);
    if (!scratch.append(piece.substr(at, found.begin - at))) return false;
    const std::string_view masked = mask_text(raw, scratch);
    if (masked.data() == nullptr || !scratch.append(masked)) return false;
  }
  return scratch.append(piece.substr(at));
}

std::string_view Rule::mask_text(std::string_view text, MaskScratch& scratch) const {
  if (with_ == Operator::hmac) return token(text, scratch);
  if (with_ == Operator::truncate) return utf8_prefix(text, options_.length);
  if (with_ == Operator::ff1) return encrypt_digits(text, scratch);
  ASSERT(with_ == Operator::replace);
  return options_.replacement;
}

std::string_view Rule::apply_to_name(std::string_view step, Masker::Origin origin,
                                     MaskScratch& scratch) const {
  return by_value() ? mask_found(step, origin, scratch) : mask_text(step, scratch);
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

}  // namespace pinaflux
