// One pass over the text tells which detectors can find anything at all (no '@', no e-mail): most texts
// end there. Each detector left is a scan of its own from left to right; it stops at the characters that its
// form cannot hold, and what it tries from one place is bounded (a card: 19 digits; an address: 45 characters).

#include "agent/mask/detect.h"

#include <algorithm>

#include "platform/base/text.h"

namespace pinaflux {

namespace {

constexpr std::size_t kLocalPartMax = 64;   // RFC 5321.
constexpr std::size_t kDomainMax = 253;     // RFC 1035.
constexpr std::size_t kCardDigitsMin = 13;  // ISO/IEC 7812: the shortest in use, and the longest.
constexpr std::size_t kCardDigitsMax = 19;
constexpr std::size_t kPhoneDigitsMin = 8;
constexpr std::size_t kPhoneDigitsMax = 15;  // E.164.
constexpr std::size_t kVinSize = 17;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_alnum(char c) { return is_digit(c) || is_letter(c); }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool is_beyond_ascii(char c) { return static_cast<unsigned char>(c) >= 0x80; }
char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

// The character there; 0 outside of the text.
char at(std::string_view text, std::size_t i) { return i < text.size() ? text[i] : '\0'; }
char before(std::string_view text, std::size_t i) { return i == 0 ? '\0' : text[i - 1]; }
// Behind a digit and a dot: in a decimal number.
bool behind_a_point(std::string_view text, std::size_t i) {
  return before(text, i) == '.' && i >= 2 && is_digit(text[i - 2]);
}

constexpr TextSpan kNoSpan{};

// ---- e-mail

bool in_local_part(char c) {
  return is_alnum(c) || is_beyond_ascii(c) ||
         std::string_view(".!#$%+-^_~").find(c) != std::string_view::npos;
}

// Within a name (o'neil); elsewhere it is a quotation mark.
bool is_apostrophe(std::string_view text, std::size_t i) {
  return text[i] == '\'' && is_alnum(before(text, i)) && in_local_part(at(text, i + 1));
}

bool in_domain(char c) { return is_alnum(c) || c == '-' || c == '.' || is_beyond_ascii(c); }

// At least two labels, none empty, the last no number and of two characters or more; a '.' behind it is the
// sentence's. The end, or 0.
std::size_t domain_end(std::string_view text, std::size_t begin) {
  std::size_t label = begin, end = 0, i = begin;
  const std::size_t stop = std::min(text.size(), begin + kDomainMax);
  for (; i <= stop; ++i) {
    if (i < stop && in_domain(text[i]) && text[i] != '.') continue;
    if (i == label) break;
    const std::string_view last = text.substr(label, i - label);
    const bool named =
        std::ranges::any_of(last, [](char c) { return is_letter(c) || is_beyond_ascii(c); });
    if (label > begin && last.size() >= 2 && named) end = i;
    if (i == stop || text[i] != '.') break;
    label = i + 1;
  }
  return end;
}

TextSpan find_email(std::string_view text, std::size_t from) {
  for (std::size_t sign = text.find('@', from); sign != std::string_view::npos;
       sign = text.find('@', sign + 1)) {
    const std::size_t least = std::max(from, sign - std::min(sign, kLocalPartMax));
    std::size_t begin = sign;
    while (begin > least && (in_local_part(text[begin - 1]) || is_apostrophe(text, begin - 1)))
      --begin;
    if (begin == sign) continue;
    if (const std::size_t end = domain_end(text, sign + 1); end > 0) return {begin, end};
  }
  return kNoSpan;
}

// ---- IBAN

// Country and length, of the registry of SWIFT.
constexpr std::string_view kIbanSizes =
    "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27DK18DO28EE20EG29ES24"
    "FI18FK18FO18FR27GB22GE22GI23GL18GR27GT28HN28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32"
    "LI21LT20LU20LV21LY25MC27MD24ME22MK19MN20MR27MT31MU30NI28NL18NO15OM23PK24PL28PS29PT25QA29RO24"
    "RS22RU33SA24SC31SD18SE24SI19SK24SM27SO23ST25SV28TL23TN24TR26UA29VA22VG24XK20YE30";

std::size_t iban_size(char first, char second) {
  for (std::size_t i = 0; i < kIbanSizes.size(); i += 4) {
    if (kIbanSizes[i] != first || kIbanSizes[i + 1] != second) continue;
    return static_cast<std::size_t>((kIbanSizes[i + 2] - '0') * 10 + kIbanSizes[i + 3] - '0');
  }
  return 0;
}

unsigned mod_97(unsigned rest, char c) {
  if (is_digit(c)) return (rest * 10 + static_cast<unsigned>(c - '0')) % 97;
  return (rest * 100 + static_cast<unsigned>(upper(c) - 'A' + 10)) % 97;
}

// Written together, or in groups with one space or hyphen between. The end, or 0.
std::size_t iban_end(std::string_view text, std::size_t begin) {
  const std::size_t size = iban_size(upper(text[begin]), upper(at(text, begin + 1)));
  char head[4] = {};
  unsigned rest = 0;
  std::size_t i = begin;
  for (std::size_t count = 0; count < size; ++i) {
    const char c = at(text, i);
    const bool separator = (c == ' ' || c == '-') && count > 0 && is_alnum(text[i - 1]);
    if (separator) continue;
    if (!is_alnum(c) || (count < 2 && !is_letter(c)) || (count >= 2 && count < 4 && !is_digit(c)))
      return 0;
    if (count < 4) {
      head[count] = c;
    } else {
      rest = mod_97(rest, c);
    }
    ++count;
  }
  for (const char c : head) rest = mod_97(rest, c);
  return size > 0 && rest == 1 && !is_alnum(at(text, i)) ? i : 0;
}

TextSpan find_iban(std::string_view text, std::size_t from) {
  for (std::size_t i = from; i + 14 < text.size(); ++i) {
    if (!is_letter(text[i]) || !is_digit(text[i + 2])) continue;
    if (const std::size_t end = iban_end(text, i); end > 0) return {i, end};
  }
  return kNoSpan;
}

// ---- card

// Luhn's sum from the left, for both answers to whether the first digit counts twice.
struct Luhn {
  unsigned sums[2] = {0, 0};
  std::size_t count = 0;

  void add(char c) {
    const unsigned digit = static_cast<unsigned>(c - '0');
    const unsigned twice = digit * 2 > 9 ? digit * 2 - 9 : digit * 2;
    sums[0] += count % 2 == 0 ? twice : digit;
    sums[1] += count % 2 == 0 ? digit : twice;
    ++count;
  }
  bool holds() const { return sums[count % 2] % 10 == 0; }
};

// Issuers' numbers begin with 2 to 7, an airline's (15 digits) with 1. 1 with 13, 16 or 19 digits is a time.
bool may_be_issued(char first, std::size_t digits) {
  return (first >= '2' && first <= '7') || (first == '1' && digits == 15);
}

bool begins_digits(std::string_view text, std::size_t i) {
  return is_digit(text[i]) && !is_digit(before(text, i)) && !behind_a_point(text, i);
}

// The end of the longest number that begins here and ends with a group of digits, or 0. All groups but the
// last have three digits at least: "12 45 67" is a list.
std::size_t card_end(std::string_view text, std::size_t begin) {
  Luhn luhn;
  std::size_t group = 0, end = 0;
  for (std::size_t i = begin; luhn.count <= kCardDigitsMax; ++i) {
    if (is_digit(at(text, i))) {
      luhn.add(text[i]);
      ++group;
      continue;
    }
    if (luhn.count >= kCardDigitsMin && luhn.count <= kCardDigitsMax && luhn.holds() &&
        may_be_issued(text[begin], luhn.count)) {
      end = i;
    }
    const bool separator = at(text, i) == ' ' || at(text, i) == '-';
    if (!separator || group < 3 || !is_digit(at(text, i + 1))) break;
    group = 0;
  }
  return end;
}

TextSpan find_card(std::string_view text, std::size_t from) {
  TextSpan found;
  for (std::size_t i = from; i < (found.empty() ? text.size() : found.end); ++i) {
    if (!begins_digits(text, i)) continue;
    const std::size_t end = card_end(text, i);
    if (end > 0 && found.empty()) found = {i, end};
    if (end > found.end) found.end = end;  // Which of them it is cannot be told: both go.
  }
  return found;
}

// ---- IPv4, IPv6

// A number of at most 255 in one to three digits. The end, or 0.
std::size_t octet_end(std::string_view text, std::size_t begin) {
  std::size_t i = begin;
  int value = 0;
  while (is_digit(at(text, i)) && i < begin + 3) value = value * 10 + (text[i++] - '0');
  return i > begin && value <= 255 && !is_digit(at(text, i)) ? i : 0;
}

std::size_t dotted_end(std::string_view text, std::size_t begin) {
  std::size_t i = begin;
  for (int octet = 0; octet < 4; ++octet) {
    if (octet > 0 && at(text, i++) != '.') return 0;
    if ((i = octet_end(text, i)) == 0) return 0;
  }
  return i;
}

TextSpan find_ipv4(std::string_view text, std::size_t from) {
  for (std::size_t i = from; i < text.size();) {
    if (!is_digit(text[i])) {
      ++i;
      continue;
    }
    std::size_t run = i;  // Of digits and single dots: five numbers are a version, not an address.
    while (is_digit(at(text, run)) || (at(text, run) == '.' && at(text, run + 1) != '.')) ++run;
    std::size_t end = run;
    while (text[end - 1] == '.') --end;
    if (!is_alnum(before(text, i)) && !is_alnum(at(text, run)) && dotted_end(text, i) == end)
      return {i, end};
    i = run;
  }
  return kNoSpan;
}

// The end of the longest address that begins here, or 0.
std::size_t ipv6_end(std::string_view text, std::size_t begin) {
  std::size_t i = begin, end = 0;
  int groups = 0;
  bool gap = false;
  const auto whole = [&] { return gap ? groups >= 1 && groups <= 7 : groups == 8; };
  const auto take_end = [&] {
    if (whole() && !is_alnum(at(text, i))) end = i;
  };
  if (at(text, i) == ':') {
    if (at(text, i + 1) != ':') return 0;
    gap = true;
    i += 2;
  }
  while (groups < 8) {
    std::size_t digits = 0;
    while (digits < 5 && is_hex(at(text, i + digits))) ++digits;
    if (digits == 0 || digits > 4) break;
    if (at(text, i + digits) == '.' && groups <= 6) {
      const std::size_t dotted = dotted_end(text, i);
      groups += 2;
      if (dotted > 0 && whole() && !is_alnum(at(text, dotted))) return dotted;
      groups -= 2;
    }
    i += digits;
    ++groups;
    take_end();
    if (at(text, i) != ':' || groups == 8) break;
    if (at(text, i + 1) == ':') {
      if (gap) break;
      gap = true;
      i += 2;
      take_end();
    } else {
      ++i;
    }
  }
  return end;
}

TextSpan find_ipv6(std::string_view text, std::size_t from) {
  for (std::size_t i = from; i < text.size(); ++i) {
    const char c = text[i];
    if ((!is_hex(c) && c != ':') || is_alnum(before(text, i)) || behind_a_point(text, i)) continue;
    if (const std::size_t end = ipv6_end(text, i); end > 0) return {i, end};
  }
  return kNoSpan;
}

// ---- MAC

// Groups of `size` hexadecimal digits with one separator between, as many as there are. The end, or 0 when
// the last one is not whole.
std::size_t hex_groups(std::string_view text, std::size_t begin, std::size_t size, char separator,
                       std::size_t& count) {
  std::size_t i = begin;
  for (count = 0;; ++i) {
    for (std::size_t k = 0; k < size; ++k, ++i) {
      if (!is_hex(at(text, i))) return 0;
    }
    ++count;
    if (is_alnum(at(text, i))) return 0;
    if (at(text, i) != separator || !is_hex(at(text, i + 1)) || count > 8) return i;
  }
}

// Six groups of two, or eight (EUI-64, Zigbee); three or four groups of four with dots.
std::size_t mac_end(std::string_view text, std::size_t begin) {
  std::size_t count = 0;
  const char pair = at(text, begin + 2), four = at(text, begin + 4);
  if (pair == ':' || pair == '-') {
    const std::size_t end = hex_groups(text, begin, 2, pair, count);
    return end > 0 && (count == 6 || count == 8) ? end : 0;
  }
  if (four != '.') return 0;
  const std::size_t end = hex_groups(text, begin, 4, '.', count);
  return end > 0 && (count == 3 || count == 4) ? end : 0;
}

// A pair with the separator of the row that begins here ends here: it is the middle of a longer one.
bool behind_a_pair(std::string_view text, std::size_t i) {
  const char separator = before(text, i);
  return (separator == ':' || separator == '-') && at(text, i + 2) == separator && i >= 3 &&
         is_hex(text[i - 2]) && is_hex(text[i - 3]) && !is_alnum(before(text, i - 3));
}

TextSpan find_mac(std::string_view text, std::size_t from) {
  for (std::size_t i = from; i + 13 < text.size(); ++i) {
    if (!is_hex(text[i]) || is_alnum(before(text, i)) || behind_a_pair(text, i)) continue;
    if (const std::size_t end = mac_end(text, i); end > 0) return {i, end};
  }
  return kNoSpan;
}

// ---- VIN

bool is_vin(std::string_view word) {
  if (word.size() != kVinSize) return false;
  const bool letters = std::ranges::any_of(word, is_letter);
  const bool of_vin = std::ranges::all_of(word, [](char c) {
    const char u = upper(c);
    return u != 'I' && u != 'O' && u != 'Q';
  });
  return letters && of_vin && std::ranges::all_of(word.substr(kVinSize - 4), is_digit);
}

TextSpan find_vin(std::string_view text, std::size_t from) {
  for (std::size_t i = from; i < text.size();) {
    std::size_t end = i;
    while (is_alnum(at(text, end))) ++end;
    if (!is_alnum(before(text, i)) && is_vin(text.substr(i, end - i))) return {i, end};
    i = end + 1;
  }
  return kNoSpan;
}

// ---- phone

// What may stand between two digits: at most three of these.
bool in_gap(char c) { return c == ' ' || c == '-' || c == '.' || c == '/' || c == '(' || c == ')'; }

// The end of the longest number whose '+' is here, or 0; what stands behind it does not matter (x890, ext. 5). A dot
// that is the only gap is a decimal point.
std::size_t phone_end(std::string_view text, std::size_t plus) {
  if (at(text, plus + 1) < '1' || at(text, plus + 1) > '9') return 0;
  std::size_t digits = 0, end = 0, gaps = 0, i = plus + 1;
  bool point = false;
  for (;;) {
    while (is_digit(at(text, i))) ++i, ++digits;
    if (digits > kPhoneDigitsMax) break;
    if (digits >= kPhoneDigitsMin) end = i;
    std::size_t gap = i;
    while (gap < i + 3 && in_gap(at(text, gap))) ++gap;
    if (gap == i || !is_digit(at(text, gap))) break;
    point = ++gaps == 1 && text.substr(i, gap - i) == ".";
    i = gap;
    if (text.substr(i).starts_with("0)")) --digits;  // +49 (0)30: not dialled.
  }
  return point ? 0 : end;
}

TextSpan find_phone(std::string_view text, std::size_t from) {
  for (std::size_t i = text.find('+', from); i != std::string_view::npos;
       i = text.find('+', i + 1)) {
    if (is_alnum(before(text, i))) continue;
    if (const std::size_t end = phone_end(text, i); end > 0) return {i, end};
  }
  return kNoSpan;
}

using Find = TextSpan (*)(std::string_view, std::size_t);
constexpr Find kFind[kDetectorCount] = {find_email, find_iban, find_card, find_ipv4,
                                        find_ipv6,  find_mac,  find_vin,  find_phone};

// Those that could find something in a text of these characters.
DetectorSet possible(std::string_view text) {
  std::size_t digits = 0, letters = 0, dots = 0, colons = 0, hyphens = 0;
  bool sign = false, plus = false;
  for (const char c : text) {
    digits += is_digit(c);
    letters += is_letter(c);
    dots += c == '.';
    colons += c == ':';
    hyphens += c == '-';
    sign |= c == '@';
    plus |= c == '+';
  }
  DetectorSet set = 0;
  if (sign && dots >= 1) set |= only(Detector::email);
  if (letters >= 2 && digits >= 2) set |= only(Detector::iban);
  if (digits >= kCardDigitsMin) set |= only(Detector::card);
  if (digits >= 4 && dots >= 3) set |= only(Detector::ipv4);
  if (colons >= 2) set |= only(Detector::ipv6);
  if (colons >= 5 || hyphens >= 5 || dots >= 2) set |= only(Detector::mac);
  if (letters >= 1 && digits >= 4 && text.size() >= kVinSize) set |= only(Detector::vin);
  if (plus && digits >= kPhoneDigitsMin) set |= only(Detector::phone);
  return set;
}

}  // namespace

Finder::Finder(DetectorSet detectors, std::string_view text)
    : text_(text), left_(detectors & possible(text)) {
  for (std::size_t d = 0; d < kDetectorCount; ++d) {
    if ((left_ >> d & 1) != 0) advance(d, 0);
  }
}

void Finder::advance(std::size_t detector, std::size_t from) {
  ahead_[detector] = kFind[detector](text_, from);
  if (ahead_[detector].empty()) left_ &= ~(DetectorSet{1} << detector);
}

bool Finder::next(TextSpan& span) {
  if (left_ == 0) return false;
  span = {text_.size(), text_.size()};
  for (std::size_t d = 0; d < kDetectorCount; ++d) {
    if ((left_ >> d & 1) != 0 && ahead_[d].begin < span.begin) span = ahead_[d];
  }
  for (bool grew = true; grew;) {
    grew = false;
    for (std::size_t d = 0; d < kDetectorCount; ++d) {
      while ((left_ >> d & 1) != 0 && ahead_[d].begin < span.end) {
        grew |= ahead_[d].end > span.end;
        span.end = std::max(span.end, ahead_[d].end);
        advance(d, ahead_[d].end);
      }
    }
  }
  return true;
}

}  // namespace pinaflux
