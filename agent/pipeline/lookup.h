// LookupStep: the node of Lookup: fields from the row of a table that has a field's value.
//
// Promise    Fields of their names are replaced in their place, by nothing where the row's cell is empty; others stand behind the record's own.
// Limits     LookupTable's. The new record's cells are in the group's arena for what is computed.
// Ownership  Shapes must outlive it. Texts are the table's: it must outlive the records.
// Threads    Loop.
// Tests      tests/agent/pipeline/lookup_test.cc
#pragma once

#include "agent/pipeline/added_fields.h"
#include "agent/pipeline/column.h"
#include "agent/pipeline/lookup_table.h"
#include "agent/pipeline/step.h"

namespace pinaflux {

class LookupStep final : public Step {
 public:
  // Errors: no field; a table that cannot be read.
  static Result<std::unique_ptr<Step>> make(const Lookup& options, Shapes& shapes);

  void take(const Record& record, Flow& flow) override;
  Computed computed() const override;
  std::string failure() const override;

 private:
  LookupStep(const Lookup& options, Shapes& shapes);

  const std::string of_;
  const Lookup::Otherwise otherwise_;
  Column column_;
  LookupTable table_;
  AddedFields added_;
  bool missing_ = false;  // The record that was refused last had no value.
};

}  // namespace pinaflux
