#include "agent/pipeline/json_text.h"

#include <utility>

#include "agent/data/limits.h"
#include "platform/base/text.h"

namespace pinaflux {

namespace {

bool json_digit(char c) { return c >= '0' && c <= '9'; }

void append_utf8(std::string& to, unsigned code) {
  const auto put = [&](unsigned byte) { to += static_cast<char>(byte); };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xc0 | code >> 6);
  } else if (code < 0x10000) {
    put(0xe0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3f));
  } else {
    put(0xf0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3f));
    put(0x80 | (code >> 6 & 0x3f));
  }
  put(0x80 | (code & 0x3f));
}

}  // namespace

bool JsonText::fail(const char* why) {
  if (why_ == nullptr) why_ = why;
  return false;
}

void JsonText::skip_space() {
  while (at_ < text_.size() && std::string_view(" \t\n\r").contains(text_[at_])) ++at_;
}

bool JsonText::take(char c) {
  const bool there = at_ < text_.size() && text_[at_] == c;
  if (there) ++at_;
  return there;
}

const char* JsonText::document(std::string_view prefix, MadeFields& to) {
  if (!utf8_valid(text_)) return kNoJson;
  to_ = &to;
  path_ = prefix;
  skip_space();
  const bool members = at_ < text_.size() && text_[at_] == '{';
  if (!members) path_ += "value";
  if (members ? !object(1) : !value(1)) return why_;
  skip_space();
  return at_ == text_.size() ? nullptr : kNoJson;
}

const char* JsonText::begin_array() {
  if (!utf8_valid(text_)) return kNoJson;
  skip_space();
  return take('[') ? nullptr : "it is no JSON array";
}

JsonText::Next JsonText::next() {
  skip_space();
  if (take(']')) {
    skip_space();
    return at_ == text_.size() ? Next::end : Next::broken;
  }
  if (!std::exchange(first_, false)) {
    if (!take(',')) return Next::broken;
    skip_space();
  }
  return Next::element;
}

const char* JsonText::element(std::string_view name, MadeFields& to) {
  to_ = &to;
  path_ = name;
  return value(2) ? nullptr : why_;
}

const char* JsonText::begin_object() {
  if (!utf8_valid(text_)) return kNoJson;
  skip_space();
  return take('{') ? nullptr : "it is no JSON object";
}

JsonText::Next JsonText::next_member(std::string_view& key) {
  skip_space();
  if (take('}')) {
    skip_space();
    return at_ == text_.size() ? Next::end : Next::broken;
  }
  if (!std::exchange(first_, false)) {
    if (!take(',')) return Next::broken;
    skip_space();
  }
  to_ = nullptr;
  if (!string(key, true)) return Next::broken;
  skip_space();
  if (!take(':')) return Next::broken;
  skip_space();
  return Next::element;
}

bool JsonText::text(std::string_view& to) { return string(to, false); }

bool JsonText::skip(std::string_view& raw) {
  const std::size_t begin = at_;
  to_ = nullptr;
  if (!value(1)) return false;
  raw = text_.substr(begin, at_ - begin);
  return true;
}

bool JsonText::put(const Value& value) {
  if (to_ == nullptr) return true;
  const char* const why = to_->add({}, path_, value);
  return why == nullptr || fail(why);
}

bool JsonText::value(std::size_t depth) {
  if (at_ == text_.size()) return fail();
  Value made;
  switch (text_[at_]) {
    case '{': {
      const std::size_t outer = path_.size();
      path_ += '.';
      const bool read = object(depth);
      path_.resize(outer);
      return read;
    }
    case '[': {
      const std::size_t begin = at_;
      MadeFields* const to = std::exchange(to_, nullptr);
      if (!array(depth)) return false;
      to_ = to;
      return put(Value::text(text_.substr(begin, at_ - begin)));
    }
    case '"': {
      std::string_view text;
      if (!string(text, false)) return false;
      made = Value::text(text);
      break;
    }
    case 't':
    case 'f':
    case 'n':
      if (!word(made)) return fail();
      break;
    default:
      if (!number(made)) return fail();
  }
  return put(made);
}

bool JsonText::object(std::size_t depth) {
  if (depth > limits::kNestingMax) return fail("it is nested too deep");
  ++at_;
  skip_space();
  if (take('}')) return true;
  const std::size_t outer = path_.size();
  while (true) {
    std::string_view key;
    if (!string(key, true)) return false;
    if (to_ != nullptr && outer + key.size() > limits::kNameBytesMax) {
      return fail("a name has more than 512 bytes");
    }
    if (to_ != nullptr) path_ += key;
    skip_space();
    if (!take(':')) return fail();
    skip_space();
    if (!value(depth + 1)) return false;
    path_.resize(outer);
    skip_space();
    if (take('}')) return true;
    if (!take(',')) return fail();
    skip_space();
  }
}

bool JsonText::array(std::size_t depth) {
  if (depth > limits::kNestingMax) return fail("it is nested too deep");
  ++at_;
  skip_space();
  if (take(']')) return true;
  while (true) {
    if (!value(depth + 1)) return false;
    skip_space();
    if (take(']')) return true;
    if (!take(',')) return fail();
    skip_space();
  }
}

// A key's escapes are only needed until the next string.
bool JsonText::string(std::string_view& text, bool key) {
  if (!take('"')) return fail();
  const std::size_t begin = at_;
  bool escaped = false;
  decoded_.clear();
  std::size_t plain = begin;  // Behind the last escape.
  while (at_ < text_.size() && text_[at_] != '"') {
    if (static_cast<unsigned char>(text_[at_]) < 0x20) return fail();
    if (text_[at_] != '\\') {
      ++at_;
      continue;
    }
    escaped = true;
    decoded_ += text_.substr(plain, at_ - plain);
    if (!escape()) return fail();
    plain = at_;
  }
  text = text_.substr(begin, at_ - begin);
  if (!escaped) return take('"') || fail();
  decoded_ += text_.substr(plain, at_ - plain);
  text = decoded_;
  if (!key && to_ != nullptr) {
    text = texts_.copy(decoded_);
    no_room_ = text.data() == nullptr;
    if (no_room_) return fail("there is no room for its texts");
  }
  return take('"') || fail();
}

bool JsonText::escape() {
  if (++at_ == text_.size()) return false;
  static constexpr std::string_view kLetters = "\"\\/bfnrt", kMeant = "\"\\/\b\f\n\r\t";
  const char c = text_[at_++];
  if (const std::size_t i = kLetters.find(c); i != std::string_view::npos) {
    decoded_ += kMeant[i];
    return true;
  }
  unsigned code = 0, low = 0;
  if (c != 'u' || !hex(code) || (code & 0xfc00) == 0xdc00) return false;
  if ((code & 0xfc00) == 0xd800) {  // A pair of surrogates, RFC 8259 section 7.
    if (!take('\\') || !take('u') || !hex(low) || (low & 0xfc00) != 0xdc00) return false;
    code = 0x10000 + ((code & 0x3ff) << 10) + (low & 0x3ff);
  }
  append_utf8(decoded_, code);
  return true;
}

bool JsonText::hex(unsigned& code) {
  for (int i = 0; i < 4; ++i, ++at_) {
    if (at_ == text_.size()) return false;
    const char c = text_[at_];
    const int digit = json_digit(c)          ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) return false;
    code = code * 16 + static_cast<unsigned>(digit);
  }
  return true;
}

bool JsonText::number(Value& value) {
  const std::size_t begin = at_;
  const auto digits = [this] {
    const std::size_t before = at_;
    while (at_ < text_.size() && json_digit(text_[at_])) ++at_;
    return at_ - before;
  };
  take('-');
  const bool zero = at_ < text_.size() && text_[at_] == '0';
  const std::size_t count = digits();
  if (count == 0 || (zero && count > 1)) return false;
  bool whole = true;
  if (take('.')) {
    whole = false;
    if (digits() == 0) return false;
  }
  if (take('e') || take('E')) {
    whole = false;
    if (!take('+')) take('-');
    if (digits() == 0) return false;
  }
  const std::string_view text = text_.substr(begin, at_ - begin);
  const auto real = parse_double(text);
  if (!real) return false;
  value = Value::float64(*real);
  if (const auto small = parse_integer<std::int64_t>(text); whole && small) {
    value = Value::int64(*small);
  } else if (const auto large = parse_integer<std::uint64_t>(text); whole && large) {
    value = Value::uint64(*large);
  }
  if (all_text_) value = Value::text(text);
  return true;
}

bool JsonText::word(Value& value) {
  const auto is = [this](std::string_view word) {
    const bool there = text_.substr(at_).starts_with(word);
    if (there) at_ += word.size();
    return there;
  };
  if (is("true")) {
    value = Value::boolean(true);
  } else if (is("false")) {
    value = Value::boolean(false);
  } else if (is("null")) {
    value = Value::null();
  } else {
    return false;
  }
  return true;
}

}  // namespace pinaflux
