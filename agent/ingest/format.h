// Decoder: payloads of a source's format become records and refusals of its open parcel.
//
// Promise    What is bad is refused alone: one line, one element of an array, one document; the rest goes
//            on. A refusal counts bytes and hashes them with the install key; it never holds a value. With
//            keep_refused the bytes go beside it (Intake::keep).
// Order      begin() -> decode()* -> end() for a parcel, or abandon().
// Limits     record_bytes_max a record; refusals of a parcel beyond kRefusalsApart are counted together
//            by reason.
// Ownership  Payloads are read in place: kParsePadding bytes behind them must be readable.
// Threads    Loop.
// Tests      tests/agent/ingest/format_test.cc
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "agent/ingest/json.h"
#include "agent/ingest/line_protocol.h"
#include "agent/ingest/options.h"
#include "agent/ingest/record_builder.h"

namespace pinaflux {

// What became of a payload.
struct Tally {
  std::uint64_t records = 0;
  std::uint64_t refused = 0;
  std::uint32_t fault_line = 0;  // Of the first refusal, from 1 (an element, in an array).
  Reason fault = Reason::malformed;
  bool too_large = false;  // It can never fit into an intake: refused whole.
};

struct Payload {
  std::string_view text;
  std::string_view
      stream;  // Of its records; for influx, what comes before '/' and the measurement.
  Stamp arrival;
  std::int64_t ns_per_tick = 1;  // Of line protocol's timestamps.
};

class Decoder {
 public:
  static constexpr std::size_t kRefusalsApart = 64;

  Decoder(const SourceOptions& options, const InstallKey& key);

  // `peer`: that sent the parcel, for dead letters.
  void begin(Intake& intake, std::string_view peer = {});
  // False: no room now; nothing of the payload was kept, the parcel is as before. What cannot fit even
  // into an empty intake is refused as too_large.
  bool decode(Format format, const Payload& payload, Tally& tally);
  // Refuses `text` (or what is left of something longer: `byte_count` is its size) without reading it.
  void refuse_bytes(Reason reason, std::string_view text, std::uint64_t byte_count, Tally& tally);
  void end(Ticket ticket);
  void abandon();

 private:
  struct Together {
    std::uint64_t count = 0;
    std::uint64_t bytes = 0;
    std::uint64_t hash = 0;
  };
  using TogetherByReason = std::array<Together, 16>;

  bool decode_whole(Format format, const Payload& payload, Tally& tally);
  bool units(Format format, const Payload& payload, Tally& tally);
  bool lines(const Payload& payload, Tally& tally);
  bool elements(const Payload& payload, std::string_view array, Tally& tally);
  bool influx(const Payload& payload, Tally& tally);
  bool document(const Payload& payload, std::string_view text, std::uint32_t line, Tally& tally);
  bool raw(const Payload& payload, Tally& tally);
  bool settle(const Built& built, std::string_view text, std::size_t base, std::uint32_t line,
              Tally& tally);
  void reject(Reason reason, std::string_view text, std::uint64_t byte_count, std::size_t position);
  void keep(std::string_view text);

  const SourceIndex source_;
  const std::size_t record_bytes_max_;
  const InstallKey key_;
  const bool keep_refused_;
  const std::string stream_;  // Of bytes that come without a payload.
  RecordBuilder builder_;
  JsonReader json_;
  LineProtocolReader line_protocol_;
  Intake* intake_ = nullptr;
  const Format format_;               // The source's.
  const Payload* payload_ = nullptr;  // That is being decoded, in payload_format_.
  Format payload_format_ = Format::json;
  bool fresh_ = false;  // The parcel has an untouched intake to itself, and nothing in it yet.
  std::size_t refusals_begin_ = 0;
  TogetherByReason together_;
};

// Whether a body is one document (json) or one a line (ndjson).
Format sniff_json(std::string_view body);

}  // namespace pinaflux
