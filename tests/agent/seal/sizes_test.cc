// What the format comes to on real telemetry, and how fast. Not part of a run: it needs the CSV
// files.
//
//   PINAFLUX_DATA=<folder> agent_seal_test -ns -tc="bytes per record*"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include <doctest/doctest.h>

#include "agent/seal/envelope.h"
#include "platform/base/text.h"

namespace pinaflux {
namespace {

constexpr std::size_t kBatch = 500;

struct Table {
  Shapes shapes;
  Arena arena{1u << 30};
  std::vector<Row> rows;
};

Value cell_of(std::string_view text, Arena& arena) {
  if (text.empty()) return Value::null();
  if (text == "true" || text == "false") return Value::boolean(text == "true");
  if (const auto i = parse_integer<std::int64_t>(text)) return Value::int64(*i);
  if (const auto d = parse_double(text)) return Value::float64(*d);
  return Value::text(arena.copy(text));
}

void load(const std::string& path, Table& table) {
  std::ifstream file(path);
  std::string line;
  REQUIRE_MESSAGE(std::getline(file, line), "cannot read ", path);
  const auto names = split(line, ',');
  const std::int64_t unit = names[0] == "ts_us" ? 1'000 : 1'000'000;
  const std::vector<std::string_view> fields(names.begin() + 1, names.end());
  const Shape* shape = table.shapes.intern("s", fields);
  while (std::getline(file, line)) {
    const auto pieces = split(trim(line), ',');
    if (pieces.size() != fields.size() + 1) continue;
    const auto cells = table.arena.array<Value>(fields.size());
    for (std::size_t f = 0; f < fields.size(); ++f) cells[f] = cell_of(pieces[f + 1], table.arena);
    table.rows.push_back(
        {shape, cells.data(), {parse_integer<std::int64_t>(pieces[0]).value_or(0) * unit, 0}});
  }
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void measure(const char* name, Table& table, Effort effort) {
  Sealer sealer;
  Opener opener;
  std::vector<Buffer> bodies;
  std::size_t bytes = 0;
  auto start = std::chrono::steady_clock::now();
  for (std::size_t at = 0; at < table.rows.size(); at += kBatch) {
    const std::size_t n = std::min(kBatch, table.rows.size() - at);
    REQUIRE(sealer.seal_body(std::span(table.rows).subspan(at, n), effort, bodies.emplace_back()));
    bytes += bodies.back().size();
  }
  const double sealing = seconds_since(start);
  Arena arena(64u << 20);
  std::vector<Row> back;
  std::size_t opened = 0;
  start = std::chrono::steady_clock::now();
  for (const Buffer& body : bodies) {
    arena.reset();
    back.clear();
    REQUIRE(opener.open_body(body, table.shapes, arena, back));
    opened += back.size();
  }
  const double opening = seconds_since(start);
  CHECK(opened == table.rows.size());
  const auto count = static_cast<double>(table.rows.size());
  std::printf("%-20s effort %d  %7.2f bytes/record  seal %8.0f/s  open %8.0f/s\n", name,
              static_cast<int>(effort), static_cast<double>(bytes) / count, count / sealing,
              count / opening);
}

TEST_CASE("bytes per record of real telemetry, in batches of 500" * doctest::skip()) {
  const char* folder = std::getenv("PINAFLUX_DATA");
  REQUIRE_MESSAGE(folder != nullptr, "PINAFLUX_DATA names the folder of the CSV files");
  for (const char* name : {"nab_machine_temp", "uci_power", "metropt_compressor", "carobd_1hz",
                           "xsens_imu120hz", "smarthome_events"}) {
    Table table;
    load(std::string(folder) + "/" + name + ".csv", table);
    for (Effort effort : {Effort::fast, Effort::standard, Effort::max})
      measure(name, table, effort);
  }
}

}  // namespace
}  // namespace pinaflux
