// A text is cut into words; each that is a field becomes a parameter, and what comes of that is prepared as a SELECT of one
// value by a database in memory, which is empty and stays so:
//
//   motor.temp * 1.8 + 32        SELECT (?1 * 1.8 + 32)
//
// SQLite's authorizer sees everything that a statement wants to do, and allows a list of functions.

#include "agent/pipeline/expression.h"

#include <algorithm>
#include <array>
#include <limits>
#include <span>
#include <utility>

#include <sqlite3.h>

#include "agent/data/limits.h"
#include "platform/base/text.h"

namespace pinaflux {

namespace {

// Of the language; any other name is a field's. Sorted.
constexpr std::array<std::string_view, 26> kWords = {
    "and",    "as",      "between", "case", "cast",   "collate", "distinct", "else",   "end",
    "escape", "exists",  "false",   "from", "glob",   "in",      "is",       "isnull", "like",
    "not",    "notnull", "null",    "or",   "select", "then",    "true",     "when"};
static_assert(std::ranges::is_sorted(kWords));

// The same for the same arguments, on every machine; and none that makes much of little. Sorted.
constexpr std::array<std::string_view, 51> kFunctions = {
    "abs",          "acos",      "asin",       "atan",     "atan2",
    "ceil",         "ceiling",   "char",       "coalesce", "cos",
    "cosh",         "degrees",   "exp",        "floor",    "glob",
    "hex",          "ifnull",    "iif",        "instr",    "json_array_length",
    "json_extract", "json_type", "json_valid", "length",   "like",
    "ln",           "log",       "log10",      "log2",     "lower",
    "ltrim",        "max",       "min",        "mod",      "nullif",
    "pi",           "pow",       "power",      "radians",  "replace",
    "round",        "rtrim",     "sign",       "sin",      "sqrt",
    "substr",       "tan",       "trim",       "trunc",    "typeof",
    "upper"};
static_assert(std::ranges::is_sorted(kFunctions));

bool contains(std::span<const std::string_view> sorted, std::string_view word) {
  return std::ranges::binary_search(sorted, word);
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

bool begins_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80) != 0;
}
bool goes_on(char c) { return begins_name(c) || is_digit(c); }

// What a statement wants beyond computing is refused; `name` is a function's.
int authorize(void* selects, int action, const char*, const char* name, const char*, const char*) {
  if (action == SQLITE_SELECT) return ++*static_cast<int*>(selects) == 1 ? SQLITE_OK : SQLITE_DENY;
  if (action != SQLITE_FUNCTION || name == nullptr) return SQLITE_DENY;
  return contains(kFunctions, lower(name)) ? SQLITE_OK : SQLITE_DENY;
}

constexpr int kSlotBytes = 128, kSlots = 32;  // SQLite's own for small things; 48 KiB without this.

int limit(sqlite3* database) {
  constexpr std::pair<int, int> kLimits[] = {
      {SQLITE_LIMIT_LENGTH, static_cast<int>(limits::kRecordBytesMax)},
      {SQLITE_LIMIT_SQL_LENGTH, 2 * static_cast<int>(Expression::kTextMax)},
      {SQLITE_LIMIT_EXPR_DEPTH, 100},
      {SQLITE_LIMIT_FUNCTION_ARG, 32},
      {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 200},
      {SQLITE_LIMIT_VARIABLE_NUMBER, static_cast<int>(Expression::kFieldsMax)},
      {SQLITE_LIMIT_ATTACHED, 0},
  };
  for (const auto& [which, most] : kLimits) sqlite3_limit(database, which, most);
  return sqlite3_db_config(database, SQLITE_DBCONFIG_LOOKASIDE, nullptr, kSlotBytes, kSlots);
}

}  // namespace

class Expression::Compiler {
 public:
  explicit Compiler(std::string_view text) : text_(text) {}

  std::expected<Expression, Mistake> compile() {
    if (text_.size() > kTextMax) return mistake("the expression is longer than 4096 bytes", 0);
    if (auto wrong = cut()) return std::unexpected(std::move(*wrong));
    sql_ += ")";
    return prepare();
  }

 private:
  static std::unexpected<Mistake> mistake(std::string what, std::size_t at) {
    return std::unexpected(Mistake{std::move(what), at});
  }

  // Up to the first mistake.
  std::optional<Mistake> cut() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      const std::string_view rest = text_.substr(at_);
      if (c == '\'' || ((c == 'x' || c == 'X') && rest.substr(1).starts_with('\''))) {
        if (!copy_literal()) return Mistake{"the text has no end: close it with '", at_};
      } else if (c == '"') {
        if (auto wrong = quoted_field()) return wrong;
      } else if (begins_name(c)) {
        if (auto wrong = name()) return wrong;
      } else if (is_digit(c) || (c == '.' && rest.size() > 1 && is_digit(rest[1]))) {
        copy_number();
      } else if (rest.starts_with("--") || rest.starts_with("/*") || rest.starts_with("//")) {
        return Mistake{"an expression has no comments", at_};
      } else if (std::string_view(";?:@$#[`\\{}").contains(c) || c == '\0') {
        return Mistake{"this does not belong into an expression: " + printable({&c, 1}, 4), at_};
      } else {
        copy(1);
      }
    }
    if (depth_ > 0) return Mistake{"a parenthesis is not closed", text_.size()};
    return std::nullopt;
  }

  void copy(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      const char c = text_[at_];
      if (c == '(') ++depth_;
      if (c == ')') --depth_;
      add({&c, 1}, at_++);
    }
    if (depth_ < 0) depth_ = kUnbalanced;
  }

  void add(std::string_view sql, std::size_t from) {
    sql_ += sql;
    origins_.resize(sql_.size(), from);
  }

  bool copy_literal() {
    std::size_t end = text_.find('\'', at_) + 1;
    for (;;) {
      end = text_.find('\'', end);
      if (end == std::string_view::npos) return false;
      if (!text_.substr(end + 1).starts_with('\'')) break;
      end += 2;
    }
    add(text_.substr(at_, end + 1 - at_), at_);
    at_ = end + 1;
    return true;
  }

  void copy_number() {
    std::size_t end = at_;
    while (end < text_.size()) {
      const bool sign = (text_[end] == '+' || text_[end] == '-') && end > at_ &&
                        (text_[end - 1] == 'e' || text_[end - 1] == 'E') &&
                        !lower(text_.substr(at_, 2)).starts_with("0x");
      if (!goes_on(text_[end]) && text_[end] != '.' && !sign) break;
      ++end;
    }
    add(text_.substr(at_, end - at_), at_);
    at_ = end;
  }

  std::optional<Mistake> quoted_field() {
    const std::size_t begin = at_;
    std::string name;
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '"' && !text_.substr(at_ + 1).starts_with('"')) {
        ++at_;
        return parameter(name, begin);
      }
      name += text_[at_];
      if (text_[at_] == '"') ++at_;
    }
    return Mistake{"the field's name has no end: close it with \"", begin};
  }

  // A word of the language, a function, or a field: a.b.c is one name.
  std::optional<Mistake> name() {
    const std::size_t begin = at_;
    std::size_t end = at_;
    while (end < text_.size() &&
           (goes_on(text_[end]) ||
            (text_[end] == '.' && end + 1 < text_.size() && goes_on(text_[end + 1])))) {
      ++end;
    }
    const std::string_view word = text_.substr(begin, end - begin);
    const std::string small = lower(word);
    const std::size_t next = text_.find_first_not_of(" \t\r\n", end);
    const bool call = next != std::string_view::npos && text_[next] == '(';
    at_ = end;
    const bool of_language = contains(kWords, small) || std::exchange(names_follow_, false);
    names_follow_ = small == "as" || small == "collate";
    if (small == "select") return Mistake{kOnlyComputes, begin};
    if (!of_language && !call) return parameter(std::string(word), begin);
    if (!of_language && !contains(kFunctions, small)) {
      return Mistake{"there is no function '" + printable(word, 40) + "' here", begin};
    }
    add(word, begin);
    return std::nullopt;
  }

  std::optional<Mistake> parameter(const std::string& name, std::size_t from) {
    auto known = std::ranges::find(names_, name);
    if (known == names_.end()) {
      if (names_.size() == kFieldsMax)
        return Mistake{"the expression has more than 100 fields", from};
      names_.push_back(name);
      known = names_.end() - 1;
    }
    add(" ?" + std::to_string(known - names_.begin() + 1) + " ", from);
    return std::nullopt;
  }

  std::expected<Expression, Mistake> prepare() {
    Expression expression;
    sqlite3* raw = nullptr;
    int code =
        sqlite3_open_v2(":memory:", &raw,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
    expression.database_.reset(raw);
    if (code == SQLITE_OK) code = limit(raw);
    if (code != SQLITE_OK) return mistake("memory ran out", 0);
    int selects = 0;
    sqlite3_set_authorizer(raw, authorize, &selects);
    sqlite3_stmt* made = nullptr;
    code = sqlite3_prepare_v3(raw, sql_.c_str(), static_cast<int>(sql_.size()),
                              SQLITE_PREPARE_PERSISTENT, &made, nullptr);
    expression.statement_.reset(made);
    const std::string why = code == SQLITE_OK ? std::string() : wrong(raw, code);
    const int offset = sqlite3_error_offset(raw);
    sqlite3_set_authorizer(raw, nullptr, nullptr);
    if (code != SQLITE_OK) return mistake(why, origin(offset));
    if (made == nullptr || depth_ != 0 || sqlite3_column_count(made) != 1) {
      return mistake(kNotOne, 0);
    }
    for (const std::string& name : names_) {
      const Source source = name == "_stream" ? Source::stream
                            : name == "_time" ? Source::time
                                              : Source::field;
      expression.parameters_.push_back({source, Column(name)});
    }
    return expression;
  }

  // In the words of who wrote the text: parameters are fields again.
  std::string wrong(sqlite3* raw, int code) const {
    if (code == SQLITE_AUTH) return kOnlyComputes;
    std::string what = sqlite3_errmsg(raw);
    for (std::size_t i = names_.size(); i > 0; --i) {
      const std::string place = "\"?" + std::to_string(i) + "\"";
      const std::size_t found = what.find(place);
      if (found != std::string::npos) what.replace(found, place.size(), "'" + names_[i - 1] + "'");
    }
    if (what.contains("near \")\"") || what == "incomplete input")
      return "the expression is incomplete";
    if (what == "row value misused") return kNotOne;
    return what;
  }

  std::size_t origin(int offset) const {
    if (offset < 0) return 0;
    const auto at = static_cast<std::size_t>(offset);
    return at < origins_.size() ? origins_[at] : text_.size();
  }

  static constexpr const char* kOnlyComputes =
      "an expression only computes: it has no subqueries and no tables";
  static constexpr int kUnbalanced = -1'000'000;
  static constexpr const char* kNotOne = "this is not one expression";

  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;
  bool names_follow_ = false;  // A type or a collation.
  std::string sql_ = "SELECT (";
  std::vector<std::size_t> origins_ = std::vector<std::size_t>(sql_.size(), 0);  // By byte of sql_.
  std::vector<std::string> names_;                                               // By parameter.
};

void Expression::Close::operator()(sqlite3* database) const { sqlite3_close(database); }
void Expression::Close::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

std::expected<Expression, Expression::Mistake> Expression::compile(std::string_view text) {
  return Compiler(text).compile();
}

void Expression::bind(int place, const Value& value) {
  sqlite3_stmt* const to = statement_.get();
  switch (value.type()) {
    case Type::absent:
    case Type::null: sqlite3_bind_null(to, place); return;
    case Type::boolean: sqlite3_bind_int64(to, place, value.as_boolean() ? 1 : 0); return;
    case Type::int64: sqlite3_bind_int64(to, place, value.as_int64()); return;
    case Type::uint64:
      if (value.as_uint64() <= std::numeric_limits<std::int64_t>::max()) {
        sqlite3_bind_int64(to, place, static_cast<std::int64_t>(value.as_uint64()));
      } else {
        sqlite3_bind_double(to, place, value.to_double());
      }
      return;
    case Type::float64: sqlite3_bind_double(to, place, value.as_float64()); return;
    case Type::text: {
      const std::string_view text = value.as_text();
      const char* const data = text.empty() ? "" : text.data();
      sqlite3_bind_text64(to, place, data, text.size(), SQLITE_STATIC, SQLITE_UTF8);
      return;
    }
    case Type::bytes: {
      const Bytes bytes = value.as_bytes();
      const void* const data = bytes.empty() ? static_cast<const void*>("") : bytes.data();
      sqlite3_bind_blob64(to, place, data, bytes.size(), SQLITE_STATIC);
      return;
    }
  }
}

bool Expression::step(const Record& record) {
  sqlite3_reset(statement_.get());
  int place = 0;
  for (Parameter& parameter : parameters_) {
    Value value;
    switch (parameter.source) {
      case Source::field: value = parameter.column.of(record); break;
      case Source::stream: value = Value::text(record.shape().stream()); break;
      case Source::time:
        if (record.time().boot == 0) value = Value::int64(record.time().ns);
        break;
    }
    bind(++place, value);
  }
  return sqlite3_step(statement_.get()) == SQLITE_ROW;
}

std::optional<Value> Expression::evaluate(const Record& record) {
  if (!step(record)) return std::nullopt;
  sqlite3_stmt* const row = statement_.get();
  const auto size = [row] { return static_cast<std::size_t>(sqlite3_column_bytes(row, 0)); };
  switch (sqlite3_column_type(row, 0)) {
    case SQLITE_INTEGER: return Value::int64(sqlite3_column_int64(row, 0));
    case SQLITE_FLOAT: return Value::float64(sqlite3_column_double(row, 0));
    case SQLITE_TEXT: {
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(row, 0));
      const std::string_view view(text, size());
      return utf8_valid(view) ? Value::text(view) : Value::bytes(as_bytes(view));
    }
    case SQLITE_BLOB: {
      const auto* bytes = static_cast<const std::uint8_t*>(sqlite3_column_blob(row, 0));
      return Value::bytes({bytes, size()});
    }
    default: return Value::null();
  }
}

std::optional<bool> Expression::truth(const Record& record) {
  if (!step(record)) return std::nullopt;
  sqlite3_stmt* const row = statement_.get();
  const int type = sqlite3_column_type(row, 0);
  if (type == SQLITE_NULL) return std::nullopt;
  return type == SQLITE_INTEGER ? sqlite3_column_int64(row, 0) != 0
                                : sqlite3_column_double(row, 0) != 0;
}

}  // namespace pinaflux
