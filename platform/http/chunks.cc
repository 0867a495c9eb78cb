#include "platform/http/chunks.h"

#include <algorithm>
#include <charconv>
#include <string_view>

namespace pinaflux {

Bytes HttpChunks::next(Bytes& in) {
  while (!in.empty() && state_ != State::done && state_ != State::bad) {
    if (state_ == State::data) {
      const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, in.size()));
      const Bytes piece = in.first(count);
      in = in.subspan(count);
      left_ -= count;
      if (left_ == 0) state_ = State::data_end;
      return piece;
    }
    const char c = static_cast<char>(in[0]);
    in = in.subspan(1);
    if (c == '\n') {
      end_line();
    } else if (line_.size() == kLineBytesMax) {
      state_ = State::bad;
    } else {
      line_.push_back(c);
    }
  }
  return {};
}

void HttpChunks::end_line() {
  std::string_view line = line_;
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (state_ == State::trailer) {
    if (line.empty()) state_ = State::done;
  } else if (state_ == State::data_end) {
    state_ = line.empty() ? State::size : State::bad;
  } else {
    const std::string_view digits = line.substr(0, line.find_first_of("; \t"));
    const char* end = digits.data() + digits.size();
    const auto [at, error] = std::from_chars(digits.data(), end, left_, 16);
    const bool good = error == std::errc() && at == end && !digits.empty();
    state_ = !good ? State::bad : left_ == 0 ? State::trailer : State::data;
  }
  line_.clear();
}

}  // namespace pinaflux
