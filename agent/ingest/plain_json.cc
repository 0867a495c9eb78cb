#include "agent/ingest/plain_json.h"

#include <bit>
#include <cstring>
#include <limits>

#include "agent/data/limits.h"
#include "platform/base/text.h"

namespace pinaflux {

namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::uint64_t kOnes = 0x0101010101010101;
constexpr std::uint64_t kHighs = 0x8080808080808080;
constexpr std::uint64_t kExactMax = std::uint64_t{1} << 53;
constexpr int kDigitsMax = 19;  // They fit into 64 bits.
constexpr double kTens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8, 1e9,
                            1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18};

// The high bit of the first byte that ends plain text: a quote, a backslash, a control, one beyond ASCII. Bits above it mean
// nothing: a borrow may have come that far.
std::uint64_t text_ends(std::uint64_t eight) {
  const std::uint64_t quote = eight ^ (kOnes * '"'), backslash = eight ^ (kOnes * '\\');
  const std::uint64_t found = ((quote - kOnes) & ~quote) | ((backslash - kOnes) & ~backslash) |
                              ((eight - kOnes * 0x20) & ~eight) | eight;
  return found & kHighs;
}

// Goes at most some 30 bytes beyond the end: one name's or value's quote, digits and sign.
class Plain {
 public:
  explicit Plain(std::string_view text)
      : begin_(text.data()), end_(text.data() + text.size()), at_(begin_) {}

  bool object(std::vector<PlainMember>& members);

 private:
  bool member(PlainMember& member);
  bool value(Value& value);
  bool number(Value& value);
  bool decimal(const char* first, bool negative, std::uint64_t digits, int count, Value& value);
  bool text(std::string_view& text);
  bool word(std::string_view word);
  bool take(char c) {
    if (at_ >= end_ || *at_ != c) return false;
    ++at_;
    return true;
  }
  void skip_space() {
    while (at_ < end_ && is_space(*at_)) ++at_;
  }

  const char* const begin_;
  const char* const end_;
  const char* at_;
};

bool Plain::object(std::vector<PlainMember>& members) {
  if (!take('{')) return false;
  skip_space();
  if (!take('}')) {
    do {
      if (members.size() >= limits::kFieldsMax) return false;
      skip_space();
      if (!member(members.emplace_back())) return false;
    } while (take(','));
    if (!take('}')) return false;
  }
  skip_space();
  return at_ == end_;
}

bool Plain::member(PlainMember& member) {
  if (!text(member.name)) return false;
  skip_space();
  if (!take(':')) return false;
  skip_space();
  const char* const first = at_;
  if (!value(member.value)) return false;
  skip_space();
  member.at = static_cast<std::uint32_t>((member.value.is_number() ? first : at_) - begin_);
  return true;
}

bool Plain::value(Value& value) {
  switch (*at_) {
    case '"': {
      std::string_view content;
      if (!text(content)) return false;
      value = Value::text(content);
      return true;
    }
    case 't': value = Value::boolean(true); return word("true");
    case 'f': value = Value::boolean(false); return word("false");
    case 'n': value = Value::null(); return word("null");
    default: return number(value);
  }
}

bool Plain::word(std::string_view word) {
  if (std::memcmp(at_, word.data(), word.size()) != 0) return false;
  at_ += word.size();
  return true;
}

bool Plain::text(std::string_view& text) {
  if (!take('"')) return false;
  const char* const first = at_;
  for (; at_ < end_; at_ += sizeof(std::uint64_t)) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, at_, sizeof eight);
    const std::uint64_t ends = text_ends(eight);
    if (ends == 0) continue;
    at_ += std::countr_zero(ends) / 8;
    text = {first, static_cast<std::size_t>(at_ - first)};
    return take('"');
  }
  return false;
}

bool Plain::number(Value& value) {
  const char* const first = at_;
  const bool negative = *at_ == '-';
  if (negative) ++at_;
  const char* const whole = at_;
  std::uint64_t digits = 0;
  int count = 0;
  for (; count < kDigitsMax && is_digit(*at_); ++count, ++at_)
    digits = digits * 10 + static_cast<std::uint64_t>(*at_ - '0');
  if (count == 0 || (*whole == '0' && count > 1)) return false;
  if (*at_ == '.') return decimal(first, negative, digits, count, value);
  // More digits, an exponent, and minus nothing mean something else than is read here.
  if (is_digit(*at_) || *at_ == 'e' || *at_ == 'E' || (negative && digits == 0)) return false;
  if (digits > std::numeric_limits<std::int64_t>::max()) return false;
  const auto number = static_cast<std::int64_t>(digits);
  value = Value::int64(negative ? -number : number);
  return true;
}

bool Plain::decimal(const char* first, bool negative, std::uint64_t digits, int count,
                    Value& value) {
  const char* const point = at_++;
  for (; count < kDigitsMax && is_digit(*at_); ++count, ++at_)
    digits = digits * 10 + static_cast<std::uint64_t>(*at_ - '0');
  const auto decimals = at_ - point - 1;
  if (decimals == 0 || is_digit(*at_) || *at_ == 'e' || *at_ == 'E') return false;
  if (digits > kExactMax) {
    const auto read = parse_double({first, static_cast<std::size_t>(at_ - first)});
    if (!read) return false;
    value = Value::float64(*read);
    return true;
  }
  const double size = static_cast<double>(digits) / kTens[decimals];
  value = Value::float64(negative ? -size : size);
  return true;
}

}  // namespace

bool read_plain_json(std::string_view text, std::vector<PlainMember>& members) {
  members.clear();
  return Plain(text).object(members);
}

}  // namespace pinaflux
