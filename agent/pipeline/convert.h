// ConvertStep: the node of Convert: numbers in another unit.
//
// Limits     InPlaceStep's.
// Threads    Loop.
// Tests      tests/agent/pipeline/convert_test.cc
#pragma once

#include "agent/pipeline/in_place.h"
#include "agent/pipeline/unit.h"

namespace pinaflux {

class ConvertStep final : public InPlaceStep {
 public:
  // Errors: no field, one twice or without a name, a unit that is none, two of different kinds.
  static Result<std::unique_ptr<Step>> make(const Convert& options);

 private:
  bool change(std::size_t index, Value& value) override;
  std::string why() const override { return why_; }

  std::vector<UnitConversion> conversions_;  // By field.
  const char* why_ = "";
};

}  // namespace pinaflux
