// CastStep: the node of TypeCast: fields of another type, where that says the same.
//
// Limits     InPlaceStep's.
// Threads    Loop.
// Tests      tests/agent/pipeline/cast_test.cc
#pragma once

#include "agent/pipeline/in_place.h"

namespace pinaflux {

class CastStep final : public InPlaceStep {
 public:
  // Errors: no field, one twice or without a name.
  static Result<std::unique_ptr<Step>> make(const TypeCast& options);

 private:
  bool change(std::size_t index, Value& value) override;
  std::string why() const override;

  std::vector<TypeCast::Field> fields_;
  std::string scratch_;  // The last text that was made.
  Type failed_from_ = Type::absent;
  FieldType failed_to_{};
};

}  // namespace pinaflux
