// DictionaryFixture: lanes whose far end keeps dictionaries, and a plant that makes one worth it.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "agent/seal/dictionary_message.h"
#include "tests/agent/spool/spool_kit.h"

namespace pinaflux::spool_kit {

// A far end that keeps dictionaries, once it is told of one.
struct DictionaryFixture : SpoolFixture {
  static constexpr int kBatch = 10;
  FarEnd far;
  std::int64_t n = 0;
  bool tells = true;

  void keep_dictionaries() {
    options.dictionaries = true;
    wish.envelopes[0] = 1;
    wish.takes_dictionaries[0] = true;
  }
  std::int64_t reading(std::int64_t least, std::int64_t span) {
    noise ^= noise << 13;
    noise ^= noise >> 7;
    noise ^= noise << 17;
    return least + static_cast<std::int64_t>(noise >> 33) % span;
  }
  // Of a machine whose fields have long names.
  void add_batch(std::string_view plant = "station") {
    const bool water = plant == "water";
    const std::vector<std::string_view> fields =
        water
            ? std::vector<std::string_view>{"n", "turbidity_ntu", "free_chlorine", "conductance"}
            : std::vector<std::string_view>{"n", "inlet_temperature", "oil_pressure", "vibration"};
    const Shape* shape = shapes.intern(water ? "quality/basin" : "compressor/station", fields);
    for (int i = 0; i < kBatch; ++i, ++n) {
      auto cells = group.arena.array<Value>(4);
      REQUIRE(!cells.empty());
      cells[0] = Value::int64(n);
      cells[1] = Value::int64(reading(180, 80));
      cells[2] = Value::int64(reading(600, 300));
      cells[3] = Value::int64(reading(30, 30));
      group.records[0].push_back(record_of({shape, cells.data(), Stamp::wall({n * 1'000'000})}));
    }
  }
  std::shared_ptr<const SentDictionary> offered() { return lane_state(0).dictionary; }
  void tell() {
    const auto sent = offered();
    if (!tells || !sent || wish.dictionary[0] == sent->id) return;
    auto message = parse_dictionary(sent->message);
    REQUIRE(message.has_value());
    CHECK(message->gateway == options.gateway);
    CHECK(message->lane == options.lanes[0].name);
    CHECK(message->epoch == lane_state(0).epoch);
    wish.dictionary[0] = message->dictionary.id();
    far.dictionaries.add(std::move(message->dictionary));
  }
  Header send(bool acked = true, std::string_view plant = "station") {
    tell();
    add_batch(plant);
    commit();
    REQUIRE(leases.size() == 1);
    far.take(leases);
    if (acked) ack(0, far.lanes[0].high);
    return *Opener::header(leases[0].bytes);
  }
  void learn() {
    for (int i = 0; i < 20 && !offered(); ++i) send();
    REQUIRE(offered());
  }
  // Batches that were sent with it, and not acknowledged.
  std::vector<Lease> wait_with_it(int count = 3) {
    learn();
    std::vector<Lease> all;
    for (int i = 0; i < count; ++i) {
      CHECK(send(false).dictionary == offered()->id);
      all.push_back(leases[0]);
    }
    return all;
  }
};

}  // namespace pinaflux::spool_kit
