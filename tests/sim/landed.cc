// Each row is true in what it says, and in when. A record came to the gateway after it was sent, and, where the
// producer was told by the gateway itself, before that. With an anchor it is so within the anchor's uncertainty
// (the collector's clock is right in this world, whether or not its kernel knows); a hello that was not
// measured is late, if anything.

#include "tests/sim/landed.h"

#include <vector>

#include "agent/data/anchor.h"
#include "agent/spool/sqlite.h"
#include "tests/sim/derived.h"
#include "tests/sim/machine.h"

namespace pinaflux::tests {

namespace {

class LandedTables {
 public:
  LandedTables(sqlite::Database& database, bool judge_times, Ledger& ledger, Witness& witness)
      : database_(database), judge_times_(judge_times), ledger_(ledger), witness_(witness) {}

  Status read_all();
  const LandedCounts& counts() const { return counts_; }

 private:
  Status read_table(const std::string& name);
  Status read_quarantine();
  Status read(const std::string& what, const std::string& table, std::uint64_t& count);
  void judge(const sqlite::Statement& row);
  void judge_time(const Ledger::Span& span, WallTime time, Duration give, bool bounded,
                  const std::string& which);

  sqlite::Database& database_;
  const bool judge_times_;
  Ledger& ledger_;
  Witness& witness_;
  LandedCounts counts_;
};

Status LandedTables::read_all() {
  std::vector<std::string> names;
  auto streams = database_.prepare("SELECT name FROM pinaflux_stream");
  if (!streams) return std::unexpected(streams.error());
  for (;;) {
    const auto row = streams->step();
    if (!row) return std::unexpected(row.error());
    if (!*row) break;
    names.emplace_back(streams->text(0));
  }
  for (const std::string& name : names) {
    if (name == kAnchorStream) {
      const auto count = database_.integer("SELECT count(*) FROM \"pinaflux/anchor\"");
      if (!count) return std::unexpected(count.error());
      counts_.anchors = static_cast<std::uint64_t>(*count);
    } else if (Status read = is_derived(name) ? Status() : read_table(name); !read) {
      return read;
    }
  }
  return read_quarantine();
}

Status LandedTables::read_table(const std::string& name) {
  std::uint64_t count = 0;
  return read("p,n,v", name, count);
}

Status LandedTables::read_quarantine() {
  return read("json_extract(_record,'$.p'),json_extract(_record,'$.n'),json_extract(_record,'$.v')",
              "pinaflux_quarantine", counts_.quarantined);
}

Status LandedTables::read(const std::string& what, const std::string& table, std::uint64_t& count) {
  const std::string sql = "SELECT " + what +
                          ",_time,_boot IS NOT "
                          "NULL,_anchor,coalesce(uncertainty,round_trip/2),EXISTS(SELECT 1 FROM"
                          " pinaflux_anchor b WHERE b.gateway=_gateway AND b.boot=_boot) FROM \"" +
                          table + "\" LEFT JOIN pinaflux_anchor a ON a.id=_anchor";
  auto rows = database_.prepare(sql.c_str());
  if (!rows) return std::unexpected(rows.error());
  for (;;) {
    const auto row = rows->step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return {};
    ++count;
    judge(*rows);
  }
}

void LandedTables::judge(const sqlite::Statement& row) {
  const std::int64_t producer = row.integer(0), number = row.integer(1);
  std::string wrong = ledger_.landed(producer, number, row.integer(2));
  if (!wrong.empty()) return witness_.accuse(std::move(wrong));
  const std::string which =
      "record " + std::to_string(number) + " of producer " + std::to_string(producer);
  if (row.integer(4) != 0) {
    ++counts_.since_boot;
    if (row.integer(7) != 0) witness_.accuse(which + " has no calendar time, and an anchor");
    return;
  }
  const bool resolved = !row.is_null(5), bounded = !resolved || !row.is_null(6);
  if (resolved) ++counts_.resolved;
  if (resolved && bounded) ++counts_.bounded;
  const Duration give = resolved && bounded ? Duration{row.integer(6)} : Duration{};
  judge_time(ledger_.span(producer, number), WallTime{row.integer(3)}, give, bounded, which);
}

void LandedTables::judge_time(const Ledger::Span& span, WallTime time, Duration give, bool bounded,
                              const std::string& which) {
  if (!judge_times_) return;
  ++counts_.judged;
  const Duration at = time - Stage::kBegin;
  const Duration early = Duration{span.sent.ns} - at;
  const Duration late = at - Duration{span.acknowledged.ns};
  if (early <= give && (late <= give || !bounded)) return;
  const double off = early > give ? -early.seconds() : late.seconds();
  witness_.accuse(which + " has a time that is " + std::to_string(off) + " s off");
}

}  // namespace

Result<LandedCounts> read_landed(Files& files, const std::string& path, bool judge_times,
                                 Ledger& ledger, Witness& witness) {
  auto database = sqlite::Database::open(
      {.path = path, .cache_kibibytes = 4096, .read_only = true, .vfs = files.sqlite_vfs()});
  if (!database) return std::unexpected(database.error());
  LandedTables tables(**database, judge_times, ledger, witness);
  if (Status read = tables.read_all(); !read) return std::unexpected(read.error());
  return tables.counts();
}

}  // namespace pinaflux::tests
