// Refusals:  no subscriber, not authorised, over quota: the lane rests with back-off, then its
//            envelopes are leased and sent again. Too large, malformed: the batch is split until the
//            record is found, which is given up once something else of the lane is taken. Nothing is
//            dropped.

#include <algorithm>

#include "agent/uplink/state.h"
#include "platform/http/link.h"
#include "platform/mqtt/reason.h"

namespace pinaflux {

namespace {

constexpr Duration kStuck = Duration::seconds(3);
constexpr int kHttpRefusal = 300, kHttpMalformed = 400, kHttpTooLarge = 413,
              kHttpUnprocessable = 422;

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

void Uplink::State::hello_refused(int reason) {
  trouble = refusal_text(reason);
  const Instant until = rest_over();
  for (std::size_t i = 0; i < lanes.size(); ++i) rest_until(static_cast<LaneIndex>(i), until);
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
// behind it may be on its way from the spool. A window of it is enough.
void Uplink::State::look_at_waiting(LaneIndex index) {
  Lane& lane = lanes[index];
  const std::size_t waits = lane.flight.waits();
  const bool full = waits >= limits::kWindowMax;
  if (waits == 0 || (!full && !lane.flight.only_waits())) {
    lane.stuck_at = {};
    return;
  }
  const Instant now = clock.now();
  if (lane.stuck_at == Instant{}) lane.stuck_at = now;
  if (!full && now - lane.stuck_at < kStuck) return;
  trouble = "the far end refuses what we send (" + lane.flight.refused_for() +
            ") and takes nothing else: see its log; nothing is deleted";
  rest_until(index, rest_over());
}

void Uplink::State::rest_until(LaneIndex index, Instant until) {
  Lane& lane = lanes[index];
  lane.rests_until = std::max(lane.rests_until, until);
  if (lane.flight.holds_leases()) lose(index);
}

}  // namespace pinaflux
