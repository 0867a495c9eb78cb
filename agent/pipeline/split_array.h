// SplitStep: the node of SplitArray: one record for each element of an array.
//
// Promise    All of an array, or nothing of it: what is none, or too long, refuses its record (node_failed), or passes it on as it is.
// Order      As in the array.
// Limits     SplitArray's. Texts with escapes are copied into the group's arena, too_large without room.
// Ownership  Shapes must outlive it.
// Threads    Loop.
// Tests      tests/agent/pipeline/split_test.cc
#pragma once

#include <string>

#include "agent/pipeline/column.h"
#include "agent/pipeline/made_fields.h"

namespace pinaflux {

class SplitStep final : public Step {
 public:
  // Errors: no field, no room for a record or a field, a time below 0.
  static Result<std::unique_ptr<Step>> make(const SplitArray& options, Shapes& shapes);

  void take(const Record& record, Flow& flow) override;
  Computed computed() const override {
    return {.copies = true, .fields = options_.fields_max, .records = options_.records_max};
  }
  std::string failure() const override;

 private:
  SplitStep(const SplitArray& options, Shapes& shapes);
  enum class Verdict { split, failed, refused };
  // Only reads it if `flow` is null.
  Verdict read(const Record& record, int place, Arena& texts, Flow* flow);

  SplitArray options_;
  Column column_;
  MadeFields made_;
  const char* why_ = nullptr;
};

}  // namespace pinaflux
