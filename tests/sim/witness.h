// Witness: sees every write to a disk, every byte on a wire and every line of a log, and looks for what
// must never be there.
//
// Promise    A canary stands in fields that are masked. Who finds it anywhere but between a producer and
//            its source has found a leak.
// Limits     Texts only: a canary inside compressed bytes is found where it is landed.
// Threads    One.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "platform/sim/disk.h"
#include "platform/sim/fabric.h"

namespace pinaflux::tests {

class Witness final : public SimFabric::Tap {
 public:
  static constexpr std::string_view kCanary = "\x7f-canary-";  // Rare from its first byte on.

  // From here to there records are still raw.
  void allow(const std::string& from, const std::string& to);

  void sent(const std::string& from, const std::string& to, Bytes bytes) override;
  void written(const std::string& machine, const sim::Operation& operation);
  void logged(const std::string& machine, std::string_view line);

  // Sends that hold this text are counted.
  void count(std::string text) { counted_ = std::move(text); }
  std::uint64_t counted() const { return count_; }

  // What went wrong, in words, the first few.
  void accuse(std::string what);
  const std::vector<std::string>& accusations() const { return accusations_; }
  std::uint64_t bytes_seen() const { return bytes_seen_; }

 private:
  struct Pair {
    std::string from, to;
  };
  bool allowed(const std::string& from, const std::string& to) const;

  std::vector<Pair> allowed_;
  std::vector<std::string> accusations_;
  std::uint64_t bytes_seen_ = 0;
  std::string counted_;
  std::uint64_t count_ = 0;
};

}  // namespace pinaflux::tests
