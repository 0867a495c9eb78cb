// Gateway: seals envelopes as a gateway would, chained, for tests of the far end.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "agent/collector/store.h"
#include "agent/data/limits.h"
#include "agent/seal/dictionary_message.h"
#include "agent/seal/envelope.h"
#include "tests/agent/collector/collector_kit.h"

namespace pinaflux::collector_kit {

class Gateway {
 public:
  explicit Gateway(std::string name = "pump", std::uint8_t epoch = 0xe1)
      : name_(std::move(name)), epoch_(epoch_of(epoch)) {}

  // The next `count` records, of values that count from the first seq.
  Arrival send(std::uint64_t count, const char* stream = "boiler") {
    Rows rows;
    rows.count(stream, next_, count);
    return send(rows);
  }
  Arrival send(const Rows& rows) {
    Header header = begin();
    Arrival arrival = seal(rows.all(), header);
    next_ += rows.all().size();
    previous_ = ends_[next_ - 1] = header.hash;
    return arrival;
  }
  // The next `count` records were evicted before they could be sent, together with their envelope.
  Arrival lose(std::uint64_t count, std::uint8_t through = 0x77) {
    return lose(count, digest_of(through));
  }
  Arrival lose(std::uint64_t count, const Digest& through) {
    Header header = begin();
    header.extra.emplace_back(
        "lost", std::to_string(next_) + "-" + std::to_string(next_ + count - 1) + ":evicted");
    header.extra.emplace_back("through", hex(through));
    Arrival arrival = seal({}, header);
    next_ += count;
    previous_ = through;
    return arrival;
  }
  // All from `first` on was sent, or never came: now it comes thinned, as one.
  Arrival thin(std::uint64_t first, std::uint64_t every, const char* stream = "boiler",
               Stamp time = {kNoon, 0}) {
    const Range range{first, next_ - 1};
    Rows rows;
    for (std::uint64_t i = 0; i < range.count_every(every); ++i) {
      const auto seq = static_cast<std::int64_t>(range.nth(i, every));
      rows.add(stream, {"value"}, {Value::int64(seq)}, time);
    }
    return thin(first, every, rows);
  }
  // The same, with these records.
  Arrival thin(std::uint64_t first, std::uint64_t every, const Rows& rows) {
    Header header = begin();
    header.range = {first, next_ - 1};
    header.every = every;
    header.previous = ends_.contains(first - 1) ? ends_.at(first - 1) : kNoDigest;
    header.extra.emplace_back("through", hex(previous_));
    return seal(rows.all(), header);
  }
  // A part of what was sent as one, whose end it stands for if `through` is given.
  Arrival part(const Range& range, const Digest& previous, const Digest& through = kNoDigest) {
    Rows rows;
    rows.count("boiler", range.first, range.count());
    Header header = begin();
    header.range.first = range.first;
    header.previous = previous;
    if (through != kNoDigest) header.extra.emplace_back("through", hex(through));
    return seal(rows.all(), header);
  }
  Arrival give_up(const Range& range, const Digest& previous, const Digest& through) {
    Header header = begin();
    header.range.first = range.first;
    header.previous = previous;
    header.extra.emplace_back(
        "lost", std::to_string(range.first) + "-" + std::to_string(range.last) + ":undeliverable");
    header.extra.emplace_back("through", hex(through));
    return seal({}, header);
  }
  Arrival hello(const std::string& lane = "normal", std::optional<HelloClock> clock = {},
                std::optional<HelloAnswer> answer = {}) const {
    HelloMessage message;
    message.clock = clock;
    message.answer = answer;
    message.gateway = name_;
    message.lanes = {{lane, epoch_, floor_, next_ - 1}};
    return say(Topic::Kind::hello, format(message));
  }
  Arrival status(const char* state) const {
    StatusMessage message;
    message.gateway = name_;
    message.state = state;
    message.lanes = {{"normal", epoch_, floor_, next_ - 1}};
    return say(Topic::Kind::status, format(message));
  }
  // What is sent before the first envelope that was packed with it.
  Arrival tell(const Dictionary& dictionary) const {
    return {Topic::Kind::data, name_, "normal",
            format_dictionary(name_, "normal", epoch_, dictionary)};
  }
  // Envelopes are packed with it from now on, where that saves enough (nullptr: none is). It must outlive its use.
  void use(const Dictionary* dictionary) { sealer_.use(dictionary); }
  std::uint64_t next() const { return next_; }
  Arrival say(Topic::Kind kind, std::string_view text) const {
    Arrival arrival{kind, name_, kind == Topic::Kind::data ? "normal" : "", {}};
    append(arrival.payload, text);
    return arrival;
  }
  void floor(std::uint64_t floor) { floor_ = floor; }
  // As if `count` records had been sent and acknowledged elsewhere.
  void skip(std::uint64_t count) { next_ += count; }

 private:
  Header begin() const {
    Header header;
    header.gateway = name_;
    header.lane = "normal";
    header.epoch = epoch_;
    header.range.first = next_;
    header.floor = floor_;
    header.previous = previous_;
    return header;
  }
  Arrival seal(const std::vector<Row>& rows, Header& header) {
    Arrival arrival{Topic::Kind::data, name_, "normal", {}};
    std::size_t taken = 0;
    REQUIRE(
        sealer_.seal(rows, Effort::fast, limits::kEnvelopeBytesMax, header, arrival.payload, taken)
            .has_value());
    REQUIRE(taken == rows.size());
    return arrival;
  }

  std::string name_;
  Epoch epoch_;
  Sealer sealer_;
  std::uint64_t next_ = 1, floor_ = 1;
  Digest previous_ = kNoDigest;
  std::map<std::uint64_t, Digest> ends_;  // Of what was sent, by its last seq.
};

}  // namespace pinaflux::collector_kit
