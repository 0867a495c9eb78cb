// Dictionaries:  a lane's own is offered to a collector that keeps such, and used once it has said that it has it. What was packed
//                with one leaves after it: a collector that has lost it (its database was set up anew) gets it again first. Of
//                one that has not answered yet it is thought that it has what it had.

#include "agent/uplink/state.h"
#include "agent/uplink/traffic.h"

namespace pinaflux {

namespace {

constexpr char kLostDictionary[] =
    "what waits was packed with a dictionary that is lost, here and at the collector: restore the "
    "collector's database, or give the lane's queue up (pinaflux queue purge)";
constexpr char kNotKept[] =
    "what waits was packed with a dictionary that the collector does not have, and does not keep: "
    "see its log; nothing is deleted";
constexpr char kDictionaryType[] = "application/vnd.pinaflux.dictionary";

}  // namespace

bool Uplink::State::lacks_dictionary(const Lane& lane, const LaneFlight::Item& item) const {
  if (!item.dictionary || translator) return false;
  const bool told = lane.far.said() || !collector();
  return told && !lane.far.has(item.dictionary->id);
}

// The one that what is next needs; else the lane's own, if it is new to the far end; or null.
const SentDictionary* Uplink::State::missing_dictionary(const Lane& lane) const {
  const LaneFlight::Item* next = lane.flight.next_unsent();
  if (next != nullptr && lacks_dictionary(lane, *next)) return next->dictionary.get();
  const bool offers = options.dictionaries && lane.far.said() && lane.own;
  return offers && !lane.far.has(lane.own->id) ? lane.own.get() : nullptr;
}

void Uplink::State::supply(LaneIndex index, Instant now) {
  Lane& lane = lanes[index];
  if (now < lane.answer_until || lane.rests_until != Instant{}) return;
  const SentDictionary* const missing = missing_dictionary(lane);
  if (missing == nullptr || !lane.far.may_send(missing->id, now, options.ack_timeout)) return;
  if (missing->message.empty()) {
    trouble = kLostDictionary;
    return;
  }
  const std::string id = missing->id;
  if (!send_dictionary(index, *missing)) return;
  if (!collector()) lane.far.assume(id);
  const LaneFlight::Item* next = lane.flight.next_unsent();
  const bool waits = next != nullptr && lacks_dictionary(lane, *next);
  if (lane.far.sent(id, now, options.ack_timeout) && waits) trouble = kNotKept;
}

bool Uplink::State::send_dictionary(LaneIndex index, const SentDictionary& dictionary) {
  const Buffer message = proof.signed_envelope(Buffer(dictionary.message));
  MqttPublish publish;
  publish.topic = data_topic(index);
  publish.payload = message;
  publish.content_type = kDictionaryType;
  if (is_http(broker())) publish.identity = lane_identity(index) + "/dictionary/" + dictionary.id;
  if (collector()) publish.expiry = kExpiry;
  const std::uint64_t price = cost(publish.topic.size(), message.size());
  if (!fits_packet(publish) || !budget.allows(index, price)) return false;
  if (!client->publish(publish)) return false;
  pay_for_silence();
  budget.spend(index, price);
  turns.sent(index, message.size());
  health.bytes_sent += message.size();
  return true;
}

// True: something that is on its way to it cannot be opened there. Of a clone's lane it says nothing of ours.
bool Uplink::State::take_dictionaries(Lane& lane, const AckMessage& ack) {
  if (!ack.dictionaries || ack.epoch != lane.flight.epoch()) return false;
  lane.far.told(*ack.dictionaries);
  return lane.flight.any_sent(
      [&](const LaneFlight::Item& item) { return lacks_dictionary(lane, item); });
}

}  // namespace pinaflux
