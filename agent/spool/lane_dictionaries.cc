// A lane, envelope by envelope:
//
//   collecting   bodies that leave are taken, until there are enough for a candidate
//   on trial     the next body is packed with it, and without: it pays if what that saves makes up for the sending of it
//   due          written with the next transaction
//   current      told to the far end, and used once that has it; until kMissesMax bodies in a row were better without, or it is as
//                old as the lane's records may become
//   resting      kRest envelopes, so that a lane which sends ever other things does not send dictionaries, too

#include "agent/spool/lane_dictionaries.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "agent/data/limits.h"
#include "agent/seal/compress.h"
#include "agent/seal/dictionary_message.h"
#include "platform/base/text.h"

namespace pinaflux {

namespace {

constexpr std::string_view kDictionaryKey = "dictionary/";
constexpr std::size_t kNumberLetters = 16;
constexpr LaneId kOfNoLane = -1;
constexpr int kTrialLevel = 1;  // Of what leaves at once.
constexpr std::int64_t kBytesEach =
    static_cast<std::int64_t>(Dictionary::kBytesMax) + 2048;  // Line, row and pages.

Note note_of(std::uint64_t number, Bytes message) {
  Buffer big_endian(sizeof number);
  for (std::size_t i = 0; i < sizeof number; ++i) {
    big_endian[i] = static_cast<std::uint8_t>(number >> (8 * (sizeof number - 1 - i)));
  }
  return {Note::Kind::state,
          {},
          std::string(kDictionaryKey) + hex(big_endian),
          Buffer(message.begin(), message.end())};
}

std::optional<std::uint64_t> number_of(std::string_view key) {
  if (!key.starts_with(kDictionaryKey)) return std::nullopt;
  const std::string_view text = key.substr(kDictionaryKey.size());
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && text.size() == kNumberLetters ? std::optional(number) : std::nullopt;
}

const Lane* lane_of(const std::vector<Lane>& lanes, const DictionaryMessage& message) {
  const auto at = std::ranges::find_if(lanes, [&](const Lane& lane) {
    return lane.gateway == message.gateway && lane.name == message.lane &&
           lane.epoch == message.epoch;
  });
  return at == lanes.end() ? nullptr : &*at;
}

bool too_old(const Lane& lane, std::optional<std::int64_t> since, std::int64_t age) {
  if (lane.keep == Duration::max()) return false;
  return !since || age - *since >= lane.keep.ns / Duration::seconds(1).ns;
}

bool holds_nothing(const Lane& lane) { return lane.at.next_seq == lane.at.acked + 1; }

std::shared_ptr<const SentDictionary> as_sent(const std::string& id, Bytes message) {
  return std::make_shared<const SentDictionary>(id, Buffer(message.begin(), message.end()));
}

bool pays(const Dictionary& candidate, Bytes body) {
  Compressor compressor;
  Buffer alone, with;
  if (!compressor.compress(body, kTrialLevel, alone) ||
      !compressor.compress(body, kTrialLevel, with, &candidate)) {
    return false;
  }
  const std::size_t saved = alone.size() - std::min(alone.size(), with.size());
  return saved * Dictionary::kWorthOf >= alone.size() &&
         saved * LaneDictionaries::kPaysWithin >= candidate.bytes().size();
}

}  // namespace

bool LaneDictionaries::is_key(std::string_view key) { return key.starts_with(kDictionaryKey); }

void LaneDictionaries::load(Notes& notes, const std::vector<Lane>& lanes) {
  const auto states = notes.states();
  if (!states) return;
  for (const StateEdit& state : *states) {
    const auto number = number_of(state.key);
    if (!number) continue;
    auto message = parse_dictionary(state.value);
    const Lane* lane = message ? lane_of(lanes, *message) : nullptr;
    keep({.lane = lane == nullptr ? kOfNoLane : lane->id,
          .number = *number,
          .until = lane == nullptr ? 0 : lane->at.next_seq - 1,
          .sent = message ? as_sent(message->dictionary.id(), state.value) : nullptr},
         message ? &message->dictionary : nullptr);
  }
}

void LaneDictionaries::keep(Kept kept, const Dictionary* dictionary) {
  if (dictionary != nullptr) all_.add(*dictionary);
  kept_.push_back(std::move(kept));
}

Status LaneDictionaries::tidy(Notes& notes, const std::vector<Lane>& lanes,
                              const std::function<bool(const Lane&)>& wanted) {
  for (auto at = kept_.begin(); at != kept_.end();) {
    const Kept& kept = *at++;
    const auto lane = std::ranges::find(lanes, kept.lane, &Lane::id);
    const bool readable = lane != lanes.end() && kept.sent;
    const bool used = readable && !holds_nothing(*lane);
    if (used || (readable && wanted(*lane) && &kept == newest(kept.lane))) continue;
    if (Status s = notes.erase(note_of(kept.number, {})); !s) return s;
    forget(kept.number);
  }
  return {};
}

void LaneDictionaries::forget(std::uint64_t number) {
  const auto at = std::ranges::find(kept_, number, &Kept::number);
  if (at == kept_.end()) return;
  const auto sent = at->sent;
  kept_.erase(at);
  const auto is_it = [&](const Kept& kept) {
    return sent && kept.sent && kept.sent->id == sent->id;
  };
  if (sent && std::ranges::none_of(kept_, is_it)) all_.remove(sent->id);
}

std::shared_ptr<const SentDictionary> LaneDictionaries::sent(LaneId lane,
                                                             const std::string& id) const {
  const auto at = std::ranges::find_if(kept_, [&](const Kept& kept) {
    return kept.lane == lane && kept.sent && kept.sent->id == id;
  });
  return at == kept_.end() ? std::make_shared<const SentDictionary>(id, Buffer()) : at->sent;
}

const LaneDictionaries::Kept* LaneDictionaries::newest(LaneId lane) const {
  const Kept* last = nullptr;
  for (const Kept& kept : kept_) {
    if (kept.lane == lane && kept.sent) last = &kept;
  }
  return last;
}

std::shared_ptr<const SentDictionary> LaneDictionaries::current(const Lane& lane) const {
  const Kept* const last = newest(lane.id);
  if (last == nullptr) return nullptr;
  const auto making = std::ranges::find(making_, lane.id, &Making::lane);
  return making != making_.end() && last->number <= making->retired ? nullptr : last->sent;
}

const Dictionary* LaneDictionaries::usable(const Lane& lane, std::string_view far_end_has) const {
  if (far_end_has.empty()) return nullptr;
  const auto its = current(lane);
  return its && its->id == far_end_has ? all_.find(its->id) : nullptr;
}

LaneDictionaries::Making& LaneDictionaries::making(const Lane& lane) {
  const auto at = std::ranges::find(making_, lane.id, &Making::lane);
  return at != making_.end() ? *at : making_.emplace_back(Making{.lane = lane.id});
}

void LaneDictionaries::sealed(const Lane& lane, Bytes plain_body, const Dictionary* usable,
                              bool packed) {
  if (plain_body.size() > Dictionary::kBytesMax) return;
  Making& its = making(lane);
  if (its.rest > 0) --its.rest;
  if (usable != nullptr) {
    its.misses = packed ? 0 : its.misses + 1;
    const auto kept = std::ranges::find_if(kept_, [&](const Kept& each) {
      return each.lane == lane.id && each.sent && each.sent->id == usable->id();
    });
    if (kept == kept_.end()) return;
    if (packed) kept->until = lane.at.sealed_last;
    if (its.misses >= kMissesMax) its.retired = kept->number;
    return;
  }
  if (its.rest == 0 && !its.due && !current(lane)) collect(its, plain_body);
}

void LaneDictionaries::collect(Making& making, Bytes plain_body) {
  if (!making.candidate) {
    making.maker.take(plain_body);
    if (!making.maker.ready()) return;
    auto made = making.maker.make();
    if (!made) return begin_again(making);
    making.candidate = std::move(*made);
    return;
  }
  if (!pays(*making.candidate, plain_body)) return begin_again(making);
  making.due = std::move(making.candidate);
  making.candidate.reset();
}

void LaneDictionaries::begin_again(Making& making) {
  making.maker = DictionaryMaker();
  making.candidate.reset();
  making.due.reset();
  making.misses = 0;
  making.rest = kRest;
}

std::int64_t LaneDictionaries::bytes_due() const {
  return std::ranges::count_if(making_, [](const Making& each) { return each.due.has_value(); }) *
         kBytesEach;
}

std::uint64_t LaneDictionaries::next_number() const {
  std::uint64_t last = kept_.empty() ? 0 : kept_.back().number;
  for (const Making& each : making_) {
    last = std::max(last, each.retired);
    if (each.written) last = std::max(last, each.written->number);
  }
  return last + 1;
}

Status LaneDictionaries::write(Notes& notes, const std::vector<Lane>& lanes, std::int64_t age) {
  for (Making& each : making_) {
    if (!each.due) continue;
    const auto lane = std::ranges::find(lanes, each.lane, &Lane::id);
    if (lane == lanes.end()) {
      begin_again(each);
      continue;
    }
    if (Status s = write(notes, *lane, each, age); !s) return s;
  }
  return {};
}

// The lane's oldest goes for it if there are too many; if that is still needed, there is none for now.
Status LaneDictionaries::write(Notes& notes, const Lane& lane, Making& making, std::int64_t age) {
  const auto its = [&](const Kept& kept) {
    return kept.lane == lane.id && !std::ranges::contains(gone_, kept.number);
  };
  if (std::ranges::count_if(kept_, its) >= static_cast<std::ptrdiff_t>(limits::kDictionariesMax)) {
    const auto oldest = std::ranges::find_if(kept_, its);
    if (oldest->until > lane.at.acked) return begin_again(making), Status();
    if (Status s = notes.erase(note_of(oldest->number, {})); !s) return s;
    gone_.push_back(oldest->number);
  }
  const Buffer message = format_dictionary(lane.gateway, lane.name, lane.epoch, *making.due);
  making.written = Kept{.lane = lane.id,
                        .number = next_number(),
                        .until = 0,
                        .since = age,
                        .sent = as_sent(making.due->id(), message)};
  return notes.put(note_of(making.written->number, message));
}

Status LaneDictionaries::expire(Notes& notes, const std::vector<Lane>& lanes, std::int64_t age) {
  for (const Kept& kept : kept_) {
    const auto lane = std::ranges::find(lanes, kept.lane, &Lane::id);
    if (lane == lanes.end() || !too_old(*lane, kept.since, age)) continue;
    Making& its = making(*lane);
    its.retired = std::max(its.retired, kept.number);
    if (kept.until > lane->at.acked && lane->at.records > 0) continue;
    if (Status s = notes.erase(note_of(kept.number, {})); !s) return s;
    gone_.push_back(kept.number);
  }
  return {};
}

void LaneDictionaries::settle(bool committed) {
  for (const std::uint64_t number : std::exchange(gone_, {})) {
    if (committed) forget(number);
  }
  for (Making& each : making_) {
    const auto written = std::exchange(each.written, std::nullopt);
    if (!committed || !written) continue;
    keep(*written, &*each.due);
    begin_again(each);
  }
}

Status LaneDictionaries::adopt(Notes& notes, Bytes message) {
  const auto parsed = parse_dictionary(message);
  if (!parsed) return std::unexpected(parsed.error());
  const auto is_it = [&](const Kept& kept) {
    return kept.sent && std::ranges::equal(kept.sent->message, message);
  };
  if (std::ranges::any_of(kept_, is_it)) return {};
  const Kept kept{.lane = kOfNoLane,
                  .number = next_number(),
                  .until = 0,
                  .sent = as_sent(parsed->dictionary.id(), message)};
  if (Status s = notes.put(note_of(kept.number, message)); !s) return s;
  keep(kept, &parsed->dictionary);
  return {};
}

}  // namespace pinaflux
