// Purge: an operator gives up records of a lane, from the oldest on.
//
// Promise    What is deleted is declared to the far end as lost, reason `purged`, like any loss. Records that the
//            uplink has sent may land all the same; then they have landed.
// Order      From the oldest up to the first envelope that is not wholly before the time. Envelopes whose time
//            is not known (the clock was not trusted) end it, too: only `all` takes them.
// Limits     kRowsEach rows a step: one transaction.
// Threads    As Operation.
// Tests      tests/agent/spool/purge_test.cc ("pinaflux.queue.purge/1" is golden)
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/spool/operation.h"
#include "agent/spool/queue.h"

namespace pinaflux {

class Purge : public Operation {
 public:
  enum class Form { text, json };
  // Nothing in `before_ns`: all of it.
  Purge(std::string lane, std::optional<std::int64_t> before_ns, Form form)
      : name_(std::move(lane)), before_ns_(before_ns), form_(form) {}

  bool changes() const override { return true; }
  std::int64_t bytes_written(const Access& access) const override;
  Result<bool> step(const Access& access, Buffer& out) override;
  Progress progress() const override { return {done_, total_}; }

 private:
  static constexpr std::size_t kRowsEach = 64;

  struct Target {
    LaneId id = 0;
    std::uint64_t last = 0;  // Of what is to be purged.
    bool chunks_sealed = false;
  };
  Status begin(const Access& access);
  Status purge_some(const Access& access, Lane& lane, Target& target);
  Result<std::optional<Entry>> victim(const Access& access, const Lane& lane,
                                      const Target& target) const;
  Result<std::uint64_t> last_before(const Access& access, const Lane& lane) const;
  void report(Buffer& out) const;

  std::string name_;
  std::optional<std::int64_t> before_ns_;
  Form form_;
  bool begun_ = false;
  std::vector<Target> targets_;
  std::size_t at_ = 0;  // In targets_.
  std::uint64_t done_ = 0, total_ = 0;
  std::uint64_t rows_ = 0;
};

// "pinaflux.queue.purge/1", one line.
std::string purge_json(const std::string& lane, std::uint64_t records, std::uint64_t rows);

}  // namespace pinaflux
