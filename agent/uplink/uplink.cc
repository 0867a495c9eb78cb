#include "agent/uplink/uplink.h"

#include <algorithm>
#include <array>
#include <utility>

#include "agent/uplink/state.h"
#include "platform/base/assert.h"

namespace pinaflux {

Uplink::Uplink(const UplinkOptions& options, const Clock& clock, Entropy& entropy, Loop& loop,
               MqttClientMaker make_client, std::function<void()> changed, Interface interface)
    : state_(std::make_unique<State>(options, clock, entropy, std::move(make_client),
                                     std::move(changed), std::move(interface),
                                     static_cast<MqttClient::Events&>(*this))) {
  state_->timer = loop.timer([this] {
    state_->due();
    state_->changed();
  });
  state_->ticker = loop.timer([this] {
    state_->tick();
    state_->changed();
  });
}

Uplink::~Uplink() = default;

std::string Uplink::budget_key() const {
  const UplinkOptions& options = state_->options;
  return options.is_first() ? "uplink/budget" : "uplink/budget/" + options.name;
}

void Uplink::start() { state_->connect(); }

void Uplink::stop() {
  State& s = *state_;
  if (std::exchange(s.stopping, true)) return;
  s.ticker->stop();
  s.timer->stop();
  if (s.up) {
    s.say_status("offline");
    s.client->disconnect();
  } else {
    s.client.reset();
    s.stopped = true;
  }
}

void Uplink::prove_by(LinkProof proof) { state_->proof = std::move(proof); }

void Uplink::clock_trusted(bool trusted) { state_->clock_trusted = trusted; }

void Uplink::restore(const std::vector<StateEdit>& states) {
  const auto saved = std::ranges::find(states, budget_key(), &StateEdit::key);
  if (saved != states.end()) state_->budget.restore(saved->value);
}

bool Uplink::announces() const { return state_->announces(); }

void Uplink::announce(std::string_view stream, std::string text) {
  State& s = *state_;
  s.notice = {s.base_of(s.options.gateway) + "/schema/" + in_topic(stream), std::move(text)};
  s.say_notice();
}

bool Uplink::save_due() const { return state_->budget.save_due(); }

void Uplink::save(Group& group) {
  if (save_due()) group.states.push_back({budget_key(), state_->budget.save()});
}

void Uplink::saved() {
  state_->budget.saved();
  state_->pump();
}

bool Uplink::stopped() const { return state_->stopped; }

LeaseWish Uplink::wish() const {
  const State& s = *state_;
  LeaseWish wish;
  for (std::size_t i = 0; i < s.lanes.size(); ++i) {
    wish.round[i] = s.lanes[i].flight.round();
    wish.bytes_max[i] = static_cast<std::uint32_t>(s.envelope_bytes_max());
  }
  if (!s.up || s.stopping) return wish;
  std::array<LaneDemand, limits::kLanesMax> demand{};
  for (std::size_t i = 0; i < s.lanes.size(); ++i) {
    const auto& lane = s.lanes[i];
    const auto& terms = s.options.lanes[i];
    demand[i] = {.open = lane.rests_until == Instant{} && s.served(i) && s.budget.open(i),
                 .busy = lane.flight.in_flight() > 0,
                 .priority = terms.priority,
                 .share = terms.share};
    if (!s.options.dictionaries || !s.collector()) continue;
    wish.takes_dictionaries[i] = lane.far.said();
    if (lane.own && lane.far.has(lane.own->id)) wish.dictionary[i] = lane.own->id;
  }
  wish.envelopes = share_places(s.places(), std::span(demand).first(s.lanes.size()));
  return wish;
}

void Uplink::send(std::vector<Lease>&& leases) { state_->take(std::move(leases)); }

void Uplink::take_acks(std::vector<LaneAck>& acks) {
  acks.insert(acks.end(), state_->acks.begin(), state_->acks.end());
  state_->acks.clear();
}

void Uplink::disproved(std::uint64_t acks) { state_->disproved(acks); }

std::vector<LaneIndex> Uplink::take_lost() { return std::exchange(state_->lost_lanes, {}); }

void Uplink::committed(LaneIndex lane, const Epoch& epoch, std::uint64_t last_seq,
                       std::uint64_t acked, std::shared_ptr<const SentDictionary> dictionary) {
  ASSERT(lane < state_->lanes.size());
  state_->lanes[lane].own = std::move(dictionary);
  state_->lanes[lane].flight.committed(epoch, last_seq, acked);
}

UplinkHealth Uplink::health() const {
  UplinkHealth health = state_->health;
  health.in_flight = state_->in_flight();
  health.bounded = state_->budget.bounded();
  health.used_today = state_->budget.used_today();
  health.used_this_month = state_->budget.used_this_month();
  health.text = state_->link_text.empty() ? state_->trouble : state_->link_text;
  if (health.text.empty()) health.text = state_->waiting_text();
  health.broker = without_query(state_->broker());
  const bool over_another = state_->up && !state_->brokers.on_primary();
  if (over_another && health.text.empty())
    health.text = "over the fall-back, because of " + without_query(state_->brokers.primary()) +
                  ": " + state_->away;
  return health;
}

void Uplink::connected(const MqttSession& session) {
  state_->connected(session);
  state_->changed();
}

void Uplink::lost(int reason, const std::string& why) {
  state_->lost(reason, why);
  state_->changed();
}

void Uplink::published(std::uint64_t token, int reason) {
  state_->published(token, reason);
  state_->changed();
}

void Uplink::message(const std::string& topic, Bytes payload) {
  state_->message(topic, payload);
  state_->changed();
}

}  // namespace pinaflux
