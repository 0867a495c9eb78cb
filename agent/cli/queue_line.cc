#include "agent/cli/queue_line.h"

#include <string>

#include <CLI/CLI.hpp>

#include "agent/cli/queue_commands.h"

namespace pinaflux {

namespace {

struct QueueArguments {
  QueueTarget target{.configuration = "/etc/pinaflux/pinaflux.yaml", .socket = "", .spool = ""};
  std::string lane;
  std::string file;
  std::uint64_t count = 10;
  bool json = false;
  bool force = false;
  PurgeOptions purge;
  ReplayOptions replay;
};

class QueueLine {
 public:
  QueueLine(CLI::App& app, int& status)
      : queue_(*app.add_subcommand("queue", "what waits in the spool")),
        arguments_(std::make_shared<QueueArguments>()),
        status_(status) {
    queue_.require_subcommand(1);
  }

  // A subcommand whose function gives the exit status.
  template <class Function>
  CLI::App* command(const char* name, const char* what, Function function) {
    CLI::App* sub = queue_.add_subcommand(name, what);
    sub->callback([a = arguments_, &status = status_, function] { status = function(*a); });
    QueueTarget& target = arguments_->target;
    sub->add_option("--config,-c", target.configuration,
                    "configuration that names spool and socket")
        ->capture_default_str();
    auto* socket = sub->add_option("--socket", target.socket, "the running agent's control socket");
    sub->add_option("--spool", target.spool, "a spool's folder that no agent uses")
        ->excludes(socket);
    return sub;
  }
  static CLI::Option* add_lane(CLI::App* sub, std::string& lane, const char* what) {
    return sub->add_option("--lane,-l", lane, what)->check([](const std::string& name) {
      return name.find_first_of("* \n") == std::string::npos ? "" : "no such lane";
    });
  }
  void add_json(CLI::App* sub) {
    sub->add_flag("--json", arguments_->json, "for a machine to read");
  }
  QueueArguments& arguments() { return *arguments_; }

 private:
  CLI::App& queue_;
  std::shared_ptr<QueueArguments> arguments_;  // The library keeps the callbacks, and copies them.
  int& status_;
};

}  // namespace

void add_queue_commands(CLI::App& app, int& status) {
  QueueLine line(app, status);
  line.add_json(line.command("stats", "what waits, by lane; the room that it takes",
                             [](QueueArguments& a) { return queue_stats(a.target, a.json); }));
  auto* peek =
      line.command("peek", "the oldest records as lines of JSON; nothing is changed",
                   [](QueueArguments& a) { return queue_peek(a.target, a.lane, a.count); });
  QueueLine::add_lane(peek, line.arguments().lane, "of this lane alone");
  peek->add_option("--count,-n", line.arguments().count, "records of each lane")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  auto* take = line.command(
      "export", "all that waits, into a file for the collector; the queue stays",
      [](QueueArguments& a) { return queue_export(a.target, a.file, a.lane, a.force); });
  take->add_option("file", line.arguments().file, "a file, or a folder (a mounted stick)")
      ->required();
  QueueLine::add_lane(take, line.arguments().lane, "this lane alone");
  take->add_flag("--force", line.arguments().force, "write over a file that is there");
  line.add_json(line.command("verify", "whether all that waits would arrive; reads only",
                             [](QueueArguments& a) { return queue_verify(a.target, a.json); }));
  auto* import =
      line.command("import",
                   "with the agent stopped: take over what an earlier spool of this "
                   "gateway exported",
                   [](QueueArguments& a) { return queue_import(a.target, a.file, a.json); });
  import->add_option("file", line.arguments().file, "an export file")->required();
  line.add_json(import);
  line.add_json(line.command("repair", "with the agent stopped: make good what verify found",
                             [](QueueArguments& a) { return queue_repair(a.target, a.json); }));
  PurgeOptions& options = line.arguments().purge;
  auto* purge =
      line.command("purge", "give up the oldest records of a lane; they are declared lost",
                   [](QueueArguments& a) { return queue_purge(a.target, a.purge); });
  QueueLine::add_lane(purge, options.lane, "of this lane")->required();
  auto* until = purge->add_option_group("how far")->require_option(1);
  until->add_option("--before", options.before,
                    "what was recorded before: a day, a moment in UTC, or an age (36h, 7d)");
  until->add_flag("--all", options.all, "all of it");
  purge->add_flag("--yes", options.yes, "do it");
  purge->add_flag("--json", options.json, "for a machine to read");
  ReplayOptions& again = line.arguments().replay;
  auto* replay = line.command(
      "replay", "what sources with `keep: raw` brought, through the running agent's pipeline again",
      [](QueueArguments& a) { return queue_replay(a.target, a.replay); });
  auto* from = replay->add_option_group("from when")->require_option(1);
  from->add_option("--since", again.since,
                   "what was recorded since: a day, a moment in UTC, or an age (36h, 7d)");
  from->add_flag("--all", again.all, "all that is kept");
  replay->add_flag("--json", again.json, "for a machine to read");
}

}  // namespace pinaflux
