// A lane is walked from its oldest seq to its newest:
//
//   acked + 1                                        next_seq
//   | envelope p=?  h=a | tombstone p=a through=c | envelope p=c h=d | chunk | chunk |      lane's chain = d
//
// `p` of the first is not known here: what it names has been acknowledged and deleted. While an agent runs,
// the walk is made in steps; acks move the begin, and tombstones grow over what has been looked at. Chunks
// are looked at in one step, because a commit may seal all of them into an envelope.

#include "agent/spool/audit.h"

#include <algorithm>
#include <utility>

#include "agent/spool/inspect.h"
#include "agent/spool/schema.h"
#include "agent/spool/spool.h"
#include "agent/spool/store.h"

namespace pinaflux {

namespace {

bool medium_failed(const Error& error) {
  return error.code != Code::corrupt && error.code != Code::newer && error.code != Code::full;
}

}  // namespace

Status Audit::begin(const Access& access) {
  begun_ = true;
  if (access.packer == nullptr) {
    if (Status s = check_structure(access); !s) return s;
  }
  auto lanes = schema::lanes(*access.store.database, *access.store.encryption);
  if (!lanes && medium_failed(lanes.error())) return std::unexpected(lanes.error());
  if (!lanes) {
    find(AuditFault::structure, {}, lanes.error().what);
    return {};
  }
  lanes_ = std::move(*lanes);
  for (const Lane& lane : lanes_) {
    results_.push_back({.gateway = lane.gateway, .name = lane.name, .epoch = lane.epoch});
    total_ += lane.at.next_seq - 1 - lane.at.acked;
  }
  return {};
}

Status Audit::check_structure(const Access& access) {
  report_.structure_checked = true;
  auto check = access.store.database->prepare("PRAGMA integrity_check(16)");
  if (!check) return std::unexpected(check.error());
  const sqlite::Reading reading(*check);
  for (;;) {
    const Result<bool> row = check->step();
    if (!row && medium_failed(row.error())) return std::unexpected(row.error());
    if (!row) find(AuditFault::structure, {}, row.error().what);
    if (!row || !*row) return {};
    if (check->text(0) != "ok") find(AuditFault::structure, {}, std::string(check->text(0)));
  }
}

Status Audit::check_strays(const Access& access) {
  const auto strays = access.store.database->integer(
      "SELECT count(*) FROM queue WHERE id>>48 NOT IN (SELECT id FROM lanes)");
  if (!strays && medium_failed(strays.error())) return std::unexpected(strays.error());
  if (strays && *strays > 0) {
    find(AuditFault::stray, {}, std::to_string(*strays) + " rows of the queue belong to no lane");
  }
  return {};
}

Result<bool> Audit::step(const Access& access, Buffer& out) {
  if (!begun_) {
    if (Status s = begin(access); !s) return std::unexpected(s.error());
  }
  if (at_ < lanes_.size()) {
    if (Status s = next_lane(access); !s) return std::unexpected(s.error());
    return true;
  }
  if (!lanes_.empty()) {
    if (Status s = check_strays(access); !s) return std::unexpected(s.error());
  }
  for (LaneAudit& result : results_) {
    if (result.envelopes + result.chunks + result.tombstones > 0) {
      report_.lanes.push_back(std::move(result));
    }
  }
  report(out);
  return false;
}

void Audit::report(Buffer& out) {
  if (form_ == Form::json) append(out, audit_json(report_) + "\n");
  if (form_ == Form::text) append(out, audit_text(report_));
}

bool Audit::refused(const Error& error, Buffer& out) {
  if (error.code != Code::corrupt) return false;
  report_.structure_checked = true;
  find(AuditFault::structure, {}, error.what);
  report(out);
  return true;
}

// Looks at what there is time for, with the lane as it stands now.
Status Audit::next_lane(const Access& access) {
  const auto lanes = schema::lanes(*access.store.database, *access.store.encryption);
  if (!lanes) return std::unexpected(lanes.error());
  const auto now = std::ranges::find(*lanes, lane().id, &Lane::id);
  if (now != lanes->end()) lane().at = now->at;
  if (next_ <= lane().at.acked) {
    next_ = lane().at.acked + 1;
    chain_.reset();
    if (lane().at.acked == 0) chain_ = kNoDigest;
  }
  if (walk(access)) return {};
  ++at_;
  next_ = 0;
  chunks_seen_ = false;
  return {};
}

// True: the lane goes on in another step.
bool Audit::walk(const Access& access) {
  opener_.look_in(access.store.dictionaries.all());
  std::size_t bytes = 0;
  for (std::size_t rows = 0; chunks_seen_ || (rows < kStepEntries && bytes < kStepBytes); ++rows) {
    const auto entry = covering(*access.store.queue, lane().id, next_);
    if (!entry) {
      find_error(entry.error(), {next_, lane().at.next_seq - 1});
      return false;
    }
    if (!*entry) {
      end_lane();
      return false;
    }
    bytes += (*entry)->bytes;
    if (!take(access, **entry)) return false;
  }
  return true;
}

// False: nothing behind it can be trusted.
bool Audit::take(const Access& access, const Entry& entry) {
  if (entry.range.first > next_) {
    find(AuditFault::missing, {next_, entry.range.first - 1}, "no row covers this range");
    chain_.reset();
  }
  const bool grown = entry.kind == Kind::tombstone && entry.range.first < next_;
  if (entry.range.first < next_ && !grown) {
    find(AuditFault::order, entry.range, "it overlaps what stands before it");
    return false;
  }
  if (entry.range.last >= lane().at.next_seq) {
    find(AuditFault::order, entry.range, "it reaches beyond the lane's last seq");
    return false;
  }
  if (chunks_seen_ && entry.kind != Kind::chunk) {
    find(AuditFault::order, entry.range, "it stands behind records that are not sealed yet");
  }
  chunks_seen_ = chunks_seen_ || entry.kind == Kind::chunk;
  if (Status s = access.store.queue->body_or_nothing(entry, body_); !s) {
    find_error(s.error(), entry.range);
    chain_ = entry.hash;
  } else {
    if (grown) chain_ = entry.previous;
    check(entry);
  }
  done_ += entry.range.last + 1 - next_;
  next_ = entry.range.last + 1;
  return true;
}

void Audit::check(const Entry& entry) {
  const std::uint64_t before = report_.findings_count;
  switch (entry.kind) {
    case Kind::envelope: check_envelope(entry); break;
    case Kind::chunk: check_chunk(entry); return;
    case Kind::tombstone: check_tombstone(entry); break;
  }
  chain_ = entry.hash;
  if (report_.findings_count != before) return;
  if (has_landed(entry)) return;
  ++(entry.kind == Kind::envelope ? result().envelopes : result().tombstones);
  result().records += entry.records();
}

void Audit::check_envelope(const Entry& entry) {
  const auto header = opener_.envelope(lane(), entry, body_);
  if (header) return check_chain(entry, header->previous);
  const bool newer = header.error().code == Code::newer;
  find(newer ? AuditFault::newer : AuditFault::envelope, entry.range, header.error().what);
}

void Audit::check_chain(const Entry& entry, const Digest& previous) {
  if (chain_ && *chain_ != previous) {
    find(AuditFault::chain, entry.range, "it names another predecessor than the one before it");
  }
}

void Audit::check_chunk(const Entry& entry) {
  if (Status s = opener_.chunk(entry, body_); !s) {
    const bool newer = s.error().code == Code::newer;
    return find(newer ? AuditFault::newer : AuditFault::chunk, entry.range, s.error().what);
  }
  ++result().chunks;
  result().records += entry.range.count();
}

void Audit::check_tombstone(const Entry& entry) {
  if (entry.loss == Loss::none)
    return find(AuditFault::tombstone, entry.range, "it gives no reason");
  if (entry.bytes > 0) {
    const auto header = opener_.tombstone(lane(), entry, body_);
    if (!header) return find(AuditFault::tombstone, entry.range, header.error().what);
  }
  check_chain(entry, entry.previous);
}

void Audit::end_lane() {
  if (next_ != lane().at.next_seq) {
    find(AuditFault::missing, {next_, lane().at.next_seq - 1}, "no row covers this range");
  } else if (chain_ && *chain_ != lane().at.chain) {
    find(AuditFault::chain, {next_ - 1, next_ - 1},
         "the lane's chain does not end where its rows do");
  }
}

void Audit::find_error(const Error& error, const Range& range) {
  find(AuditFault::unreadable, range, error.what);
}

void Audit::find(AuditFault fault, const Range& range, std::string what) {
  ++report_.findings_count;
  if (report_.findings.size() >= AuditReport::kFindingsKept) return;
  AuditFinding finding{.fault = fault, .range = range, .what = std::move(what)};
  const bool of_file = fault == AuditFault::structure || fault == AuditFault::stray;
  if (!of_file) {
    finding.gateway = lane().gateway;
    finding.lane = lane().name;
    finding.lane_id = lane().id;
    finding.epoch = lane().epoch;
  }
  report_.findings.push_back(std::move(finding));
}

}  // namespace pinaflux
