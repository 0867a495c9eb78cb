#include "tests/sim/director.h"

#include <algorithm>
#include <array>
#include <utility>

namespace pinaflux::tests {

namespace {

using Death = Machine::Death;

std::string spoken(Duration time) { return std::to_string(time.milliseconds()) + " ms"; }

}  // namespace

Director::Director(Cast cast, Duration every)
    : cast_(cast), every_(every), timer_(cast.stage.director.timer([this] { due(); })) {}

void Director::begin() { timer_->start(cast_.stage.random.between({}, every_)); }

void Director::due() {
  using Fault = void (Director::*)();
  // As often as it is named.
  static constexpr std::array<Fault, 16> kFaults = {
      &Director::gateway_dies,   &Director::gateway_dies,
      &Director::gateway_dies,   &Director::gateway_dies,
      &Director::gateway_dies,   &Director::collector_dies,
      &Director::collector_dies, &Director::broker_dies,
      &Director::broker_dies,    &Director::broker_is_faulty,
      &Director::link_fails,     &Director::link_fails,
      &Director::link_fails,     &Director::disk_fails,
      &Director::clock_steps,    &Director::outage};
  (this->*kFaults[cast_.stage.random.below(kFaults.size())])();
  timer_->start(cast_.stage.random.between(every_ / 2, every_ + every_ / 2));
}

void Director::tell(std::string what) {
  const double at = Duration{cast_.stage.scheduler.now().ns}.seconds();
  told_.push_back(std::to_string(at) + " " + std::move(what));
}

Duration Director::between_seconds(std::int64_t low, std::int64_t high) {
  return cast_.stage.random.between(Duration::seconds(low), Duration::seconds(high));
}

void Director::later(Duration after, std::function<void()> heal) {
  healers_.push_back(cast_.stage.director.timer(std::move(heal)));
  healers_.back()->start(after);
}

void Director::gateway_dies() {
  Random& random = cast_.stage.random;
  const Duration down = between_seconds(1, 15);
  const auto survival = static_cast<sim::Survival>(random.below(sim::kSurvivalCount));
  const std::uint64_t kind = random.below(8);
  const Death death = kind < 4 ? Death::power : Death::kill;
  if (kind == 7) {
    tell("the gateway is asked to stop");
    return cast_.gateway.terminate();
  }
  const std::uint64_t changes = kind % 2 == 0 ? 1 + random.below(60) : 0;
  tell(std::string("the gateway ") + (death == Death::power ? "loses power (" : "is killed (") +
       sim::survival_name(survival) + "), changes of its disk from now: " +
       std::to_string(changes) + ", down for " + spoken(down));
  if (changes == 0) return cast_.gateway.die(death, survival, down);
  cast_.gateway.die_at_change(changes, death, survival, down);
}

void Director::collector_dies() {
  Random& random = cast_.stage.random;
  const Duration down = between_seconds(1, 20);
  switch (random.below(4)) {
    case 0:
    case 1:
      tell("the collector dies between its next commit and the ack");
      return cast_.collector.die_after_commit(down);
    case 2:
      tell("the collector is killed");
      return cast_.collector.die(Death::kill, sim::Survival::all, down);
    default:
      tell("the collector loses power in a write");
      return cast_.collector.die_at_change(
          1 + random.below(60), Death::power,
          static_cast<sim::Survival>(random.below(sim::kSurvivalCount)), down);
  }
}

void Director::broker_dies() {
  Random& random = cast_.stage.random;
  const Duration down = between_seconds(1, 20);
  const std::uint64_t kind = random.below(4);
  tell(kind == 0   ? "the hub restarts"
       : kind == 1 ? "the cloud's broker restarts"
                   : "the cloud's broker restarts and forgets everything");
  if (kind == 0) return cast_.hub.restart(false, down);
  cast_.cloud.restart(kind > 1, down);
}

void Director::broker_is_faulty() {
  Random& random = cast_.stage.random;
  SimBroker::Faults faults;
  for (std::uint64_t* one :
       {&faults.lost, &faults.puback_dropped, &faults.doubled, &faults.reordered}) {
    if (random.one_in(2)) *one = 2 + random.below(10);
  }
  const Duration time = between_seconds(10, 90);
  tell("the cloud's broker loses 1/" + std::to_string(faults.lost) + ", drops PUBACKs 1/" +
       std::to_string(faults.puback_dropped) + ", doubles 1/" + std::to_string(faults.doubled) +
       ", reorders 1/" + std::to_string(faults.reordered) + " for " + spoken(time));
  cast_.cloud.faults(faults);
  later(time, [this] { cast_.cloud.faults({}); });
}

void Director::link_fails() {
  Random& random = cast_.stage.random;
  const std::array<std::array<const char*, 2>, 6> links = {{{"gateway", cast_.far},
                                                            {"gateway", cast_.far},
                                                            {"collector", "cloud"},
                                                            {"gateway", "hub"},
                                                            {"plant", "gateway"},
                                                            {"plant", "hub"}}};
  const auto& [a, b] = links[random.below(links.size())];
  SimLink& link = cast_.stage.fabric.link(a, b);
  const std::string name = std::string("the link from ") + a + " to " + b;
  const Duration time = between_seconds(1, 90);
  switch (random.below(4)) {
    case 0: tell(name + " breaks off"); return link.break_off();
    case 1: tell(name + " is half-open"); return link.forget();
    case 2:
      tell(name + " refuses for " + spoken(time));
      link.break_off();
      link.refuse();
      break;
    default: tell(name + " is cut for " + spoken(time)); link.cut();
  }
  later(time, [&link] { link.mend(); });
}

void Director::disk_fails() {
  Random& random = cast_.stage.random;
  const bool gateways = random.below(3) > 0;
  Machine& machine = gateways ? static_cast<Machine&>(cast_.gateway) : cast_.collector;
  sim::Fault fault;
  static constexpr std::array<std::uint32_t, 4> kCalls = {
      sim::kWrite, sim::kSync, sim::kWrite | sim::kSync | sim::kTruncate, sim::kAnyCall};
  fault.calls = kCalls[random.below(kCalls.size())];
  fault.kind = static_cast<sim::Fault::Kind>(random.below(3));
  fault.skip = random.below(20);
  fault.count = random.one_in(2) ? 1 + random.below(5) : sim::SimDisk::kForEver;
  const Duration time = between_seconds(1, 20);
  fault.until = cast_.stage.scheduler.now() + time;
  tell("the disk of " + machine.name() + " fails (calls " + std::to_string(fault.calls) +
       ", kind " + std::to_string(static_cast<int>(fault.kind)) + ", count " +
       std::to_string(fault.count) + ") for " + spoken(time));
  machine.disk().inject(fault);
}

void Director::clock_steps() {
  Random& random = cast_.stage.random;
  static constexpr std::array<std::int64_t, 4> kSteps = {1, 60, 86'400, 40ll * 365 * 86'400};
  const std::int64_t step = kSteps[random.below(kSteps.size())];
  const Duration by = between_seconds(-step, step);
  tell("the gateway's clock steps by " + spoken(by));
  cast_.gateway.step_clock(by);
}

// Long enough for records to grow too old.
void Director::outage() {
  const Duration time = between_seconds(60, 180);
  tell("the gateway has no link for " + spoken(time));
  SimLink& link = cast_.stage.fabric.link("gateway", cast_.far);
  link.cut();
  later(time, [&link] { link.mend(); });
}

void Director::heal() {
  timer_->stop();
  healers_.clear();
  for (const auto& [a, b] :
       {std::pair{"gateway", cast_.far}, std::pair{"collector", "cloud"},
        std::pair{"gateway", "hub"}, std::pair{"plant", "gateway"}, std::pair{"plant", "hub"}}) {
    cast_.stage.fabric.link(a, b).mend();
  }
  cast_.cloud.faults({});
  cast_.gateway.synchronise_clock();
  cast_.gateway.disk().clear_faults();
  cast_.collector.disk().clear_faults();
}

}  // namespace pinaflux::tests
