// Tables: where rows land, one table a stream.
//
// Promise    A row lands once or the transaction fails: its key is unique, see catalog.cc. One that its table does not take
//            lands in pinaflux_quarantine, with the reason, as JSON.
// Ownership  forget() after every rollback, and before the Shapes that its rows had are destroyed.
// Threads    Storage worker.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "agent/data/anchor.h"
#include "agent/data/identity.h"
#include "agent/data/record.h"
#include "agent/seal/row_json.h"
#include "platform/base/result.h"

namespace pinaflux {

// Rows of one boot, in one table and lane, are given their time by another anchor.
struct Retiming {
  std::string stream, gateway;
  std::uint64_t boot = 0;
  std::int64_t lane = 0;
  Range range;
  std::int64_t anchor_id = 0;
  Anchor anchor;
};

// The disk's fault or another writer's: everything waits. All else is the row's, or the envelope's.
inline bool stops_everything(Code code) {
  switch (code) {
    case Code::full:
    case Code::io:
    case Code::read_only:
    case Code::denied:
    case Code::busy:
    case Code::corrupt: return true;
    default: return false;
  }
}

class Tables {
 public:
  // Why what landed under a seq cannot be compared: it is in a file that was moved away; or its values are the same, and
  // its time is as it was written, which anchors that came later do not correct.
  enum class Doubt { none, away, time };

  static constexpr int kSeqBits = 40;  // A row's key is lane << kSeqBits | seq.
  static constexpr std::uint64_t kSeqMax = (std::uint64_t{1} << kSeqBits) - 1;

  static std::int64_t key_of(std::int64_t lane, std::uint64_t seq) {
    return (lane << kSeqBits) | static_cast<std::int64_t>(seq);
  }
  static std::uint64_t seq_of(std::int64_t key) {
    return static_cast<std::uint64_t>(key) & kSeqMax;
  }

  virtual ~Tables() = default;

  // Rows with the seqs from identity.seq on, by its step. `lane` is the ledger's number of (gateway, epoch, lane).
  // `anchors`: for each row the anchor that gave it its time, 0 for none; or empty.
  virtual Status land(std::int64_t lane, const RowIdentity& identity, std::span<const Row> rows,
                      std::span<const std::int64_t> anchors = {}) = 0;
  // The time of the row that has this seq, if it holds the same values; its own is for the caller to compare. A
  // boolean is the same as 0 or 1, a number the same whatever its type, null the same as absent: they land alike.
  virtual Result<std::optional<Stamp>> landed_like(std::int64_t lane, std::uint64_t seq,
                                                   const Row& row) = 0;
  // Of what landed_like() was asked last.
  virtual Doubt doubt() const { return Doubt::none; }
  // The seq of the `count`-th row that lies in the range; its end where there are fewer.
  virtual Result<std::uint64_t> nth_seq(const std::string& stream, std::int64_t lane,
                                        const Range& range, std::int64_t count) = 0;
  virtual Status retime(const Retiming& retiming) = 0;
  // By which the state names a stream.
  virtual std::string key_of_stream(std::string_view stream) const { return std::string(stream); }
  virtual void forget() = 0;
};

}  // namespace pinaflux
