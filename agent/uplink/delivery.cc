// A lane:    hello -> the collector's ack, or a third of ack_timeout without it -> envelopes,
//            window by window. What comes back: acks.cc, refusals.cc.

#include <algorithm>
#include <array>
#include <utility>

#include "agent/seal/gzip.h"
#include "agent/uplink/state.h"
#include "agent/uplink/traffic.h"
#include "platform/base/assert.h"
#include "platform/mqtt/reason.h"

namespace pinaflux {

namespace {

constexpr char kContentType[] = "application/vnd.pinaflux.envelope";
constexpr Duration kKeptOpen = Duration::seconds(30);
constexpr std::size_t kTopicMax = 256, kProofMax = 256;
constexpr std::size_t kEnvelopeBytesLeast = 1024;

}  // namespace

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
    if (translator && lease.dictionary) translator->know(lease.dictionary->message);
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
  for (const auto& [name, value] : properties_of(index, item))
    beside += name.size() + value.size() + traffic::kPropertyMax;
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
  if (lacks_dictionary(lane, *item)) return false;
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
    if (options.output.gzip) part.payload = gzip(part.payload);
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
  for (std::size_t i = 0; up && i < lanes.size(); ++i) supply(static_cast<LaneIndex>(i), now);
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

std::string Uplink::State::data_topic(LaneIndex index) const {
  return base_of(gateway_of(index)) + "/data/" + options.lanes[index].name;
}

std::string Uplink::State::lane_identity(LaneIndex index) const {
  return gateway_of(index) + "/" + hex(lanes[index].flight.epoch()) + "/" +
         options.lanes[index].name;
}

bool Uplink::State::fits_packet(const MqttPublish& publish) const {
  const std::size_t bytes = publish.payload.size() + publish.topic.size() + traffic::kPublishMax;
  return session.packet_bytes_max == 0 || bytes <= session.packet_bytes_max;
}

// Of what is sent now, and is the same when that is sent again.
std::string Uplink::State::identity_of(LaneIndex index, const LaneFlight::Item& item) const {
  if (!is_http(broker())) return {};
  std::string text = lane_identity(index) + "/" + std::to_string(item.range.first) + "-" +
                     std::to_string(item.range.last);
  if (translator) text += "/" + std::to_string(item.handed);
  return text;
}

// MQTT has no word for how a payload is compressed, so HTTP's is used. The rest is for a broker's rules.
std::vector<std::pair<std::string, std::string>> Uplink::State::properties_of(
    LaneIndex index, const LaneFlight::Item& item) const {
  std::vector<std::pair<std::string, std::string>> all;
  if (is_http(broker())) return all;
  if (options.output.gzip) all.emplace_back("content-encoding", "gzip");
  if (!options.properties) return all;
  all.emplace_back("gateway", gateway_of(index));
  all.emplace_back("lane", options.lanes[index].name);
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
    publish.gzipped = options.output.gzip;
  } else {
    publish.topic = data_topic(index);
    publish.payload = item.bytes;
    publish.content_type = kContentType;
  }
  publish.identity = identity_of(index, item);
  if (collector()) publish.expiry = kExpiry;
  publish.properties = properties_of(index, item);
  const std::size_t bytes = publish.payload.size();
  if (!fits_packet(publish)) {
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
  lane.flight.mark_sent(*item, item->posted ? Sending{now, in_flight()} : Sending{});
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
  if (token == hello_token && !ok && collector()) return hello_refused(reason);
  if (notice && token == notice->token) {
    notice.reset();
    notices_lost = 0;
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

}  // namespace pinaflux
