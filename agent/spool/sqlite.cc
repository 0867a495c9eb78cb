// The wall around sqlite3: nothing of it is seen outside of this file.
//
// Exclusive locking is set before the first read, so the index of the WAL lives in our heap and there
// is no -shm file. Automatic checkpoints are off: the spool asks for one when the WAL has grown to its
// bound, so that no commit pays for it unexpectedly and the bound is ours. The WAL is persistent: its
// space, once written, is overwritten from the start after a checkpoint and is never given back to a
// file system that others fill. Secure deletion is off although Debian's library is built with it on:
// it would write every page of an acknowledged envelope once more, as zeros.
//
// A failed sync is reported once; from then on the kernel may show pages as written that never will be. A
// transaction whose sync failed can thus be read, even by the next process, and be missing after a power
// cut, together with all that were committed behind it and reported. Hence forget(): the frame behind the last
// good commit loses its header, and with it that transaction. And hence renew_wal() at every opening, in
// case it could not be forgotten.

#include "agent/spool/sqlite.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <tuple>
#include <utility>

#include <sqlite3.h>

namespace pinaflux::sqlite {

namespace {

bool no_space(int sys_errno) { return sys_errno == ENOSPC || sys_errno == EDQUOT; }

Error error_of(int extended, int sys_errno) {
  switch (extended & 0xff) {
    case SQLITE_FULL: return {Code::full, sys_errno, "no space is left for the database"};
    case SQLITE_READONLY: return {Code::read_only, sys_errno, "the database cannot be written"};
    case SQLITE_PERM:
    case SQLITE_AUTH: return {Code::denied, sys_errno, "the database may not be opened"};
    case SQLITE_CANTOPEN:
      if (sys_errno == EROFS) return {Code::read_only, sys_errno, "the disk cannot be written"};
      if (no_space(sys_errno)) return {Code::full, sys_errno, "no space is left on the disk"};
      return {Code::denied, sys_errno, "the database cannot be opened"};
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return {Code::busy, sys_errno, "another process has the database open"};
    case SQLITE_NOTADB: return {Code::corrupt, sys_errno, "the file is not a database"};
    case SQLITE_CORRUPT: return {Code::corrupt, sys_errno, "the database is damaged"};
    case SQLITE_IOERR:
      if (extended == SQLITE_IOERR_WRITE && no_space(sys_errno)) {
        return {Code::full, sys_errno, "no space is left on the disk"};
      }
      return {Code::io, sys_errno, "the disk failed under the database"};
    case SQLITE_NOMEM:
      return {Code::io, 0, "memory ran out under the database: stop what takes it"};
    case SQLITE_TOOBIG: return {Code::invalid, sys_errno, "a value is too large for the database"};
    default: return {Code::internal, sys_errno, "the database refused"};
  }
}

sqlite3_file* file_of(sqlite3* raw, int which) {
  sqlite3_file* file = nullptr;
  sqlite3_file_control(raw, "main", which, static_cast<void*>(&file));
  return file != nullptr && file->pMethods != nullptr ? file : nullptr;
}

Result<std::int64_t> bytes_of(sqlite3_file* file) {
  sqlite3_int64 bytes = 0;
  if (file == nullptr) return fail(Code::not_found, "the file is not open yet");
  const int code = file->pMethods->xFileSize(file, &bytes);
  if (code != SQLITE_OK) return std::unexpected(error_of(code, 0));
  return bytes;
}

// Zeros behind the end: a hole would reserve nothing. Page by page of the kernel: a larger write makes larger
// folios in its cache, and later each frame that touches one counts (and on some file systems is written)
// as the whole folio. Linux 6.18, ext4, 200 messages/s: 63 bytes a message, page by page 53.
Status extend(sqlite3_file* file, std::int64_t bytes) {
  static constexpr std::array<std::uint8_t, 4 * 1024> kZeros{};
  const Result<std::int64_t> end = bytes_of(file);
  if (!end) return std::unexpected(end.error());
  for (std::int64_t at = *end; at < bytes;) {
    const std::int64_t to_boundary = std::ssize(kZeros) - at % std::ssize(kZeros);
    const int count = static_cast<int>(std::min(to_boundary, bytes - at));
    const int code = file->pMethods->xWrite(file, kZeros.data(), count, at);
    if (code != SQLITE_OK) return std::unexpected(error_of(code, 0));
    at += count;
  }
  return {};
}

// https://sqlite.org/fileformat2.html#walformat
constexpr std::int64_t kWalHeaderBytes = 32, kFrameHeaderBytes = 24;

// Zeros over a header make it, and all behind it, invalid.
Status erase_header(sqlite3_file* wal, std::int64_t offset, std::int64_t bytes) {
  static constexpr std::array<std::uint8_t, kWalHeaderBytes> kZeros{};
  const Result<std::int64_t> end = bytes_of(wal);
  if (!end) return std::unexpected(end.error());
  if (*end <= offset) return {};
  int code = wal->pMethods->xWrite(wal, kZeros.data(), static_cast<int>(bytes), offset);
  if (code == SQLITE_OK) code = wal->pMethods->xSync(wal, SQLITE_SYNC_NORMAL);
  if (code != SQLITE_OK) return std::unexpected(error_of(code, 0));
  return {};
}

}  // namespace

Statement::~Statement() { sqlite3_finalize(raw_); }

Statement::Statement(Statement&& other) noexcept
    : raw_(std::exchange(other.raw_, nullptr)),
      owner_(other.owner_),
      sql_(std::move(other.sql_)),
      unready_(other.unready_) {}

Statement& Statement::operator=(Statement&& other) noexcept {
  std::swap(raw_, other.raw_);
  std::swap(owner_, other.owner_);
  std::swap(sql_, other.sql_);
  std::swap(unready_, other.unready_);
  return *this;
}

bool Statement::ready() {
  if (raw_ != nullptr || owner_ == nullptr) return true;
  if (unready_) return false;
  const int code =
      sqlite3_prepare_v3(owner_, sql_.c_str(), -1, SQLITE_PREPARE_PERSISTENT, &raw_, nullptr);
  if (code == SQLITE_OK) return true;
  unready_ = error_of(sqlite3_extended_errcode(owner_), sqlite3_system_errno(owner_));
  return false;
}

void Statement::bind(int place, std::int64_t value) {
  if (ready()) sqlite3_bind_int64(raw_, place, value);
}

void Statement::bind(int place, double value) {
  if (ready()) sqlite3_bind_double(raw_, place, value);
}

void Statement::bind(int place, std::string_view text) {
  if (!ready()) return;
  const char* data = text.data() == nullptr ? "" : text.data();
  sqlite3_bind_text64(raw_, place, data, text.size(), SQLITE_STATIC, SQLITE_UTF8);
}

void Statement::bind(int place, Bytes blob) {
  if (!ready()) return;
  if (blob.empty()) {
    sqlite3_bind_zeroblob(raw_, place, 0);
    return;
  }
  sqlite3_bind_blob64(raw_, place, blob.data(), blob.size(), SQLITE_STATIC);
}

void Statement::bind_null(int place) {
  if (ready()) sqlite3_bind_null(raw_, place);
}

Result<bool> Statement::step() {
  if (!ready()) return std::unexpected(*std::exchange(unready_, std::nullopt));
  const int code = sqlite3_step(raw_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) {
    reset();
    return false;
  }
  sqlite3* owner = sqlite3_db_handle(raw_);
  const Error error = error_of(sqlite3_extended_errcode(owner), sqlite3_system_errno(owner));
  reset();
  return std::unexpected(error);
}

Status Statement::run() {
  for (;;) {
    const Result<bool> row = step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return {};
  }
}

void Statement::reset() {
  unready_.reset();
  sqlite3_reset(raw_);
}

std::int64_t Statement::integer(int column) const { return sqlite3_column_int64(raw_, column); }

double Statement::real(int column) const { return sqlite3_column_double(raw_, column); }

std::string_view Statement::text(int column) const {
  const unsigned char* data = sqlite3_column_text(raw_, column);
  if (data == nullptr) return {};
  return {reinterpret_cast<const char*>(data),
          static_cast<std::size_t>(sqlite3_column_bytes(raw_, column))};
}

Bytes Statement::blob(int column) const {
  const void* data = sqlite3_column_blob(raw_, column);
  if (data == nullptr) return {};
  return {static_cast<const std::uint8_t*>(data),
          static_cast<std::size_t>(sqlite3_column_bytes(raw_, column))};
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(raw_, column) == SQLITE_NULL;
}

Result<std::unique_ptr<Database>> Database::open(const Options& options) {
  sqlite3* raw = nullptr;
  const bool shared = options.shared || options.read_only;
  const int flags =
      (options.read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) |
      (shared ? 0 : SQLITE_OPEN_NOFOLLOW) | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  const int code = sqlite3_open_v2(options.path.c_str(), &raw, flags, options.vfs);
  std::unique_ptr<Database> database(new Database(raw, shared));
  if (code != SQLITE_OK)
    return raw == nullptr ? fail(Code::full, "out of memory") : database->failed();
  sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_DQS_DDL, 0, nullptr);
  // Until make_durable(): a file that turns out not to be ours is closed as it was found.
  sqlite3_db_config(raw, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  int persist = shared ? 0 : 1;
  sqlite3_file_control(raw, "main", SQLITE_FCNTL_PERSIST_WAL, &persist);
  sqlite3_wal_autocheckpoint(raw, 0);
  sqlite3_wal_hook(raw, &Database::committed, database.get());
  const std::string locking = shared ? "NORMAL" : "EXCLUSIVE";
  const std::string pragmas =
      "PRAGMA locking_mode=" + locking +
      "; PRAGMA cell_size_check=ON;"
      "PRAGMA temp_store=MEMORY; PRAGMA mmap_size=0; PRAGMA secure_delete=OFF;"
      "PRAGMA page_size=" +
      std::to_string(options.page_bytes) + "; PRAGMA cache_size=-" +
      std::to_string(options.cache_kibibytes);
  if (Status status = database->execute(pragmas.c_str()); !status) {
    return std::unexpected(status.error());
  }
  return database;
}

Database::~Database() {
  for (Statement* statement : {&begin_, &commit_}) *statement = Statement();
  sqlite3_close_v2(raw_);
}

Status Database::make_durable() {
  sqlite3_db_config(raw_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr);
  const Status set = execute(
      "PRAGMA auto_vacuum=NONE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
      "PRAGMA journal_size_limit=-1");
  return set && !shared_ ? renew_wal() : set;
}

std::unexpected<Error> Database::failed() const {
  return std::unexpected(error_of(sqlite3_extended_errcode(raw_), sqlite3_system_errno(raw_)));
}

Status Database::execute(const char* sql) {
  if (sqlite3_exec(raw_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) return failed();
  return {};
}

Result<Statement> Database::prepare(const char* sql) {
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v3(raw_, sql, -1, SQLITE_PREPARE_PERSISTENT, &raw, nullptr) != SQLITE_OK) {
    return failed();
  }
  return Statement(raw);
}

Status Database::prepare_all(std::span<const std::pair<Statement*, const char*>> wanted) {
  for (const auto& [statement, sql] : wanted) {
    Result<Statement> made = prepare(sql);
    if (!made) return std::unexpected(made.error());
    *statement = std::move(*made);
  }
  return {};
}

Result<std::int64_t> Database::integer(const char* sql) {
  Result<Statement> statement = prepare(sql);
  if (!statement) return std::unexpected(statement.error());
  const Result<bool> row = statement->step();
  if (!row) return std::unexpected(row.error());
  if (!*row) return fail(Code::not_found, "the database has no such row");
  return statement->integer(0);
}

Result<bool> Database::has_column(std::string_view table, std::string_view column) {
  // From the schema that is in memory: a SELECT of pragma_table_info() is 70,000 instructions, this 1,000.
  const int code = sqlite3_table_column_metadata(raw_, "main", std::string(table).c_str(),
                                                 std::string(column).c_str(), nullptr, nullptr,
                                                 nullptr, nullptr, nullptr);
  if (code == SQLITE_OK) return true;
  if (code == SQLITE_ERROR) return false;
  return failed();
}

std::string Database::why() const { return sqlite3_errmsg(raw_); }

std::int64_t Database::changes() const { return sqlite3_changes64(raw_); }

bool Database::in_transaction() const { return sqlite3_get_autocommit(raw_) == 0; }

Result<FileMarks> Database::marks() {
  FileMarks marks;
  for (const auto& [mark, sql] : {std::pair{&marks.version, "PRAGMA user_version"},
                                  std::pair{&marks.owner, "PRAGMA application_id"},
                                  std::pair{&marks.tables, "SELECT count(*) FROM sqlite_schema"}}) {
    if (mark == &marks.tables && !marks.empty()) break;
    const Result<std::int64_t> value = integer(sql);
    if (!value) return std::unexpected(value.error());
    *mark = *value;
  }
  return marks;
}

Status Database::commit() {
  if (Status s = forget(); !s) return s;
  Status done = commit_.run();
  commit_failed_ = !shared_ && !done && done.error().code != Code::full;
  return done;
}

Status Database::forget() {
  if (!commit_failed_) return {};
  const Result<std::int64_t> page_bytes = integer("PRAGMA page_size");
  if (!page_bytes) return std::unexpected(page_bytes.error());
  const std::int64_t offset = kWalHeaderBytes + wal_frames_ * (kFrameHeaderBytes + *page_bytes);
  Status erased =
      erase_header(file_of(raw_, SQLITE_FCNTL_JOURNAL_POINTER), offset, kFrameHeaderBytes);
  if (erased) commit_failed_ = false;
  return erased;
}

void Database::rollback() {
  // Some errors have rolled back already.
  if (sqlite3_get_autocommit(raw_) == 0) std::ignore = execute("ROLLBACK");
  std::ignore = forget();
}

Result<std::int64_t> Database::page_limit(std::int64_t pages) {
  return integer(("PRAGMA max_page_count=" + std::to_string(pages)).c_str());
}

Status Database::reserve(std::int64_t bytes) {
  return extend(file_of(raw_, SQLITE_FCNTL_FILE_POINTER), bytes);
}

void Database::keep_length(std::int64_t bytes) {
  int chunk = bytes <= std::numeric_limits<int>::max() ? static_cast<int>(bytes) : 0;
  sqlite3_file_control(raw_, "main", SQLITE_FCNTL_CHUNK_SIZE, &chunk);
}

Status Database::checkpoint(bool truncate) {
  const int mode = truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_RESTART;
  int frames = 0, copied = 0;
  if (sqlite3_wal_checkpoint_v2(raw_, "main", mode, &frames, &copied) != SQLITE_OK) return failed();
  if (copied < frames) return fail(Code::busy, "the WAL is still being read");
  wal_frames_ = 0;
  checkpointed_ = copied;
  return {};
}

Status Database::renew_wal() {
  if (Status s = checkpoint(false); !s) return s;
  if (checkpointed_ <= 0) return {};
  return erase_header(file_of(raw_, SQLITE_FCNTL_JOURNAL_POINTER), 0, kWalHeaderBytes);
}

Status Database::extend_wal(std::int64_t bytes) {
  return extend(file_of(raw_, SQLITE_FCNTL_JOURNAL_POINTER), bytes);
}

std::int64_t Database::wal_bytes() const {
  return bytes_of(file_of(raw_, SQLITE_FCNTL_JOURNAL_POINTER)).value_or(0);
}

std::int64_t Database::file_bytes() const {
  return bytes_of(file_of(raw_, SQLITE_FCNTL_FILE_POINTER)).value_or(0);
}

bool Database::read_only() const { return sqlite3_db_readonly(raw_, "main") == 1; }

int Database::committed(void* self, sqlite3*, const char*, int frames) {
  static_cast<Database*>(self)->wal_frames_ = frames;
  return SQLITE_OK;
}

}  // namespace pinaflux::sqlite
