// A boot, by example:
//
//   0 s    no trust     records get "0 s @boot"; with the first of a lane, "time/owed" goes to the spool
//   95 s   NTP is done  trust: the anchor (boot, 95 s, calendar) goes into each lane that is owed one
//          then         records get calendar time; what waits in chunks gets it when it is sealed
//   2 d    NTP is lost  trust stays: this clock drifts by milliseconds where a boot's begin is not known at all
//
// Two keys in the spool's states: "time/trusted" holds the anchor and the rule that it was gained by, "time/owed"
// the boot and the names of lanes. They are written in the commits that carry the records.

#include "agent/agent/trusted_time.h"

#include <algorithm>
#include <utility>

#include "agent/mask/masker.h"
#include "platform/base/assert.h"
#include "platform/base/bytes.h"
#include "platform/base/text.h"

namespace pinaflux {

namespace {

constexpr const char* kTrustedKey = "time/trusted";
constexpr const char* kOwedKey = "time/owed";

}  // namespace

TrustedTime::Options TrustedTime::options_of(const Configuration& configuration, WallTime built) {
  Options options{configuration.clock, built};
  for (const PipelineLane& lane : configuration.pipeline.lanes) options.lanes.push_back(lane.name);
  for (const UplinkOptions& uplink : configuration.uplinks) {
    if (uplink.ack == UplinkOptions::Ack::collector) continue;
    for (const auto& lane : uplink.lanes) options.resolved_here.push_back(lane.name);
  }
  return options;
}

TrustedTime::TrustedTime(Options options, const Clock& clock, Shapes& shapes)
    : options_(std::move(options)),
      clock_(clock),
      boot_(clock.boot()),
      shape_(shapes.intern(kAnchorStream, kAnchorFields)) {
  ASSERT(shape_ != nullptr);
  ASSERT(options_.lanes.size() <= owed_.size());
  for (std::size_t lane = 0; lane < options_.lanes.size(); ++lane) {
    waits_[lane] = std::ranges::contains(options_.resolved_here, options_.lanes[lane]);
  }
}

void TrustedTime::restore(const std::vector<StateEdit>& states) {
  for (const StateEdit& state : states) {
    if (state.key == kTrustedKey) restore_trust(state.value);
    if (state.key == kOwedKey) restore_owed(state.value);
  }
}

// A clock that was only plausible is asked again by who wants it synchronised.
void TrustedTime::restore_trust(Bytes value) {
  Reader read(value);
  const auto rule = static_cast<ClockRule>(read.u8());
  Anchor anchor{.boot = read.u64()};
  anchor.monotonic.ns = static_cast<std::int64_t>(read.u64());
  anchor.wall.ns = static_cast<std::int64_t>(read.u64());
  anchor.uncertainty.ns = static_cast<std::int64_t>(read.u64());
  const bool enough = rule == ClockRule::synchronised || rule == options_.rule;
  if (!read.failed() && anchor.boot == boot_ && anchor.sane() && enough) anchor_ = anchor;
}

void TrustedTime::restore_owed(Bytes value) {
  Reader read(value);
  if (read.u64() != boot_ || read.failed()) {
    owed_kept_ = false;
    return;
  }
  for (const std::string_view name : split(as_text(read.raw(read.left())), '\n')) {
    const auto lane = std::ranges::find(options_.lanes, name);
    if (lane == options_.lanes.end()) continue;
    owed_[static_cast<std::size_t>(lane - options_.lanes.begin())] = true;
  }
}

bool TrustedTime::look(bool link_up) {
  if (trusted()) return false;
  if (link_up) linked_ = linked_ + kLookEvery;
  const WallTime wall = clock_.wall();
  const bool plausible = wall >= options_.built;
  if (!plausible || (options_.rule == ClockRule::synchronised && !clock_.synchronised())) {
    doubted_ = true;
    return false;
  }
  const Duration error = options_.rule == ClockRule::synchronised
                             ? std::max(clock_.wall_error(), kErrorMin)
                             : kPlausibleError;
  const Anchor anchor{boot_, clock_.now(), wall, error};
  if (!anchor.sane()) return false;
  anchor_ = anchor;
  trust_kept_ = false;
  return true;
}

// A trusted clock that is set to before the build is counted on from the anchor.
Stamp TrustedTime::stamp() const {
  const Stamp since_boot{clock_.now().ns, boot_};
  if (!anchor_) return since_boot;
  const WallTime wall = clock_.wall();
  return wall >= options_.built ? Stamp::wall(wall) : anchor_->resolve(since_boot);
}

void TrustedTime::tell(Group& group) {
  if (!anchor_) return;
  for (std::size_t lane = 0; lane < options_.lanes.size(); ++lane) {
    if (!owed_[lane]) continue;
    if (group.record_count() >= limits::kGroupRecordsMax) return;
    const auto row = anchor_row(*anchor_, *shape_, group.arena);
    if (!row) return;
    group.records[lane].push_back(Masker::own(*row));
    owed_[lane] = false;
    owed_kept_ = false;
  }
}

void TrustedTime::prepare(Group& group) {
  if (doubted_ || !group.replayed.empty()) note_owed(group);
  tell(group);
  keep(group);
}

void TrustedTime::withhold(LeaseWish& wish) const {
  if (trusted() || linked_ >= kWaitMax) return;
  for (std::size_t lane = 0; lane < owed_.size(); ++lane) {
    if (owed_[lane] && waits_[lane]) wish.envelopes[lane] = 0;
  }
}

std::string TrustedTime::text() const {
  if (trusted()) return {};
  const bool plausible = options_.rule == ClockRule::plausible;
  std::string text = "records carry time since boot until the clock ";
  text += plausible ? "has a plausible date" : "is synchronised";
  text += options_.resolved_here.empty()
              ? "; meanwhile the collector gives them calendar time by its own clock; "
              : "; then a time anchor follows in each lane; ";
  text +=
      plausible
          ? "set the clock"
          : "start a time service, or set gateway.clock: plausible if a battery keeps the clock";
  return text;
}

void TrustedTime::note_owed(const Group& group) {
  for (std::size_t lane = 0; lane < options_.lanes.size(); ++lane) {
    if (owed_[lane]) continue;
    const auto ours = [this](const Record& record) { return record.time().boot == boot_; };
    if (std::ranges::none_of(group.records[lane], ours)) continue;
    owed_[lane] = true;
    owed_kept_ = false;
  }
}

void TrustedTime::keep(Group& group) {
  if (!std::exchange(trust_kept_, true)) {
    StateEdit& edit = group.states.emplace_back(kTrustedKey, Buffer());
    Writer write(edit.value);
    write.u8(static_cast<std::uint8_t>(options_.rule));
    write.u64(boot_);
    write.u64(static_cast<std::uint64_t>(anchor_->monotonic.ns));
    write.u64(static_cast<std::uint64_t>(anchor_->wall.ns));
    write.u64(static_cast<std::uint64_t>(anchor_->uncertainty.ns));
  }
  if (std::exchange(owed_kept_, true)) return;
  std::string names;
  for (std::size_t lane = 0; lane < options_.lanes.size(); ++lane) {
    if (owed_[lane]) names += (names.empty() ? "" : "\n") + options_.lanes[lane];
  }
  StateEdit& edit = group.states.emplace_back(kOwedKey, Buffer());
  if (names.empty()) return;
  Writer write(edit.value);
  write.u64(boot_);
  write.raw(as_bytes(names));
}

}  // namespace pinaflux
