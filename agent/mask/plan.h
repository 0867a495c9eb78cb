// Plan: what the rules come to for one raw shape, compiled once: which cells go where, which of them are
// worked on, and the masked shape.
//
// Promise    Everything that depends on names is decided here; only values are left for each record.
// Ownership  Rules and Shapes must outlive it.
// Threads    Immutable; any.
// Tests      tests/agent/mask/masker_test.cc
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "agent/data/intake.h"
#include "agent/mask/rule.h"

namespace pinaflux {

struct Plan {
  struct Column {
    std::uint32_t source = 0;      // Position in the raw record.
    std::uint32_t work_begin = 0;  // In `work`; begin == end: the cell is copied as it is.
    std::uint32_t work_end = 0;
    std::int32_t place = -1;  // In `places`: what the rules on positions left counts.
  };
  struct Pair {
    const Rule* rule;
    std::size_t latitude, longitude;  // In `places`.
  };

  Masker::Origin origin = Masker::Origin::source;
  const Shape* shape = nullptr;         // Of the masked record.
  std::optional<Reason> refused;        // Set: every record of the raw shape is.
  std::vector<std::uint32_t> rejected;  // Raw positions; a record that has one of them is refused.
  std::vector<Column> columns;          // Of the masked record.
  std::vector<const Rule*> work;        // By column, in the order of the configuration.
  std::vector<std::uint32_t> places;    // Raw positions of what rules on positions look at,
  std::vector<Pair> pairs;              // before the columns, in the order of the configuration.
  Duration time_step;                   // Of the record's own time; zero: it stays.
};

Plan compile_plan(std::span<const Rule> rules, const Shape& raw, Shapes& shapes,
                  Masker::Origin origin);

}  // namespace pinaflux
