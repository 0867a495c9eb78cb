// Director: the faults of one run, drawn from its seed.
//
// Order      Between `begin` and `end` a fault happens now and then; heal() ends all of them.
// Ownership  The cast outlives it.
// Threads    One.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/sim/programs.h"

namespace pinaflux::tests {

struct Cast {
  Stage& stage;
  Gateway& gateway;
  Cloud& collector;
  Broker& hub;                // Of the plant.
  Broker& cloud;              // Between gateway and collector.
  const char* far = "cloud";  // Where the gateway's uplink goes: there, or to the collector itself.
};

class Director {
 public:
  Director(Cast cast, Duration every);
  void begin();
  // No more faults, and those that last are over.
  void heal();
  std::uint64_t count() const { return told_.size(); }
  const std::vector<std::string>& told() const { return told_; }

 private:
  void due();
  void tell(std::string what);
  Duration between_seconds(std::int64_t low, std::int64_t high);
  void later(Duration after, std::function<void()> heal);

  void gateway_dies();
  void collector_dies();
  void broker_dies();
  void broker_is_faulty();
  void link_fails();
  void disk_fails();
  void clock_steps();
  void outage();

  Cast cast_;
  const Duration every_;
  std::unique_ptr<Timer> timer_;
  std::vector<std::unique_ptr<Timer>> healers_;
  std::vector<std::string> told_;
};

}  // namespace pinaflux::tests
