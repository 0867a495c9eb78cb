// A lane:    hello -> the collector's ack, or a third of ack_timeout without it -> envelopes,
//            window by window. No ack for ack_timeout: the window halves and hello is said again,
//            which costs a hundred bytes where a resend costs a window. An answer that is behind
//            what was sent means that it is lost: resend. No answer for twice the time: resend, and
//            be twice as patient the next time, an hour at most: the far end is away, and what lies
//            in the broker's queue for it would only be there twice.
// Refusals:  no subscriber, not authorised, too large, over quota: the lane rests with back-off,
//            then its envelopes are leased and sent again. Nothing is dropped.

#include <algorithm>
#include <array>
#include <utility>

#include "agent/seal/gzip.h"
#include "agent/uplink/state.h"
#include "agent/uplink/traffic.h"
#include "platform/base/assert.h"
#include "platform/http/link.h"
#include "platform/mqtt/reason.h"

namespace pinaflux {

namespace {

constexpr Duration kStuck = Duration::seconds(3);
constexpr char kContentType[] = "application/vnd.pinaflux.envelope";
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
constexpr Duration kPatienceMax = Duration::hours(1);
constexpr int kHttpRefusal = 300, kHttpMalformed = 400, kHttpTooLarge = 413,
              kHttpUnprocessable = 422;
constexpr Duration kKeptOpen = Duration::seconds(30);
constexpr std::size_t kTopicMax = 256, kProofMax = 256;
constexpr std::size_t kEnvelopeBytesLeast = 1024;

const char* refusal_text(int reason) {
  switch (reason) {
    case kNoSubscriber:
      return "the broker has no subscriber for our data: start the collector, or check its topics; "
             "nothing is deleted";
    case kNotAuthorised:
      return "the broker does not let us publish: allow this user to write to the gateway's "
             "topics; nothing is deleted";
    case kTooLarge:
      return "an envelope is larger than the broker allows: raise its limit of packets to 131072 "
             "bytes";
    case kRefused: return "the broker refuses our data: see its log; nothing is deleted";
    default:
      return reason >= kHttpRefusal ? http_link::refusal_text(reason) : mqtt::reason_text(reason);
  }
}

}  // namespace
bool Uplink::State::look_for_acks(Lane& lane, LaneIndex index, Instant now) {
  if (!collector() || lane.flight.in_flight() == 0) return false;
  const Duration waited = now - lane.progress_at;
  if (!lane.probed && waited >= lane.patience) return lane.probed = true;
  if (lane.probed && waited >= lane.patience * 2) {
    lane.patience = std::min(lane.patience * 2, std::max(kPatienceMax, options.ack_timeout));
    lose(index);
  }
  return false;
}

const std::string& Uplink::State::gateway_of(std::size_t lane) const {
  const std::string& name = options.lanes[lane].gateway;
  return name.empty() ? options.gateway : name;
}

bool Uplink::State::served(std::size_t lane) const {
  return !earlier_denied || gateway_of(lane) == options.gateway;
}

std::size_t Uplink::State::in_flight() const {
  std::size_t sum = 0;
  for (const Lane& lane : lanes) sum += lane.flight.in_flight();
  return sum;
}

std::size_t Uplink::State::envelope_bytes_max() const {
  const std::size_t most = session.packet_bytes_max;
  if (translator || most == 0) return limits::kEnvelopeBytesMax;
  const std::size_t beside = traffic::kPublishMax + kTopicMax + kProofMax;
  return std::clamp<std::size_t>(most - std::min(most, beside), kEnvelopeBytesLeast,
                                 limits::kEnvelopeBytesMax);
}

std::size_t Uplink::State::places() const {
  std::size_t taken = in_flight();
  for (const Lane& lane : lanes) taken += lane.flight.waiting();
  return window.size() > taken ? window.size() - taken : 0;
}

void Uplink::State::take(std::vector<Lease>&& leases) {
  for (Lease& lease : leases) {
    ASSERT(lease.lane < lanes.size());
    lease.bytes = proof.signed_envelope(std::move(lease.bytes));
    lanes[lease.lane].flight.take(std::move(lease));
  }
  pump();
}

// A server may have given up a connection that was idle, and then the next post begins with another one.
void Uplink::State::pay_for_silence() {
  if (!is_http(broker())) return;
  const Instant now = clock.now();
  if (now - posted > kKeptOpen) budget.spend(traffic::connection(tls));
  posted = now;
}

std::uint64_t Uplink::State::cost(std::size_t topic, std::size_t payload) const {
  return is_http(broker()) ? traffic::post(topic, payload, tls)
                           : traffic::publish(topic, payload, tls);
}

std::uint64_t Uplink::State::price(LaneIndex index, const LaneFlight::Item& item) const {
  std::size_t beside = 0;
  if (options.properties) {
    for (const auto& [name, value] : properties_of(index, item))
      beside += name.size() + value.size() + traffic::kPropertyMax;
  }
  if (item.handed < item.parts.size()) {
    const OutMessage& part = item.parts[item.handed];
    return cost(part.topic.size(), part.payload.size() + beside);
  }
  const std::size_t topic = base_of(gateway_of(index)).size() + options.lanes[index].name.size();
  return cost(topic, item.bytes.size() + beside);
}

bool Uplink::State::may_send(LaneIndex index, Instant now) {
  Lane& lane = lanes[index];
  if (now < lane.answer_until || lane.rests_until != Instant{}) return false;
  LaneFlight::Item* item = lane.flight.next_unsent();
  if (item == nullptr || (translator && !translate(index, *item))) return false;
  return budget.allows(index, price(index, *item));
}

// False: it cannot be opened, and the lane rests.
bool Uplink::State::translate(LaneIndex index, LaneFlight::Item& item) {
  if (std::exchange(item.translated, true)) return true;
  auto parts = translator->translate(item.bytes);
  if (!parts) {
    trouble = std::string("a batch of the queue cannot be translated: ") + parts.error().what;
    rest_until(index, rest_over());
    return false;
  }
  item.bytes = {};
  item.parts = std::move(*parts);
  item.handed = std::min(lanes[index].flight.parts_done(item), item.parts.size());
  using Fate = LaneFlight::Item::Fate;
  for (OutMessage& part : item.parts) {
    if (gzips()) part.payload = gzip(part.payload);
    const bool done = item.fates.size() < item.handed;
    item.fates.push_back({std::hash<std::string>{}(part.topic), done ? Fate::wanted : Fate::open});
  }
  return true;
}

std::string Uplink::State::waiting_text() const {
  for (std::size_t i = 0; up && i < lanes.size(); ++i) {
    const LaneFlight& flight = lanes[i].flight;
    if (flight.acked() == flight.committed_last()) continue;
    const LaneFlight::Item* item = flight.next_unsent();
    const auto index = static_cast<LaneIndex>(i);
    const auto closed = budget.closed_to(i, item == nullptr ? 1 : price(index, *item));
    if (closed == Budget::Closed::no) continue;
    const std::string lane = "of lane '" + options.lanes[i].name + "' waits in the queue ";
    if (closed == Budget::Closed::times) return "the data " + lane + "for its times of day";
    const bool day = closed == Budget::Closed::day;
    return "the data " + lane + "until " + (day ? "00:00 UTC" : "the next month begins") +
           ": what is left of the " + (day ? "day" : "month") +
           "'s budget is too small for it, or kept for others; raise it if the data plan has more";
  }
  return {};
}

// One envelope at a time: no lane waits for another's backlog longer than that.
void Uplink::State::pump() {
  const Instant now = clock.now();
  std::array<bool, limits::kLanesMax> stuck{};  // In this call.
  const auto ready = [&](std::size_t i) {
    return !stuck[i] && may_send(static_cast<LaneIndex>(i), now);
  };
  while (up && in_flight() < window.size()) {
    const std::optional<std::size_t> next = turns.next(ready);
    if (!next) return;
    stuck[*next] = !send_one(static_cast<LaneIndex>(*next), now);
  }
}

// Of what is sent now, and is the same when that is sent again.
std::string Uplink::State::identity_of(LaneIndex index, const LaneFlight::Item& item) const {
  if (!is_http(broker())) return {};
  std::string text = gateway_of(index) + "/" + hex(lanes[index].flight.epoch()) + "/" +
                     options.lanes[index].name + "/" + std::to_string(item.range.first) + "-" +
                     std::to_string(item.range.last);
  if (translator) text += "/" + std::to_string(item.handed);
  return text;
}

// What a broker's rules may want to know without reading it.
std::vector<std::pair<std::string, std::string>> Uplink::State::properties_of(
    LaneIndex index, const LaneFlight::Item& item) const {
  std::vector<std::pair<std::string, std::string>> all{{"gateway", gateway_of(index)},
                                                       {"lane", options.lanes[index].name}};
  if (translator) return all;
  all.emplace_back("epoch", hex(lanes[index].flight.epoch()));
  all.emplace_back("range",
                   std::to_string(item.range.first) + "-" + std::to_string(item.range.last));
  return all;
}

// The envelope, or the next of the messages that it was translated to.
bool Uplink::State::send_part(LaneIndex index, LaneFlight::Item& item) {
  MqttPublish publish;
  if (translator) {
    publish.topic = item.parts[item.handed].topic;
    publish.payload = as_bytes(item.parts[item.handed].payload);
    publish.content_type = translator->content_type();
    publish.gzipped = gzips();
  } else {
    publish.topic = base_of(gateway_of(index)) + "/data/" + options.lanes[index].name;
    publish.payload = item.bytes;
    publish.content_type = kContentType;
  }
  publish.identity = identity_of(index, item);
  if (collector()) publish.expiry = kExpiry;
  if (options.properties) publish.properties = properties_of(index, item);
  const std::size_t bytes = publish.payload.size();
  if (session.packet_bytes_max != 0 &&
      bytes + publish.topic.size() + traffic::kPublishMax > session.packet_bytes_max) {
    refused(index, kTooLarge, item);
    return false;
  }
  const Result<std::uint64_t> token = client->publish(publish);
  if (!token) {
    if (token.error().code == Code::invalid) refused(index, kRefused, item);
    return false;  // Full: a PUBACK goes on. Closed: lost() follows.
  }
  pay_for_silence();
  budget.spend(index, price(index, item));
  turns.sent(index, bytes);
  health.bytes_sent += bytes;
  item.tokens.emplace_back(*token, item.handed);
  item.posted = true;
  if (translator) item.parts[item.handed++] = {};
  return true;
}

bool Uplink::State::send_one(LaneIndex index, Instant now) {
  Lane& lane = lanes[index];
  LaneFlight::Item* item = lane.flight.next_unsent();
  const bool nothing = translator && item->handed == item->parts.size();
  if (!nothing && !send_part(index, *item)) return false;
  if (item->handed < item->parts.size()) return true;
  if (lane.flight.in_flight() == 0) lane.progress_at = now;
  if (lane.flight.was_sent_before(*item)) ++health.resent;
  lane.flight.mark_sent(*item, now);
  ++health.envelopes_sent;
  finish_part(index, *item);
  return true;
}

// Once all of it is sent, and the broker has it.
void Uplink::State::finish_part(LaneIndex index, LaneFlight::Item& item) {
  if (!item.sent || !item.tokens.empty()) return;
  if (translator && item.lacks_subscriber()) return refused(index, kNoSubscriber, item);
  item.delivered = true;
  lanes[index].progress_at = clock.now();
  // What stands behind a record that is refused is not acknowledged before it, and is taken all the same.
  if (collector()) return;
  if (item.posted && item.records > 0) lanes[index].taken();
  if (lanes[index].flight.take_delivered(index, acks)) accepted(index);
  if (!give_back_waiting(index)) look_at_waiting(index);
}

void Uplink::State::published(std::uint64_t token, int reason) {
  const bool ok = reason < kRefused && reason != kNoSubscriber;
  if (token == hello_token && !ok && collector()) {
    trouble = refusal_text(reason);
    const Instant until = rest_over();
    for (std::size_t i = 0; i < lanes.size(); ++i) rest_until(static_cast<LaneIndex>(i), until);
    return;
  }
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    LaneFlight::Item* item = lanes[i].flight.by_token(token);
    if (item == nullptr) continue;
    const auto index = static_cast<LaneIndex>(i);
    const bool unwanted = translator && reason == kNoSubscriber;
    if (!ok && !unwanted) return refused(index, reason, *item);
    using Fate = LaneFlight::Item::Fate;
    const auto part = std::ranges::find(item->tokens, token, [](const auto& s) { return s.first; });
    if (translator) item->fates[part->second].fate = unwanted ? Fate::unwanted : Fate::wanted;
    item->tokens.erase(part);
    finish_part(index, *item);
    return pump();
  }
}

Instant Uplink::State::rest_over() {
  return clock.now() + options.back_off_min + rest.next(random);
}

void Uplink::State::refused(LaneIndex index, int reason, LaneFlight::Item& item) {
  trouble = refusal_text(reason);
  const bool large = reason == kTooLarge || reason == kHttpTooLarge;
  const bool malformed =
      reason == kPayloadFormat || reason == kHttpMalformed || reason == kHttpUnprocessable;
  if ((large || malformed) && give_back(index, item, large ? "too_large" : "malformed"))
    return lose(index);
  if ((large || malformed) && item.sent) {
    wait(index, item, large ? "too_large" : "malformed");
    return look_at_waiting(index);
  }
  rest_until(index, rest_over());
}

// To be split, or given up if it is a record alone. A far end that takes nothing at all has another trouble than a
// record. False: it stays as it is.
bool Uplink::State::give_back(LaneIndex index, const LaneFlight::Item& item,
                              const std::string& reason) {
  Lane& lane = lanes[index];
  if (item.records == 0 || (item.records == 1 && lane.may_give_up == 0)) return false;
  // Where the spool cannot act now (its disk is full), the same comes back: it waits, and is tried once more.
  if (!lane.flight.give_back(item)) return false;
  if (item.records == 1) --lane.may_give_up;
  trouble = item.records > 1 ? "the far end refuses a batch (" + reason +
                                   "): it is split until the record is found; nothing is deleted"
                             : "the far end refuses a record (" + reason +
                                   "): it is kept as a dead letter (pinaflux dead-letters list) "
                                   "and declared; what follows is sent";
  acks.push_back({.lane = index,
                  .epoch = lane.flight.epoch(),
                  .range = item.range,
                  .unproved = item.hash,
                  .refused = reason});
  return true;
}

// A record alone waits for the lane's credit; what the spool could not act on, for its rest.
void Uplink::State::wait(LaneIndex index, LaneFlight::Item& item, const std::string& reason) {
  item.waits_for = reason;
  item.came_back = item.records != 1 || lanes[index].may_give_up > 0;
}

void Uplink::State::take_refusals(const AckMessage& ack, LaneIndex index, bool accepted) {
  LaneFlight& flight = lanes[index].flight;
  bool again = false;
  for (const RefusedEnvelope& refused : ack.refused) {
    LaneFlight::Item* item = flight.refused(refused);
    if (item == nullptr || !item->waits_for.empty()) continue;
    if (!flight.refused_again(*item) || give_back(index, *item, refused.reason)) {
      again = true;
    } else {
      wait(index, *item, refused.reason);
    }
  }
  if (again) return lose(index);
  if (accepted && give_back_waiting(index)) return;
  look_at_waiting(index);
}

// The far end has taken something else of the lane. False: nothing has waited for that.
bool Uplink::State::give_back_waiting(LaneIndex index) {
  bool any = false;
  LaneFlight::Item* item = lanes[index].flight.first_waiting();
  for (; item != nullptr && give_back(index, *item, item->waits_for); any = true) {
    item->waits_for.clear();
    item = lanes[index].flight.first_waiting();
  }
  if (any) lose(index);
  return any;
}

// If the far end refuses all that there is, the lane rests: once nothing else has come for a while, for what stands
// behind it may be on its way from the spool.
void Uplink::State::look_at_waiting(LaneIndex index) {
  Lane& lane = lanes[index];
  const std::size_t waits = lane.flight.waits();
  if (waits == 0 || !lane.flight.only_waits()) {
    lane.stuck_at = {};
    return;
  }
  const Instant now = clock.now();
  if (lane.stuck_at == Instant{}) lane.stuck_at = now;
  if (waits < limits::kWindowMax && now - lane.stuck_at < kStuck) return;
  trouble = "the far end refuses what we send (" + lane.flight.refused_for() +
            ") and takes nothing else: see its log; nothing is deleted";
  rest_until(index, rest_over());
}

void Uplink::State::rest_until(LaneIndex index, Instant until) {
  Lane& lane = lanes[index];
  lane.rests_until = std::max(lane.rests_until, until);
  if (lane.flight.holds_leases()) lose(index);
}

void Uplink::State::lose(LaneIndex index) {
  Lane& lane = lanes[index];
  lane.flight.lose();
  lane.probed = false;
  lane.answer_until = {};
  lane.stuck_at = {};
  tell_lost(index);
}

void Uplink::State::tell_lost(LaneIndex index) {
  if (!std::ranges::contains(lost_lanes, index)) lost_lanes.push_back(index);
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
  // The answer to a hello that followed what is in flight: it never arrived.
  const bool stale = !verdict.accepted && !verdict.unproved && !verdict.rejected;
  if (stale && lane.probed && lane.flight.in_flight() > 0) lose(index);
  pump();
}

void Uplink::State::accepted(LaneIndex index) {
  Lane& lane = lanes[index];
  const Instant now = clock.now();
  health.envelopes_acked += lane.flight.gone();
  if (lane.flight.gone_sent_at() != Instant{}) health.round_trip = now - lane.flight.gone_sent_at();
  window.acked(lane.flight.gone());
  lane.progress_at = now;
  lane.patience = options.ack_timeout;
  lane.probed = false;
  if (collector() && lane.flight.records_gone()) lane.taken();
  trouble.clear();
  rest.reset();
  back_off.reset();
}

}  // namespace pinaflux
