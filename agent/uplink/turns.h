// Turns: which of several lanes sends next.
//
// Promise    A lane that got less than its share of what was sent lately goes first, the furthest behind of them; then
//            the highest priority; of equals the one that waited longest.
// Units      Bytes; shares in percent.
// Threads    Loop.
// Tests      tests/agent/uplink/turns_test.cc
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace pinaflux {

class Turns {
 public:
  struct Terms {
    int priority = 0;
    unsigned share = 0;
  };
  explicit Turns(std::vector<Terms> lanes) : lanes_(lanes.size()), terms_(std::move(lanes)) {}

  // Of the lanes that are `ready`; nothing: none is.
  std::optional<std::size_t> next(const std::function<bool(std::size_t)>& ready) const;
  void sent(std::size_t lane, std::uint64_t bytes);

 private:
  struct Lane {
    double bytes = 0.0;  // Sent lately: halved, all together, now and then.
    std::uint64_t turn = 0;
  };
  double owed(std::size_t lane) const;

  std::vector<Lane> lanes_;
  std::vector<Terms> terms_;
  double bytes_ = 0.0;  // Of all.
  std::uint64_t turn_ = 0;
};

}  // namespace pinaflux
