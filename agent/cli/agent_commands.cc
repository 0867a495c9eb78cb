#include "agent/cli/agent_commands.h"

#include <cstdio>
#include <memory>

#include "agent/cli/control_client.h"
#include "agent/cli/exit_status.h"
#include "agent/config/load.h"
#include "agent/control/control.h"
#include "platform/base/json_writer.h"
#include "platform/linux/linux.h"
#include "version.h"

namespace pinaflux {

namespace {

void print_line(std::string_view line) {
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fputc('\n', stdout);
}

// The platform and the socket that a command needs.
struct Session {
  std::unique_ptr<LinuxPlatform> platform;
  std::string socket;

  static Result<Session> open(const AgentAddress& address) {
    configure_names();
    auto platform = LinuxPlatform::make();
    if (!platform) return std::unexpected(platform.error());
    Session s{std::move(*platform), address.socket};
    if (s.socket.empty()) {
      auto loaded = load_configuration(s.platform->files, address.configuration);
      s.socket =
          loaded.configuration ? loaded.configuration->control.socket : ControlOptions{}.socket;
    }
    return s;
  }
  Status ask(std::string_view request, OnLine on_line) {
    return ask_agent(*platform->loop, platform->network, socket, request, std::move(on_line));
  }
};

constexpr const char* kNotRunning =
    "\n  -> is the agent running (systemctl status pinaflux), and is --socket or --config its own?";

// One request that is answered by one line.
int ask_for_line(const AgentAddress& address, std::string_view request, std::string& line) {
  auto session = Session::open(address);
  if (!session) return failed("pinaflux", "start", session.error());
  auto asked = session->ask(request, [&](std::string_view l) {
    line = l;
    return false;
  });
  if (!asked) return failed("pinaflux", session->socket, asked.error(), kNotRunning);
  if (line.empty()) {
    return failed("pinaflux", session->socket,
                  {Code::closed, 0, "the agent ended the conversation"});
  }
  return kExitOk;
}

}  // namespace

int status_command(const AgentAddress& address, bool json) {
  auto session = Session::open(address);
  if (!session) return failed("pinaflux", "start", session.error());
  auto asked = session->ask(json ? "status\n" : "show\n", [](std::string_view line) {
    print_line(line);
    return true;
  });
  return asked ? kExitOk : failed("pinaflux", session->socket, asked.error(), kNotRunning);
}

int tap_command(const AgentAddress& address, std::uint64_t count) {
  auto session = Session::open(address);
  if (!session) return failed("pinaflux", "start", session.error());
  std::uint64_t seen = 0;
  auto asked = session->ask("tap\n", [&](std::string_view line) {
    print_line(line);
    std::fflush(stdout);
    return ++seen != count;
  });
  return asked ? kExitOk : failed("pinaflux", session->socket, asked.error(), kNotRunning);
}

int apply_command(const AgentAddress& address, const std::string& file) {
  LinuxFiles files;
  auto text = files.read_text(file, Control::kApplyBytesMax);
  if (!text) return failed("pinaflux", file, text.error());
  auto loaded = load_configuration_text(files, file, *text);
  if (!loaded.findings.empty()) std::fputs(findings_text(loaded.findings).c_str(), stderr);
  if (!loaded.configuration) return kExitConfiguration;
  std::string line;
  const std::string request = "apply " + std::to_string(text->size()) + "\n" + *text;
  if (const int status = ask_for_line(address, request, line); status != kExitOk) return status;
  print_line(line);
  return line.find("\"accepted\":true") != std::string::npos ? kExitOk : kExitConfiguration;
}

int version_command(const char* program, bool json) {
  if (json) {
    JsonWriter j;
    j.begin_object().key("schema").string("pinaflux.version/1").key("program").string(program);
    j.key("version").string(kVersion).key("built").number(kBuildTimeUnixSeconds).end_object();
    print_line(j.text());
  } else {
    print_line(std::string(program) + " " + std::string(kVersion));
  }
  return kExitOk;
}

}  // namespace pinaflux
