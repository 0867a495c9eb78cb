// All tables are read once, together, in the order of their keys: PostgreSQL merges their primary keys' indexes, and a
// cursor hands on as many rows at a time as fit into memory well.

#include <optional>
#include <utility>
#include <vector>

#include "agent/collector/postgres_catalog.h"
#include "agent/collector/postgres_home.h"
#include "agent/collector/recount.h"
#include "agent/collector/tables.h"

namespace pinaflux {

namespace {

constexpr const char* kFetch = "FETCH 10000 FROM rows";

std::uint64_t seq_in(const postgres::Answer& answer, int row, int column) {
  return static_cast<std::uint64_t>(answer.integer(row, column));
}

class PostgresRecount final : public Recount {
 public:
  explicit PostgresRecount(std::unique_ptr<postgres::Connection> connection)
      : connection_(std::move(connection)) {}

  Status prepare();
  Status gateways(const std::function<void(GatewayReport&&)>& take) override;
  Status gaps(const std::function<void(std::int64_t, WallTime)>& take) override;
  Status lanes(const std::function<void(std::int64_t, LaneReport&&)>& take) override;
  Status ranges(std::int64_t lane, const std::function<void(Stretch&&)>& take) override;
  Status seqs(std::int64_t lane, const LaneReport& report,
              const std::function<void(std::uint64_t, Day)>& take) override;
  Status strays(const std::function<void(std::string_view, std::string_view, std::string_view,
                                         std::uint64_t)>& take) override;

 private:
  // False: there are no more rows.
  Result<bool> row_is_here();

  std::unique_ptr<postgres::Connection> connection_;
  std::vector<std::string> names_;
  std::optional<postgres::Answer> rows_;
  int row_ = 0;  // The next of them.
};

Status PostgresRecount::prepare() {
  Status begun = connection_->execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  if (!begun) return begun;
  const auto tables = connection_->ask(
      "SELECT name FROM (SELECT name FROM pinaflux_stream UNION ALL VALUES ('pinaflux_overflow'),"
      "('pinaflux_quarantine')) t WHERE to_regclass(quote_ident(name)) IS NOT NULL ORDER BY name");
  if (!tables) return std::unexpected(tables.error());
  std::string sql = "DECLARE rows CURSOR FOR SELECT * FROM (";
  for (int row = 0; row < tables->rows(); ++row) {
    names_.push_back(postgres::quoted(tables->text(row, 0)));
    if (row > 0) sql += " UNION ALL ";
    sql += std::string("SELECT _id,_gateway,_epoch,_lane,_seq,") + kDayOfRow + " FROM " +
           names_.back();
  }
  return connection_->execute(sql + ") t ORDER BY _id");
}

Status PostgresRecount::gateways(const std::function<void(GatewayReport&&)>& take) {
  const auto rows = connection_->ask("SELECT name,state,seen FROM pinaflux_gateway ORDER BY name");
  if (!rows) return std::unexpected(rows.error());
  for (int row = 0; row < rows->rows(); ++row) {
    take({std::string(rows->text(row, 0)), std::string(rows->text(row, 1)),
          WallTime{rows->integer(row, 2)}});
  }
  return {};
}

Status PostgresRecount::gaps(const std::function<void(std::int64_t, WallTime)>& take) {
  const auto rows = connection_->ask("SELECT lane,since FROM pinaflux_gap");
  if (!rows) return std::unexpected(rows.error());
  for (int row = 0; row < rows->rows(); ++row) {
    take(rows->integer(row, 0), WallTime{rows->integer(row, 1)});
  }
  return {};
}

Status PostgresRecount::lanes(const std::function<void(std::int64_t, LaneReport&&)>& take) {
  const auto rows = connection_->ask(
      "SELECT id,gateway,epoch,lane,high,last,redelivered,forks FROM pinaflux_lane ORDER BY id");
  if (!rows) return std::unexpected(rows.error());
  for (int row = 0; row < rows->rows(); ++row) {
    LaneReport report;
    report.gateway = rows->text(row, 1);
    report.epoch = rows->text(row, 2);
    report.lane = rows->text(row, 3);
    report.high = seq_in(*rows, row, 4);
    report.last = seq_in(*rows, row, 5);
    report.redelivered = seq_in(*rows, row, 6);
    report.forks = seq_in(*rows, row, 7);
    take(rows->integer(row, 0), std::move(report));
  }
  return {};
}

Status PostgresRecount::ranges(std::int64_t lane, const std::function<void(Stretch&&)>& take) {
  const auto rows = connection_->ask(
      "SELECT first,last,fate,reason FROM pinaflux_range WHERE lane=$1 ORDER BY first",
      {std::to_string(lane)});
  if (!rows) return std::unexpected(rows.error());
  for (int row = 0; row < rows->rows(); ++row) {
    take({{seq_in(*rows, row, 0), seq_in(*rows, row, 1)},
          static_cast<Fate>(rows->integer(row, 2)),
          std::string(rows->text(row, 3))});
  }
  return {};
}

Result<bool> PostgresRecount::row_is_here() {
  if (rows_ && row_ < rows_->rows()) return true;
  if (rows_ && rows_->rows() == 0) return false;
  auto fetched = connection_->ask(kFetch);
  if (!fetched) return std::unexpected(fetched.error());
  rows_ = std::move(*fetched);
  row_ = 0;
  return rows_->rows() > 0;
}

Status PostgresRecount::seqs(std::int64_t lane, const LaneReport& report,
                             const std::function<void(std::uint64_t, Day)>& take) {
  for (;; ++row_) {
    const auto here = row_is_here();
    if (!here) return std::unexpected(here.error());
    if (!*here) return {};
    const std::int64_t key = rows_->integer(row_, 0);
    const std::int64_t of = key >> Tables::kSeqBits;
    if (of > lane) return {};
    const std::uint64_t seq = seq_in(*rows_, row_, 4);
    const bool fits = of == lane && Tables::seq_of(key) == seq &&
                      rows_->text(row_, 1) == report.gateway &&
                      rows_->text(row_, 2) == report.epoch && rows_->text(row_, 3) == report.lane;
    if (fits) take(seq, day_of(rows_->integer(row_, 5)));
  }
}

Status PostgresRecount::strays(const std::function<void(std::string_view, std::string_view,
                                                        std::string_view, std::uint64_t)>& take) {
  const std::string bits = std::to_string(Tables::kSeqBits);
  const std::string mask = std::to_string(Tables::kSeqMax);
  for (const std::string& name : names_) {
    const std::string sql = "SELECT t._gateway,t._epoch,t._lane,t._seq FROM " + name +
                            " t LEFT JOIN pinaflux_lane l ON l.id=(t._id >> " + bits +
                            ") WHERE l.id IS NULL OR t._seq<>(t._id & " + mask +
                            ") OR t._gateway<>l.gateway OR t._epoch<>l.epoch OR t._lane<>l.lane";
    Status read = connection_->stream(sql, [&](const postgres::Answer& row) -> Status {
      take(row.text(0, 0), row.text(0, 1), row.text(0, 2), seq_in(row, 0, 3));
      return {};
    });
    if (!read) return read;
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Recount>> recount_postgres(const std::string& address, std::string& why) {
  auto connection = PostgresHome::connect(address, false, why);
  if (!connection) return std::unexpected(connection.error());
  (*connection)->wait_for(Duration::hours(24));
  auto recount = std::make_unique<PostgresRecount>(std::move(*connection));
  if (Status s = recount->prepare(); !s) return std::unexpected(s.error());
  return recount;
}

}  // namespace pinaflux
