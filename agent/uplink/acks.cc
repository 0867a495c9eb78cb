// Acks:      what the far end says that it has. None for as long as they take as a rule (and four times
//            what they vary by): the window halves and hello is said again, which costs a hundred bytes
//            where a resend costs a window. An answer that is behind what was sent means that it is
//            lost: resend. No answer for twice the time, a minute at least: resend, and be twice as
//            patient until an ack comes of what was sent once, an hour at most: the far end is away, and
//            what lies in the broker's queue for it would only be there twice.

#include <algorithm>

#include "agent/uplink/state.h"
#include "agent/uplink/traffic.h"

namespace pinaflux {

namespace {

constexpr Duration kPatienceMax = Duration::hours(1);
constexpr Duration kPatienceHeard =
    Duration::minutes(5);  // Of one that has acknowledged something.
constexpr const char* kNoAcks =
    "the collector does not acknowledge: check that it runs and reaches the broker, and that we "
    "may read its acks; nothing is deleted";
constexpr const char* kForeignAck =
    "an ack that fits nothing that was sent: is there a second gateway of this name?";
constexpr const char* kForkedAck =
    "the collector has other data under our numbers: this gateway was cloned or restored from an "
    "image; what it has not taken from us is sent under new ones";
constexpr const char* kUnsignedAck =
    "an ack that nobody proves to be the collector's: let it sign (pinaflux-collector run "
    "--sign-key) "
    "by the private key of one that uplink.acks_by names; somebody else may be writing to our "
    "topic";
constexpr const char* kUnprovedAck =
    "an ack that nobody proves to be the collector's: give it our key (pinaflux-collector run "
    "--keys), the one "
    "that uplink.mac names; somebody without the key may be writing to our topic";

}  // namespace

Duration Uplink::State::late_after(const Lane& lane) const {
  const Duration most = std::max(kPatienceMax, options.ack_timeout);
  return std::min(std::max(lane.patience, round_trip.late_after(options.ack_timeout)), most);
}

// Sent again in vain, it is sent ever more rarely: somebody between may keep it from the collector.
void Uplink::State::lose_again(LaneIndex index, Duration after) {
  lanes[index].patience = std::min(after * 2, std::max(kPatienceMax, options.ack_timeout));
  lose(index);
}

// By HTTP a hello overtakes what is still being posted.
bool Uplink::State::look_for_acks(Lane& lane, LaneIndex index, Instant now) {
  if (!collector() || lane.flight.in_flight() == 0) return false;
  if (is_http(broker()) && lane.flight.is_posting()) return false;
  const Duration waited = now - lane.progress_at;
  const Duration late = late_after(lane);
  if (!lane.probed && waited < late) return false;
  if (waited >= options.ack_timeout && trouble.empty()) trouble = kNoAcks;
  if (!lane.probed) return true;
  const Duration patience = std::max(late, options.ack_timeout);
  if (waited >= patience * 2) lose_again(index, patience);
  return false;
}

void Uplink::State::disproved(std::uint64_t count) {
  health.acks_rejected += count - 1;
  reject(kForeignAck);
}

void Uplink::State::reject(const char* why) {
  ++health.acks_rejected;
  trouble = why;
}

void Uplink::State::message(const std::string& topic, Bytes payload) {
  budget.spend(traffic::publish(topic.size(), payload.size(), tls));
  const bool ours = topic == base_of(options.gateway) + "/ack";
  const auto named = [&](const std::string& name) { return topic == base_of(name) + "/ack"; };
  if (!ours && std::ranges::none_of(earlier_names, named)) return;
  if (!proof.believes(as_text(payload)))
    return reject(proof.asks_for() == ProofKind::mac ? kUnprovedAck : kUnsignedAck);
  const Result<AckMessage> ack = parse_ack(as_text(payload));
  if (!ack)
    return reject("an ack that cannot be read: does the collector have a version of its own?");
  if (ack->lane == kProbeLane) return;  // Somebody tests the way.
  if (topic != base_of(ack->gateway) + "/ack")
    return reject("an ack for another gateway on our topic: check the collector");
  const std::size_t at = lane_of(*ack);
  if (at == lanes.size())
    return reject("an ack for a lane that we do not have: check the collector");
  if (ack->hello) hello_answered(*ack->hello);
  judge(*ack, static_cast<LaneIndex>(at));
}

// Lanes of an earlier epoch (an imported spool, a restored image) drain beside ours of the same name.
std::size_t Uplink::State::lane_of(const AckMessage& ack) const {
  std::size_t named = lanes.size();
  for (std::size_t i = lanes.size(); i-- > 0;) {
    if (options.lanes[i].name != ack.lane || gateway_of(i) != ack.gateway) continue;
    named = i;
    if (lanes[i].flight.epoch_known() && lanes[i].flight.epoch() == ack.epoch) return i;
  }
  return named;
}

void Uplink::State::judge(const AckMessage& ack, LaneIndex index) {
  Lane& lane = lanes[index];
  lane.answer_until = {};
  const LaneFlight::Verdict verdict = lane.flight.judge(ack, index, acks);
  if (verdict.accepted) accepted(index);
  if (verdict.rejected) reject(ack.fork ? kForkedAck : kForeignAck);
  take_refusals(ack, index, verdict.accepted);
  // What the spool looks up now would be sent once more.
  if (verdict.unproved && !lane.flight.sent_since_greeting()) lose(index);
  if (take_dictionaries(lane, ack)) lose(index);
  // The answer to a hello that followed what is in flight: it never arrived.
  const bool stale = !verdict.accepted && !verdict.unproved && !verdict.rejected;
  const bool of_earlier = ack.hello && ack.hello->at < lane.probed_at;
  if (stale && lane.probed && !of_earlier && lane.flight.in_flight() > 0)
    lose_again(index, late_after(lane));
  pump();
}

void Uplink::State::accepted(LaneIndex index) {
  Lane& lane = lanes[index];
  const Instant now = clock.now();
  health.envelopes_acked += lane.flight.gone();
  if (const Sending& sending = lane.flight.gone_sending(); sending.at != Instant{}) {
    health.round_trip = now - sending.at;
    round_trip.measured(health.round_trip);
    window.measured(health.round_trip, sending.ahead);
    lane.patience = {};
  }
  lane.patience = std::min(lane.patience, kPatienceHeard);
  window.acked(lane.flight.gone(), in_flight() + lane.flight.gone());
  lane.progress_at = now;
  lane.probed = false;
  if (collector() && lane.flight.records_gone()) lane.taken();
  trouble.clear();
  rest.reset();
  back_off.reset();
}

}  // namespace pinaflux
