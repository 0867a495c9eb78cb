// Golden vectors: an envelope for each feature of the format, and its records as `pinaflux decode` prints them. For
// ever: what is there must open; a new feature brings a new one (PINAFLUX_WRITE_VECTORS=1 adds those that are
// not there yet). tests/agent/seal/decoders reads the same files with the decoders of other languages,
// tests/agent/seal/features looks that each holds what it is for.

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>

#include <doctest/doctest.h>

#include "agent/data/limits.h"
#include "agent/seal/envelope.h"
#include "agent/seal/row_json.h"
#include "platform/base/random.h"
#include "tests/kit/directory.h"

namespace pinaflux {
namespace {

const std::filesystem::path kFolder = "tests/agent/seal/vectors";
constexpr std::int64_t kStart = 1'700'000'000'000'000'000, kMillisecond = 1'000'000;

std::string printed_records(Bytes envelope, const Dictionaries& dictionaries) {
  Shapes shapes;
  Arena arena(10u << 20);
  std::vector<Row> rows;
  Opener opener;
  opener.look_in(&dictionaries);
  const auto h = opener.open(envelope, shapes, arena, rows);
  if (!h) return h.error().what;
  std::string text;
  const std::string epoch = hex(h->epoch);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    append_json_line(text, {h->gateway, epoch, h->lane, h->range.nth(i, h->every)}, rows[i]);
  }
  return text;
}

struct Maker {
  Shapes shapes;
  Arena arena{32u << 20};
  std::vector<Row> rows;
  Random random{4};

  void row(std::string_view stream, std::vector<std::string_view> fields, std::vector<Value> cells,
           Stamp time) {
    auto memory = arena.array<Value>(cells.size());
    std::ranges::copy(cells, memory.begin());
    rows.push_back({shapes.intern(stream, fields), memory.data(), time});
  }
  // `cell` makes the n-th value of the one field.
  template <class Cell>
  void column(std::size_t count, Cell cell) {
    for (std::size_t n = 0; n < count; ++n)
      row("s", {"v"}, {cell(n)}, {kStart + static_cast<std::int64_t>(n) * kMillisecond, 0});
  }
  double noise(double size) {
    return (static_cast<double>(random.below(2'000'001)) / 1e6 - 1) * size;
  }
};

void types(Maker& m) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  const Value cells[] = {Value(),
                         Value::null(),
                         Value::boolean(true),
                         Value::boolean(false),
                         Value::int64(std::numeric_limits<std::int64_t>::min()),
                         Value::int64(std::numeric_limits<std::int64_t>::max()),
                         Value::uint64(~std::uint64_t{0}),
                         Value::float64(-0.0),
                         Value::float64(kInf),
                         Value::float64(-kInf),
                         Value::float64(std::bit_cast<double>(0x7ff8dead00000001)),
                         Value::float64(5e-324),
                         Value::float64(1e300),
                         Value::float64(0.1),
                         Value::int64(7),
                         Value::text(""),
                         Value::text("gr\xc3\xbc\xc3\x9f \"\\\n\x01\x7f"),
                         Value::text("bad \xff utf-8"),
                         Value::bytes(as_bytes("\x01\xfe"))};
  m.column(std::size(cells), [&](std::size_t n) { return cells[n]; });
}
void decimals(Maker& m) {
  m.column(60, [&](std::size_t n) {
    return Value::float64(std::round(2000 + m.noise(50) + static_cast<double>(n)) / 100);
  });
}
void almost_decimals(Maker& m) {
  m.column(60, [&](std::size_t) {
    return Value::float64(9.358 - std::round(9358 + m.noise(40)) / 1000);
  });
}
void numbers(Maker& m) {
  m.column(40, [](std::size_t n) {
    return n % 2 == 0 ? Value::int64(static_cast<std::int64_t>(n))
                      : Value::float64(static_cast<double>(n) / 4);
  });
}
void float32(Maker& m) {
  m.column(60, [&](std::size_t) {
    return Value::float64(static_cast<double>(static_cast<float>(m.noise(3))));
  });
}
void printed_floats(Maker& m) {
  m.column(80, [&](std::size_t) {
    const double v = static_cast<double>(static_cast<float>(m.noise(20)));
    const double power = std::fabs(v) >= 10 ? 1e8 : 1e9;
    return Value::float64(std::round(v * power) / power);
  });
}
void float_steps(Maker& m) {
  m.column(80, [&](std::size_t) {
    const auto k = static_cast<double>(m.random.below(256));
    return Value::float64(
        std::round(static_cast<double>(static_cast<float>(k * (100.0 / 255))) * 1e6) / 1e6);
  });
}
// Steps that are known too inexactly: their decimals have a common unit, nearly always.
void decimal_units(Maker& m) {
  m.column(80, [&](std::size_t) {
    return Value::float64(
        std::round(static_cast<double>(m.random.below(900)) * (5.0 / 1023) * 1e4) / 1e4);
  });
}
void double_steps(Maker& m) {
  m.column(200, [&](std::size_t) {
    const auto k = static_cast<double>(30'000 + m.random.below(600));
    return Value::float64(std::round(k * (5.0 / 65'535) * 1e7) / 1e7);
  });
}
void keys(Maker& m) {
  double level[6] = {20, 21, 400, 1000, 5, 0};
  for (int n = 0; n < 200; ++n) {
    const auto which = static_cast<std::size_t>(m.random.below(6));
    level[which] += m.noise(0.3);
    m.row("home", {"room", "metric", "value"},
          {Value::text(which % 2 == 0 ? "kitchen" : "cellar"),
           Value::text(which < 3 ? "temperature" : "co2"),
           Value::float64(std::round(level[which] * 10) / 10)},
          {kStart + n * 250 * kMillisecond, 0});
  }
}
void companions(Maker& m) {
  std::int64_t a = 0, b = 0;
  for (int n = 0; n < 200; ++n) {
    const bool moves = m.random.one_in(5);
    if (moves) a += m.random.between(-9, 9);
    if (moves) b += m.random.between(-3, 3);
    m.row("car", {"a", "b", "on", "hole"},
          {Value::int64(a), Value::float64(static_cast<double>(b) / 10),
           Value::boolean(n / 17 % 2 == 0), moves ? Value::null() : Value::int64(n)},
          {kStart + n * 1000 * kMillisecond, 0});
  }
}
void tables(Maker& m) {
  for (int n = 0; n < 30; ++n) {
    if (n % 3 != 0)
      m.row("a", {"x", "_y"}, {Value::int64(n), Value::text("same")}, {kStart + n, 0});
    if (n % 3 == 0)
      m.row("b", {"z"}, {Value::float64(n / 8.0)}, {n * kMillisecond, n < 15 ? 7u : 9u});
    if (n % 10 == 0) m.row("empty", {}, {}, {kStart - n, 0});
  }
}
void patterns(Maker& m) {
  m.column(300, [](std::size_t n) {
    return Value::int64(static_cast<std::int64_t>((n % 50) * (n % 50) * 977));
  });
}
// The one tells when the other moves; how far, the row before tells.
void bursts(Maker& m) {
  std::int64_t a = 0, b = 0;
  for (int n = 0; n < 600; ++n) {
    const bool moves = !m.random.one_in(4);
    const std::int64_t far = n / 40 % 2 == 0 ? 3 : 900;
    if (moves) a += m.random.one_in(2) ? 1 : -1;
    if (moves) b += m.random.between(1, far) * (m.random.one_in(2) ? 1 : -1);
    m.row("s", {"a", "b"}, {Value::int64(a), Value::int64(b)}, {kStart + n * kMillisecond, 0});
  }
}
void planes(Maker& m) {
  std::int64_t shape[40];
  for (auto& s : shape) s = m.random.between(0, 60'000);
  m.column(400, [&](std::size_t n) { return Value::int64(shape[n % 40]); });
}
void rare(Maker& m) {
  std::int64_t level = 5;
  m.column(300, [&](std::size_t) {
    if (m.random.one_in(40)) level += m.random.between(-300, 300);
    return Value::int64(level);
  });
}
void noise(Maker& m) {
  m.column(200, [&](std::size_t n) {
    return Value::int64(n % 50 == 7 ? m.random.between(-(1ll << 60), 1ll << 60)
                                    : m.random.between(-9000, 9000));
  });
}
// A thermistor's table: few numbers, at uneven distances, in fives.
void uneven(Maker& m) {
  m.column(120, [&](std::size_t) {
    const auto step = static_cast<double>(m.random.below(24));
    return Value::float64(std::round(4000 / (step + 7) * 200) / 200);
  });
}
void nothing(Maker&) {}

void small(Maker& m) {
  for (int n = 0; n < 10; ++n) {
    m.row("compressor/station", {"inlet_temperature", "oil_pressure", "state"},
          {Value::float64(std::round(220 + m.noise(40)) / 10),
           Value::int64(static_cast<std::int64_t>(30 + m.random.below(30))),
           Value::text(m.random.one_in(3) ? "loaded" : "unloaded")},
          {kStart + n * 1000 * kMillisecond, 0});
  }
}

struct Vector {
  const char* name;
  void (*make)(Maker&);
  Effort effort;
};
constexpr Vector kVectors[] = {{"types", types, Effort::standard},
                               {"decimals", decimals, Effort::standard},
                               {"almost_decimals", almost_decimals, Effort::standard},
                               {"numbers", numbers, Effort::fast},
                               {"float32", float32, Effort::fast},
                               {"printed_floats", printed_floats, Effort::standard},
                               {"float_steps", float_steps, Effort::standard},
                               {"decimal_units", decimal_units, Effort::standard},
                               {"double_steps", double_steps, Effort::standard},
                               {"keys", keys, Effort::max},
                               {"companions", companions, Effort::max},
                               {"tables", tables, Effort::standard},
                               {"patterns", patterns, Effort::max},
                               {"bursts", bursts, Effort::max},
                               {"planes", planes, Effort::max},
                               {"rare", rare, Effort::fast},
                               {"noise", noise, Effort::fast},
                               {"uneven", uneven, Effort::standard},
                               {"nothing", nothing, Effort::fast},
                               {"small", small, Effort::max}};

Buffer sealed(Sealer& sealer, std::span<const Row> rows, Effort effort) {
  Header header;
  header.gateway = "pump-7";
  header.lane = "normal";
  header.epoch.fill(0xab);
  header.range = {101, 100};
  header.floor = 90;
  Buffer envelope;
  std::size_t taken = 0;
  REQUIRE(sealer.seal(rows, effort, limits::kEnvelopeBytesMax, header, envelope, taken));
  REQUIRE(taken == rows.size());
  return envelope;
}

Buffer sealed(const Vector& vector, const Dictionary* dictionary) {
  Maker maker;
  vector.make(maker);
  Sealer sealer;
  sealer.use(dictionary);
  return sealed(sealer, maker.rows, vector.effort);
}

std::string new_dictionary() {
  Maker maker;
  Sealer sealer;
  DictionaryMaker dictionary;
  while (!dictionary.ready()) {
    maker.rows.clear();
    small(maker);
    sealed(sealer, maker.rows, Effort::max);
    dictionary.take(sealer.plain_body());
  }
  return std::string(as_text(dictionary.make()->bytes()));
}

TEST_CASE("every golden envelope opens to its golden records") {
  const bool write = std::getenv("PINAFLUX_WRITE_VECTORS") != nullptr;
  for (const Vector& vector : kVectors) {
    CAPTURE(vector.name);
    const auto path = kFolder / (std::string(vector.name) + ".env");
    auto records = path, dictionary = path;
    records.replace_extension(".ndjson");
    dictionary.replace_extension(".dictionary");
    const bool fresh = write && !std::filesystem::exists(path);
    if (fresh && vector.make == small) {
      std::ofstream(dictionary, std::ios::binary) << new_dictionary();
    }
    Dictionaries known;
    const Dictionary* one = nullptr;
    if (std::filesystem::exists(dictionary)) {
      const std::string bytes = kit::file_text(dictionary);
      one = &known.add(*Dictionary::of({bytes.begin(), bytes.end()}));
    }
    if (fresh) {
      const Buffer envelope = sealed(vector, one);
      std::ofstream(path, std::ios::binary) << as_text(envelope);
      std::ofstream(records, std::ios::binary) << printed_records(envelope, known);
    }
    const std::string golden = kit::file_text(path);
    REQUIRE_FALSE(golden.empty());
    CHECK(golden.starts_with("pinaflux-env/2") == (one != nullptr));
    CHECK(printed_records(as_bytes(golden), known) == kit::file_text(records));
    CHECK(printed_records(sealed(vector, one), known) ==
          kit::file_text(records));  // And what is written today.
  }
}

}  // namespace
}  // namespace pinaflux
