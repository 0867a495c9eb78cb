// Audit: looks at everything that waits, and says what would not arrive as it should.
//
// Checks     Every row: it opens, its hash and its header fit. Every lane: no seq is missing or doubled, chunks
//            come last, the chain of hashes goes through envelopes and tombstones to the lane's own. In a
//            stopped spool also SQLite's integrity_check, which cannot be made in bounded steps.
// Promise    Reads only. Damage is a finding, never an error; the audit goes on behind it where it can.
// Limits     kFindingsKept findings are named, all are counted. An envelope a step, or a lane's chunks.
// Threads    As Operation.
// Tests      tests/agent/spool/audit_test.cc ("pinaflux.queue.verify/1" is golden)
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/spool/operation.h"
#include "agent/spool/queue.h"
#include "agent/spool/row_opener.h"

namespace pinaflux {

enum class AuditFault : std::uint8_t {
  structure,   // SQLite's own check.
  unreadable,  // From here to the lane's end nothing can be read.
  missing,     // A range that no row covers.
  order,       // Rows overlap, or a chunk has an envelope behind it.
  stray,       // Rows of no lane.
  envelope,    // Does not open, or is not what its row says.
  chain,       // Does not follow on what stands before it.
  chunk,       // Does not open.
  tombstone,   // Its envelope is not what its row says.
  newer,       // Whole, but of a newer version.
};
const char* fault_name(AuditFault fault);

struct AuditFinding {
  AuditFault fault = AuditFault::structure;
  std::string gateway, lane;  // Empty: of the file.
  LaneId lane_id = 0;
  Epoch epoch{};
  Range range;
  std::string what;
};

struct LaneAudit {
  std::string gateway, name;
  Epoch epoch{};
  std::uint64_t records = 0, envelopes = 0, chunks = 0, tombstones = 0;  // That are sound.
};

struct AuditReport {
  static constexpr std::size_t kFindingsKept = 100;
  bool structure_checked = false;
  std::vector<LaneAudit> lanes;  // Those that hold something.
  std::vector<AuditFinding> findings;
  std::uint64_t findings_count = 0;

  bool intact() const { return findings_count == 0; }
};

std::string audit_json(const AuditReport& report);  // "pinaflux.queue.verify/1", one line.
std::string audit_text(
    const AuditReport& report);  // For a terminal: what is wrong, what to do next.

class Audit : public Operation {
 public:
  enum class Form { none, text, json };
  explicit Audit(Form form) : form_(form) {}
  Result<bool> step(const Access& access, Buffer& out) override;
  bool refused(const Error& error, Buffer& out) override;
  Progress progress() const override { return {done_, total_}; }
  bool damaged() const override { return !report_.intact(); }
  const AuditReport& report() const { return report_; }

 private:
  void report(Buffer& out);
  Status begin(const Access& access);
  Status check_structure(const Access& access);
  Status check_strays(const Access& access);
  Status next_lane(const Access& access);
  bool walk(const Access& access);
  bool take(const Access& access, const Entry& entry);
  void check(const Entry& entry);
  void check_envelope(const Entry& entry);
  void check_chunk(const Entry& entry);
  void check_tombstone(const Entry& entry);
  void check_chain(const Entry& entry, const Digest& previous);
  void end_lane();
  void find(AuditFault fault, const Range& range, std::string what);
  void find_error(const Error& error, const Range& range);
  Lane& lane() { return lanes_[at_]; }
  LaneAudit& result() { return results_[at_]; }

  Form form_;
  AuditReport report_;
  bool begun_ = false;
  std::vector<Lane> lanes_;
  std::vector<LaneAudit> results_;  // As lanes_.
  std::size_t at_ = 0;              // In lanes_.
  std::uint64_t next_ = 0;          // Seq that must follow in this lane; 0: not begun.
  std::optional<Digest> chain_;     // Before it, if it is known.
  bool chunks_seen_ = false;
  std::uint64_t done_ = 0, total_ = 0;
  RowOpener opener_;
  Buffer body_;
};

}  // namespace pinaflux
