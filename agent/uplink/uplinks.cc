#include "agent/uplink/uplinks.h"

#include <algorithm>
#include <utility>

#include "platform/base/assert.h"
#include "platform/http/url.h"

namespace pinaflux {

Uplinks::Uplinks(std::vector<Part> parts, const Host& host) {
  ASSERT(!parts.empty() && parts.size() <= limits::kUplinksMax);
  for (Part& part : parts) {
    ASSERT(part.lanes.size() == part.options.lanes.size());
    for (std::size_t i = 0; i < part.lanes.size(); ++i) {
      ways_[part.lanes[i]] = {static_cast<std::uint8_t>(parts_.size()), static_cast<LaneIndex>(i),
                              true};
    }
    auto uplink = std::make_unique<Uplink>(
        part.options, host.clock, host.entropy, host.loop, host.make_client, [] {}, host.interface);
    uplink->prove_by(std::move(part.proof));
    if (announcer_ == nullptr && !is_http(part.options.broker)) announcer_ = uplink.get();
    const bool resolved = part.options.ack == UplinkOptions::Ack::collector;
    parts_.push_back({part.options.name, std::move(part.lanes), std::move(uplink), resolved});
  }
}

void Uplinks::restore(const std::vector<StateEdit>& states) {
  for (const Its& its : parts_) its.uplink->restore(states);
}

void Uplinks::start() {
  for (const Its& its : parts_) its.uplink->start();
}

void Uplinks::stop() {
  for (const Its& its : parts_) its.uplink->stop();
}

LeaseWish Uplinks::wish() const {
  LeaseWish all;
  for (const Its& its : parts_) {
    const LeaseWish wish = its.uplink->wish();
    for (std::size_t i = 0; i < its.lanes.size(); ++i) {
      const LaneIndex lane = its.lanes[i];
      all.envelopes[lane] = wish.envelopes[i];
      all.round[lane] = wish.round[i];
      all.bytes_max[lane] = wish.bytes_max[i];
      all.takes_dictionaries[lane] = wish.takes_dictionaries[i];
      all.dictionary[lane] = wish.dictionary[i];
    }
  }
  return all;
}

void Uplinks::send(std::vector<Lease>&& leases) {
  std::vector<std::vector<Lease>> of(parts_.size());
  for (Lease& lease : leases) {
    const Way way = ways_[lease.lane];
    lease.lane = way.lane;
    of[way.part].push_back(std::move(lease));
  }
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    if (!of[i].empty()) parts_[i].uplink->send(std::move(of[i]));
  }
}

void Uplinks::take_acks(std::vector<LaneAck>& acks) {
  for (Its& its : parts_) {
    const auto first = static_cast<std::ptrdiff_t>(acks.size());
    its.uplink->take_acks(acks);
    for (auto ack = acks.begin() + first; ack != acks.end(); ++ack) {
      ack->lane = its.lanes[ack->lane];
      its.claims = its.claims || ack->unproved;
    }
  }
}

std::vector<LaneIndex> Uplinks::take_lost() {
  std::vector<LaneIndex> lost;
  for (const Its& its : parts_) {
    for (const LaneIndex lane : its.uplink->take_lost()) lost.push_back(its.lanes[lane]);
  }
  return lost;
}

// The spool counts them, and does not say whose they were.
void Uplinks::disproved(std::uint64_t acks) {
  const auto at = std::ranges::find(parts_, true, &Its::claimed);
  Its& its = at == parts_.end() ? parts_.front() : *at;
  its.uplink->disproved(acks);
}

void Uplinks::committed(LaneIndex lane, const Epoch& epoch, std::uint64_t last_seq,
                        std::uint64_t acked, std::shared_ptr<const SentDictionary> dictionary) {
  const Way way = ways_[lane];
  if (!way.is_sent) return;
  parts_[way.part].uplink->committed(way.lane, epoch, last_seq, acked, std::move(dictionary));
}

void Uplinks::clock_trusted(bool trusted) {
  for (const Its& its : parts_) its.uplink->clock_trusted(trusted);
}

bool Uplinks::announces() const { return announcer_ != nullptr && announcer_->announces(); }

void Uplinks::announce(std::string_view stream, std::string text) {
  announcer_->announce(stream, std::move(text));
}

bool Uplinks::save_due() const {
  return std::ranges::any_of(parts_, [](const Its& its) { return its.uplink->save_due(); });
}

void Uplinks::save(Group& group) {
  for (Its& its : parts_) {
    its.uplink->save(group);
    its.claimed = std::exchange(its.claims, false);
  }
}

void Uplinks::saved() {
  for (const Its& its : parts_) its.uplink->saved();
}

bool Uplinks::unresolved_works() const {
  return std::ranges::any_of(parts_, [](const Its& its) {
    return !its.resolved && its.uplink->health().state == UplinkHealth::State::working;
  });
}

std::array<std::uint8_t, limits::kLanesMax> Uplinks::ways() const {
  std::array<std::uint8_t, limits::kLanesMax> ways{};
  for (std::size_t i = 0; i < ways.size(); ++i) ways[i] = ways_[i].part;
  return ways;
}

}  // namespace pinaflux
