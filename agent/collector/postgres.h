// PostgreSQL behind one wall: a connection, what it answers, and our error codes.
//
// Promise    No call throws, prints, or waits for ever: a server that is silent for kPatience has gone away. Nothing of a
//            password is in what why() gives.
// Errors     io (it cannot be reached, or went away), busy (a lock, a deadlock, too many connections, a server that
//            starts or stops), full, read_only (a standby), denied, corrupt, exists (a key that is there already),
//            invalid (all else that SQL refuses). why() has the server's words, state() its SQLSTATE.
// Limits     What it is asked and answers is in memory as a whole, but for stream().
// Ownership  What Answer gives dies with it.
// Threads    One owner at a time; blocks.
// Source     https://www.postgresql.org/docs/17/libpq.html
// Tests      tests/agent/collector_postgres/postgres_test.cc
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "platform/base/bytes.h"
#include "platform/base/result.h"
#include "platform/base/time.h"

struct pg_conn;
struct pg_result;

namespace pinaflux::postgres {

// A name between double quotes, as SQL wants it.
std::string quoted(std::string_view name);
// An address as it may be printed: what stands for a password in it is not. Any other text stays.
std::string shown(std::string_view address);
// Text as PostgreSQL can keep it: what is not UTF-8, and NUL, becomes '?', followed by all bytes in hex, so that two
// texts stay two.
std::string storable(std::string_view text);

// The text of an SQL array.
class Array {
 public:
  void add(std::int64_t value);
  void add(std::string_view value);
  void add(Bytes value);  // As bytea.
  void add_null();
  std::string text() const { return text_ + "}"; }
  bool empty() const { return text_.size() == 1; }

 private:
  void next();

  std::string text_ = "{";
};

class Answer {
 public:
  Answer() = default;
  explicit Answer(pg_result* raw);

  int rows() const;
  int columns() const;
  bool is_null(int row, int column) const;
  std::string_view text(int row, int column) const;
  std::int64_t integer(int row, int column) const;  // 0 for NULL.
  bool boolean(int row, int column) const;

 private:
  struct Clear {
    void operator()(pg_result* raw) const;
  };
  std::unique_ptr<pg_result, Clear> raw_;
};

using Parameters = std::initializer_list<std::optional<std::string_view>>;

class Connection {
 public:
  static constexpr Duration kPatience = Duration::seconds(60);
  static constexpr Duration kConnectPatience = Duration::seconds(10);

  // That it names one: postgresql:// or postgres://.
  static bool is_address(std::string_view text);
  // As libpq takes it, and without a password in it: other users see the command line. The server's certificate is
  // verified (sslmode=verify-full) unless the address says otherwise, or it is this machine.
  // `why`: the server's words.
  static Result<std::unique_ptr<Connection>> open(const std::string& address, std::string& why);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // For reads that take as long as they take.
  void wait_for(Duration patience) { patience_ = patience; }
  // Statements without parameters, one or several.
  Status execute(const std::string& sql);
  // One statement; prepared when it is first asked, so its text must not vary without bound.
  Result<Answer> ask(const std::string& sql, Parameters parameters = {});
  // One statement of any text.
  Result<Answer> ask_once(const std::string& sql,
                          std::span<const std::optional<std::string>> parameters);
  // `sql` is COPY ... FROM STDIN, `text` what it reads.
  Status copy(const std::string& sql, std::string_view text);
  // One SELECT, row by row: `take` sees an answer of one row at a time.
  Status stream(const std::string& sql, const std::function<Status(const Answer&)>& take);

  // The transaction can only be rolled back, wholly or to a savepoint.
  bool in_error() const;
  void forget_error();
  // The last error is of what was asked: the same would be refused again.
  bool refused_row() const;
  bool lost() const { return lost_; }
  std::string_view state() const { return state_; }
  const std::string& why() const { return why_; }

 private:
  explicit Connection(pg_conn* raw) : raw_(raw) {}
  Status wait(bool writing);
  Status sent(int accepted);
  Result<pg_result*> next();
  Result<Answer> finish();
  std::unexpected<Error> gone(const char* what);
  std::unexpected<Error> failed(pg_result* result);

  pg_conn* raw_;
  std::map<std::string, std::string> prepared_;  // Names, by text.
  Duration patience_ = kPatience;
  bool lost_ = false;
  std::string state_, why_;
};

}  // namespace pinaflux::postgres
