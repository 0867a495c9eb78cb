// Node kinds: what a node of the pipeline is asked to do, as the configuration says it. step.h says how it is done.
//
// Limits     Each kind says its own.
// Ownership  Values.
// Threads    Any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "platform/base/time.h"

namespace pinaflux {

struct PassThrough {};
// Keeps records for which the comparison holds. Numbers compare by value whatever their types, text and bytes
// by their bytes, false before true. Between other types nothing is equal, less or greater, as with NaN.
struct FieldFilter {
  enum class Compare { equal, not_equal, less, less_equal, greater, greater_equal, exists };
  std::string field;
  Compare compare = Compare::exists;
  std::variant<std::monostate, bool, std::int64_t, double, std::string> with;
  bool keep_missing = false;  // What to do with records that lack the field, or have null there.
};
// Field names (all at once: two may swap), and the stream's name if `stream` is set. A name that the record
// has already refuses it (node_failed).
struct Rename {
  std::vector<std::pair<std::string, std::string>> fields;
  std::string stream;
};
// Drops a record while `field` stays within the band of the last kept. Kept always: a record without the
// field, one whose type changed (numbers are one type), a latecomer (came_late() in band_step.h; the last kept one
// stays that), and what is too long to remember (text beyond 64 bytes, keys beyond 1,024). Values that are no
// numbers are within the band when they are identical.
//
// Silence is over when either clock says so: the record's time is `silence_max` or more after the time of the last
// kept one (so a replayed backlog is thinned by its own time); or the last kept one arrived that long ago. Record
// times of different boots cannot be compared: then arrival decides, and after a restart the first such record is
// kept.
//
// With `swing` a swinging door instead (swing.h): it keeps the records between which a straight line is within
// `swing` of all that were dropped, and holds the last one back until the next shows whether it is needed.
struct Deadband {
  std::string field;
  double within = 0.0;     // Absolute.
  double percent = 0.0;    // Of the last kept value; the wider of both counts.
  double swing = 0.0;      // Above 0: a swinging door, with `silence_max`, without the above.
  Duration silence_max{};  // Keep one at least this often; 0: no bound.
  std::vector<std::string> keys;  // One band per distinct values of these fields (and per stream).
  // Least recently used is forgotten (its next record is kept). With `swing` at most kSwingKeysMax (key_limits.h).
  std::size_t keys_max = 4096;
};
// Drops a record whose key was kept less than `within` ago: by the records' times; by arrival between boots.
struct Dedupe {
  Duration within{};
  std::vector<std::string> keys;  // Without: the same values in all fields. And per stream.
  std::size_t keys_max = 4096;
};
// Passes the first record of each interval of `every` since 1970 (or since the boot), or one in so many.
struct Sample {
  Duration every{};
  std::uint64_t one_in = 0;  // Instead of it.
  std::vector<std::string> keys;
  std::size_t keys_max = 4096;
};
// Passes at most `rate` records in `per` on average, and so many at once; drops what is beyond. By arrival.
struct RateLimit {
  std::uint64_t rate = 0;
  Duration per{};
  std::vector<std::string> keys;
  std::size_t keys_max = 4096;
};
// Adds to a record by how much fields changed since the last one of its key: `<field>_rate`, in `per`; README.md
// says exactly what that means.
struct ChangeRate {
  std::vector<std::string> of;
  Duration per = Duration::seconds(1);
  bool counter = false;   // A fall is a reset to 0,
  double wraps_at = 0.0;  // or a wrap, where it is more than half of this.
  bool total = false;     // `<field>_total` too: of a counter, as if it had never been reset.
  std::vector<std::string> keys;
  std::size_t keys_max = 4096;  // Times fields, at most kChangeRateKeysMax.
};
// Keeps records for which an expression (expression.h) holds.
struct Condition {
  std::string where;
};
// Fields computed of the record's others, by expressions (expression.h), which all see the record as it came. A name that it has
// gets the new value, in its place; others are added, in this order.
struct Derive {
  std::vector<std::pair<std::string, std::string>> fields;  // Name, expression.
};
// Of a record's fields these, or all others. One that has none of them goes nowhere.
struct Select {
  std::vector<std::string> fields;
  bool drop = false;  // All others.
};
// What a Lua script makes of each record; README.md says exactly what that means.
struct Script {
  std::string text;
  std::size_t memory_max = 256 * 1024;
  std::uint64_t steps_max = 100'000;
  std::size_t records_max = 1;  // Made of one.
  std::size_t fields_max = 8;   // That each of them has more than the one.
};
// Numbers of a field in another unit of the same kind (unit.h); what is no number refuses its record.
struct Convert {
  struct Field {
    std::string name, from, to;
  };
  std::vector<Field> fields;
};
// What configurations say of a field; unknown: absent or null.
enum class FieldType : std::uint8_t { unknown, boolean, integer, real, text, bytes };
// Fields of another type, where that says the same; README.md says exactly what becomes of what.
struct TypeCast {
  enum class Otherwise : std::uint8_t { refuse, keep, drop };
  struct Field {
    std::string name;
    FieldType to = FieldType::real;
    Otherwise otherwise = Otherwise::refuse;
  };
  std::vector<Field> fields;
};
// Fields that a text holds; README.md says exactly what that means.
struct Parse {
  enum class As : std::uint8_t { pairs, delimited, json, pattern };
  std::string of;
  As as = As::pairs;
  char separator = ' ';            // Of pairs and delimited.
  char equals = '=';               // Of pairs.
  std::vector<std::string> names;  // Of delimited: the fields, in their order.
  std::string pattern;             // Of pattern: an expression of platform/base/regex_captures.h.
  std::string prefix;              // Of the new fields' names.
  bool keep = false;               // The field that was read.
  bool all_text = false;           // Numbers, too.
  bool pass = false;               // What cannot be read is passed on as it is.
  std::size_t fields_max = 32;
};
// One record for each element of an array; README.md says exactly what that means.
struct SplitArray {
  std::string of, as;
  Duration every{};              // Between the elements' times.
  bool pass = false;             // What is no array is passed on as it is.
  std::size_t records_max = 16;  // Elements of an array,
  std::size_t fields_max = 8;    // and fields of an element.
};
// Which fields the records of each stream have: as declared here, and as learned of those that came; README.md says exactly what
// that means.
struct SchemaCheck {
  enum class Drift : std::uint8_t { evolve, coerce, quarantine, reject };
  struct Field {
    std::string name;
    FieldType type = FieldType::unknown;
    std::string unit;
    double min = 0.0, max = 0.0;  // Of numbers, with has_min, has_max.
    bool has_min = false, has_max = false;
    bool required = false;
    std::vector<std::string> one_of;  // Of text and integers; empty: any.
  };
  std::vector<Field> fields;
  Drift drift = Drift::evolve;
  std::size_t streams_max = 256;
  std::size_t fields_max = 256;  // Of one stream, the declared ones included.
};
// Leaves out of a record the fields that are near their last given value, and gives it whole now and then; README.md says exactly
// what that means.
struct FieldChanges {
  struct Field {
    std::string name;
    double within = 0.0;   // Absolute.
    double percent = 0.0;  // Of the last given value; the wider of both counts.
  };
  std::vector<Field> fields;  // All others: any change counts.
  Duration silence_max{};     // One whole at least this often; 0: no bound.
  std::vector<std::string> keys;
  std::size_t keys_max = 1024;
};
// Adds to a record how far fields are from what they were lately: `<field>_score`, `<field>_anomaly`; README.md says exactly what
// that means.
struct Anomaly {
  std::vector<std::string> of;
  double threshold = 6.0;     // A score above this is an anomaly.
  double least_spread = 0.0;  // What the values of a quiet field vary by, at least.
  std::size_t history = 31;   // Values that are remembered, of each key and field.
  std::size_t warm_up = 10;   // No score before so many.
  std::vector<std::string> keys;
  std::size_t keys_max = 1024;  // Times fields.
};
// Gives a record when a condition has held for a time, and one when it is over; README.md says exactly what that means.
struct Alert {
  std::string when;    // An expression (expression.h).
  std::string clear;   // Another, that ends it; empty: when `when` does not hold.
  Duration lasting{};  // So long `when` must hold.
  Duration repeat{};   // Above 0: said again so often while it lasts.
  std::string stream;  // Of what it gives; empty: the input's.
  std::vector<std::string> keys;
  std::size_t keys_max = 1024;
};
// Adds to a record the columns of a table's row that has the value of a field; README.md says exactly what that means.
struct Lookup {
  enum class Otherwise : std::uint8_t { pass, drop, refuse };
  std::string table;              // CSV (RFC 4180), with a line of names.
  std::string of;                 // The field,
  std::string column;             // and the column that has its values; empty: of the same name.
  std::vector<std::string> give;  // Columns; empty: all others.
  std::string prefix;             // Of the new fields' names.
  Otherwise otherwise = Otherwise::pass;  // With a value that the table has not.
};
// Makes one record of those of several streams that have one key and one time; README.md says exactly what that means.
struct Merge {
  std::vector<std::string> streams;  // A merged record is complete when all have come.
  Duration every{};                  // Times in one interval of it since 1970 are one time.
  Duration wait{};                   // For those that are missing.
  std::string stream;                // Of what it gives.
  std::vector<std::string> keys;
  std::size_t keys_max = 1024;
};
// What a process, a program in any language, answers of each record; README.md says exactly what that means.
struct Execd {
  static constexpr std::size_t kInFlightMax = 4'096;

  std::vector<std::string> command;  // An absolute path, and its arguments.
  std::uint64_t memory_max = 64 << 20;
  std::size_t in_flight_max = 256;  // Unanswered: then sources are held back.
  Duration answer_within = Duration::seconds(10);
  std::size_t records_max = 1;     // Made of one.
  std::size_t fields_max = 8;      // That each of them has more than the one.
  std::uint64_t refuse_after = 0;  // Ends in a row of which one record is the reason; 0: never.
};
// Statistics of records by time, one record for each window of each key. README.md says exactly what that means.
struct TimeWindow {
  static constexpr std::int64_t kPanesMax = 64;     // Open at once, per key.
  static constexpr std::size_t kFieldsMax = 1'024;  // Of a record that it gives.

  Duration every{};   // A window ends (and begins) at each multiple of it since 1970.
  Duration length{};  // A multiple of `every`; 0: `every`.
  Duration gap{};     // Above 0: a session, which such a silence ends; then neither of the above.
  std::vector<std::string> of;
  std::vector<std::string> give;  // Statistic::parse
  std::vector<std::string>
      keys;  // One window per distinct values of these fields (and per stream).
  Duration lateness{};
  Duration
      amend_for{};  // Above 0: so long a closed window is given again for a record that comes late.
  bool pass_late = false;       // To those that take from "<name>.late".
  bool by_arrival = false;      // The turn's time counts, not the record's.
  std::string stream;           // Of what it gives; empty: the input's.
  std::size_t keys_max = 4096;  // Least recently used is closed early.
};
// Panes of a key that may be open at once. `every` or `gap` is above 0.
std::int64_t panes_open_max(const TimeWindow& window);
using NodeKind =
    std::variant<PassThrough, FieldFilter, Rename, Deadband, Condition, Derive, Select, TimeWindow,
                 Dedupe, Sample, RateLimit, ChangeRate, Script, SchemaCheck, Convert, TypeCast,
                 Parse, SplitArray, FieldChanges, Anomaly, Alert, Lookup, Merge, Execd>;

}  // namespace pinaflux
