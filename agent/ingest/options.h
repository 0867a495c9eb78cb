// SourceOptions: what every kind of source is told by the configuration, and what it is given to
// work with. Each source's header adds its own options.
//
// Limits     record_bytes_max at most limits::kRecordBytesMax.
// Ownership  SourceHost holds references: what they name outlives every source.
// Threads    Values; any.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>

#include "agent/data/intake.h"
#include "agent/data/limits.h"
#include "agent/data/record.h"
#include "platform/clock.h"
#include "platform/entropy.h"
#include "platform/files.h"
#include "platform/http_server.h"
#include "platform/loop.h"
#include "platform/network.h"

namespace pinaflux {

enum class Format : std::uint8_t {
  json,    // The payload is one document: an object, an array of objects, or a bare value.
  ndjson,  // One document a line.
  influx,  // InfluxDB line protocol.
  raw,     // The payload is one field, `value`: text if it is UTF-8, bytes otherwise.
};

// The field that holds the record's own time; it is taken out of the fields. Empty: none.
struct TimeField {
  enum class Unit : std::uint8_t { s, ms, us, ns, rfc3339 };
  std::string field;
  Unit unit = Unit::ms;
};

struct SourceOptions {
  std::string name;
  SourceIndex index = 0;
  std::string stream;  // Where its records go; empty: the source's own rule (README.md).
  Format format = Format::json;
  TimeField time;
  std::size_t record_bytes_max = limits::kRecordBytesMax;
  bool keep_refused = false;  // The bytes of what cannot be read go with their refusal.
};

// Names private bytes in hashes; the agent keeps it.
using InstallKey = std::array<std::uint8_t, 16>;

struct SourceHost {
  Loop& loop;
  const Clock& clock;
  Network& network;
  HttpServers& http;
  Files& files;
  Entropy& entropy;
  std::function<Stamp()> stamp;  // Arrival: wall time if it is trusted, else boot and monotonic.
  InstallKey install_key{};
  std::string gateway;
};

}  // namespace pinaflux
