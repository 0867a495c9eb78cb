// Report by exception: what a receiver makes of the records that were kept is within the declared tolerance of all that
// came, at every point. On real series where they are there (../shared/data), and on made ones. PINAFLUX_FIGURES=1 prints
// how much is kept, and what it takes on the wire in envelopes of 500 records.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <map>
#include <set>

#include <doctest/doctest.h>

#include "agent/pipeline/key_limits.h"
#include "agent/seal/envelope.h"
#include "tests/agent/pipeline/changes_receiver.h"
#include "tests/agent/pipeline/pipeline_kit.h"

namespace pinaflux {
namespace {

constexpr std::size_t kEnvelopeRecords = 500;

// A table of texts: the first column is the time in ms.
struct Table {
  std::vector<std::string> names;
  std::vector<std::int64_t> times;
  std::vector<std::vector<Value>> rows;
  std::set<std::string> texts;

  Value cell(const std::string& text) {
    if (text.empty()) return Value::null();
    if (const auto number = parse_double(text)) return Value::float64(*number);
    return Value::text(*texts.insert(text).first);
  }
};

Table read_table(const char* path) {
  Table table;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    const auto parts = split(line, ',');
    if (table.names.empty()) {
      table.names.assign(parts.begin() + 1, parts.end());
      continue;
    }
    table.times.push_back(std::strtoll(std::string(parts[0]).c_str(), nullptr, 10) * 1'000'000);
    auto& row = table.rows.emplace_back();
    for (std::size_t i = 1; i < parts.size(); ++i) row.push_back(table.cell(std::string(parts[i])));
  }
  return table;
}

// A slow wave with steps, noise of the last digit, gaps and a value that stands still.
Table made_table() {
  Table table;
  table.names = {"wave", "still", "walk"};
  std::uint64_t seed = 7;
  double walk = 0;
  for (int i = 0; i < 5'000; ++i) {
    seed = seed * 6'364'136'223'846'793'005u + 1'442'695'040'888'963'407u;
    const double noise = static_cast<double>(seed >> 40) / (1 << 24) - 0.5;
    walk += noise;
    table.times.push_back((i + i / 700 * 60) * std::int64_t{1'000'000'000});
    table.rows.push_back(
        {Value::float64(20 + 10 * std::sin(i / 300.0) + (i / 1'000) * 5 + noise / 50),
         i % 900 < 5 ? Value::null() : Value::float64(1.5), Value::float64(walk)});
  }
  return table;
}

struct Point {
  std::int64_t time;
  double value;
  bool operator==(const Point&) const = default;
};
using Series = std::map<std::string, std::vector<Point>>;

struct Kept {
  const Shape* shape;
  Stamp time;
  std::vector<Value> cells;
  Row row() const { return {shape, cells.data(), time}; }
};

struct DeltaFixture : PipelineFixture {
  // Through a pipeline whose source is "in" and whose lane is "out"; of each record these fields.
  void run(const Table& table, const PipelineOptions& options) {
    make(options);
    kept.clear();
    std::vector<Pipeline::Refused> refused;
    std::vector<std::string_view> names(table.names.begin(), table.names.end());
    const Shape* shape = shapes.intern("s", names);
    for (std::size_t i = 0; i < table.rows.size(); ++i) {
      auto masked =
          masker->mask({Row{shape, table.rows[i].data(), {table.times[i], 0}}}, arena).record;
      REQUIRE(give(*masked) == Pipeline::Verdict::taken);
      if (i % 100 == 99) collect({}, refused);
    }
    collect({}, refused);
    collect(instant(1'000'000'000), refused);
    REQUIRE(refused.empty());
  }

  void collect(Instant now, std::vector<Pipeline::Refused>& refused) {
    REQUIRE(pipeline->drain({now, {}}, group, refused));
    for (const Record& record : group.records[0]) {
      Kept& one = kept.emplace_back(
          Kept{&record.shape(), record.time(), {record.cells().begin(), record.cells().end()}});
      for (Value& value : one.cells) {
        if (value.is_view()) {
          value = Value::text(*texts.insert(std::string(value.as_text())).first);
        }
      }
    }
    group.reset();
    arena.reset();
  }

  std::size_t sealed_bytes() const {
    std::vector<Row> rows;
    for (const Kept& one : kept) rows.push_back(one.row());
    Sealer sealer;
    std::size_t bytes = 0;
    for (std::size_t at = 0; at < rows.size();) {
      const std::size_t count = std::min(kEnvelopeRecords, rows.size() - at);
      Header header;
      header.gateway = "gate";
      header.lane = "normal";
      header.range.first = at + 1;
      Buffer envelope;
      std::size_t taken = 0;
      REQUIRE(sealer.seal(std::span(rows).subspan(at, count), Effort::standard,
                          limits::kEnvelopeBytesMax, header, envelope, taken));
      bytes += envelope.size();
      at += taken;
    }
    return bytes;
  }

  void report(const char* what, std::size_t records, std::size_t before) const {
    if (std::getenv("PINAFLUX_FIGURES") == nullptr) return;
    const std::size_t bytes = sealed_bytes();
    std::printf("%-34s %7zu of %7zu records, %8zu of %8zu bytes (%.1f %%)\n", what, kept.size(),
                records, bytes, before,
                100.0 * static_cast<double>(bytes) / static_cast<double>(before));
  }

  // By field of a record with one, or by the two keys of an event.
  Series kept_series() const {
    Series series;
    for (const Kept& one : kept) {
      const Value& value = one.cells.back();
      if (!value.is_number()) continue;
      series[name_of(one.cells, one.shape->fields().back())].push_back(
          {one.time.ns, value.to_double()});
    }
    return series;
  }

  static std::string name_of(const std::vector<Value>& cells, const std::string& field) {
    if (cells.size() == 1) return field;
    return std::string(cells[0].as_text()) + "/" + std::string(cells[1].as_text());
  }

  std::deque<Kept> kept;
  std::set<std::string> texts;
};

Series series_of_columns(const Table& table) {
  Series series;
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    for (std::size_t j = 0; j < table.names.size(); ++j) {
      const Value& value = table.rows[i][j];
      if (value.is_number()) series[table.names[j]].push_back({table.times[i], value.to_double()});
    }
  }
  return series;
}

// Each fiftieth row comes behind the three that follow it; their times.
Table some_late(Table table, std::set<std::int64_t>& late) {
  for (std::size_t i = 40; i + 3 < table.rows.size(); i += 50) {
    late.insert(table.times[i]);
    std::rotate(&table.times[i], &table.times[i + 1], &table.times[i + 4]);
    std::rotate(&table.rows[i], &table.rows[i + 1], &table.rows[i + 4]);
  }
  return table;
}

Series series_of_events(const Table& table) {
  Series series;
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    const Value& value = table.rows[i][2];
    if (value.is_number()) {
      series[DeltaFixture::name_of(table.rows[i], "")].push_back(
          {table.times[i], value.to_double()});
    }
  }
  return series;
}

enum class Between { step, line };

// How far the worst point is off, in tolerances.
double worst(const std::vector<Point>& all, const std::vector<Point>& kept, Between between,
             const std::function<double(double)>& tolerance) {
  REQUIRE(!kept.empty());
  REQUIRE(all.front() == kept.front());
  double worst = 0;
  std::size_t at = 0;
  for (const Point& point : all) {
    if (at + 1 < kept.size() && point == kept[at + 1]) ++at;
    if (point == kept[at]) continue;
    double value = kept[at].value;
    if (between == Between::line) {
      REQUIRE(at + 1 < kept.size());
      const Point &from = kept[at], &to = kept[at + 1];
      REQUIRE((from.time < point.time && point.time < to.time));
      value += (to.value - from.value) * (static_cast<double>(point.time - from.time) /
                                          static_cast<double>(to.time - from.time));
    }
    // To a few units in the last place of what is added up.
    const double rounding = 1e-15 * (std::abs(value) + std::abs(point.value));
    const double off = std::max(std::abs(value - point.value) - rounding, 0.0);
    worst = std::max(worst, off == 0.0 ? 0.0 : off / tolerance(kept[at].value));
  }
  CHECK(at + 1 == kept.size());
  return worst;
}

void check_all(const Series& all, const Series& kept, Between between,
               const std::function<double(const std::string&, double)>& tolerance) {
  REQUIRE(all.size() == kept.size());
  for (const auto& [name, points] : all) {
    CAPTURE(name);
    CHECK(worst(points, kept.at(name), between,
                [&](double value) { return tolerance(name, value); }) <= 1.0);
  }
}

// Each field by itself: its records have it alone.
PipelineOptions by_field(const Table& table,
                         const std::function<Deadband(const std::string&)>& band) {
  PipelineOptions options{{"in"}, {}, {{"out", {}}}};
  for (const std::string& name : table.names) {
    options.nodes.push_back({"only " + name, {"in"}, Select{.fields = {name}}});
    Deadband its = band(name);
    its.field = name;
    options.nodes.push_back({name, {"only " + name}, its});
    options.lanes[0].from.push_back(name);
  }
  return options;
}

// A hundredth of what each field spans.
std::map<std::string, double> widths(const Series& series) {
  std::map<std::string, double> widths;
  for (const auto& [name, points] : series) {
    const auto [least, most] = std::ranges::minmax_element(points, {}, &Point::value);
    widths[name] = std::max((most->value - least->value) / 100, 1e-9);
  }
  return widths;
}

constexpr Duration kKeyframes = Duration::hours(1);

void columns(DeltaFixture& fixture, const char* name, const Table& table) {
  const Series all = series_of_columns(table);
  const auto width = widths(all);
  const std::size_t records = table.rows.size() * table.names.size();
  fixture.run(table, {{"in"}, {}, {{"out", {"in"}}}});
  const std::size_t whole = fixture.sealed_bytes();
  if (std::getenv("PINAFLUX_FIGURES") != nullptr) {
    std::printf("%s: %zu records of %zu fields, %zu bytes as they are\n", name, table.rows.size(),
                table.names.size(), whole);
  }

  fixture.run(table, by_field(table, [&](const std::string& field) {
                return Deadband{.within = width.at(field), .silence_max = kKeyframes};
              }));
  check_all(all, fixture.kept_series(), Between::step,
            [&](const std::string& field, double) { return width.at(field); });
  fixture.report("  within 1 % of what it spans", records, whole);

  fixture.run(table, by_field(table, [&](const std::string&) {
                return Deadband{.within = 0.01, .percent = 2, .silence_max = kKeyframes};
              }));
  check_all(all, fixture.kept_series(), Between::step, [&](const std::string&, double value) {
    return std::max(0.01, std::abs(value) * 0.02);
  });
  fixture.report("  2 % of the value, or 0.01", records, whole);

  fixture.run(table, by_field(table, [&](const std::string& field) {
                return Deadband{
                    .swing = width.at(field), .silence_max = kKeyframes, .keys = {}, .keys_max = 8};
              }));
  check_all(all, fixture.kept_series(), Between::line,
            [&](const std::string& field, double) { return width.at(field); });
  fixture.report("  swing 1 % of what it spans", records, whole);
}

// What came in time is as if nothing had come late, and what did is there as it was.
void check_beside_latecomers(const Series& all, const Series& kept,
                             const std::set<std::int64_t>& late, Between between,
                             const std::function<double(const std::string&, double)>& tolerance) {
  Series rest, in_time;
  for (const auto& [name, points] : all) {
    CAPTURE(name);
    const std::vector<Point>& given = kept.at(name);
    for (const Point& point : points) {
      const bool is_late = late.contains(point.time);
      const bool is_kept = is_late && std::ranges::contains(given, point);
      if (between == Between::line) CHECK(is_late == is_kept);
      if (!is_kept) rest[name].push_back(point);
    }
    for (const Point& point : given) {
      if (!late.contains(point.time)) in_time[name].push_back(point);
    }
  }
  check_all(rest, in_time, between, tolerance);
}

void latecomers(DeltaFixture& fixture, const Table& table) {
  const Series all = series_of_columns(table);
  const auto width = widths(all);
  const auto its_width = [&](const std::string& field, double) { return width.at(field); };
  std::set<std::int64_t> late;
  const Table mixed = some_late(table, late);
  REQUIRE(late.size() > 10);

  fixture.run(mixed, by_field(table, [&](const std::string& field) {
                return Deadband{.within = width.at(field), .silence_max = kKeyframes};
              }));
  check_beside_latecomers(all, fixture.kept_series(), late, Between::step, its_width);

  fixture.run(mixed, by_field(table, [&](const std::string& field) {
                return Deadband{
                    .swing = width.at(field), .silence_max = kKeyframes, .keys = {}, .keys_max = 8};
              }));
  check_beside_latecomers(all, fixture.kept_series(), late, Between::line, its_width);
}

void events(DeltaFixture& fixture, const Table& table) {
  const Series all = series_of_events(table);
  fixture.run(table, {{"in"}, {}, {{"out", {"in"}}}});
  const std::size_t whole = fixture.sealed_bytes();
  if (std::getenv("PINAFLUX_FIGURES") != nullptr) {
    std::printf("events: %zu records in %zu series, %zu bytes as they are\n", table.rows.size(),
                all.size(), whole);
  }
  const auto thinned = [&](Deadband band, const char* what, Between between,
                           const std::function<double(double)>& tolerance) {
    band.field = "value";
    band.silence_max = kKeyframes;
    band.keys = {"room", "metric"};
    band.keys_max = kSwingKeysDefault;
    fixture.run(table, {{"in"}, {{"n", {"in"}, band}}, {{"out", {"n"}}}});
    check_all(all, fixture.kept_series(), between,
              [&](const std::string&, double value) { return tolerance(value); });
    fixture.report(what, table.rows.size(), whole);
  };
  thinned({.within = 0.2}, "  within 0.2", Between::step, [](double) { return 0.2; });
  thinned({.within = 0.01, .percent = 2}, "  2 % of the value, or 0.01", Between::step,
          [](double value) { return std::max(0.01, std::abs(value) * 0.02); });
  thinned({.swing = 0.2}, "  swing 0.2", Between::line, [](double) { return 0.2; });
}

using Widths = std::map<std::string, FieldChanges::Field>;

FieldChanges by_change(const Widths& widths, Duration silence_max,
                       std::vector<std::string> keys = {}) {
  FieldChanges changes{.silence_max = silence_max, .keys = std::move(keys)};
  for (const auto& [name, field] : widths) changes.fields.push_back(field);
  return changes;
}

// What a receiver has when a record has come, or has been left out, is near each of its values.
void check_receiver(const Table& table, const std::deque<Kept>& kept, const FieldChanges& changes,
                    const Widths& widths, const Shape* shape) {
  ChangesReceiver receiver(changes.keys);
  std::size_t at = 0;
  double worst = 0;
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    const Row row{shape, table.rows[i].data(), {table.times[i], 0}};
    const auto is = [&](const Kept& one) {
      if (one.time != row.time) return false;
      for (std::size_t j = 0; j < one.cells.size(); ++j) {
        const bool left_out = one.cells[j].type() == Type::absent;
        if (!left_out && !identical(one.cells[j], row.values[j])) return false;
      }
      return true;
    };
    if (at < kept.size() && is(kept[at]) && !receiver.take(kept[at++].row())) {
      CHECK(std::ranges::equal(kept[at - 1].cells, row.cells(),
                               [](const Value& a, const Value& b) { return identical(a, b); }));
      continue;
    }
    for (std::size_t j = 0; j < table.names.size(); ++j) {
      const std::string& name = table.names[j];
      REQUIRE(receiver.has(row, name));
      const double off = receiver.distance(row, name, row.values[j]);
      const auto width = widths.find(name);
      if (width == widths.end() || off == 0.0) {
        worst = std::max(worst, off);
        continue;
      }
      const double last = std::abs(receiver.last(row, name));
      const double bound = std::max(width->second.within, last * width->second.percent / 100);
      // To a few units in the last place of what is subtracted.
      worst = std::max(worst, (off - 1e-15 * last) / bound - 1);
    }
  }
  CHECK(at == kept.size());
  CHECK(worst <= 0);
}

Widths hundredths(const Table& table) {
  Widths all;
  for (const auto& [name, width] : widths(series_of_columns(table))) all[name] = {name, width, 0};
  return all;
}

void changes_of(DeltaFixture& fixture, const char* what, const Table& table, const Widths& widths,
                const FieldChanges& changes) {
  fixture.run(table, {{"in"}, {}, {{"out", {"in"}}}});
  const std::size_t whole = fixture.sealed_bytes();
  fixture.run(table, {{"in"}, {{"n", {"in"}, changes}}, {{"out", {"n"}}}});
  const std::vector<std::string_view> names(table.names.begin(), table.names.end());
  check_receiver(table, fixture.kept, changes, widths, fixture.shapes.intern("s", names));
  CHECK(fixture.sealed_bytes() < whole);
  std::size_t cells = 0;
  for (const Kept& one : fixture.kept) {
    cells += one.cells.size() -
             static_cast<std::size_t>(std::ranges::count(one.cells, Type::absent, &Value::type));
  }
  CHECK(cells < table.rows.size() * table.names.size() / 2);
  fixture.report(what, table.rows.size(), whole);
}

// What a gauge of the car can show.
Widths of_a_car() {
  Widths all;
  const auto add = [&](std::initializer_list<const char*> names, double within) {
    for (const char* name : names) all[name] = {name, within, 0};
  };
  add({"engine_rpm"}, 25);
  add({"engine_run_tine"}, 10);
  add({"catalyst_temperature_bank1_sensor1", "catalyst_temperature_bank1_sensor2"}, 5);
  add({"engine_load", "commanded_evaporative_purge"}, 2);
  add({"vehicle_speed", "throttle", "coolant_temperature", "long_term_fuel_trim_bank_1",
       "short_term_fuel_trim_bank_1", "intake_manifold_pressure", "fuel_tank",
       "absolute_throttle_b", "pedal_d", "pedal_e", "commanded_throttle_actuator",
       "relative_throttle_position", "intake_air_temp", "timing_advance"},
      1);
  add({"control_module_voltage"}, 0.1);
  return all;
}

TEST_CASE_FIXTURE(DeltaFixture, "what is kept of made series stands for all") {
  columns(*this, "made", made_table());
}

TEST_CASE_FIXTURE(DeltaFixture, "of made records the fields that changed stand for all") {
  const Table table = made_table();
  const Widths widths = hundredths(table);
  changes_of(*this, "  changes, within 1 % of what it spans", table, widths,
             by_change(widths, kKeyframes));
  const Widths shares{{"wave", {"wave", 0.1, 2}}, {"walk", {"walk", 0, 5}}};
  changes_of(*this, "  changes, percent", table, shares, by_change(shares, Duration::minutes(1)));
}

TEST_CASE_FIXTURE(DeltaFixture, "what comes late of whole records costs no other its bound") {
  std::set<std::int64_t> late;
  const Table made = made_table();
  const Widths widths = hundredths(made);
  const Table mixed = some_late(made, late);
  const FieldChanges changes = by_change(widths, kKeyframes);
  run(mixed, {{"in"}, {{"n", {"in"}, changes}}, {{"out", {"n"}}}});
  const std::vector<std::string_view> names(made.names.begin(), made.names.end());
  check_receiver(mixed, kept, changes, widths, shapes.intern("s", names));
  CHECK(kept.size() < mixed.rows.size());
}

TEST_CASE_FIXTURE(DeltaFixture, "of a car's records the fields that changed stand for all") {
  const Table table = read_table("../shared/data/carobd_1hz.csv");
  if (table.rows.empty()) return;
  const Widths hundredth = hundredths(table), gauge = of_a_car();
  changes_of(*this, "  changes, 1 % of what it spans, 1 h", table, hundredth,
             by_change(hundredth, kKeyframes));
  changes_of(*this, "  changes, what a gauge shows, 10 m", table, gauge,
             by_change(gauge, Duration::minutes(10)));
  changes_of(*this, "  changes, what a gauge shows, 1 m", table, gauge,
             by_change(gauge, Duration::minutes(1)));
}

TEST_CASE_FIXTURE(DeltaFixture, "of a house's events those that changed stand for all") {
  const Table table = read_table("../shared/data/smarthome_events.csv");
  if (table.rows.empty()) return;
  const Widths widths{{"value", {"value", 0.2, 0}}};
  changes_of(*this, "  changes, 0.2, 1 h", table, widths,
             by_change(widths, kKeyframes, {"room", "metric"}));
}

TEST_CASE_FIXTURE(DeltaFixture, "what comes late is given, and costs nothing else its bound") {
  latecomers(*this, made_table());
}

TEST_CASE_FIXTURE(DeltaFixture, "what is kept of a car's 27 values a second stands for all") {
  const Table table = read_table("../shared/data/carobd_1hz.csv");
  if (table.rows.empty()) return;
  columns(*this, "carobd_1hz", table);
  latecomers(*this, table);
}

TEST_CASE_FIXTURE(DeltaFixture, "what is kept of a house's events stands for all") {
  const Table table = read_table("../shared/data/smarthome_events.csv");
  if (!table.rows.empty()) events(*this, table);
}

}  // namespace
}  // namespace pinaflux
