#include "platform/base/csv.h"

namespace pinaflux {

// "\n" or "\r\n"; false: none stands here.
bool CsvCells::take_break() {
  const std::string_view rest = text_.substr(next_, 2);
  if (!rest.starts_with('\n') && rest != "\r\n") return false;
  next_ += rest[0] == '\n' ? 1 : 2;
  line_begin_ = next_;
  ++line_;
  return true;
}

void CsvCells::stop(const char* mistake) {
  mistake_ = mistake;
  raw_ = {};
}

bool CsvCells::next() {
  if (mistake_ != nullptr) return false;
  while (ends_line_ && take_break()) {
  }
  if (ends_line_ && next_ == text_.size()) return false;
  cell_line_ = line_;
  cell_at_ = next_ - line_begin_;
  quoted_ = next_ < text_.size() && text_[next_] == '"';
  doubled_ = false;
  if (quoted_) {
    take_quoted();
  } else {
    const std::size_t end = end_of_plain();
    raw_ = text_.substr(next_, end - next_);
    next_ = end;
  }
  if (mistake_ != nullptr) return false;
  const std::string_view rest = text_.substr(next_, 2);
  ends_line_ = rest.empty() || rest[0] == '\n' || rest == "\r\n";
  if (ends_line_) return true;
  if (rest[0] == ',') return ++next_, true;
  cell_line_ = line_;
  cell_at_ = next_ - line_begin_;
  stop(quoted_ ? "something stands behind a closed quote"
               : "a quote stands in a cell that does not begin with one");
  return false;
}

// At a comma, a line break, the end, or at a quote, which is a mistake.
std::size_t CsvCells::end_of_plain() const {
  std::size_t at = next_;
  for (; at < text_.size(); ++at) {
    const char c = text_[at];
    if (c == ',' || c == '"' || c == '\n' || text_.substr(at, 2) == "\r\n") break;
  }
  return at;
}

void CsvCells::take_quoted() {
  const std::size_t begin = ++next_;
  for (; next_ < text_.size(); ++next_) {
    if (text_[next_] == '\n') {
      ++line_;
      line_begin_ = next_ + 1;
    }
    if (text_[next_] != '"') continue;
    if (text_.substr(next_, 2) != "\"\"") break;
    doubled_ = true;
    ++next_;
  }
  if (next_ == text_.size()) return stop("a quote is not closed");
  raw_ = text_.substr(begin, next_ - begin);
  ++next_;
}

std::size_t undouble_quotes(char* text, std::size_t size) {
  std::size_t to = 0;
  for (std::size_t from = 0; from < size; ++from) {
    text[to++] = text[from];
    if (text[from] == '"') ++from;
  }
  return to;
}

}  // namespace pinaflux
