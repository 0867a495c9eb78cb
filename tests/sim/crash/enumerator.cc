// One pass over the recorded operations. The medium knows what is durable and what is not; after each
// operation it is cut in as many ways as the budget allows: where little is unsynced there are few, and what
// they leave of the budget goes to the operations that follow.

#include "tests/sim/crash/enumerator.h"

#include <algorithm>
#include <array>
#include <bit>

namespace pinaflux::crash {

namespace {

constexpr std::uint64_t kProveEach = 50;  // Of the distinct states.
constexpr std::uint64_t kCompoundEach = 150;
constexpr std::uint64_t kCompoundPoints = 12;
constexpr std::uint64_t kCompoundVariants = 4;
constexpr std::uint64_t kOpenedEach = 64;    // Of those that would be read as one before.
constexpr std::uint64_t kTriesPerState = 3;  // Until the budget of an operation is given up.
constexpr std::uint64_t kFirstVariants = 7;  // Of which one is taken when there is one only.
constexpr std::uint64_t kShareVariant = std::uint64_t{1} << 40;  // Names no state.

sim::Image cut(const sim::Medium& medium, std::uint64_t variant, Random& random) {
  static constexpr std::array kKinds{sim::Survival::subset, sim::Survival::torn,
                                     sim::Survival::reordered, sim::Survival::torn,
                                     sim::Survival::garbled};
  if (variant == 0) return medium.cut(sim::Survival::none, random);
  if (variant == 1) return medium.cut(sim::Survival::all, random);
  return medium.cut(kKinds[variant % kKinds.size()], random);
}

// Where paths begin: what is judged by other bounds is judged anew.
Paths::Place root_of(const sim::Image& image, const Oracle::Bounds& bounds) {
  const std::array<std::uint64_t, 5> root{image.outline(), bounds.mark_index, bounds.first,
                                          bounds.last, bounds.damaged ? 1u : 0u};
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(root.data());
  return hash_of({bytes, sizeof root});
}

Paths::Place proof_from(Paths::Place opened) { return opened ^ 0x9e3779b97f4a7c15ull; }

}  // namespace

// Nothing but sums.
void Tally::add(const Tally& other) {
  using Numbers = std::array<std::uint64_t, sizeof(Counts) / sizeof(std::uint64_t)>;
  auto mine = std::bit_cast<Numbers>(counts);
  const auto others = std::bit_cast<Numbers>(other.counts);
  for (std::size_t i = 0; i < mine.size(); ++i) mine[i] += others[i];
  counts = std::bit_cast<Counts>(mine);
  failures.insert(failures.end(), other.failures.begin(), other.failures.end());
}

Enumerator::Enumerator(const Subject& subject)
    : subject_(subject),
      recording_(record(subject, happened_)),
      oracle_(recording_, rig_),
      medium_(recording_.medium) {
  medium_.reset(recording_.initial);
  tally_.counts.operations = recording_.history.size();
  tally_.counts.moments = oracle_.moment_count();
  tally_.counts.covered = recording_.covered;
  tally_.counts.happened = happened_ ? 1 : 0;
  if (!oracle_.wrong().empty()) fail(subject_.command(), oracle_.wrong());
}

Random Enumerator::random_of(std::size_t operation, std::uint64_t variant) const {
  const std::array<std::uint64_t, 4> name{subject_.seed, subject_.number, operation, variant};
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(name.data());
  return Random(hash_of({bytes, sizeof name}));
}

std::string Enumerator::name_of(std::size_t operation, std::uint64_t variant) const {
  return subject_.command() + " --at " + std::to_string(operation) + ":" + std::to_string(variant);
}

void Enumerator::fail(const std::string& name, const std::string& wrong) {
  tally_.failures.push_back(name + "  # " + wrong + " [" + theme_name(recording_.theme) + "]");
}

Tally Enumerator::run(std::uint64_t states_wanted) {
  Random random(recording_.medium_seed);
  const std::size_t count = recording_.history.size();
  for (std::size_t i = 0; i <= count && tally_.failures.size() < kFailuresMax; ++i) {
    if (i > 0) medium_.add(recording_.history[i - 1], random);
    const std::uint64_t left = states_wanted - std::min(states_wanted, tally_.counts.distinct);
    const std::uint64_t still = count + 1 - i;
    Random random_share = random_of(i, kShareVariant);
    at(i, left / still + (random_share.below(still) < left % still ? 1 : 0));
  }
  return tally_;
}

Tally Enumerator::run(const Place& place) {
  Random random(recording_.medium_seed);
  for (std::size_t i = 0; i < std::min(place.operation, recording_.history.size()); ++i) {
    medium_.add(recording_.history[i], random);
  }
  always_prove_ = true;
  Random its = random_of(place.operation, place.variant);
  check(cut(medium_, place.variant, its), place.operation, place.variant);
  return tally_;
}

void Enumerator::at(std::size_t operation, std::uint64_t quota) {
  if (!oracle_.wrong().empty() || quota == 0) return;
  const std::uint64_t tries = medium_.unsynced_count() == 0 ? 1 : quota * kTriesPerState;
  std::uint64_t found = 0;
  const std::uint64_t first =
      quota > 1 || tries == 1 ? 0 : random_of(operation, kShareVariant).below(kFirstVariants);
  for (std::uint64_t variant = first; variant < first + tries && found < quota; ++variant) {
    if (tally_.failures.size() >= kFailuresMax) return;
    Random random = random_of(operation, variant);
    if (check(cut(medium_, variant, random), operation, variant)) ++found;
  }
}

Enumerator::Novelty Enumerator::novelty(const sim::Image& image, const Oracle::Bounds& bounds) {
  ++tally_.counts.states;
  const auto [at, is_new] =
      seen_.try_emplace(Rig::hash(image, *bounds.mark->options), bounds.first);
  if (is_new) {
    ++tally_.counts.distinct;
    return Novelty::state;
  }
  if (at->second >= bounds.first) return Novelty::none;
  at->second = bounds.first;
  return Novelty::promise;
}

// True: it was a new state.
bool Enumerator::check(const sim::Image& image, std::size_t operation, std::uint64_t variant) {
  const Oracle::Bounds bounds = oracle_.bounds(operation);
  const Novelty novel = novelty(image, bounds);
  if (novel == Novelty::none) return false;
  const bool prove = always_prove_ || tally_.counts.distinct % kProveEach == 0;
  if (prove) ++tally_.counts.proved;
  if (const std::string wrong = wrong_with(image, bounds, prove); !wrong.empty()) {
    fail(name_of(operation, variant), wrong);
  } else if (always_prove_ || tally_.counts.distinct % kCompoundEach == 0) {
    crash_again(image, bounds, operation, variant);
  }
  return novel == Novelty::state;
}

std::string Enumerator::wrong_with(const sim::Image& image, const Oracle::Bounds& bounds,
                                   bool prove) {
  const Paths::Place place = root_of(image, bounds);
  const auto opened = paths_.walk(image, place);
  auto known = opened;
  if (opened && prove) known = paths_.walk(image, proof_from(opened->place));
  if (known && !always_prove_ && tally_.counts.distinct % kOpenedEach != 0) return {};
  ++tally_.counts.opened;
  paths_.follow(image);
  Paths::End end{.place = place, .outcome = 0};
  std::string wrong = wrong_when_opened(image, bounds, prove, end);
  paths_.stop();
  if (wrong.empty()) wrong = rig_.leak();
  if (!wrong.empty() || !known) return wrong;
  if (known->place != end.place) return "it is not read as it was before";
  return known->outcome == end.outcome ? "" : "it is read as one before, and holds something else";
}

std::string Enumerator::wrong_when_opened(const sim::Image& image, const Oracle::Bounds& bounds,
                                          bool prove, Paths::End& end) {
  if (Status s = rig_.open(image, *bounds.mark->options, bounds.mark->age); !s) {
    return std::string("the spool does not open: ") + s.error().what;
  }
  std::size_t moment = 0;
  std::string wrong = oracle_.wrong_with(bounds, moment);
  if (!wrong.empty()) return wrong;
  end = {paths_.learn(end.place, moment), moment};
  if (!prove) return wrong;
  wrong = oracle_.prove(moment, *bounds.mark->options);
  if (wrong.empty()) end.place = paths_.learn(proof_from(end.place), moment);
  return wrong;
}

// The power goes again while the spool is opened, or while it is closed in order after that.
void Enumerator::crash_again(const sim::Image& image, const Oracle::Bounds& bounds,
                             std::size_t operation, std::uint64_t variant) {
  std::vector<std::shared_ptr<const sim::Operation>> history;
  rig_.disk().history = &history;
  const Status opened = rig_.open(image, *bounds.mark->options, bounds.mark->age);
  rig_.close();
  rig_.disk().history = nullptr;
  if (!rig_.leak().empty()) fail(name_of(operation, variant), rig_.leak());
  if (!opened) return;  // It did a moment ago: said already.
  sim::Medium medium(recording_.medium);
  medium.reset(image);
  Random random(recording_.medium_seed);
  Random choice = random_of(operation, ~variant);
  const std::uint64_t each = 1 + history.size() / kCompoundPoints;
  for (std::size_t i = 0; i < history.size(); ++i) {
    medium.add(history[i], random);
    if (i % each != 0 && !history[i]->is_sync()) continue;
    for (std::uint64_t j = 0; j < kCompoundVariants; ++j) {
      const sim::Image again = cut(medium, j == 0 ? 0 : 1 + j, choice);
      const Novelty novel = novelty(again, bounds);
      if (novel == Novelty::none) continue;
      if (novel == Novelty::state) ++tally_.counts.in_recovery;
      if (std::string wrong = wrong_with(again, bounds, false); !wrong.empty()) {
        fail(name_of(operation, variant),
             "and again at operation " + std::to_string(i) + " of the recovery: " + wrong);
        return;
      }
    }
  }
}

}  // namespace pinaflux::crash
