#include "agent/cli/report_commands.h"

#include <algorithm>
#include <cstdio>

#include "agent/cli/exit_status.h"
#include "agent/collector/postgres.h"
#include "agent/collector/verify.h"
#include "platform/linux/clock.h"
#include "platform/linux/files.h"

namespace pinaflux {

namespace {

int refused(const std::string& at, const Error& error, const std::string& why = {}) {
  return failed("pinaflux-collector", postgres::shown(at), error, why.empty() ? "" : ": " + why);
}

// A file that is not there is not made.
Status is_there(const std::string& database) {
  if (postgres::Connection::is_address(database)) return {};
  const auto info = LinuxFiles().info(database);
  return info ? Status() : std::unexpected(info.error());
}

}  // namespace

int verify_command(const std::string& database, const VerifyOptions& options) {
  if (Status s = is_there(database); !s) return refused(database, s.error());
  std::string why;
  LinuxFiles files;
  const Result<VerifyReport> report = verify(database, nullptr, &why, options.by_day, &files);
  const bool of_file = !why.empty() && !postgres::Connection::is_address(database);
  if (!report && of_file) return refused(why, report.error());
  if (!report) return refused(database, report.error(), why);
  std::fputs((options.json ? verify_json(*report) : verify_text(*report)).c_str(), stdout);
  return report->complete() && (report->proved() || options.moved_ok) ? kExitOk : 1;
}

int gateways_command(const std::string& database, Duration limit, bool json) {
  if (Status s = is_there(database); !s) return refused(database, s.error());
  std::string why;
  const Result<VerifyReport> report = account(database, &why);
  if (!report) return refused(database, report.error(), why);
  const WallTime now = LinuxClock().wall();
  std::fputs((json ? gateways_json(*report, now) : gateways_text(*report, now)).c_str(), stdout);
  const bool owed = std::ranges::any_of(report->lanes, [&](const LaneReport& lane) {
    return lane.missing > 0 || (lane.gap_since && now.ns - lane.gap_since->ns > limit.ns);
  });
  return owed ? 1 : kExitOk;
}

}  // namespace pinaflux
