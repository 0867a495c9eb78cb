// pinaflux: the agent and its tools. The command line is declared here and nowhere else.

#include <string>

#include <CLI/CLI.hpp>
#include <malloc.h>

#include "agent/cli/agent_commands.h"
#include "agent/cli/bench_pipeline.h"
#include "agent/cli/bench_seal.h"
#include "agent/cli/bench_spool.h"
#include "agent/cli/config_commands.h"
#include "agent/cli/config_test.h"
#include "agent/cli/decode_command.h"
#include "agent/cli/doctor.h"
#include "agent/cli/exit_status.h"
#include "agent/cli/letter_line.h"
#include "agent/cli/mask_preview.h"
#include "agent/cli/queue_line.h"
#include "agent/cli/run_command.h"
#include "agent/cli/run_once.h"
#include "agent/cli/schema_commands.h"
#include "agent/cli/uplink_test_command.h"
#include "agent/data/limits.h"
#include "agent/seal/parts.h"
#include "agent/uplink/uplink.h"

namespace pinaflux {
namespace {

constexpr const char* kConfiguration = "/etc/pinaflux/pinaflux.yaml";

// What the commands' options are bound to.
struct Arguments {
  std::string configuration = kConfiguration;
  std::string file;
  DecodeOptions decode;
  std::string key;
  std::string output = "-";
  std::string uplink = UplinkOptions::kFirst;
  AgentAddress agent{"", kConfiguration};
  RunOptions run;
  RunOnceOptions once;
  ConfigTestOptions config_test;
  MaskPreviewOptions preview{.configuration = kConfiguration};
  BenchSpoolOptions bench_spool;
  BenchSealOptions bench_seal;
  BenchPipelineOptions bench_pipeline;
  std::string format = "text";
  std::uint64_t count = 0;
  bool json = false;
  bool force = false;
};

class CommandLine {
 public:
  int run(int argc, char** argv);

 private:
  // A subcommand whose function gives the exit status.
  template <class Function>
  CLI::App* command(CLI::App& parent, const char* name, const char* what, Function function) {
    CLI::App* sub = parent.add_subcommand(name, what);
    sub->callback([this, function] { status_ = function(); });
    return sub;
  }
  void add_agent_commands();
  void add_config_commands();
  void add_tools();
  void add_address(CLI::App* sub) {
    sub->add_option("--socket", a_.agent.socket, "the agent's control socket");
    sub->add_option("--config", a_.agent.configuration, "configuration that names the socket")
        ->capture_default_str();
  }
  void add_json(CLI::App* sub) { sub->add_flag("--json", a_.json, "for a machine to read"); }

  CLI::App app_{"Pinaflux Edge: a sensor gateway that loses nothing it acknowledged.", "pinaflux"};
  Arguments a_;
  int status_ = kExitOk;
};

void CommandLine::add_agent_commands() {
  auto* run = command(app_, "run", "run the agent; --once: what it would make of a file", [this] {
    const bool once = app_.get_subcommand("run")->count("--once") > 0;
    return once ? run_once_command(a_.run.configuration, a_.once) : run_command(a_.run);
  });
  run->add_option("--config,-c", a_.run.configuration, "configuration file")->capture_default_str();
  auto* verbose = run->add_flag("--verbose,-v", a_.run.verbose, "log more");
  auto* once = run->add_option("--once", a_.once.file,
                               "read this file (NDJSON, CSV, line protocol; -: standard input) "
                               "instead of the sources; store and send nothing");
  once->excludes(verbose);
  auto* print = run->add_flag("--print", a_.once.print, "with --once: show what every node gives");
  print->needs(once);
  run->add_flag("--json", a_.once.json, "the same for a machine to read")->needs(once);
  run->add_option("--source", a_.once.source,
                  "with --once: read it as this source would (default: the first)")
      ->needs(once);
  run->add_option("--stream", a_.once.stream, "as records of this stream (default: the source's)")
      ->needs(once);
  run->add_option("--format", a_.once.format, "ndjson, csv, or lines (default: by the file)")
      ->check(CLI::IsMember({"ndjson", "csv", "lines"}))
      ->needs(once);
  auto* status = command(app_, "status", "what comes in, what waits, what the far end has",
                         [this] { return status_command(a_.agent, a_.json); });
  add_address(status);
  add_json(status);
  auto* tap = command(app_, "tap", "the records as they are stored (masked), live",
                      [this] { return tap_command(a_.agent, a_.count); });
  add_address(tap);
  tap->add_option("--count,-n", a_.count, "end after so many records (0: never)");
  CLI::App* test = app_.add_subcommand("test", "try the way to the far end, step by step");
  test->require_subcommand(1);
  auto* uplink =
      command(*test, "uplink", "name, TCP, TLS, broker, collector: how long, or what to do",
              [this] { return uplink_test_command(a_.configuration, a_.uplink, a_.json); });
  uplink->add_option("name", a_.uplink, "which of the uplinks")->capture_default_str();
  uplink->add_option("--config,-c", a_.configuration, "configuration file")->capture_default_str();
  add_json(uplink);
  auto* doctor = command(app_, "doctor", "look at everything, and say what to do about it",
                         [this] { return doctor_command({a_.configuration, a_.json}); });
  doctor->add_option("--config,-c", a_.configuration, "configuration file")->capture_default_str();
  add_json(doctor);
}

void CommandLine::add_config_commands() {
  CLI::App* config = app_.add_subcommand("config", "check, explain and apply configurations");
  config->require_subcommand(1);
  auto* validate = command(*config, "validate", "every error and warning at once",
                           [this] { return config_validate(a_.configuration, a_.json); });
  validate->add_option("file", a_.configuration, "configuration file")->capture_default_str();
  add_json(validate);
  auto* explain = command(*config, "explain", "what a key means, its unit, range and default",
                          [this] { return config_explain(a_.key); });
  explain->add_option("key", a_.key, "for example spool.size_max; none: all keys");
  auto* test = command(*config, "test", "try mask and pipeline with a test's records", [this] {
    a_.config_test.configuration = a_.configuration;
    return config_test_command(a_.config_test);
  });
  test->add_option("test", a_.config_test.tests,
                   "files of lines: STREAM PAYLOAD gives, -> LANE STREAM {FIELDS} expects (none: "
                   "the configuration's own `tests`)");
  test->add_option("--config,-c", a_.configuration, "configuration file")->capture_default_str();
  auto* print = test->add_flag("--print", a_.config_test.print, "show what comes of each line");
  test->add_flag("--json", a_.config_test.json, "for a machine to read")->excludes(print);
  command(*config, "schema", "the JSON Schema for editors", [] { return config_schema(); });
  auto* apply = command(*config, "apply", "hand a configuration to the running agent",
                        [this] { return apply_command(a_.agent, a_.file); });
  apply->add_option("file", a_.file, "configuration file")->required();
  add_address(apply);
  auto* graph = command(app_, "graph", "the way of records from sources to lanes",
                        [this] { return graph_command(a_.configuration, a_.format); });
  graph->add_option("file", a_.configuration, "configuration file")->capture_default_str();
  graph->add_option("--format", a_.format, "text, mermaid, dot or json")
      ->check(CLI::IsMember({"text", "mermaid", "dot", "json"}))
      ->capture_default_str();
  CLI::App* mask = app_.add_subcommand("mask", "what mask rules do");
  mask->require_subcommand(1);
  auto* preview = command(*mask, "preview",
                          "records of a file or a source after the mask, and what each rule did",
                          [this] { return mask_preview_command(a_.preview); });
  preview->add_option(
      "file", a_.preview.file,
      "NDJSON or line protocol (-: standard input; none: what comes to the source)");
  preview->add_option("--source", a_.preview.source,
                      "read it as this source would (default: the first)");
  preview->add_option("--for", a_.preview.seconds, "so many seconds, without a file")
      ->check(CLI::Range(1, 86'400))
      ->capture_default_str();
  preview->add_option("--stream", a_.preview.stream,
                      "as records of this stream (default: the source's)");
  preview->add_option("--config,-c", a_.preview.configuration, "configuration file")
      ->capture_default_str();
  preview->add_flag("--json", a_.preview.json, "for a machine to read");
  auto* init = command(app_, "init", "write a commented configuration for this machine",
                       [this] { return init_command(a_.output, a_.force); });
  init->add_option("--output,-o", a_.output, "where to (-: standard output)")
      ->capture_default_str();
  init->add_flag("--force", a_.force, "replace a file that is there");
}

void CommandLine::add_tools() {
  auto* decode =
      command(app_, "decode", "print the records of envelopes, one or many, or of an export",
              [this] { return decode_command(a_.decode); });
  decode->add_option("file", a_.decode.file, "their file (-: standard input)")->required();
  decode->add_option("--format", a_.decode.format, "ndjson, csv, or lines (line protocol)")
      ->check(CLI::IsMember({"ndjson", "csv", "lines"}))
      ->capture_default_str();
  decode->add_flag("--header", a_.decode.header, "print the header lines instead, as JSON");
  decode->add_option(
      "--dictionary", a_.decode.dictionaries,
      "file of a dictionary that envelopes were packed with, unless it stands before them");
  decode->add_flag("--salvage", a_.decode.salvage,
                   "also print what is left of damaged envelopes, marked _salvaged");
  CLI::App* bench = app_.add_subcommand("bench", "what this machine reaches");
  bench->require_subcommand(1);
  auto* spool =
      command(*bench, "spool", "the queue on disk: bytes written, records a second, memory",
              [this] { return bench_spool_command(a_.bench_spool); });
  spool->add_option("--directory", a_.bench_spool.directory, "on whose disk")
      ->capture_default_str();
  spool->add_option("--only", a_.bench_spool.only,
                    "of steady, bulk, durable, backlog, start: what has this in its name");
  spool->add_flag("--quick", a_.bench_spool.quick, "seconds instead of minutes");
  spool->add_flag("--json", a_.bench_spool.json, "for a machine to read");
  auto* seal = command(*bench, "seal", "what a file's records come to in envelopes, and how fast",
                       [this] { return bench_seal_command(a_.bench_seal); });
  seal->add_option("file", a_.bench_seal.file, "CSV with a header line, or NDJSON")->required();
  seal->add_option("--batch", a_.bench_seal.batch, "records of an envelope")
      ->check(CLI::Range(std::size_t{1}, limits::kEnvelopeRecordsMax))
      ->capture_default_str();
  seal->add_option("--effort", a_.bench_seal.effort, "fast, default or max")
      ->check(CLI::IsMember({"fast", "default", "max"}))
      ->capture_default_str();
  seal->add_option("--keep", a_.bench_seal.keep, "write the first envelope to this file");
  seal->add_option("--dictionary", a_.bench_seal.dictionary,
                   "write a dictionary of the first envelopes to this file, and seal the others "
                   "with it, where they are small");
  std::vector<std::string> parts;
  for (std::size_t n = 0; n < kPartCount; ++n) parts.emplace_back(part_name(static_cast<Part>(n)));
  seal->add_option("--without", a_.bench_seal.without, "what it would be without a part")
      ->check(CLI::IsMember(parts));
  seal->add_flag("--json", a_.bench_seal.json, "for a machine to read");
  auto* pipeline = command(*bench, "pipeline", "what mask and pipeline cost a file's records",
                           [this] { return bench_pipeline_command(a_.bench_pipeline); });
  pipeline->add_option("file", a_.bench_pipeline.file, "CSV with a header line, or NDJSON")
      ->required();
  pipeline->add_option("--only", a_.bench_pipeline.only,
                       "of pass, mask, deadband, where, derive, window, script, chain, json: what "
                       "has this in its name");
  pipeline->add_flag("--json", a_.bench_pipeline.json, "for a machine to read");
  auto* version = command(app_, "version", "which version this is",
                          [this] { return version_command("pinaflux", a_.json); });
  add_json(version);
}

int CommandLine::run(int argc, char** argv) {
  app_.require_subcommand(1);
  app_.set_help_all_flag("--help-all", "help of all commands");
  add_agent_commands();
  add_config_commands();
  add_queue_commands(app_, status_);
  add_schema_commands(app_, status_);
  add_letter_commands(app_, status_);
  add_tools();
  try {
    app_.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app_.exit(e) == 0 ? kExitOk : kExitUsage;
  }
  return status_;
}

}  // namespace
}  // namespace pinaflux

// Blocks from here on are the kernel's again as soon as they are free. Left to itself glibc raises this with the
// first large one, and keeps what a merge or a full group took: 0.3 MB of the peak.
constexpr int kBlockGivenBack = 128 * 1024;

int main(int argc, char** argv) {
  ::mallopt(M_MMAP_THRESHOLD, kBlockGivenBack);
  return pinaflux::CommandLine().run(argc, argv);
}
