#include "platform/http/answer_head.h"

#include <algorithm>

#include "platform/base/text.h"

namespace pinaflux {

namespace {

// As far as it goes, a status line begins so; then three digits.
constexpr std::string_view kVersionPattern = "HTTP/1.# ### ";

bool fits(char c, char pattern) { return pattern == '#' ? c >= '0' && c <= '9' : c == pattern; }

bool begins_like_http(std::string_view head) {
  // Without a reason there need not be the last space.
  const std::size_t n = std::min(head.size(), kVersionPattern.size() - 1);
  return std::ranges::equal(head.substr(0, n), kVersionPattern.substr(0, n), fits);
}

}  // namespace

AnswerHead::Step AnswerHead::take(Bytes& bytes) {
  while (!bytes.empty()) {
    if (head_.size() == kBytesMax) return Step::too_long;
    head_ += static_cast<char>(bytes.front());
    bytes = bytes.subspan(1);
    if (head_.size() < kVersionPattern.size() && !begins_like_http(head_)) return Step::not_http;
    if (head_.ends_with("\r\n\r\n") || head_.ends_with("\n\n")) return parse();
  }
  return Step::more;
}

AnswerHead::Step AnswerHead::parse() {
  if (head_.size() < kVersionPattern.size()) return Step::not_http;
  const char after = head_[kVersionPattern.size() - 1];
  const auto status = parse_integer<int>(std::string_view(head_).substr(9, 3));
  if (!status || *status < 100 || (after != ' ' && after != '\r' && after != '\n'))
    return Step::not_http;
  status_ = *status;
  return Step::done;
}

std::string AnswerHead::reason() const {
  const std::string_view line = std::string_view(head_).substr(0, head_.find('\n'));
  return printable(trim(line.substr(9)));
}

std::string_view AnswerHead::header(std::string_view name) const {
  Split lines(head_, '\n');
  std::string_view line;
  lines.next(line);
  while (lines.next(line)) {
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos && equal_ignoring_case(line.substr(0, colon), name))
      return trim(line.substr(colon + 1));
  }
  return {};
}

bool AnswerHead::lists(std::string_view name, std::string_view token) const {
  Split tokens(header(name), ',');
  std::string_view one;
  while (tokens.next(one)) {
    if (equal_ignoring_case(trim(one), token)) return true;
  }
  return false;
}

}  // namespace pinaflux
