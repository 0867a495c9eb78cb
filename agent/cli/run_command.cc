#include "agent/cli/run_command.h"

// One agent is one configuration. A reload stops the running agent, which commits what it holds, and
// starts another on the same spool. The old configuration is kept until the new one runs: where the
// new one does not start (a port in use, no permission), the old one is started again, and where it
// came from `config apply`, the old file is put back.

#include <cstdio>
#include <optional>
#include <utility>

#include "agent/agent/agent.h"
#include "agent/cli/exit_status.h"
#include "agent/config/load.h"
#include "agent/control/control.h"
#include "agent/mask/loosening.h"
#include "platform/base/json_writer.h"
#include "platform/http/link.h"
#include "platform/linux/children.h"
#include "platform/linux/linux.h"
#include "platform/linux/mqtt_client.h"
#include "version.h"

namespace pinaflux {

namespace {

class Runner {
 public:
  Runner(const RunOptions& options, LinuxPlatform& platform, LinuxWorker& worker)
      : options_(options),
        platform_(platform),
        worker_(worker),
        log_(options.verbose ? Log::Level::debug : Log::Level::info,
             [&platform] { return platform.clock.now(); }) {}

  int run();

 private:
  struct Staged {
    Configuration configuration;
    std::optional<std::string> replaced;  // The file's former text, where `apply` replaced it.
  };

  std::optional<Configuration> load(const std::string& path);
  std::optional<Error> start(const Configuration& configuration);
  std::optional<Error> start_control(const ControlOptions& options);
  void reload();
  std::string apply(std::string_view text);
  bool start_next();
  bool take_staged();
  void put_back(const std::string& text);
  AgentStatus status() const;
  void tap(bool on);

  const RunOptions& options_;
  LinuxPlatform& platform_;
  LinuxWorker& worker_;
  Log log_;
  LinuxChildren children_{*platform_.loop};
  std::unique_ptr<Agent> agent_;
  std::unique_ptr<Control> control_;
  ControlOptions control_options_;
  std::optional<Configuration> running_;
  std::optional<Staged> staged_;
  AgentStatus last_status_;  // While one agent has stopped and the next has not started.
  bool tapping_ = false;
  bool stopping_ = false;
  bool restarts_ = false;  // The last agent.
};

std::optional<Configuration> Runner::load(const std::string& path) {
  auto loaded = load_configuration(platform_.files, path);
  if (!loaded.findings.empty()) std::fputs(findings_text(loaded.findings).c_str(), stderr);
  return std::move(loaded.configuration);
}

int Runner::run() {
  auto configuration = load(options_.configuration);
  if (!configuration) return kExitConfiguration;
  platform_.process.on_signals(
      [this] {
        stopping_ = true;
        platform_.process.notify("STOPPING=1");
        agent_->stop();
      },
      [this] { reload(); });
  platform_.network.raise_time_floor(kBuildTimeUnixSeconds);
  if (auto error = start(*configuration)) return exit_status(*error);
  if (auto error = start_control(configuration->control)) return exit_status(*error);
  running_ = std::move(configuration);
  log_.notice("agent.started", "the agent runs",
              {{"gateway", running_->gateway}, {"version", kVersion}});
  platform_.process.notify("READY=1");
  do {
    platform_.loop->run([this] {
      const bool more = agent_->turn();
      if (agent_->stopped()) platform_.loop->stop();
      return more;
    });
    last_status_ = agent_->status();
    restarts_ = agent_->restarts();
    agent_.reset();
  } while (!stopping_ && start_next());
  control_.reset();
  return stopping_ ? kExitOk : kExitSoftware;
}

std::optional<Error> Runner::start(const Configuration& configuration) {
  auto started = Agent::start(
      configuration,
      {*platform_.loop, worker_, platform_.clock, platform_.entropy, platform_.files,
       platform_.network, platform_.http_servers, platform_.process,
       with_http(make_mqtt_client_maker(*platform_.loop), platform_.network, *platform_.loop), log_,
       &children_});
  if (!started) {
    log_.failed(Log::Level::error, "agent.start", started.error().error,
                {{"at", started.error().which}});
    return started.error().error;
  }
  agent_ = std::move(*started);
  if (tapping_) tap(true);
  return std::nullopt;
}

std::optional<Error> Runner::start_control(const ControlOptions& options) {
  control_.reset();
  std::string which;
  auto control = Control::start(
      options, platform_.network, platform_.http_servers,
      {[this] { return status(); }, [this](std::string_view text) { return apply(text); },
       [this](bool on) { tap(on); },
       [this](Operation& operation, Buffer& out, std::function<void(Result<bool>)> done) {
         return agent_ && agent_->operate(operation, out, std::move(done));
       }},
      which);
  if (!control) {
    log_.failed(Log::Level::error, "control.start", control.error(), {{"at", which}});
    return control.error();
  }
  control_ = std::move(*control);
  control_options_ = options;
  return std::nullopt;
}

AgentStatus Runner::status() const { return agent_ ? agent_->status() : last_status_; }

void Runner::tap(bool on) {
  tapping_ = on;
  if (!agent_) return;
  if (on) {
    agent_->tap([this](std::string_view line) { control_->tapped(line); });
  } else {
    agent_->tap({});
  }
}

void Runner::reload() {
  auto configuration = load(options_.configuration);
  if (!configuration) {
    log_.error("agent.reload", "the configuration is invalid: the running one stays");
    return;
  }
  if (const auto why = unconfirmed_loosening(running_->mask, configuration->mask); !why.empty()) {
    log_.error("agent.reload", "the running configuration stays: " + why);
    return;
  }
  platform_.process.notify("RELOADING=1");
  staged_ = Staged{std::move(*configuration), std::nullopt};
  agent_->stop();
}

std::string Runner::apply(std::string_view text) {
  const auto answer = [](bool accepted, std::string_view why,
                         const std::vector<Finding>& findings) {
    JsonWriter j;
    j.begin_object().key("schema").string("pinaflux.apply/1").key("accepted").boolean(accepted);
    j.key("text").string(why).key("findings").string(findings_text(findings)).end_object();
    return j.take();
  };
  if (staged_ || stopping_) return answer(false, "the agent is restarting: try again", {});
  auto loaded = load_configuration_text(platform_.files, options_.configuration, text);
  if (!loaded.configuration) return answer(false, "the running one stays", loaded.findings);
  const auto why = unconfirmed_loosening(running_->mask, loaded.configuration->mask);
  if (!why.empty()) return answer(false, why, loaded.findings);
  auto former = platform_.files.read_text(options_.configuration, Control::kApplyBytesMax);
  if (!former) return answer(false, former.error().what, {});
  if (auto ok = platform_.files.replace(options_.configuration, text); !ok) {
    return answer(false, ok.error().what, {});
  }
  staged_ = Staged{std::move(*loaded.configuration), std::move(*former)};
  agent_->stop();
  return answer(true, "", loaded.findings);
}

// After a reload, or because the agent itself wants to begin anew.
bool Runner::start_next() {
  if (staged_ || !restarts_) return take_staged();
  return !start(*running_);
}

// False when neither the new configuration nor the old one could be started.
bool Runner::take_staged() {
  ASSERT(staged_.has_value());
  Staged staged = std::exchange(staged_, std::nullopt).value();
  const ControlOptions former_control = control_options_;
  auto error = start(staged.configuration);
  if (!error && staged.configuration.control != former_control) {
    error = start_control(staged.configuration.control);
    if (error) agent_.reset();
  }
  if (!error) {
    running_ = std::move(staged.configuration);
    log_.notice("agent.reloaded", "the new configuration runs");
    platform_.process.notify("READY=1");
    return true;
  }
  log_.error("agent.reload", "the new configuration does not start: the former one runs again");
  if (staged.replaced) put_back(*staged.replaced);
  if (start(*running_)) return false;
  if (!control_ && start_control(former_control)) return false;
  platform_.process.notify("READY=1");
  return true;
}

void Runner::put_back(const std::string& text) {
  if (auto ok = platform_.files.replace(options_.configuration, text); !ok) {
    log_.failed(Log::Level::error, "agent.reload", ok.error(), {{"at", options_.configuration}});
  }
}

}  // namespace

int run_command(const RunOptions& options) {
  configure_names();
  auto platform = LinuxPlatform::make();
  if (!platform) {
    std::fprintf(stderr, "pinaflux: %s\n", platform.error().what);
    return exit_status(platform.error());
  }
  auto worker = (*platform)->worker();
  if (!worker) {
    std::fprintf(stderr, "pinaflux: %s\n", worker.error().what);
    return exit_status(worker.error());
  }
  return Runner(options, **platform, **worker).run();
}

}  // namespace pinaflux
