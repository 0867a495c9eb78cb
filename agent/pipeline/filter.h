// Filter: the node of FieldFilter: keeps the records for which one comparison holds.
//
// Threads    Loop.
// Tests      tests/agent/pipeline/filter_test.cc
#pragma once

#include "agent/pipeline/column.h"
#include "agent/pipeline/pipeline.h"

namespace pinaflux {

class Filter {
 public:
  // Errors: a comparison without a value.
  static Result<Filter> make(const FieldFilter& options);

  bool keeps(const Record& record);

 private:
  explicit Filter(const FieldFilter& options) : options_(options), column_(options.field) {}
  FieldFilter options_;
  Column column_;
};

}  // namespace pinaflux
