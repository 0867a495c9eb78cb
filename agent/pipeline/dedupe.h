// DedupeStep: the node of Dedupe: drops what was there a while ago.
//
// Limits     A record that has none of the key fields, or a key that is too long to remember, passes.
// Threads    Loop.
// Tests      tests/agent/pipeline/dedupe_test.cc
#pragma once

#include <array>
#include <string>

#include "agent/pipeline/band_step.h"

namespace pinaflux {

class DedupeStep final : public BandStep {
 public:
  // Errors: no time, no room for keys (invalid); too many (full).
  static Result<std::unique_ptr<Step>> make(const Dedupe& options);

  void take(const Record& record, Flow& flow) override;

 private:
  explicit DedupeStep(const Dedupe& options);
  std::string_view digest(const Record& record);
  bool seen(const Band& last, Stamp time, Instant now) const;

  Duration within_;
  bool whole_;  // All fields are the key.
  std::string bytes_;
  std::array<char, 16> digest_;
};

}  // namespace pinaflux
