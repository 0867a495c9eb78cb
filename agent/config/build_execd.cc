// Nodes that ask a process. That its program is not there is no error: it may be installed later, and until then what it is to be asked
// waits.
#include <algorithm>

#include "agent/config/build.h"
#include "platform/base/text.h"

namespace pinaflux::config {

namespace {

constexpr std::size_t kWordsMax = 64;

void check_command(const Reader& r, const std::vector<std::string>& command, Building& building) {
  const Node* const list = r.node("command");
  const Place& place =
      list != nullptr && !list->items.empty() ? list->items[0].place : r.value_place("command");
  if (command.size() > kWordsMax) {
    building.findings.error(place, "more than 64 words of a command",
                            "let the program read the others from a file");
  }
  const std::string& program = command.front();
  if (!program.starts_with('/')) {
    building.findings.error(place, "a command begins with an absolute path",
                            "there is no shell and no PATH: write [/usr/bin/python3, FILE]");
    return;
  }
  const auto info = building.files.info(program);
  if (info && !info->directory) return;
  building.findings.warning(
      place, "there is no program '" + printable(program, 60) + "'",
      "until there is, sources are held back when in_flight_max records wait for it");
}

}  // namespace

Execd build_execd(const Reader& r, Building& building) {
  const auto whole = [&](std::string_view name, std::int64_t min, std::int64_t max) {
    return static_cast<std::size_t>(std::clamp<std::int64_t>(r.integer(name), min, max));
  };
  Execd e;
  e.command = r.texts("command");
  e.memory_max = r.size("memory_max");
  e.in_flight_max = whole("in_flight_max", 1, static_cast<std::int64_t>(Execd::kInFlightMax));
  e.answer_within = r.duration("answer_within");
  e.records_max = whole("records_max", 1, 1'024);
  e.fields_max = whole("fields_max", 0, 1'024);
  e.refuse_after = whole("refuse_after", 0, 1'000);
  if (!e.command.empty() && !e.command.front().empty()) check_command(r, e.command, building);
  return e;
}

}  // namespace pinaflux::config
