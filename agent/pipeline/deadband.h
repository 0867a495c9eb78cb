// DeadbandStep: the node of Deadband without `swing`: drops records that say nothing new.
//
// Threads    Loop.
// Tests      tests/agent/pipeline/deadband_test.cc
#pragma once

#include "agent/pipeline/band_step.h"

namespace pinaflux {

class DeadbandStep final : public BandStep {
 public:
  // Errors: no field, a band below 0, above 100 percent or not a number, no room for keys.
  static Result<std::unique_ptr<Step>> make(const Deadband& options);

  void take(const Record& record, Flow& flow) override;

 private:
  explicit DeadbandStep(const Deadband& options);
  bool keeps(const Record& record, const Moment& moment);

  double within_;
  double share_;  // Of the last kept value.
  Duration silence_max_;
  Column field_;
};

}  // namespace pinaflux
