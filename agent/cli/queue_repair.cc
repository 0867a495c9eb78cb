// Audit, repair the lanes that need it, audit again: what the last audit says is the result. An audit names the
// first hundred faults; a lane is repaired whole, so each round leaves fewer damaged lanes.

#include <algorithm>
#include <cstdio>
#include <set>

#include "agent/cli/exit_status.h"
#include "agent/cli/queue_commands.h"
#include "agent/data/limits.h"
#include "agent/spool/audit.h"
#include "agent/spool/repair.h"
#include "agent/spool/schema.h"
#include "agent/spool/view.h"

namespace pinaflux {

namespace {

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
  const auto lanes = schema::lanes(*store.database);
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
  if (report.intact()) return;
  std::fputs(
      "pinaflux: the file itself is damaged, which is not for this command; it was left as it is.\n"
      "  -> export what can be read (`pinaflux queue export`), or start the agent: it sets the "
      "file "
      "aside\n     and begins a new one\n",
      stderr);
}

}  // namespace

int queue_repair(const QueueTarget& target, bool json) {
  int status = kExitOk;
  auto session = QueueSession::open(target, status);
  if (!session) return status;
  const auto view = session->view(status);
  if (!view) return status;
  std::vector<RepairedLoss> losses;
  for (std::size_t round = 0;; ++round) {
    const auto report = audit_of(*view);
    if (!report) return session->say(report.error());
    if (report->intact() || !repairable(*report) || round > limits::kLanesMax * 4) {
      print(*report, losses, json);
      return report->intact() ? kExitOk : kExitData;
    }
    const Status repaired =
        view->change([&](Store& store) { return repair_lanes(store, *report, losses); });
    if (!repaired) return session->say(repaired.error());
  }
}

}  // namespace pinaflux
