// SealedRows: made readings, and envelopes of them, for tests of what opens them.
//
// Ownership  Rows live as long as this.
// Threads    One owner.
#pragma once

#include <string>
#include <vector>

#include "agent/data/limits.h"
#include "agent/seal/envelope.h"
#include "platform/base/assert.h"
#include "platform/base/random.h"

namespace pinaflux::kit {

inline Buffer buffer_of(std::string_view text) { return {text.begin(), text.end()}; }

struct SealedRows {
  Shapes shapes;
  Arena arena{std::size_t{64} << 20};
  std::vector<Row> rows;
  Sealer sealer;
  std::uint64_t next = 1;  // seq of the next envelope's first record.

  void row(std::string_view stream, std::vector<std::string_view> fields, std::vector<Value> cells,
           Stamp time) {
    auto memory = arena.array<Value>(cells.size());
    for (std::size_t i = 0; i < cells.size(); ++i) memory[i] = cells[i];
    rows.push_back({shapes.intern(stream, fields), memory.data(), time});
  }
  // Integers that walk: sealed `max`, their columns are coded, and their code stands at the body's end.
  void walk(std::size_t count) {
    Random random(7);
    std::int64_t a = 0, b = 0;
    for (std::size_t n = 0; n < count; ++n) {
      a += random.between(-900, 900);
      b += random.between(-90'000, 90'000);
      row("pump", {"speed", "flow"}, {Value::int64(a), Value::int64(b)},
          {1'700'000'000'000'000'000 + static_cast<std::int64_t>(n) * 1'000'000'000, 0});
    }
  }
  // Two rows of one moment: after a number, two texts of so many bytes that do not compress. So: a frame of many blocks, and
  // nothing in it that is coded.
  void noise(std::size_t bytes) {
    Random random(11);
    std::string text(bytes, '\0');
    for (int n = 0; n < 2; ++n) {
      for (char& c : text) c = static_cast<char>('0' + random.below(64));
      row("noise", {"k", "first", "second"},
          {Value::int64(5), Value::text(arena.copy(text)), Value::text(arena.copy(text + "!"))},
          {1'700'000'000'000'000'000, 0});
    }
  }

  // All rows.
  Buffer envelope(Effort effort = Effort::fast, std::size_t bytes_max = limits::kOpenedBytesMax,
                  std::vector<std::pair<std::string, std::string>> extra = {}) {
    Header header;
    header.gateway = "pump-7";
    header.lane = "normal";
    header.epoch.fill(0xab);
    header.range = {next, next - 1};
    header.floor = 1;
    header.extra = std::move(extra);
    Buffer bytes;
    std::size_t taken = 0;
    ASSERT(sealer.seal(rows, effort, bytes_max, header, bytes, taken).has_value());
    ASSERT(taken == rows.size());
    next += taken;
    return bytes;
  }
};

}  // namespace pinaflux::kit
