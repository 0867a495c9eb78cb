// Edited record: a dead letter's record as an operator wrote it anew, over the one that the letter holds.
//
// Promise    A field whose JSON text was not changed keeps its value bit by bit and its type, although JSON knows
//            fewer types. What was left out is gone; without `_time` the time stays.
// Errors     invalid, with what to do.
// Limits     limits::kRecordBytesMax of JSON.
// Ownership  The RawRecord lives in it; values that were not changed, where the original's live. Wiped.
// Threads    Loop.
// Tests      tests/agent/agent/edited_record_test.cc
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/data/intake.h"
#include "agent/data/record.h"
#include "platform/base/result.h"

namespace pinaflux {

class EditedRecord {
 public:
  EditedRecord() : intake_(json_shapes_) {}
  ~EditedRecord() { intake_.reset(); }

  // `json` as append_json_record() writes it. The record's shape is one of `shapes`.
  Result<RawRecord> read(std::string_view json, const Row& original, Shapes& shapes);

 private:
  Result<Row> parse(std::string_view json, std::string_view stream);
  Status take(std::string_view name, const Value& value, const Row& original);
  Status take_mark(std::string_view name, const Value& value, const Row& original);

  Shapes json_shapes_;  // Not the agent's: the marks are no fields.
  Intake intake_;
  std::string_view stream_;
  Stamp time_;
  std::vector<std::string_view> names_;
  std::vector<Value> values_;
};

}  // namespace pinaflux
