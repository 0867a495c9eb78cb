#include "agent/spool/audit.h"
#include "platform/base/json_writer.h"

namespace pinaflux {

namespace {

const char* next_of(AuditFault fault) {
  switch (fault) {
    case AuditFault::structure:
    case AuditFault::unreadable:
    case AuditFault::missing:
    case AuditFault::order:
    case AuditFault::stray:
      return "stop the agent and run `pinaflux queue repair`: what can be read is kept, the rest "
             "is "
             "declared lost";
    case AuditFault::envelope:
    case AuditFault::chain:
    case AuditFault::chunk:
      return "stop the agent and run `pinaflux queue repair`: it is declared lost, what stands "
             "behind it is sent";
    case AuditFault::tombstone:
      return "stop the agent and run `pinaflux queue repair`: the declaration is made anew";
    case AuditFault::newer: return "run the version that wrote it";
  }
  return "";
}

}  // namespace

const char* fault_name(AuditFault fault) {
  switch (fault) {
    case AuditFault::structure: return "structure";
    case AuditFault::unreadable: return "unreadable";
    case AuditFault::missing: return "missing";
    case AuditFault::order: return "order";
    case AuditFault::stray: return "stray";
    case AuditFault::envelope: return "envelope";
    case AuditFault::chain: return "chain";
    case AuditFault::chunk: return "chunk";
    case AuditFault::tombstone: return "tombstone";
    case AuditFault::newer: return "newer";
  }
  return "?";
}

std::string audit_json(const AuditReport& report) {
  JsonWriter j;
  j.begin_object().key("schema").string("pinaflux.queue.verify/1");
  j.key("intact").boolean(report.intact());
  j.key("structure_checked").boolean(report.structure_checked);
  j.key("lanes").begin_array();
  for (const LaneAudit& lane : report.lanes) {
    j.begin_object().key("gateway").string(lane.gateway).key("lane").string(lane.name);
    j.key("epoch").string(hex(lane.epoch)).key("records").number(lane.records);
    j.key("envelopes").number(lane.envelopes).key("chunks").number(lane.chunks);
    j.key("tombstones").number(lane.tombstones).end_object();
  }
  j.end_array().key("findings_count").number(report.findings_count);
  j.key("findings").begin_array();
  for (const AuditFinding& f : report.findings) {
    j.begin_object().key("fault").string(fault_name(f.fault));
    if (!f.lane.empty()) {
      j.key("gateway").string(f.gateway).key("lane").string(f.lane);
      j.key("epoch").string(hex(f.epoch));
      j.key("first").number(f.range.first).key("last").number(f.range.last);
    }
    j.key("what").string(f.what).key("next").string(next_of(f.fault)).end_object();
  }
  j.end_array().end_object();
  return j.take();
}

std::string audit_text(const AuditReport& report) {
  std::string text;
  for (const LaneAudit& lane : report.lanes) {
    text += "lane     " + lane.name + "  (gateway " + lane.gateway + ", epoch " +
            hex(lane.epoch).substr(0, 8) + "): " + std::to_string(lane.records) + " records in " +
            std::to_string(lane.envelopes) + " envelopes and " + std::to_string(lane.chunks) +
            " chunks open and fit; " + std::to_string(lane.tombstones) + " tombstones\n";
  }
  for (const AuditFinding& f : report.findings) {
    text += "DAMAGED  ";
    if (!f.lane.empty()) {
      text += "lane " + f.lane + ", " + std::to_string(f.range.first) + "-" +
              std::to_string(f.range.last) + ": ";
    }
    text += f.what + " (" + fault_name(f.fault) + ")\n         -> " + next_of(f.fault) + "\n";
  }
  if (report.findings_count > report.findings.size()) {
    text += "         and " + std::to_string(report.findings_count - report.findings.size()) +
            " more\n";
  }
  if (!report.structure_checked) {
    text +=
        "         SQLite's own check was left out: it would hold up the running agent; stop it "
        "for the whole check\n";
  }
  return text + (report.intact() ? "the queue is intact\n" : "the queue is damaged\n");
}

}  // namespace pinaflux
