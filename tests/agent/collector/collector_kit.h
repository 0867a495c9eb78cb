// What the collector's tests share: a database in a fresh directory, rows made by hand, lane keys.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "agent/collector/state.h"
#include "agent/data/record.h"
#include "agent/spool/sqlite.h"
#include "platform/base/arena.h"
#include "tests/kit/directory.h"

namespace pinaflux::collector_kit {

inline constexpr std::int64_t kNoon = 1'784'980'800'000'000'000;  // 2026-07-25T12:00:00Z

inline Epoch epoch_of(std::uint8_t byte) {
  Epoch epoch{};
  epoch.fill(byte);
  return epoch;
}

// Headers carry the first 16 bytes of a hash; the others are zero.
inline Digest digest_of(std::uint8_t byte) {
  Digest digest{};
  std::fill_n(digest.begin(), 16, byte);
  return digest;
}

inline LaneKey key_of(const char* gateway = "pump", const char* lane = "normal") {
  return {gateway, epoch_of(0xe1), lane};
}

inline std::unique_ptr<sqlite::Database> open_database(const std::string& path) {
  auto database = sqlite::Database::open({.path = path, .page_bytes = 4096, .shared = true});
  REQUIRE(database.has_value());
  REQUIRE((*database)->make_durable().has_value());
  return std::move(*database);
}

// One row of text a row, columns separated by '|'; NULL is "~".
inline std::string query(sqlite::Database& database, const std::string& sql) {
  auto statement = database.prepare(sql.c_str());
  REQUIRE_MESSAGE(statement.has_value(), sql);
  std::string text;
  for (;;) {
    const auto row = statement->step();
    REQUIRE(row.has_value());
    if (!*row) return text;
    text += statement->is_null(0) ? "~" : std::string(statement->text(0));
    text += '\n';
  }
}

// Rows that live as long as this.
class Rows {
 public:
  Rows() : arena_(16 * 1024 * 1024) {}

  const Row& add(std::string_view stream, std::vector<std::string_view> fields,
                 std::vector<Value> values, Stamp time = {kNoon, 0}) {
    auto cells = arena_.array<Value>(values.size());
    std::copy(values.begin(), values.end(), cells.begin());
    rows_.push_back({shapes_.intern(stream, fields), cells.data(), time});
    return rows_.back();
  }
  // `count` rows of a small stream: value = first, first + 1, ...
  void count(std::string_view stream, std::uint64_t first, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
      add(stream, {"value"}, {Value::int64(static_cast<std::int64_t>(first + i))});
    }
  }
  const std::vector<Row>& all() const { return rows_; }
  void clear() { rows_.clear(); }

 private:
  Shapes shapes_;
  Arena arena_;
  std::vector<Row> rows_;
};

}  // namespace pinaflux::collector_kit
