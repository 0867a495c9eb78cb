#include "agent/cli/config_commands.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cli/exit_status.h"
#include "agent/config/explain.h"
#include "agent/config/init.h"
#include "agent/config/load.h"
#include "agent/config/schema.h"
#include "agent/pipeline/drawing.h"
#include "platform/linux/files.h"

namespace pinaflux {

int config_validate(const std::string& path, bool json) {
  LinuxFiles files;
  const Loaded loaded = load_configuration(files, path);
  if (json) {
    std::fputs(findings_json(loaded.findings).c_str(), stdout);
  } else {
    std::fputs(findings_text(loaded.findings).c_str(), stderr);
    if (loaded.configuration) std::printf("%s: valid\n", path.c_str());
  }
  return loaded.configuration ? kExitOk : kExitConfiguration;
}

int config_explain(const std::string& key) {
  bool known = false;
  const std::string text = explain(key, &known);
  std::fputs(text.c_str(), known ? stdout : stderr);
  return known ? kExitOk : kExitUsage;
}

int graph_command(const std::string& path, const std::string& format) {
  LinuxFiles files;
  const Loaded loaded = load_configuration(files, path);
  std::fputs(findings_text(loaded.findings).c_str(), stderr);
  if (!loaded.configuration) return kExitConfiguration;
  const auto as = drawing_of(format).value_or(Drawing::text);
  std::fputs(draw(loaded.configuration->pipeline, as).c_str(), stdout);
  return kExitOk;
}

int config_schema() {
  std::fputs(configuration_schema().c_str(), stdout);
  return kExitOk;
}

namespace {

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

int refuse(const std::string& output, const Error& error) {
  std::fprintf(stderr, "pinaflux: %s: %s\n", output.c_str(), error.what);
  return exit_status(error);
}

}  // namespace

int init_command(const std::string& output, bool force) {
  const std::string text = initial_configuration({.host_name = host_name()});
  if (output == "-") {
    std::fputs(text.c_str(), stdout);
    return kExitOk;
  }
  LinuxFiles files;
  if (files.info(output) && !force) {
    std::fprintf(stderr, "pinaflux: %s is there already: --force writes over it\n", output.c_str());
    return kExitCannotCreate;
  }
  const auto slash = output.rfind('/');
  if (slash != std::string::npos && slash > 0) {
    if (auto ok = files.make_directory(output.substr(0, slash), 0755); !ok)
      return refuse(output, ok.error());
  }
  if (auto ok = files.replace(output, text); !ok) return refuse(output, ok.error());
  // There is no secret in it, and the agent that reads it may be another user than the one who runs this.
  if (::chmod(output.c_str(), 0644) != 0)
    return refuse(output, {Code::denied, errno, "its mode cannot be set"});
  std::printf("%s is written. Next: pinaflux config validate %s\n", output.c_str(), output.c_str());
  return kExitOk;
}

}  // namespace pinaflux
