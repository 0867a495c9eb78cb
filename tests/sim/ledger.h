// Ledger: what producers sent and what they were told of it; and whether what landed agrees.
//
// Promise    A record is (producer, number): acknowledged, or of unknown fate. Its value follows from
//            both, so that what lands can be checked without remembering it.
// Threads    One.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "platform/base/bytes.h"
#include "platform/base/time.h"

namespace pinaflux::tests {

class Ledger {
 public:
  enum class Fate : std::uint8_t { unknown, acknowledged };

  // A producer's number.
  std::uint32_t join(std::string name);
  // The number of the next record.
  std::uint32_t next(std::uint32_t producer);
  // `direct`: the gateway itself said so.
  void acknowledged(std::uint32_t producer, std::uint32_t number, bool direct = false);
  static std::int64_t value(std::uint32_t producer, std::uint32_t number);
  // With masked fields; `padding` more bytes.
  static std::string json(std::uint32_t producer, std::uint32_t number, std::string_view padding);

  // A row that is in the collector's tables; what is wrong with it, or empty.
  std::string landed(std::int64_t producer, std::int64_t number, std::int64_t value);
  // The moments between which a record that has landed came to the gateway.
  struct Span {
    Instant sent, acknowledged = Instant::never();
  };
  Span span(std::int64_t producer, std::int64_t number) const;
  // What time it is; before the first record.
  void clock(std::function<Instant()> now) { now_ = std::move(now); }

  bool has_landed(std::int64_t producer, std::int64_t number) const;
  // Of what producers `first` to before `end` sent: how many records, and the sum of their numbers.
  struct Tally {
    std::uint64_t count = 0;
    std::int64_t numbers = 0;
  };
  Tally landed_of(std::uint32_t first, std::uint32_t end) const;
  std::uint64_t sent() const;
  std::uint64_t acknowledged() const;
  std::uint64_t landed() const;
  // Acknowledged and not landed; of one producer. Of a record that is poison nothing is said where some are.
  std::uint64_t missing(std::uint32_t producer, bool poisoned, std::string& which) const;
  // What a poisoned collector takes never.
  static constexpr std::uint32_t kPoisonOneIn = 50, kPoisonRest = 7;
  static bool is_poison(std::size_t number) { return number % kPoisonOneIn == kPoisonRest; }
  // Poison that did not land: acknowledged, and all of it.
  struct Poison {
    std::uint64_t acknowledged = 0, sent = 0;
  };
  Poison missing_poison(std::uint32_t producer) const;
  std::uint32_t producers() const { return static_cast<std::uint32_t>(producers_.size()); }
  const std::string& name(std::uint32_t producer) const { return producers_[producer].name; }

 private:
  struct Entry {
    Fate fate = Fate::unknown;
    bool landed = false;
    Span span = {};
  };
  struct Producer {
    std::string name;
    std::vector<Entry> entries;
  };
  std::function<Instant()> now_;
  std::vector<Producer> producers_;
};

}  // namespace pinaflux::tests
