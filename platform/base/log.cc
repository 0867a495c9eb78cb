#include "platform/base/log.h"

#include <cerrno>
#include <unistd.h>
#include <utility>

#include "platform/base/text.h"

// A line is made whole and given to one write(2), so that lines of two threads, or of two programs
// on the same standard error, do not mix. What cannot be written is dropped: a log must not stop
// what it describes.

namespace pinaflux {

namespace {

constexpr std::size_t kTextBytesMax = 300;

void to_standard_error(std::string_view line) {
  while (!line.empty()) {
    const ssize_t n = ::write(STDERR_FILENO, line.data(), line.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    line.remove_prefix(static_cast<std::size_t>(n));
  }
}

bool plain(std::string_view text) {
  for (char c : text) {
    if (c <= ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '=') return false;
  }
  return !text.empty();
}

struct Append {
  std::string& to;
  void operator()(std::string_view v) const {
    if (plain(v) && v.size() <= kTextBytesMax) {
      to += v;
      return;
    }
    to += '"';
    to += printable(v, kTextBytesMax);
    to += '"';
  }
  void operator()(bool v) const { to += v ? "true" : "false"; }
  void operator()(double v) const { append_double(to, v); }
  void operator()(std::int64_t v) const { append_integer(to, v); }
  void operator()(std::uint64_t v) const { append_unsigned(to, v); }
};

void append_field(std::string& line, const Log::Field& field) {
  line += ' ';
  line += field.key;
  line += '=';
  std::visit(Append{line}, field.value);
}

}  // namespace

Log::Log(Level level, std::function<Instant()> now, Sink sink)
    : level_(level), now_(std::move(now)), sink_(std::move(sink)) {}

Log::Log(Level level, std::function<Instant()> now)
    : Log(level, std::move(now), to_standard_error) {}

std::int64_t Log::admit(std::string_view key) {
  auto found = allowances_.find(key);
  if (found == allowances_.end()) {
    if (allowances_.size() >= kKeysMax) key = "";
    found = allowances_.try_emplace(std::string(key)).first;
  }
  Allowance& its = found->second;
  const Instant now = now_();
  if (its.left == 0 && now < its.next) {
    ++its.suppressed;
    return -1;
  }
  if (its.left == 0 || now >= its.next + kQuiet) its.left = its.suppressed == 0 ? kBurst : 1;
  --its.left;
  its.next = now + kQuiet;
  return static_cast<std::int64_t>(std::exchange(its.suppressed, 0));
}

void Log::line(Level level, std::string_view key, std::string_view text, Fields fields) {
  if (level > level_) return;
  const std::lock_guard lock(mutex_);
  const std::int64_t suppressed = admit(key);
  if (suppressed < 0) return;
  std::string line = "<";
  append_unsigned(line, static_cast<std::uint8_t>(level));
  line += '>';
  line += key;
  line += ": ";
  line += printable(text, kTextBytesMax);
  for (const Field& field : fields) append_field(line, field);
  if (suppressed > 0) append_field(line, {"suppressed", suppressed});
  line += '\n';
  sink_(line);
}

void Log::failed(Level level, std::string_view key, const Error& error, Fields fields) {
  std::string text = error.what;
  append_field(text, {"code", code_name(error.code)});
  if (error.sys_errno != 0) append_field(text, {"errno", error.sys_errno});
  line(level, key, text, fields);
}

}  // namespace pinaflux
