// IngestAnswer: what a request is told once it is on disk; IdempotencyKeys: the answers that are kept so
// that the same request, sent again, is told the same and stored once.
//
// Limits     The last kKeysMax keys: one row of cursors each, written over in turn.
// Threads    Loop.
// Tests      tests/agent/ingest/http_source_test.cc
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/ingest/format.h"
#include "agent/ingest/source.h"
#include "platform/http_server.h"

namespace pinaflux {

struct IngestAnswer {
  std::uint64_t key = 0;  // Hash of the Idempotency-Key; 0: none.
  std::uint64_t accepted = 0;
  std::uint64_t refused = 0;
  std::uint32_t fault_line = 0;
  Reason fault = Reason::malformed;

  // 204, or 400 with the counts, the line and the reason (no values).
  HttpAnswer http() const;
};

class IdempotencyKeys {
 public:
  static constexpr std::size_t kKeysMax = 1024;

  void restore(const std::vector<Cursor>& rows);
  // The answer of a key whose request is committed or in flight; nullptr: not seen.
  const IngestAnswer* find(std::uint64_t key) const;
  // Remembers an answer whose parcel is open: it is committed with it.
  void remember(const IngestAnswer& answer, Intake& intake);

 private:
  void place(std::uint64_t number, const IngestAnswer& answer);

  std::unordered_map<std::uint64_t, IngestAnswer> answers_;
  std::vector<std::uint64_t> slots_ = std::vector<std::uint64_t>(kKeysMax);  // Keys; 0: free.
  std::uint64_t next_ = 0;
};

// A JSON body with "error" (InfluxDB v1) and "code", "message" (v2).
std::string error_body(std::string_view code, std::string_view message);

}  // namespace pinaflux
