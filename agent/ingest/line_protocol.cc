#include "agent/ingest/line_protocol.h"

// A line is read once from left to right. A word ends at the first stop that has no backslash before
// it; a backslash escapes only what could end a word somewhere (comma, space, equals sign), before
// anything else it is a backslash. Words without one, nearly all, are used in place.

#include <algorithm>
#include <cstring>

#include "platform/base/text.h"

namespace pinaflux {

namespace {

bool escapable(char c) { return c == ',' || c == ' ' || c == '='; }

void unescape(std::string_view from, std::string& to) {
  to.clear();
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (from[i] == '\\' && i + 1 < from.size() && escapable(from[i + 1])) ++i;
    to.push_back(from[i]);
  }
}

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::ranges::find(words, word) != words.end();
}

bool boolean_of(std::string_view word, Value& value) {
  const bool yes = is_one_of(word, {"t", "T", "true", "True", "TRUE"});
  const bool no = is_one_of(word, {"f", "F", "false", "False", "FALSE"});
  value = Value::boolean(yes);
  return yes || no;
}

bool integer_of(std::string_view digits, Value& value) {
  const auto parsed = parse_integer<std::int64_t>(digits);
  if (parsed) value = Value::int64(*parsed);
  return parsed.has_value();
}

bool unsigned_of(std::string_view digits, Value& value) {
  const auto parsed = parse_integer<std::uint64_t>(digits);
  if (!parsed) return false;
  value = *parsed <= INT64_MAX ? Value::int64(static_cast<std::int64_t>(*parsed))
                               : Value::uint64(*parsed);
  return true;
}

bool bare_value_of(std::string_view word, Value& value) {
  if (word.empty()) return false;
  const std::string_view head = word.substr(0, word.size() - 1);
  if (word.back() == 'i') return integer_of(head, value);
  if (word.back() == 'u') return unsigned_of(head, value);
  if (boolean_of(word, value)) return true;
  const auto real = parse_double(word.starts_with('+') ? word.substr(1) : word);
  if (real) value = Value::float64(*real);
  return real.has_value();
}

}  // namespace

std::int64_t ns_per_precision(std::string_view precision) {
  if (is_one_of(precision, {"ns", "n"})) return 1;
  if (is_one_of(precision, {"us", "u"})) return 1'000;
  if (precision == "ms") return 1'000'000;
  if (precision == "s") return 1'000'000'000;
  if (precision == "m") return 60'000'000'000;
  if (precision == "h") return 3'600'000'000'000;
  return 0;
}

bool LineProtocolReader::line_ended() const {
  return at_ >= text_.size() || text_[at_] == '\n' ||
         (text_[at_] == '\r' && (at_ + 1 == text_.size() || text_[at_ + 1] == '\n'));
}

// The bytes up to a stop or the end of the line, escapes undone (then it lies in key_).
Built LineProtocolReader::word(std::string_view stops, std::string_view& word) {
  const std::size_t begin = at_;
  bool escaped = false;
  while (!line_ended() && stops.find(text_[at_]) == std::string_view::npos) {
    if (text_[at_] == '\\' && at_ + 1 < text_.size() && escapable(text_[at_ + 1])) {
      escaped = true;
      ++at_;
    }
    ++at_;
  }
  word = text_.substr(begin, at_ - begin);
  if (word.empty()) return fault();
  if (escaped) {
    unescape(word, key_);
    word = key_;
  }
  return {};
}

Built LineProtocolReader::measurement(std::string_view prefix, Intake& intake) {
  std::string_view name;
  if (auto built = word(", ", name); !built) return built;
  stream_.assign(prefix).append("/").append(name);
  builder_->begin(intake, stream_);
  return {};
}

Built LineProtocolReader::tags() {
  while (at(',')) {
    ++at_;
    std::string_view key;
    if (auto built = word(",= ", key); !built) return built;
    if (!at('=')) return fault();
    ++at_;
    const std::string name(key.data() == key_.data() ? key : std::string_view());
    std::string_view value;
    if (auto built = word(",= ", value); !built) return built;
    if (at('=')) return fault();
    const std::string_view kept = builder_->keep(value);
    if (kept.data() == nullptr) return no_room();
    if (auto built = builder_->add({}, name.empty() ? key : name, Value::text(kept)); !built) {
      return built;
    }
  }
  return {};
}

Built LineProtocolReader::quoted(std::string_view key) {
  const std::size_t begin = ++at_;
  bool escaped = false;
  while (at_ < text_.size() && text_[at_] != '"') {
    const bool pair = text_[at_] == '\\' && at_ + 1 < text_.size() &&
                      (text_[at_ + 1] == '"' || text_[at_ + 1] == '\\');
    escaped = escaped || pair;
    at_ += pair ? 2 : 1;
  }
  if (at_ >= text_.size()) return fault();
  std::string_view value = text_.substr(begin, at_ - begin);
  ++at_;
  if (escaped) {
    unquoted_.clear();
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (value[i] == '\\' && i + 1 < value.size() &&
          (value[i + 1] == '"' || value[i + 1] == '\\')) {
        ++i;
      }
      unquoted_.push_back(value[i]);
    }
    value = unquoted_;
  }
  const std::string_view kept = builder_->keep(value);
  if (kept.data() == nullptr) return no_room();
  return builder_->add({}, key, Value::text(kept));
}

Built LineProtocolReader::field_value(std::string_view key) {
  if (at('"')) return quoted(key);
  const std::size_t begin = at_;
  while (!line_ended() && text_[at_] != ',' && text_[at_] != ' ') ++at_;
  Value value;
  if (!bare_value_of(text_.substr(begin, at_ - begin), value)) {
    at_ = begin;
    return fault();
  }
  return builder_->add({}, key, value);
}

Built LineProtocolReader::fields() {
  while (true) {
    std::string_view key;
    if (auto built = word(",= ", key); !built) return built;
    if (!at('=')) return fault();
    ++at_;
    if (auto built = field_value(key); !built) return built;
    if (!at(',')) return {};
    ++at_;
  }
}

Built LineProtocolReader::timestamp(std::int64_t ns_per_tick) {
  while (at(' ')) ++at_;
  if (line_ended()) return {};
  const std::size_t begin = at_;
  while (!line_ended() && text_[at_] != ' ') ++at_;
  const auto ticks = parse_integer<std::int64_t>(text_.substr(begin, at_ - begin));
  std::int64_t ns = 0;
  if (!ticks || __builtin_mul_overflow(*ticks, ns_per_tick, &ns)) {
    return refuse(Reason::bad_time, begin);
  }
  builder_->set_time(Stamp::wall(WallTime{ns}));
  while (at(' ')) ++at_;
  return {};
}

Built LineProtocolReader::read(std::string_view text, std::string_view stream_prefix,
                               std::int64_t ns_per_tick, Intake& intake, RecordBuilder& builder,
                               std::size_t& used) {
  text_ = text;
  at_ = 0;
  builder_ = &builder;
  Built built = measurement(stream_prefix, intake);
  if (built) built = tags();
  if (built && !at(' ')) built = fault();
  while (at(' ')) ++at_;
  if (built) built = fields();
  if (built && !line_ended() && !at(' ')) built = fault();
  if (built) built = timestamp(ns_per_tick);
  if (built && !line_ended()) built = fault();
  const std::size_t newline = text.find('\n', built ? at_ : 0);
  used = newline == std::string_view::npos ? text.size() : newline + 1;
  return built;
}

}  // namespace pinaflux
