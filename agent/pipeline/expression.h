// Expression: a value computed of one record's fields, as SQLite computes scalar expressions.
//
//   temperature * 1.8 + 32
//   state = 'run' AND coalesce(motor.load, 0) > 0.5
//   "flow rate" / nullif(pumps, 0)
//
// Fields     Every name is a field of the record, or null where it has none; in double quotes if it is not letters, digits,
//            underscores and dots, or if it is a word of the language (AND, CASE, NULL, ...). `_stream` is the stream's name,
//            `_time` the record's time in ns since 1970, null while the calendar was not trusted.
// Values     As SQLite's: booleans are 1 and 0, NaN is null, an integer beyond int64 is a double, 1 / 2 is 0, what is divided by 0
//            is null, and a text is never equal to a number. A text that comes out and is not UTF-8 is bytes. https://www.sqlite.org/lang_expr.html
// Promise    Reads nothing but the record: no tables, subqueries, parameters, time of day or random numbers; the same record gives
//            the same value, but for the last digits of mathematics and of numbers read from texts, which another processor may
//            round otherwise. Compiled once.
// Limits     kTextMax bytes of text, kFieldsMax fields; a result has at most limits::kRecordBytesMax bytes.
// Ownership  What evaluate() gives lives until it is called again.
// Threads    One owner at a time.
// Tests      tests/agent/pipeline/expression_test.cc
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/pipeline/column.h"

struct sqlite3;
struct sqlite3_stmt;

namespace pinaflux {

class Expression {
 public:
  static constexpr std::size_t kTextMax = 4'096;
  static constexpr std::size_t kFieldsMax = 100;

  // What is wrong with a text, and the byte of it where.
  struct Mistake {
    std::string what;
    std::size_t at = 0;
  };

  static std::expected<Expression, Mistake> compile(std::string_view text);

  // Nothing: it has no value for this record (an integer is too large for abs(), a text grew too long).
  std::optional<Value> evaluate(const Record& record);
  // A condition: SQL's "true" or not. Nothing: null, or it has no value.
  std::optional<bool> truth(const Record& record);
  // Nothing is false, too.
  bool holds(const Record& record) { return truth(record).value_or(false); }

 private:
  struct Close {
    void operator()(sqlite3* database) const;
    void operator()(sqlite3_stmt* statement) const;
  };
  enum class Source : std::uint8_t { field, stream, time };
  struct Parameter {
    Source source;
    Column column;
  };
  class Compiler;

  Expression() = default;  // Its database is empty, in memory, and its own.
  bool step(const Record& record);
  void bind(int place, const Value& value);

  std::unique_ptr<sqlite3, Close> database_;
  std::unique_ptr<sqlite3_stmt, Close> statement_;
  std::vector<Parameter> parameters_;
};

}  // namespace pinaflux
