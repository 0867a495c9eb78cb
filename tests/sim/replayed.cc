#include "tests/sim/replayed.h"

#include <algorithm>

#include "agent/collector/import.h"

namespace pinaflux::tests {

Result<VerifyReport> replay_archive(Files& files, const std::string& directory,
                                    const std::string& database) {
  auto names = files.list(directory);
  if (!names) return std::unexpected(names.error());
  std::ranges::sort(*names);
  {
    std::vector<std::string> findings;
    auto store = CollectorStore::open({.database = database, .outlets = {}}, files, findings);
    if (!store) return std::unexpected(store.error());
    for (const std::string& name : *names) {
      if (!name.ends_with(".archive")) continue;
      Import import(files, directory + "/" + name);
      std::vector<AckMessage> acks;
      for (Result<bool> more = true; *more;) {
        more = import.step(**store, WallTime{1'800'000'000'000'000'000}, acks);
        if (!more) return std::unexpected(more.error());
      }
      if (!import.report().complete) return fail(Code::corrupt, "an archive is not whole");
    }
  }
  return verify(database, files.sqlite_vfs());
}

std::string difference(const VerifyReport& landed, const VerifyReport& replayed) {
  for (const LaneReport& lane : landed.lanes) {
    if (lane.landed == 0 && lane.lost.empty()) continue;
    const auto at = std::ranges::find_if(replayed.lanes, [&](const LaneReport& other) {
      return other.gateway == lane.gateway && other.epoch == lane.epoch && other.lane == lane.lane;
    });
    if (at == replayed.lanes.end()) return "lane " + lane.lane + " is not in the archive";
    if (at->landed == lane.landed && at->lost == lane.lost && at->duplicates == 0) continue;
    return "lane " + lane.lane + ": " + std::to_string(at->landed) + " of " +
           std::to_string(lane.landed) + " landed, " + std::to_string(at->lost_count()) + " of " +
           std::to_string(lane.lost_count()) + " declared lost";
  }
  return {};
}

}  // namespace pinaflux::tests
