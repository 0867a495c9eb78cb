// FieldChangesStep: the node of FieldChanges: leaves out of a record what is as it was.
//
// Promise    A record keeps its shape: what is left out is absent. Nothing is taken from the heap for a record, once keys and
//            shapes are known.
// Limits     FieldChanges's; of a key as many fields as fit in its row (changes_row_bytes in key_limits.h). All others, texts
//            of more than 64 bytes, and all fields of a key that is too long to remember, are given always.
// Ownership  Copies what it is given.
// Threads    Loop.
// Tests      tests/agent/pipeline/field_changes_test.cc, tests/agent/pipeline/delta_reporting_test.cc
#pragma once

#include <string>
#include <vector>

#include "agent/pipeline/band_step.h"

namespace pinaflux {

class FieldChangesStep final : public BandStep {
 public:
  // Errors: a field without a name or twice, a band below 0, above 100 percent or not a number, a silence below 0, no key
  // (invalid); too many keys for so many fields (full).
  static Result<std::unique_ptr<Step>> make(const FieldChanges& options);

  void take(const Record& record, Flow& flow) override;
  Computed computed() const override { return {.copies = true}; }

 private:
  struct Width {
    std::string name;
    double within, share;
  };
  struct Field {
    std::uint64_t name;  // 64 bits of its SHA-256.
    std::uint32_t place;
    std::uint32_t width;  // In widths_.
    // Of the record that is looked at.
    bool left_out = false;
    std::size_t at = 0;  // In the row; 0: not there, or of another size.
  };
  struct Plan {
    bool known = false;
    std::vector<Field> fields;  // But for keys; by name.
  };
  explicit FieldChangesStep(const FieldChanges& options);

  // What is known of a key when a record of it comes.
  struct Past {
    bool begins = true;      // The record is given whole: it begins anew.
    Stamp whole;             // The last that was.
    Instant arrival;         // Of that.
    std::int64_t newest;     // Time of the newest of the key, given or not.
    std::string_view row{};  // Its row, in the Band.
  };
  Past past_of(const Band* band, Stamp time, Instant now) const;
  Plan& plan_of(const Shape& shape);
  // Marks what is near to what the row says. How many fields there are, how many of them are given, and how many of these
  // only change bits of the row.
  struct Count {
    std::size_t there = 0, given = 0, in_place = 0;
  };
  Count compare(const Record& record, Plan& plan, std::string_view row) const;
  // The row that follows, in row_.
  void write_row(const Record& record, const Plan& plan, const Past& past);
  void patch_row(const Record& record, const Plan& plan, const Past& past);
  void append_field(std::uint64_t name, const Value& value);
  void emit_given(const Record& record, const Plan& plan, Flow& flow) const;

  Duration silence_max_;
  std::size_t row_bytes_max_;
  std::vector<std::string> keys_;
  std::vector<Width> widths_;  // By name; the first, without one, is of all that have no other.
  std::vector<Plan> plans_;    // By Shape::id.
  std::string row_;
};

}  // namespace pinaflux
