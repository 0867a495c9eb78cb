#include "agent/collector/postgres.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include <libpq-fe.h>

#include "agent/collector/names.h"
#include "agent/data/identity.h"
#include "platform/base/text.h"

namespace pinaflux::postgres {

namespace {

constexpr std::size_t kPreparedMax = 256;
constexpr std::size_t kCopyBlock = 256 * 1024;

// One table's, as a rule: a policy, a trigger, a right that was revoked.
constexpr std::string_view kNotAllowed = "42501";

struct Meaning {
  std::string_view state;  // Of an SQLSTATE, the first characters.
  Code code;
  const char* what;
};

// The first that fits. https://www.postgresql.org/docs/17/errcodes-appendix.html
constexpr Meaning kMeanings[] = {
    {"08", Code::io, "the connection to the database broke"},
    {"57P", Code::busy, "the database is being started or stopped"},
    {"57014", Code::busy, "the database gave up a statement that took too long"},
    {"53100", Code::full, "the database's disk is full: make room on it"},
    {"53300", Code::busy, "the database takes no more connections: raise max_connections"},
    {"53", Code::busy, "the database is short of memory or of a limit of its configuration"},
    {"40", Code::busy, "the database chose another transaction over this one"},
    {"55P03", Code::busy, "somebody else keeps a lock in the database"},
    {"25P03", Code::busy, "the database closed a transaction that was idle for too long"},
    {"25006", Code::read_only, "the database takes no writes: name its primary server"},
    {"28", Code::denied,
     "the database does not let this user in: check user, password and pg_hba.conf"},
    {"42501", Code::denied,
     "the database does not allow that to this user: grant it what it lacks"},
    {"3D000", Code::not_found, "there is no such database on that server: create it"},
    {"3F000", Code::not_found, "there is no such schema in the database: create it"},
    {"XX001", Code::corrupt, "the database says that it is damaged"},
    {"XX002", Code::corrupt, "the database says that it is damaged"},
    {"58", Code::io, "the database's machine failed"},
    {"XX", Code::io, "the database failed"},
    {"F0", Code::io, "the database's configuration is broken"},
    {"23505", Code::exists, "a row with this key is there already"},
};

Error meaning_of(std::string_view state) {
  for (const Meaning& each : kMeanings) {
    if (state.starts_with(each.state)) return {each.code, 0, each.what};
  }
  return {Code::invalid, 0, "the database refuses it"};
}

std::string one_line(std::string_view text) {
  std::string line;
  for (char c : trim(text)) line += c == '\n' || c == '\r' || c == '\t' ? ' ' : c;
  return line;
}

struct FreeOptions {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};
using AddressOptions = std::unique_ptr<PQconninfoOption, FreeOptions>;

std::string_view value_of(const AddressOptions& options, std::string_view keyword) {
  for (const PQconninfoOption* each = options.get(); each->keyword != nullptr; ++each) {
    if (keyword == each->keyword && each->val != nullptr) return each->val;
  }
  return {};
}

// Before there is a session libpq gives words, and no SQLSTATE.
Error refusal_of(std::string_view words) {
  const auto say = [&](std::string_view part) {
    return words.find(part) != std::string_view::npos;
  };
  if (say("password") || say("authentication failed") || say("no pg_hba.conf entry") ||
      (say("role ") && say("does not exist"))) {
    return meaning_of("28");
  }
  if (say("local user with ID")) {
    return {Code::invalid, 0,
            "this process's user has no name: name one, postgresql://USER@HOST/DATABASE"};
  }
  if (say("database ") && say("does not exist")) return meaning_of("3D000");
  if (say("certificate") || say("SSL")) {
    return {Code::denied, 0,
            "the database's certificate is not believed: name its CA by ?sslrootcert=FILE"};
  }
  return {Code::io, 0, "the database cannot be reached"};
}

// Hosts are separated by commas; a folder is a Unix socket's.
bool is_this_machine(std::string_view hosts) {
  Split all(hosts, ',');
  for (std::string_view host; all.next(host);) {
    const bool here = host.empty() || host.starts_with('/') || host.starts_with('@') ||
                      host == "localhost" || host.starts_with("127.") || host == "::1";
    if (!here) return false;
  }
  return true;
}

}  // namespace

std::string quoted(std::string_view name) {
  std::string text = "\"";
  for (char c : name) {
    if (c == '"') text += '"';
    text += c;
  }
  return text + "\"";
}

std::string shown(std::string_view address) {
  static constexpr std::string_view kHidden = "***";
  std::string text(address);
  if (!Connection::is_address(address)) return text;
  const std::size_t user = text.find("://") + 3;
  const std::size_t host = text.rfind('@', text.find_first_of("/?", user));
  const std::size_t colon = text.find(':', user);
  if (host != std::string::npos && host >= user && colon < host) {
    text.replace(colon + 1, host - colon - 1, kHidden);
  }
  for (std::size_t at = 0; (at = text.find("password=", at)) != std::string::npos;) {
    at += std::string_view("password=").size();
    const std::size_t end = std::min(text.find('&', at), text.size());
    text.replace(at, end - at, kHidden);
  }
  return text;
}

std::string storable(std::string_view text) {
  if (utf8_valid(text) && text.find('\0') == std::string_view::npos) return std::string(text);
  return names::speakable(text) + "#" + hex(as_bytes(text));
}

void Array::next() {
  if (!empty()) text_ += ',';
}

void Array::add(std::int64_t value) {
  next();
  append_integer(text_, value);
}

void Array::add(std::string_view value) {
  next();
  text_ += '"';
  for (char c : value) {
    if (c == '"' || c == '\\') text_ += '\\';
    text_ += c;
  }
  text_ += '"';
}

void Array::add(Bytes value) {
  next();
  text_ += "\"\\\\x" + hex(value) + "\"";
}

void Array::add_null() {
  next();
  text_ += "NULL";
}

Answer::Answer(pg_result* raw) : raw_(raw) {}

void Answer::Clear::operator()(pg_result* raw) const { PQclear(raw); }

int Answer::rows() const { return PQntuples(raw_.get()); }

int Answer::columns() const { return PQnfields(raw_.get()); }

bool Answer::is_null(int row, int column) const {
  return PQgetisnull(raw_.get(), row, column) == 1;
}

std::string_view Answer::text(int row, int column) const {
  return {PQgetvalue(raw_.get(), row, column),
          static_cast<std::size_t>(PQgetlength(raw_.get(), row, column))};
}

std::int64_t Answer::integer(int row, int column) const {
  return parse_integer<std::int64_t>(text(row, column)).value_or(0);
}

bool Answer::boolean(int row, int column) const { return text(row, column) == "t"; }

bool Connection::is_address(std::string_view text) {
  return text.starts_with("postgresql://") || text.starts_with("postgres://");
}

Result<std::unique_ptr<Connection>> Connection::open(const std::string& address, std::string& why) {
  char* complaint = nullptr;
  const AddressOptions options(PQconninfoParse(address.c_str(), &complaint));
  if (!options) {
    PQfreemem(complaint);  // It repeats a part of the address: that may be a password.
    return fail(Code::invalid, "it is no address of a database: postgresql://USER@HOST/DATABASE");
  }
  if (!value_of(options, "password").empty()) {
    return fail(Code::invalid,
                "a password in an address can be seen by others: put it into a file, and "
                "?passfile=FILE behind the address");
  }
  std::vector<const char*> keys = {"dbname"}, values = {address.c_str()};
  const auto set = [&](const char* key, const char* value) {
    if (!value_of(options, key).empty()) return;
    keys.push_back(key);
    values.push_back(value);
  };
  set("application_name", "pinaflux-collector");
  set("client_encoding", "UTF8");
  set("connect_timeout", "10");
  set("tcp_user_timeout", "30000");
  set("keepalives_idle", "30");
  if (!is_this_machine(value_of(options, "host")) ||
      !is_this_machine(value_of(options, "hostaddr"))) {
    set("sslmode", "verify-full");
    set("sslrootcert", "system");
  }
  keys.push_back(nullptr);
  values.push_back(nullptr);
  std::unique_ptr<Connection> made(
      new Connection(PQconnectdbParams(keys.data(), values.data(), 1)));
  if (made->raw_ == nullptr) return fail(Code::full, "out of memory");
  if (PQstatus(made->raw_) != CONNECTION_OK) {
    why = one_line(PQerrorMessage(made->raw_));
    return std::unexpected(refusal_of(why));
  }
  PQsetNoticeProcessor(made->raw_, [](void*, const char*) {}, nullptr);
  PQsetnonblocking(made->raw_, 1);
  return made;
}

Connection::~Connection() { PQfinish(raw_); }

bool Connection::in_error() const { return PQtransactionStatus(raw_) == PQTRANS_INERROR; }

void Connection::forget_error() {
  state_.clear();
  why_.clear();
}

bool Connection::refused_row() const {
  if (state_.empty()) return false;
  const Code code = meaning_of(state_).code;
  return code == Code::invalid || code == Code::exists || state_ == kNotAllowed;
}

std::unexpected<Error> Connection::gone(const char* what) {
  lost_ = true;
  state_ = "08006";
  why_ = one_line(PQerrorMessage(raw_));
  return fail(Code::io, what);
}

// What `result` says; a result that is no error breaks the conversation.
std::unexpected<Error> Connection::failed(pg_result* result) {
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const char* words = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  if (state == nullptr || PQstatus(raw_) != CONNECTION_OK) {
    return gone("the database went away");
  }
  state_ = state;
  why_ = one_line(words == nullptr ? "" : words);
  return std::unexpected(meaning_of(state_));
}

Status Connection::wait(bool writing) {
  const pg_usec_time_t end = PQgetCurrentTimeUSec() + patience_.ns / 1'000;
  const int ready = PQsocketPoll(PQsocket(raw_), 1, writing ? 1 : 0, end);
  if (ready == 0) return gone("the database does not answer");
  if (ready < 0 || PQconsumeInput(raw_) == 0) return gone("the database went away");
  return {};
}

// Until what was asked is on its way.
Status Connection::sent(int accepted) {
  if (lost_ || accepted == 0) return gone("the database went away");
  for (int left = PQflush(raw_); left != 0; left = PQflush(raw_)) {
    if (left < 0) return gone("the database went away");
    if (Status s = wait(true); !s) return s;
  }
  return {};
}

// Null: there is no more.
Result<pg_result*> Connection::next() {
  while (PQisBusy(raw_) == 1) {
    if (Status s = wait(false); !s) return std::unexpected(s.error());
  }
  return PQgetResult(raw_);
}

// Of several answers the last one, or the first that failed.
Result<Answer> Connection::finish() {
  Answer last;
  std::optional<Error> error;
  for (;;) {
    const auto result = next();
    if (!result) return std::unexpected(result.error());
    if (*result == nullptr) break;
    const ExecStatusType status = PQresultStatus(*result);
    const bool fine = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK ||
                      status == PGRES_COPY_IN || status == PGRES_SINGLE_TUPLE;
    if (!fine && !error) error = failed(*result).error();
    last = Answer(*result);
    if (status == PGRES_COPY_IN) break;
    if (lost_) break;
  }
  if (error) return std::unexpected(*error);
  return last;
}

Status Connection::execute(const std::string& sql) {
  if (Status s = sent(PQsendQuery(raw_, sql.c_str())); !s) return s;
  const auto answer = finish();
  return answer ? Status() : std::unexpected(answer.error());
}

Result<Answer> Connection::ask(const std::string& sql, Parameters parameters) {
  if (lost_) return gone("the database went away");
  if (prepared_.size() >= kPreparedMax && !prepared_.contains(sql)) {
    if (Status s = execute("DEALLOCATE ALL"); !s) return std::unexpected(s.error());
    prepared_.clear();
  }
  if (!prepared_.contains(sql)) {
    const std::string name = "p" + std::to_string(prepared_.size());
    Status s = sent(PQsendPrepare(raw_, name.c_str(), sql.c_str(), 0, nullptr));
    if (!s) return std::unexpected(s.error());
    if (auto made = finish(); !made) return made;
    prepared_[sql] = name;
  }
  std::vector<std::string> texts;
  std::vector<const char*> values;
  texts.reserve(parameters.size());
  for (const auto& parameter : parameters) {
    values.push_back(parameter ? texts.emplace_back(*parameter).c_str() : nullptr);
  }
  Status s = sent(PQsendQueryPrepared(raw_, prepared_[sql].c_str(), static_cast<int>(values.size()),
                                      values.data(), nullptr, nullptr, 0));
  if (!s) return std::unexpected(s.error());
  return finish();
}

Result<Answer> Connection::ask_once(const std::string& sql,
                                    std::span<const std::optional<std::string>> parameters) {
  std::vector<const char*> values;
  for (const auto& parameter : parameters) {
    values.push_back(parameter ? parameter->c_str() : nullptr);
  }
  Status s = sent(PQsendQueryParams(raw_, sql.c_str(), static_cast<int>(values.size()), nullptr,
                                    values.data(), nullptr, nullptr, 0));
  if (!s) return std::unexpected(s.error());
  return finish();
}

Status Connection::copy(const std::string& sql, std::string_view text) {
  if (Status s = sent(PQsendQuery(raw_, sql.c_str())); !s) return s;
  if (const auto ready = finish(); !ready) return std::unexpected(ready.error());
  while (!text.empty()) {
    const std::string_view block = text.substr(0, kCopyBlock);
    const int put = PQputCopyData(raw_, block.data(), static_cast<int>(block.size()));
    if (put < 0) return gone("the database went away");
    if (put == 1) text.remove_prefix(block.size());
    if (Status s = sent(1); !s) return s;
  }
  for (int end = 0; end != 1;) {
    end = PQputCopyEnd(raw_, nullptr);
    if (end < 0) return gone("the database went away");
    if (Status s = sent(1); !s) return s;
  }
  const auto answer = finish();
  return answer ? Status() : std::unexpected(answer.error());
}

Status Connection::stream(const std::string& sql,
                          const std::function<Status(const Answer&)>& take) {
  if (Status s = sent(PQsendQuery(raw_, sql.c_str())); !s) return s;
  PQsetSingleRowMode(raw_);
  Status done;
  for (;;) {
    const auto result = next();
    if (!result) return std::unexpected(result.error());
    if (*result == nullptr) return done;
    const ExecStatusType status = PQresultStatus(*result);
    const Answer answer(*result);
    if (status == PGRES_SINGLE_TUPLE) {
      if (done) done = take(answer);
    } else if (status != PGRES_TUPLES_OK && done) {
      done = std::unexpected(failed(*result).error());
      if (lost_) return done;
    }
  }
}

}  // namespace pinaflux::postgres
