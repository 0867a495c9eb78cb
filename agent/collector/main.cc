// pinaflux-collector: receives what gateways send, lands each record once, and proves it. Here is its command line.

#include <cstdio>
#include <string>
#include <unistd.h>
#include <vector>

#include <CLI/CLI.hpp>

#include "agent/cli/agent_commands.h"
#include "agent/cli/collector_file.h"
#include "agent/cli/collector_run.h"
#include "agent/cli/collector_status.h"
#include "agent/cli/decode_command.h"
#include "agent/cli/exit_status.h"
#include "agent/cli/import_command.h"
#include "agent/cli/report_commands.h"
#include "agent/collector/postgres.h"
#include "agent/config/units.h"
#include "platform/linux/files.h"
#include "platform/linux/names.h"

namespace pinaflux {

namespace {

constexpr const char* kDatabase =
    "where rows land: a file (SQLite), or postgresql://USER@HOST/DATABASE; made if missing";

// How rows are laid out, as texts of the command line.
struct Layout {
  std::string rows = "database", ndjson_files = "stream";
};

void add_files(CLI::App& sub, CollectorRun& options, Layout& layout) {
  OutletOptions& outlets = options.store.outlets;
  sub.add_option("--rows", layout.rows,
                 "where rows land: database; files: in those of --ndjson alone, the database keeps "
                 "the state")
      ->check(CLI::IsMember({"database", "files"}))
      ->capture_default_str();
  sub.add_option("--archive", outlets.archive,
                 "also keep what lands as it came, a file a day, in this folder (see replay)");
  sub.add_option("--ndjson", outlets.ndjson.directory, "also write NDJSON files into this folder");
  sub.add_option("--ndjson-files", layout.ndjson_files, "one file a day and stream, or one a day")
      ->check(CLI::IsMember({"stream", "one"}))
      ->capture_default_str();
  sub.add_option("--csv", outlets.csv.directory,
                 "also write CSV files into this folder, one a day, stream and set of fields");
  sub.add_option(
         "--file-size", options.file_size,
         "an NDJSON or CSV file that has reached this size gets a successor, for example 256MiB")
      ->check([](const std::string& text) {
        return config::parse_size(text) ? std::string() : "a size has a unit: 64MiB, 1GiB";
      });
  auto* lines = sub.add_option(
      "--lines-to", options.lines.url,
      "also post line protocol there, for example http://127.0.0.1:8086/write?db=plant; what is "
      "not taken holds acknowledgements back");
  lines->check([](const std::string& text) {
    return text.empty() ? std::string("say where: http://HOST:PORT/write?db=NAME") : std::string();
  });
  sub.add_option(
         "--lines-ca", options.lines.ca,
         "with https://: the CA certificates by which that server is believed, a PEM file or "
         "a folder of them; without it the system's")
      ->needs(lines);
  sub.add_option("--lines-authorization-file", options.lines.authorization_file,
                 "file that holds the header Authorization, for example: Token abc")
      ->needs(lines);
  sub.add_option(
         "--lines-refused", outlets.lines_refused,
         "folder for lines that the server does not take; without it DATABASE.refused-lines")
      ->needs(lines);
}

void add_tls(CLI::App& run, CollectorRun& options) {
  tls::Options& tls = options.collector.tls;
  run.add_option(
      "--ca", options.ca,
      "with tls://: the CA certificates by which the broker is believed, a PEM file or a "
      "folder of them; without it the system's");
  run.add_option("--certificate", tls.certificate_file,
                 "our certificate and what signed it, PEM, for brokers that ask for one");
  run.add_option("--key", tls.key_file, "its private key, PEM; without it, in the same file");
  run.add_option("--key-password-file", options.key_password_file,
                 "file that holds the password of an encrypted key");
  auto* psk = run.add_option("--psk-identity", tls.psk_identity,
                             "identity of a pre-shared key, instead of certificates");
  auto* file = run.add_option("--psk-file", options.psk_file,
                              "file that holds the pre-shared key, in hexadecimal digits");
  psk->needs(file);
  file->needs(psk);
}

void add_gap_limit(CLI::App& sub, std::string& limit) {
  sub.add_option("--gap-limit", limit,
                 "records that are missing between others for longer are told, for example 30m")
      ->capture_default_str()
      ->check([](const std::string& text) {
        return config::parse_duration(text) ? std::string() : "a duration has a unit: 30m, 12h, 7d";
      });
}

CLI::App* add_run(CLI::App& app, CollectorRun& options, Layout& layout) {
  CLI::App* run = app.add_subcommand("run", "receive, land, acknowledge");
  run->add_option("--broker", options.collector.broker,
                  "MQTT broker, tcp://HOST:PORT or tls://HOST:PORT; none: by HTTP only")
      ->capture_default_str();
  run->add_option(
      "--http", options.collector.http,
      "also receive by HTTP what gateways POST (uplink.broker: https://...): where to listen, for "
      "example tcp://127.0.0.1:8080, behind a server that speaks TLS");
  run->add_option("--database", options.store.database, kDatabase);
  run->add_option("--share", options.collector.share,
                  "share the work with the collectors that name the same group (a shared "
                  "subscription); their --database is one PostgreSQL, their --client-id differs");
  run->add_option("--root", options.collector.root, "first level of the topics")
      ->capture_default_str();
  run->add_option("--client-id", options.collector.client_id,
                  "names the session that the broker keeps: one collector, one name")
      ->capture_default_str();
  run->add_option("--user", options.collector.user, "user at the broker");
  run->add_option("--password-file", options.password_file, "file that holds the password");
  add_tls(*run, options);
  auto* keys = run->add_option(
      "--keys", options.keys,
      "folder of the gateways' keys, GATEWAY/KEY, public ones in PEM: what carries no MAC or "
      "signature by one of them is refused (uplink.mac, uplink.sign); read again on SIGHUP");
  run->add_flag("--keys-optional", options.keys_optional, "believe gateways that have no key there")
      ->needs(keys);
  run->add_option("--sign-key", options.sign_key,
                  "our private key, PEM, P-256: acks that carry no MAC are signed by it "
                  "(uplink.acks_by); read again on SIGHUP");
  add_files(*run, options, layout);
  run->add_option("--receive-max", options.collector.receive_max,
                  "envelopes that wait here for a commit (120,000 bytes each at most)")
      ->check(CLI::Range(1, 65535))
      ->capture_default_str();
  add_gap_limit(*run, options.gap_limit);
  run->add_option("--listen", options.listen,
                  "serve /metrics, /healthz and /status, for example tcp://127.0.0.1:9470");
  return run;
}

// What a configuration file says to the command; false: it has been told what is wrong.
bool configure(const std::string& path, CLI::App& run, CLI::App& used) {
  if (path.empty()) return true;
  LinuxFiles files;
  const std::vector<Finding> findings = apply_collector_file(files, path, run, used);
  std::fputs(findings_text(findings).c_str(), stderr);
  return !has_errors(findings);
}

int without(const char* option) {
  std::fprintf(
      stderr,
      "pinaflux-collector: --%s is needed: on the command line, or in the file of --config\n",
      option);
  return kExitUsage;
}

// Why rows cannot land in files alone; null: they can, or need not.
const char* no_rows_in_files(const CollectorStore::Options& store) {
  if (!store.rows_in_files) return nullptr;
  if (store.outlets.ndjson.directory.empty()) return "say in which folder: add --ndjson DIR";
  if (postgres::Connection::is_address(store.database)) {
    return "the state needs a file of its own: --database FILE; rows that land in PostgreSQL stay "
           "there";
  }
  return nullptr;
}

// Folders are recorded as they are named here: from wherever the next start is, they are the same.
bool make_whole(CollectorStore::Options& store) {
  char here[4096];
  if (::getcwd(here, sizeof here) == nullptr) {
    std::fprintf(stderr,
                 "pinaflux-collector: the current folder is not there: start it elsewhere\n");
    return false;
  }
  store.base = here;
  for (std::string* folder : {&store.outlets.ndjson.directory, &store.outlets.csv.directory,
                              &store.outlets.archive, &store.outlets.lines_refused}) {
    if (!folder->empty() && !folder->starts_with('/')) *folder = store.base + "/" + *folder;
  }
  return true;
}

int main_of(int argc, char** argv) {
  CLI::App app("Receives what Pinaflux gateways send, lands each record once, and proves it.",
               "pinaflux-collector");
  app.require_subcommand(1);
  CollectorRun options;
  Layout layout;
  CLI::App* run = add_run(app, options, layout);
  bool json = false;
  CLI::App* verify = app.add_subcommand("verify", "prove that nothing is missing or there twice");
  verify->add_option("--database", options.store.database, kDatabase);
  VerifyOptions proof;
  verify->add_flag("--by-day", proof.by_day, "also for each day of the records' time");
  verify->add_flag("--moved-ok", proof.moved_ok,
                   "status 0 although files of --rows files are away, and not looked at");
  verify->add_flag("--json", json, "for machines: pinaflux.verify/1");
  CLI::App* gateways = app.add_subcommand(
      "gateways", "what each gateway has landed, lost and owes; status 1 if something is missing");
  gateways->add_option("--database", options.store.database, kDatabase);
  add_gap_limit(*gateways, options.gap_limit);
  gateways->add_flag("--json", json, "for machines: pinaflux.gateways/1");
  std::vector<std::string> exports;
  CLI::App* import = app.add_subcommand("import", "land what `pinaflux queue export` wrote");
  import->add_option("file", exports, "export files")->required();
  import->add_option("--database", options.store.database, kDatabase);
  add_files(*import, options, layout);
  import->add_flag("--json", json, "for machines: pinaflux.import/1");
  CLI::App* replay = app.add_subcommand("replay", "land an archive again, into any database");
  replay->add_option("file", exports, "files of run --archive, or their folder")->required();
  replay->add_option("--database", options.store.database, kDatabase);
  add_files(*replay, options, layout);
  replay->add_flag("--json", json, "for machines: pinaflux.import/1");
  DecodeOptions decoding;
  CLI::App* decode = app.add_subcommand("decode", "print the records of envelopes");
  decode->add_option("file", decoding.file, "their file; - is standard input")->required();
  decode->add_option("--format", decoding.format, "ndjson, csv, or lines (line protocol)")
      ->check(CLI::IsMember({"ndjson", "csv", "lines"}));
  decode->add_flag("--header", decoding.header, "print the header lines instead, as JSON");
  decode->add_option(
      "--dictionary", decoding.dictionaries,
      "file of a dictionary that envelopes were packed with, unless it stands before them");
  decode->add_flag("--salvage", decoding.salvage,
                   "also print what is left of damaged envelopes, marked _salvaged");
  CLI::App* status = app.add_subcommand("status", "ask the collector that runs how it is");
  status->add_option("--listen", options.listen,
                     "where it serves, for example tcp://127.0.0.1:9470");
  status->add_flag("--json", json, "for machines: pinaflux.collector/1");
  std::string file;
  for (CLI::App* sub : {run, verify, gateways, import, replay, status}) {
    sub->add_option("--config", file, "YAML file whose keys are the options of run, with _ for -");
  }
  CLI::App* check = app.add_subcommand("check", "say what is wrong with a configuration file");
  check->add_option("file", file, "the file")->required();
  CLI::App* version = app.add_subcommand("version", "say which version this is");
  version->add_flag("--json", json, "for machines: pinaflux.version/1");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  CLI::App& used = app.got_subcommand(check) ? *run : *app.get_subcommands().front();
  if (!configure(file, *run, used)) return kExitConfiguration;
  if (app.got_subcommand(check)) {
    std::printf("%s: good\n", file.c_str());
    return kExitOk;
  }
  if (app.got_subcommand(status)) {
    return options.listen.empty() ? without("listen") : collector_status(options.listen, json);
  }
  if (app.got_subcommand(decode)) return decode_command(decoding);
  if (app.got_subcommand(version)) return version_command("pinaflux-collector", json);
  if (options.store.database.empty()) return without("database");
  OutletOptions& outlets = options.store.outlets;
  if (!make_whole(options.store)) return kExitNoInput;
  outlets.ndjson.one_file = layout.ndjson_files == "one";
  options.store.rows_in_files = layout.rows == "files";
  if (!options.file_size.empty()) {
    outlets.csv.file_bytes_max = outlets.ndjson.file_bytes_max =
        *config::parse_size(options.file_size);
  }
  const bool once = app.got_subcommand(import) || app.got_subcommand(replay);
  const bool lands = once || app.got_subcommand(run);
  if (const char* why = lands ? no_rows_in_files(options.store) : nullptr) {
    std::fprintf(stderr, "pinaflux-collector: --rows files: %s\n", why);
    return kExitUsage;
  }
  options.store.rows_as_before = once && used.get_option("--rows")->count() == 0;
  options.store.collector = once ? "import" : options.collector.client_id;
  options.collector.gap_limit = *config::parse_duration(options.gap_limit);
  if (app.got_subcommand(run)) return collector_run(options);
  if (once) return import_command(exports, options.lines, options.store, json);
  if (app.got_subcommand(gateways))
    return gateways_command(options.store.database, options.collector.gap_limit, json);
  proof.json = json;
  return verify_command(options.store.database, proof);
}

}  // namespace

}  // namespace pinaflux

int main(int argc, char** argv) {
  pinaflux::configure_names();
  return pinaflux::main_of(argc, argv);
}
