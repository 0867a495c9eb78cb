#include "agent/cli/config_test.h"

#include <cstdio>

#include "agent/agent/rehearsal.h"
#include "agent/cli/dry_host.h"
#include "agent/cli/exit_status.h"
#include "agent/config/load.h"
#include "platform/base/json_writer.h"

namespace pinaflux {

namespace {

constexpr int kExitDoesNotHold = 1;
constexpr std::size_t kTestBytesMax = 4 * 1024 * 1024;

void say(const std::string& file, const Rehearsed& result) {
  for (const Rehearsed::Mistake& mistake : result.mistakes) {
    std::fprintf(stderr, "%s:%u: %s\n", file.c_str(), mistake.line, mistake.what.c_str());
  }
  if (result.beyond > 0) {
    std::fprintf(stderr, "%s: and %llu more\n", file.c_str(),
                 static_cast<unsigned long long>(result.beyond));
  }
  if (!result.holds()) return;
  std::printf("%s: holds: %llu records, %llu expectations\n", file.c_str(),
              static_cast<unsigned long long>(result.given),
              static_cast<unsigned long long>(result.expected));
}

void append(JsonWriter& j, const std::string& file, const Rehearsed& result) {
  j.begin_object().key("file").string(file).key("records").number(result.given);
  j.key("expectations").number(result.expected).key("holds").boolean(result.holds());
  j.key("mistakes").begin_array();
  for (const Rehearsed::Mistake& mistake : result.mistakes) {
    j.begin_object().key("line").number(std::uint64_t{mistake.line});
    j.key("what").string(mistake.what).end_object();
  }
  j.end_array().key("mistakes_beyond").number(result.beyond).end_object();
}

}  // namespace

int config_test_command(const ConfigTestOptions& options) {
  const auto host = DryHost::make();
  if (!host) {
    std::fprintf(stderr, "pinaflux: %s\n", host.error().what);
    return exit_status(host.error());
  }
  Files& files = (*host)->platform().files;
  const Loaded loaded = load_configuration(files, options.configuration);
  std::fputs(findings_text(loaded.findings).c_str(), stderr);
  if (!loaded.configuration) return kExitConfiguration;
  std::string which;
  auto rehearsal = Rehearsal::make(*loaded.configuration, (*host)->companions(), which);
  if (!rehearsal) {
    std::fprintf(stderr, "pinaflux: %s%s%s\n", which.c_str(), which.empty() ? "" : ": ",
                 rehearsal.error().what);
    return exit_status(rehearsal.error());
  }
  bool holds = true;
  JsonWriter j;
  j.begin_object().key("schema").string("pinaflux.config_test/1").key("tests").begin_array();
  for (const std::string& file : options.tests) {
    const auto text = files.read_text(file, kTestBytesMax);
    const auto result = text ? (*rehearsal)->run(*text) : std::unexpected(text.error());
    if (!result) {
      std::fprintf(stderr, "pinaflux: %s: %s\n", file.c_str(), result.error().what);
      return exit_status(result.error());
    }
    const bool only_shown = options.print && result->expected == 0;
    holds = holds && (only_shown || result->holds());
    if (options.print) std::fputs(result->told.c_str(), stdout);
    if (!options.json && !only_shown) say(file, *result);
    append(j, file, *result);
  }
  j.end_array().key("holds").boolean(holds).end_object();
  if (options.json) std::printf("%s\n", j.text().c_str());
  return holds ? kExitOk : kExitDoesNotHold;
}

}  // namespace pinaflux
