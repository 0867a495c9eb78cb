// RateLimitStep: the node of RateLimit: a bucket of tokens for each key, refilled as time goes by.
//
// Limits     A record whose key is too long to remember passes.
// Threads    Loop.
// Tests      tests/agent/pipeline/sample_test.cc
#pragma once

#include "agent/pipeline/band_step.h"

namespace pinaflux {

class RateLimitStep final : public BandStep {
 public:
  // Errors: a rate or a time of 0, no room for keys (invalid); too many (full).
  static Result<std::unique_ptr<Step>> make(const RateLimit& options);

  void take(const Record& record, Flow& flow) override;

 private:
  explicit RateLimitStep(const RateLimit& options);
  double refilled(Band& band, const Moment& moment) const;

  double tokens_max_;
  double token_ns_;  // Until one more is there.
};

}  // namespace pinaflux
