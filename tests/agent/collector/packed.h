// Packed: envelopes that need a dictionary, for tests of the far end.
#pragma once

#include <string>
#include <string_view>

#include "agent/seal/dictionary_message.h"
#include "tests/agent/collector/gateway.h"

namespace pinaflux::collector_kit {

// Readings of long names: a dictionary saves most of a small envelope of them.
inline void add_readings(Rows& rows, std::uint64_t first, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto n = static_cast<std::int64_t>(first + i);
    rows.add("compressor",
             {"inlet_temperature", "outlet_temperature", "oil_pressure", "vibration_velocity"},
             {Value::int64(n), Value::float64(static_cast<double>(n * n % 97) / 10),
              Value::int64(n * 7 % 31), Value::text(n % 3 == 0 ? "loaded" : "unloaded")});
  }
}

// One for such readings; each number another one.
inline Dictionary dictionary_of(int number) {
  Rows rows;
  add_readings(rows, 1, 10);
  Sealer sealer;
  Header header;
  header.gateway = header.lane = "any";
  header.range.first = 1;
  header.floor = 1;
  Buffer envelope;
  std::size_t taken = 0;
  REQUIRE(sealer.seal(rows.all(), Effort::fast, limits::kEnvelopeBytesMax, header, envelope, taken)
              .has_value());
  Buffer bytes;
  append(bytes, "dictionary " + std::to_string(number) + " ");
  append(bytes, as_text(sealer.plain_body()));
  auto made = Dictionary::of(std::move(bytes));
  REQUIRE(made.has_value());
  return std::move(*made);
}

// The gateway's next records; only who has the dictionary can open them.
inline Arrival send_packed(Gateway& gateway, const Dictionary& dictionary) {
  Rows rows;
  add_readings(rows, gateway.next(), 10);
  gateway.use(&dictionary);
  Arrival arrival = gateway.send(rows);
  gateway.use(nullptr);
  REQUIRE(as_text(arrival.payload).contains(" d=" + dictionary.id() + " "));
  return arrival;
}

}  // namespace pinaflux::collector_kit
