#include "tests/sim/landed.h"

#include <vector>

#include "agent/spool/sqlite.h"

namespace pinaflux::tests {

namespace {

Status read_table(sqlite::Database& database, const std::string& name, Ledger& ledger,
                  Witness& witness) {
  auto rows = database.prepare(("SELECT p, n, v FROM \"" + name + "\"").c_str());
  if (!rows) return std::unexpected(rows.error());
  for (;;) {
    const auto row = rows->step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return {};
    std::string wrong = ledger.landed(rows->integer(0), rows->integer(1), rows->integer(2));
    if (!wrong.empty()) witness.accuse(std::move(wrong));
  }
}

}  // namespace

Status read_landed(Files& files, const std::string& path, Ledger& ledger, Witness& witness) {
  auto database = sqlite::Database::open(
      {.path = path, .cache_kibibytes = 4096, .read_only = true, .vfs = files.sqlite_vfs()});
  if (!database) return std::unexpected(database.error());
  std::vector<std::string> names;
  auto streams = (*database)->prepare("SELECT name FROM pinaflux_stream");
  if (!streams) return std::unexpected(streams.error());
  for (;;) {
    const auto row = streams->step();
    if (!row) return std::unexpected(row.error());
    if (!*row) break;
    names.emplace_back(streams->text(0));
  }
  for (const std::string& name : names) {
    if (Status read = read_table(**database, name, ledger, witness); !read) return read;
  }
  return {};
}

}  // namespace pinaflux::tests
