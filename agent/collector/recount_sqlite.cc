// A row's key is lane << 40 | seq, so each table gives a lane's seqs in order and a merge of all tables
// needs no memory. Rows in files alone are other sources of the same merge.

#include <optional>
#include <queue>
#include <tuple>
#include <utility>
#include <vector>

#include "agent/collector/catalog.h"
#include "agent/collector/file_rows.h"
#include "agent/collector/recount.h"
#include "agent/collector/recount_files.h"
#include "agent/collector/sqlite_home.h"
#include "agent/collector/tables.h"
#include "agent/spool/sqlite.h"

namespace pinaflux {

namespace {

std::uint64_t seq_in(const sqlite::Statement& row, int column) {
  return static_cast<std::uint64_t>(row.integer(column));
}

class SqliteRecount final : public Recount {
 public:
  SqliteRecount(std::unique_ptr<sqlite::Database> database, Files* files, bool by_day)
      : database_(std::move(database)), files_(files), by_day_(by_day) {}

  Status prepare();
  Status gateways(const std::function<void(GatewayReport&&)>& take) override;
  Status gaps(const std::function<void(std::int64_t, WallTime)>& take) override;
  Status lanes(const std::function<void(std::int64_t, LaneReport&&)>& take) override;
  Status ranges(std::int64_t lane, const std::function<void(Stretch&&)>& take) override;
  Status seqs(std::int64_t lane, const LaneReport& report,
              const std::function<void(std::uint64_t, Day)>& take) override;
  Result<std::vector<Range>> away(std::int64_t lane) override;
  void tell_files(VerifyReport& report) const override {
    if (in_files_) in_files_->tell(report);
  }
  std::string unreadable() const override {
    return in_files_ ? in_files_->unreadable() : std::string();
  }
  Status strays(const std::function<void(std::string_view, std::string_view, std::string_view,
                                         std::uint64_t)>& take) override;

 private:
  using Next = std::tuple<std::uint64_t, std::size_t, Day>;  // Seq, table.

  Status advance(std::size_t table);
  Status read_files();

  std::unique_ptr<sqlite::Database> database_;
  Files* files_;
  bool by_day_;
  std::optional<FileRecount> in_files_;
  std::vector<SeqSet::Cursor> cursors_;  // Of the lane's rows in files; sources behind the tables.
  std::vector<std::string> names_;
  std::vector<sqlite::Statement> rows_;                                 // By table.
  std::priority_queue<Next, std::vector<Next>, std::greater<>> heads_;  // The next row of each.
};

Status SqliteRecount::prepare() {
  if (Status s = database_->begin(); !s) return s;
  const Result<std::int64_t> owner = database_->integer("PRAGMA application_id");
  if (!owner) return std::unexpected(owner.error());
  const Result<std::int64_t> version = database_->integer("PRAGMA user_version");
  if (!version) return std::unexpected(version.error());
  if (*owner != SqliteHome::kApplicationId) {
    return fail(Code::invalid, "this is not a collector's database");
  }
  if (*version > SqliteHome::kVersion) {
    return fail(Code::newer, "this database was written by a newer collector: use that one");
  }
  Result<sqlite::Statement> tables = database_->prepare(
      "SELECT m.name FROM sqlite_schema m WHERE m.type='table' AND (m.name IN "
      "('pinaflux_overflow','pinaflux_quarantine') OR"
      " m.name IN (SELECT name FROM pinaflux_stream)) ORDER BY m.name");
  if (!tables) return std::unexpected(tables.error());
  for (;;) {
    const Result<bool> row = tables->step();
    if (!row) return std::unexpected(row.error());
    if (!*row) break;
    names_.emplace_back(tables->text(0));
  }
  const std::string mask = std::to_string(Tables::kSeqMax);
  for (const std::string& name : names_) {
    const std::string sql = std::string("SELECT _seq,") + kDayOfRow + " FROM " +
                            Catalog::quoted(name) +
                            " WHERE _id BETWEEN ?1 AND ?2 AND _seq=(_id & " + mask +
                            ") AND _gateway=?3 AND _epoch=?4 AND _lane=?5 ORDER BY _id";
    Result<sqlite::Statement> rows = database_->prepare(sql.c_str());
    if (!rows) return std::unexpected(rows.error());
    rows_.push_back(std::move(*rows));
  }
  return {};
}

Status SqliteRecount::gateways(const std::function<void(GatewayReport&&)>& take) {
  auto rows = database_->prepare("SELECT name,state,seen FROM pinaflux_gateway ORDER BY name");
  if (!rows) return std::unexpected(rows.error());
  for (;;) {
    const Result<bool> row = rows->step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return {};
    take({std::string(rows->text(0)), std::string(rows->text(1)), WallTime{rows->integer(2)}});
  }
}

// A collector from before gaps were noted made the database: it says nothing of them.
Status SqliteRecount::gaps(const std::function<void(std::int64_t, WallTime)>& take) {
  const Result<bool> noted = database_->has_column("pinaflux_gap", "since");
  if (!noted) return std::unexpected(noted.error());
  if (!*noted) return {};
  auto rows = database_->prepare("SELECT lane,since FROM pinaflux_gap");
  if (!rows) return std::unexpected(rows.error());
  for (;;) {
    const Result<bool> row = rows->step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return {};
    take(rows->integer(0), WallTime{rows->integer(1)});
  }
}

Status SqliteRecount::lanes(const std::function<void(std::int64_t, LaneReport&&)>& take) {
  Result<sqlite::Statement> lanes = database_->prepare(
      "SELECT id,gateway,epoch,lane,high,last,redelivered,forks FROM pinaflux_lane ORDER BY id");
  if (!lanes) return std::unexpected(lanes.error());
  for (;;) {
    const Result<bool> row = lanes->step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return {};
    LaneReport report;
    report.gateway = lanes->text(1);
    report.epoch = lanes->text(2);
    report.lane = lanes->text(3);
    report.high = seq_in(*lanes, 4);
    report.last = seq_in(*lanes, 5);
    report.redelivered = seq_in(*lanes, 6);
    report.forks = seq_in(*lanes, 7);
    take(lanes->integer(0), std::move(report));
  }
}

Status SqliteRecount::ranges(std::int64_t lane, const std::function<void(Stretch&&)>& take) {
  Result<sqlite::Statement> ranges = database_->prepare(
      "SELECT first,last,fate,reason FROM pinaflux_range WHERE lane=? ORDER BY first");
  if (!ranges) return std::unexpected(ranges.error());
  ranges->bind(1, lane);
  for (;;) {
    const Result<bool> row = ranges->step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return {};
    take({{seq_in(*ranges, 0), seq_in(*ranges, 1)},
          static_cast<Fate>(ranges->integer(2)),
          std::string(ranges->text(3))});
  }
}

Status SqliteRecount::read_files() {
  if (in_files_) return {};
  const Result<bool> some = FileRows::are_in(*database_);
  if (!some) return std::unexpected(some.error());
  in_files_.emplace();
  if (!*some) return {};
  if (files_ == nullptr) return fail(Code::invalid, "rows of this database lie in files alone");
  return in_files_->read(*database_, *files_, by_day_);
}

Result<std::vector<Range>> SqliteRecount::away(std::int64_t lane) {
  if (Status s = read_files(); !s) return std::unexpected(s.error());
  return in_files_->away(lane);
}

Status SqliteRecount::advance(std::size_t table) {
  if (table >= rows_.size()) {
    std::uint64_t seq = 0;
    SeqSet::Cursor& cursor = cursors_[table - rows_.size()];
    if (cursor.next(seq)) heads_.emplace(seq, table, cursor.day());
    return {};
  }
  const Result<bool> row = rows_[table].step();
  if (!row) return std::unexpected(row.error());
  if (*row) heads_.emplace(seq_in(rows_[table], 0), table, day_of(rows_[table].integer(1)));
  return {};
}

Status SqliteRecount::seqs(std::int64_t lane, const LaneReport& report,
                           const std::function<void(std::uint64_t, Day)>& take) {
  for (std::size_t table = 0; table < rows_.size(); ++table) {
    sqlite::Statement& rows = rows_[table];
    rows.bind(1, Tables::key_of(lane, 0));
    rows.bind(2, Tables::key_of(lane, Tables::kSeqMax));
    rows.bind(3, std::string_view(report.gateway));
    rows.bind(4, std::string_view(report.epoch));
    rows.bind(5, std::string_view(report.lane));
    if (Status s = advance(table); !s) return s;
  }
  if (Status s = read_files(); !s) return s;
  cursors_ = in_files_->seqs(lane);
  for (std::size_t i = 0; i < cursors_.size(); ++i) {
    if (Status s = advance(rows_.size() + i); !s) return s;
  }
  while (!heads_.empty()) {
    const auto [at, table, day] = heads_.top();
    heads_.pop();
    if (Status s = advance(table); !s) return s;
    take(at, day);
  }
  return {};
}

Status SqliteRecount::strays(const std::function<void(std::string_view, std::string_view,
                                                      std::string_view, std::uint64_t)>& take) {
  const std::string bits = std::to_string(Tables::kSeqBits);
  const std::string mask = std::to_string(Tables::kSeqMax);
  for (const std::string& name : names_) {
    const std::string sql = "SELECT t._gateway,t._epoch,t._lane,t._seq FROM " +
                            Catalog::quoted(name) +
                            " t LEFT JOIN pinaflux_lane l ON l.id=(t._id >> " + bits +
                            ") WHERE l.id IS NULL OR t._seq IS NOT (t._id & " + mask +
                            ") OR t._gateway IS NOT l.gateway OR t._epoch IS NOT l.epoch OR"
                            " t._lane IS NOT l.lane";
    Result<sqlite::Statement> strays = database_->prepare(sql.c_str());
    if (!strays) return std::unexpected(strays.error());
    for (;;) {
      const Result<bool> row = strays->step();
      if (!row) return std::unexpected(row.error());
      if (!*row) break;
      take(strays->text(0), strays->text(1), strays->text(2), seq_in(*strays, 3));
    }
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Recount>> recount_sqlite(const std::string& path, const char* vfs,
                                                Files* files, bool by_day) {
  auto database = sqlite::Database::open(
      {.path = path, .cache_kibibytes = 16 * 1024, .read_only = true, .vfs = vfs});
  if (!database) return std::unexpected(database.error());
  auto recount = std::make_unique<SqliteRecount>(std::move(*database), files, by_day);
  if (Status s = recount->prepare(); !s) return std::unexpected(s.error());
  return recount;
}

}  // namespace pinaflux
