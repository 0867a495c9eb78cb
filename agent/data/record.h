// Row, RawRecord, Record: one reading, before and after masking.
//
// Promise    A Record exists only because a Masker made it, or because it was derived from Records:
//            what may not be stored is not in it. Spool and pipeline take nothing else.
// Ownership  Views: shape, values and text belong to Shapes and to the arena they were made in.
// Threads    Values; any.
#pragma once

#include <cstdint>
#include <span>

#include "agent/data/shape.h"
#include "agent/data/value.h"
#include "platform/base/time.h"

namespace pinaflux {

// When a record happened: calendar time, or, while the calendar was not trusted, time since a boot.
struct Stamp {
  std::int64_t ns = 0;     // boot == 0: since 1970 (WallTime). Otherwise: Instant of that boot.
  std::uint64_t boot = 0;  // Clock::boot(), or 0.

  static Stamp wall(WallTime t) { return {t.ns, 0}; }
  friend bool operator==(const Stamp&, const Stamp&) = default;
};

// A turn's time by both clocks.
struct Moment {
  Instant now;
  Stamp stamp;  // Calendar time, or time since the boot while that is not trusted.
};

// A reading without a claim about masking: what seal writes and reads back.
struct Row {
  const Shape* shape = nullptr;
  const Value* values = nullptr;  // shape->field_count() of them.
  Stamp time;

  std::span<const Value> cells() const { return {values, shape->field_count()}; }
};

// What a source gives. Its values may be secret: it is masked or dropped, never stored or printed.
struct RawRecord {
  Row row;
};

class Record {
 public:
  const Row& row() const { return row_; }
  const Shape& shape() const { return *row_.shape; }
  std::span<const Value> cells() const { return row_.cells(); }
  Stamp time() const { return row_.time; }

  // A record computed from a masked one (rename): its values come from `from` only.
  static Record derived(const Record& from, const Row& row) {
    (void)from;
    return Record(row);
  }

  // A record of what the pipeline took from masked ones, which are gone by now (a window): its values come from
  // them only.
  static Record remembered(const Row& row) { return Record(row); }

 private:
  friend class Masker;
  explicit Record(const Row& row) : row_(row) {}
  Row row_;
};

}  // namespace pinaflux
