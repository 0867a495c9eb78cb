// What a transaction changed in memory goes back into PostgreSQL: a statement a table, of arrays.

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/collector/state.h"
#include "agent/collector/working_copy.h"

namespace pinaflux {

using postgres::Array;
using namespace state_tables;

namespace {

// A value of a column, as it is in memory.
void add(Array& to, const sqlite::Statement& row, int column, char type) {
  if (row.is_null(column)) return to.add_null();
  switch (type) {
    case 'i': return to.add(row.integer(column));
    case 'b': return to.add(row.blob(column));
    default: return to.add(std::string_view(postgres::storable(row.text(column))));
  }
}

// A statement's parameters: an array for each column of what is read.
Result<std::vector<std::optional<std::string>>> columns_of(sqlite::Statement& rows,
                                                           std::string_view types) {
  std::vector<Array> columns(types.size());
  bool any = false;
  for (;;) {
    const auto row = rows.step();
    if (!row) return std::unexpected(row.error());
    if (!*row) break;
    any = true;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      add(columns[i], rows, static_cast<int>(i), types[i]);
    }
  }
  std::vector<std::optional<std::string>> parameters;
  for (const Array& column : columns) parameters.emplace_back(column.text());
  if (!any) parameters.clear();
  return parameters;
}

}  // namespace

Status WorkingCopy::write_back() {
  if (Status s = write_lanes(); !s) return s;
  for (const StateTable* table :
       {&kRanges, &kEnvelopes, &kDictionaries, &kGaps, &kGateways, &kAnchors, &kBoots}) {
    if (Status s = write(*table); !s) return s;
  }
  if (Status s = write_rejects(); !s) return s;
  if (Status s = write_files(); !s) return s;
  const auto due = boot_due();
  if (!due) return std::unexpected(due.error());
  due_ = due_ || *due;
  return {};
}

Status WorkingCopy::undone() {
  if (Status s = write_back(); !s) return s;
  asked_.clear();
  return {};
}

Status WorkingCopy::write_lanes() {
  auto rows = memory_->prepare(
      "SELECT id,high,floor,last,chain,redelivered,forks,id IN (SELECT lane FROM pinaflux_doubt)"
      " FROM pinaflux_lane WHERE id IN (SELECT id FROM changed_pinaflux_lane UNION"
      " SELECT lane FROM changed_pinaflux_doubt UNION SELECT lane FROM changed_pinaflux_range UNION"
      " SELECT lane FROM changed_pinaflux_envelope UNION"
      " SELECT lane FROM changed_pinaflux_dictionary)");
  if (!rows) return std::unexpected(rows.error());
  static constexpr std::string_view kTypes = "iiiibiii";
  const auto columns = columns_of(*rows, kTypes);
  if (!columns) return std::unexpected(columns.error());
  if (columns->empty()) return {};
  const auto done = connection_->ask_once(
      "UPDATE pinaflux_lane l SET high=d.high,floor=d.floor,last=d.last,chain=d.chain,"
      "redelivered=d.redelivered,forks=d.forks,doubted=d.doubted=1,version=l.version+1"
      " FROM unnest($1::bigint[],$2::bigint[],$3::bigint[],$4::bigint[],$5::bytea[],$6::bigint[],"
      "$7::bigint[],$8::bigint[]) AS d(id,high,floor,last,chain,redelivered,forks,doubted)"
      " WHERE l.id=d.id",
      *columns);
  if (!done) return std::unexpected(done.error());
  return memory_->execute(
      "UPDATE pinaflux_cached SET version=version+1 WHERE lane IN (SELECT id FROM"
      " changed_pinaflux_lane UNION SELECT lane FROM changed_pinaflux_doubt UNION"
      " SELECT lane FROM changed_pinaflux_range UNION SELECT lane FROM changed_pinaflux_envelope "
      "UNION"
      " SELECT lane FROM changed_pinaflux_dictionary);"
      "DELETE FROM changed_pinaflux_lane; DELETE FROM changed_pinaflux_doubt");
}

// What is there is put there, what is gone is deleted.
Status WorkingCopy::write(const StateTable& table) {
  const std::string changed = std::string("changed_") + table.name;
  const std::size_t count = table.columns.size();
  auto rows = memory_->prepare(
      ("SELECT " + join(table, 0, table.keys, "c.") + "," + join(table, table.keys, count, "t.") +
       ",t." + table.columns[0].name + " IS NOT NULL FROM " + changed + " c LEFT JOIN " +
       table.name + " t ON " + equal_keys(table, "t.", "c."))
          .c_str());
  if (!rows) return std::unexpected(rows.error());
  std::vector<Array> there(count), gone(table.keys);
  for (;;) {
    const auto row = rows->step();
    if (!row) return std::unexpected(row.error());
    if (!*row) break;
    auto& to = rows->integer(static_cast<int>(count)) != 0 ? there : gone;
    for (std::size_t i = 0; i < to.size(); ++i) {
      add(to[i], *rows, static_cast<int>(i), table.columns[i].type);
    }
  }
  const auto send = [&](const std::string& sql, const std::vector<Array>& columns) -> Status {
    if (columns[0].empty()) return {};
    std::vector<std::optional<std::string>> parameters;
    for (const Array& column : columns) parameters.emplace_back(column.text());
    const auto done = connection_->ask_once(sql, parameters);
    return done ? Status() : std::unexpected(done.error());
  };
  const std::string keys = join(table, 0, table.keys, "");
  const std::string others = join(table, table.keys, count, "");
  if (Status s =
          send("DELETE FROM " + std::string(table.name) + " t USING " + unnest(table, table.keys) +
                   " AS d(" + keys + ") WHERE " + equal_keys(table, "t.", "d."),
               gone);
      !s) {
    return s;
  }
  const std::string replaced = join(table, table.keys, count, "excluded.");
  if (Status s = send("INSERT INTO " + std::string(table.name) + "(" + keys + "," + others +
                          ") SELECT * FROM " + unnest(table, count) + " ON CONFLICT (" + keys +
                          ") DO UPDATE SET (" + others + ")=ROW(" + replaced + ")",
                      there);
      !s) {
    return s;
  }
  return memory_->execute(("DELETE FROM " + changed).c_str());
}

Status WorkingCopy::write_rejects() {
  auto rows = memory_->prepare(
      "SELECT time,gateway,lane,reason,bytes,sha256,first,last FROM pinaflux_reject ORDER BY id");
  if (!rows) return std::unexpected(rows.error());
  static constexpr std::string_view kTypes = "itttitii";
  const auto columns = columns_of(*rows, kTypes);
  if (!columns) return std::unexpected(columns.error());
  if (columns->empty()) return {};
  const auto done = connection_->ask_once(
      "INSERT INTO pinaflux_reject(time,gateway,lane,reason,bytes,sha256,first,last)"
      " SELECT * FROM unnest($1::bigint[],$2::text[],$3::text[],$4::text[],$5::bigint[],$6::text[],"
      "$7::bigint[],$8::bigint[])",
      *columns);
  if (!done) return std::unexpected(done.error());
  const auto trimmed = connection_->ask(
      "DELETE FROM pinaflux_reject WHERE id<=(SELECT max(id) FROM pinaflux_reject)-$1",
      {std::to_string(Ledger::kRejectsMax)});
  if (!trimmed) return std::unexpected(trimmed.error());
  return memory_->execute("DELETE FROM pinaflux_reject");
}

Status WorkingCopy::write_files() {
  auto rows = memory_->prepare(
      "SELECT c.path,f.bytes FROM changed_pinaflux_file c LEFT JOIN pinaflux_file f USING(path)");
  if (!rows) return std::unexpected(rows.error());
  Array paths, bytes, gone;
  for (;;) {
    const auto row = rows->step();
    if (!row) return std::unexpected(row.error());
    if (!*row) break;
    if (rows->is_null(1)) {
      add(gone, *rows, 0, 't');
    } else {
      add(paths, *rows, 0, 't');
      add(bytes, *rows, 1, 'i');
    }
  }
  if (!gone.empty()) {
    const auto done =
        connection_->ask("DELETE FROM pinaflux_file WHERE collector=$1 AND path=ANY($2::text[])",
                         {collector_, gone.text()});
    if (!done) return std::unexpected(done.error());
  }
  if (!paths.empty()) {
    const auto done = connection_->ask(
        "INSERT INTO pinaflux_file SELECT $1,* FROM unnest($2::text[],$3::bigint[])"
        " ON CONFLICT (collector,path) DO UPDATE SET bytes=excluded.bytes",
        {collector_, paths.text(), bytes.text()});
    if (!done) return std::unexpected(done.error());
  }
  return memory_->execute("DELETE FROM changed_pinaflux_file");
}

}  // namespace pinaflux
