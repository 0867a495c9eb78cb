// SampleStep: the node of Sample: some of the records stand for all.
//
// Limits     A record whose key is too long to remember passes.
// Threads    Loop.
// Tests      tests/agent/pipeline/sample_test.cc
#pragma once

#include "agent/pipeline/band_step.h"

namespace pinaflux {

class SampleStep final : public BandStep {
 public:
  // Errors: neither an interval nor a number, or both; no room for keys (invalid); too many (full).
  static Result<std::unique_ptr<Step>> make(const Sample& options);

  void take(const Record& record, Flow& flow) override;

 private:
  explicit SampleStep(const Sample& options);
  bool first_of_interval(const Key& key, Stamp time, Stamp turn);
  bool one_in_many(const Key& key);

  std::int64_t every_;
  std::uint64_t one_in_;
};

}  // namespace pinaflux
