#include "platform/sim/fabric.h"

#include <algorithm>

#include "platform/base/assert.h"
#include "platform/sim/connection.h"

namespace pinaflux {

SimFabric::SimFabric(SimScheduler& scheduler, std::uint64_t seed)
    : scheduler_(scheduler), random_(seed) {}
SimFabric::~SimFabric() = default;

SimLink& SimFabric::link(const std::string& a, const std::string& b) {
  const auto [low, high] = std::minmax(a, b);
  return links_.try_emplace({low, high}, *this).first->second;
}

void SimFabric::power(const std::string& machine, bool on) {
  if (on) dark_.erase(machine);
  if (!on) dark_.insert(machine);
}

SimConnection& SimFabric::connect(SimLink& link) {
  connections_.push_back(std::make_unique<SimConnection>(*this, link));
  return *connections_.back();
}

void SimFabric::release(SimConnection& connection) {
  const auto at =
      std::ranges::find(connections_, &connection, &std::unique_ptr<SimConnection>::get);
  ASSERT(at != connections_.end());
  connections_.erase(at);
}

Duration SimFabric::delay(const SimLink& link) {
  return random_.between(link.quality().delay_min, link.quality().delay_max);
}

void SimLink::cut() {
  if (std::exchange(cut_, true)) return;
  for (auto& connection : fabric_.connections_) {
    if (connection->over(*this)) connection->silence();
  }
}

void SimLink::mend() {
  refuses_ = false;
  if (!std::exchange(cut_, false)) return;
  for (auto& connection : fabric_.connections_) {
    if (connection->over(*this)) connection->resume();
  }
}

void SimLink::break_off() {
  for (auto& connection : fabric_.connections_) {
    if (connection->over(*this)) connection->break_off();
  }
}

void SimLink::forget() {
  for (auto& connection : fabric_.connections_) {
    if (connection->over(*this)) connection->forget();
  }
}

}  // namespace pinaflux
