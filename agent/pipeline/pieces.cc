// A text is cut where it lies: "a=1 b=two" becomes two views of it. Only a value in quotes that holds quotes is written anew.

#include "agent/pipeline/pieces.h"

#include <string>

#include "agent/pipeline/exact_value.h"
#include "platform/base/text.h"

namespace pinaflux {

namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }

}  // namespace

void Pieces::skip_blanks() {
  while (!at_end() && is_blank(text_[at_]) && (text_[at_] != separator_ || separator_ == ' '))
    ++at_;
}

bool Pieces::take_separator() {
  if (at_end() || text_[at_] != separator_) return false;
  ++at_;
  return true;
}

bool Pieces::name(char equals, std::string_view& name) {
  const std::size_t begin = at_;
  while (!at_end() && !separates(text_[at_]) && text_[at_] != equals) ++at_;
  name = trim(text_.substr(begin, at_ - begin));
  if (at_end() || text_[at_] != equals) return false;
  ++at_;
  return true;
}

const char* Pieces::value(Value& value) {
  if (separator_ != ' ') skip_blanks();
  if (!at_end() && text_[at_] == '"') return quoted(value);
  const std::size_t begin = at_;
  while (!at_end() && !separates(text_[at_])) ++at_;
  const std::string_view text = trim(text_.substr(begin, at_ - begin));
  value = text.empty() ? Value() : all_text_ ? Value::text(text) : number_or_text(text);
  return nullptr;
}

const char* Pieces::quoted(Value& value) {
  const std::size_t begin = ++at_;
  bool doubled = false, open = true;
  while (!at_end()) {
    if (text_[at_++] != '"') continue;
    open = !at_end() && text_[at_] == '"';
    if (!open) break;
    doubled = true;
    ++at_;
  }
  if (open) return "a quote is not closed";
  std::string_view text = text_.substr(begin, at_ - 1 - begin);
  no_room_ = doubled && !undouble(text);
  if (no_room_) return "there is no room for its texts";
  value = Value::text(text);
  if (separator_ != ' ') skip_blanks();
  const bool apart = at_end() || separates(text_[at_]);
  return apart ? nullptr : "something stands behind a closed quote";
}

bool Pieces::undouble(std::string_view& text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    plain += text[i];
    if (text[i] == '"') ++i;
  }
  text = texts_.copy(plain);
  return text.data() != nullptr;
}

Value number_or_text(std::string_view text) {
  if (has_leading_zero(text)) return Value::text(text);
  if (const auto whole = parse_integer<std::int64_t>(text)) return Value::int64(*whole);
  if (const auto whole = parse_integer<std::uint64_t>(text)) return Value::uint64(*whole);
  if (const auto real = parse_double(text)) return Value::float64(*real);
  return Value::text(text);
}

}  // namespace pinaflux
