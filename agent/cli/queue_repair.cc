// Audit, repair the lanes that need it, audit again: what the last audit says is the result. An audit names the
// first hundred faults; a lane is repaired whole, so each round leaves fewer damaged lanes.
//
// What is not for a repair row by row (SQLite cannot read it, rows overlap, a lane is gone) is salvaged, as at the
// start of an agent: the file is set aside, and what can be read of it goes into a new one, record by record.

#include <algorithm>
#include <cstdio>
#include <set>
#include <utility>

#include "agent/cli/exit_status.h"
#include "agent/cli/queue_commands.h"
#include "agent/spool/audit.h"
#include "agent/spool/lock.h"
#include "agent/spool/repair.h"
#include "agent/spool/schema.h"
#include "agent/spool/view.h"

namespace pinaflux {

namespace {

constexpr std::size_t kRoundsMax = 64;

Result<AuditReport> audit_of(View& view) {
  Audit audit(Audit::Form::none);
  ProgressBar bar("verifying");
  Buffer out;
  for (Result<bool> more = true; *more;) {
    more = view.operate(audit, out);
    if (!more) return std::unexpected(more.error());
    bar.show(audit.progress().done, audit.progress().total);
  }
  return audit.report();
}

Status repair_lanes(Store& store, const AuditReport& report, std::vector<RepairedLoss>& losses) {
  std::set<LaneId> damaged;
  for (const AuditFinding& finding : report.findings) damaged.insert(finding.lane_id);
  const auto lanes = schema::lanes(*store.database, *store.encryption);
  if (!lanes) return std::unexpected(lanes.error());
  Repair repair(store);
  for (const Lane& lane : *lanes) {
    if (!damaged.contains(lane.id)) continue;
    if (Status s = repair.lane(lane); !s) return s;
  }
  losses.insert(losses.end(), repair.losses().begin(), repair.losses().end());
  return {};
}

void print(const AuditReport& report, const std::vector<RepairedLoss>& losses, bool json) {
  if (json) {
    std::printf("%s\n", repair_json(report.intact(), losses).c_str());
    return;
  }
  for (const RepairedLoss& loss : losses) {
    std::printf("declared lost: lane %s, %s-%s\n", loss.lane.c_str(),
                std::to_string(loss.range.first).c_str(), std::to_string(loss.range.last).c_str());
  }
  std::fputs(audit_text(report).c_str(), stdout);
}

// Puts the file aside under its lock, and opens the spool as an agent would: that salvages.
Status rebuild(QueueSession& session) {
  LinuxPlatform& platform = session.platform();
  std::vector<std::string> findings;
  {
    long holder = 0;
    auto lock = lock_directory(platform.files, session.spool().directory, holder);
    if (!lock) return std::unexpected(lock.error());
    if (Status s = set_aside(session.spool(), platform.files, platform.clock.wall(),
                             "by queue repair", findings);
        !s) {
      return s;
    }
  }
  auto spool = Spool::open(session.spool(), platform.files, platform.clock, platform.entropy,
                           findings, session.vault());
  for (const std::string& finding : findings) std::fprintf(stderr, "%s\n", finding.c_str());
  if (!spool) return std::unexpected(spool.error());
  return {};
}

bool newer(const AuditReport& report) {
  return std::ranges::any_of(report.findings,
                             [](const AuditFinding& f) { return f.fault == AuditFault::newer; });
}

}  // namespace

int queue_repair(const QueueTarget& target, bool json) {
  int status = kExitOk;
  auto session = QueueSession::open(target, status);
  if (!session) return status;
  std::vector<RepairedLoss> losses;
  bool rebuilt = false;
  for (std::size_t round = 0; round < kRoundsMax; ++round) {
    long holder = 0;
    auto view = View::open(session->spool(), session->platform().files, holder, session->vault(),
                           &session->platform().entropy);
    const bool unreadable = !view && view.error().code == Code::corrupt;
    if (!view && !unreadable) return session->say_unopened(view.error(), holder);
    AuditReport report;
    if (view) {
      auto audited = audit_of(**view);
      if (!audited) return session->say(audited.error());
      report = std::move(*audited);
    }
    Status done;
    if (view && (report.intact() || newer(report) || (rebuilt && !repairable(report)))) {
      print(report, losses, json);
      return report.intact() ? kExitOk : kExitData;
    }
    if (view && repairable(report)) {
      done = (*view)->change([&](Store& store) { return repair_lanes(store, report, losses); });
    } else if (!rebuilt) {
      if (view) view->reset();  // It has the lock.
      done = rebuild(*session);
      rebuilt = true;
    }
    if (!done) return session->say(done.error());
  }
  return session->say({Code::corrupt, 0, "it could not be made good: the file stays as it is"});
}

}  // namespace pinaflux
