#include "tests/sim/derived.h"

#include <algorithm>
#include <array>

#include "agent/spool/sqlite.h"

namespace pinaflux::tests {

namespace {

constexpr std::array<std::string_view, 4> kStreams = {"summed", "late", "swung", "turned"};

// A row of numbers; nothing if there is no such table, because nothing of the kind has come.
class Numbers {
 public:
  explicit Numbers(sqlite::Database& database) : database_(database) {}
  Status ask(const std::string& table, const std::string& what);
  std::int64_t operator[](std::size_t column) const { return values_.at(column); }

 private:
  sqlite::Database& database_;
  std::array<std::int64_t, 4> values_{};
};

Status Numbers::ask(const std::string& table, const std::string& what) {
  values_.fill(0);
  const auto known =
      database_.integer(("SELECT count(*) FROM sqlite_schema WHERE name='" + table + "'").c_str());
  if (!known) return std::unexpected(known.error());
  if (*known == 0) return {};
  auto asked = database_.prepare(("SELECT " + what + " FROM \"" + table + "\"").c_str());
  if (!asked) return std::unexpected(asked.error());
  const auto row = asked->step();
  if (!row) return std::unexpected(row.error());
  for (int i = 0; i < 4; ++i) values_[static_cast<std::size_t>(i)] = asked->integer(i);
  return {};
}

Status read_copies(sqlite::Database& database, const Ledger& ledger, DerivedCounts& counts) {
  for (const char* table : {"late", "swung", "turned"}) {
    Numbers known(database);
    if (Status s = known.ask(table, "count(*),0,0,0"); !s) return s;
    if (known[0] == 0) continue;
    auto rows = database.prepare(("SELECT p,n,v FROM \"" + std::string(table) + "\"").c_str());
    if (!rows) return std::unexpected(rows.error());
    for (;;) {
      const auto row = rows->step();
      if (!row) return std::unexpected(row.error());
      if (!*row) break;
      const bool is_true =
          ledger.has_landed(rows->integer(0), rows->integer(1)) &&
          rows->integer(2) == Ledger::value(static_cast<std::uint32_t>(rows->integer(0)),
                                            static_cast<std::uint32_t>(rows->integer(1)));
      if (!is_true) counts.wrong = std::string(table) + " has a record that did not land";
    }
  }
  return {};
}

}  // namespace

bool is_derived(std::string_view stream) { return std::ranges::contains(kStreams, stream); }

void leave_out_derived(PipelineOptions& pipeline) {
  for (PipelineLane& lane : pipeline.lanes) {
    std::erase_if(lane.from, [&](const std::string& name) {
      return std::ranges::contains(pipeline.nodes, name, &NodeOptions::name);
    });
  }
  pipeline.nodes.clear();
}

Result<DerivedCounts> read_derived(Files& files, const std::string& database,
                                   const Ledger& ledger) {
  auto opened = sqlite::Database::open(
      {.path = database, .cache_kibibytes = 4096, .read_only = true, .vfs = files.sqlite_vfs()});
  if (!opened) return std::unexpected(opened.error());
  Numbers summed(**opened), late(**opened), swung(**opened), turned(**opened);
  DerivedCounts counts;
  Status s = summed.ask("summed", "count(*),coalesce(sum(\"count\"),0),coalesce(sum(n_sum),0),0");
  if (s) s = late.ask("late", "count(*),coalesce(sum(n),0),0,0");
  if (s) s = swung.ask("swung", "count(*),count(DISTINCT n),0,0");
  if (s) s = turned.ask("turned", "count(*),count(DISTINCT turn),coalesce(max(turn),0),0");
  if (s) s = read_copies(**opened, ledger, counts);
  if (!s) return std::unexpected(s.error());
  const auto number = [](std::int64_t value) { return static_cast<std::uint64_t>(value); };
  counts.rows = number(summed[0] + late[0] + swung[0] + turned[0]);
  counts.summed = number(summed[1]);
  counts.late = number(late[0]);
  counts.sum = summed[2] + late[1];
  counts.swung = number(swung[0]);
  counts.turned = number(turned[0]);
  if (swung[0] != swung[1]) counts.wrong = "what was held back landed twice";
  if (turned[0] != turned[1] || turned[0] != turned[2]) {
    counts.wrong = "a script counted " + std::to_string(turned[0]) + " records to " +
                   std::to_string(turned[2]);
  }
  return counts;
}

}  // namespace pinaflux::tests
