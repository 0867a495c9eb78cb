// pinaflux-collector: receives what gateways send, lands each record once, and proves it.
//
// The composition root: it alone names platform/linux, the command line and the exit statuses.

#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "agent/cli/agent_commands.h"
#include "agent/cli/decode_command.h"
#include "agent/cli/exit_status.h"
#include "agent/cli/import_command.h"
#include "agent/cli/lines_server.h"
#include "agent/cli/report_commands.h"
#include "agent/collector/collector.h"
#include "agent/collector/postgres.h"
#include "agent/collector/status.h"
#include "agent/collector/store.h"
#include "agent/config/units.h"
#include "platform/address.h"
#include "platform/base/text.h"
#include "platform/linux/linux.h"
#include "platform/tls/credentials.h"
#include "version.h"

namespace pinaflux {

namespace {

constexpr const char* kDatabase =
    "where rows land: a file (SQLite), or postgresql://USER@HOST/DATABASE; made if missing";
constexpr const char* kGapLimit = "24h";
constexpr std::size_t kPasswordBytesMax = 64 * 1024;
constexpr std::size_t kPskBytesMin = 16;

struct RunOptions {
  CollectorOptions collector;
  CollectorStore::Options store;
  std::string password_file;
  std::string ca;  // A PEM file or a folder of them.
  std::string key_password_file, psk_file;
  std::string keys;  // Folder of the gateways' keys.
  std::string sign_key;
  bool keys_optional = false;
  std::string listen;
  std::string gap_limit = kGapLimit;
  LinesServer::Options lines;
  std::string file_size;
};

bool in_postgres(const CollectorStore::Options& store) {
  return postgres::Connection::is_address(store.database);
}

int failed(const Error& error, const std::string& at, const std::string& why = {}) {
  std::fprintf(stderr, "pinaflux-collector: %s: %s", at.c_str(), error.what);
  if (!why.empty()) std::fprintf(stderr, ": %s", why.c_str());
  if (error.sys_errno != 0) std::fprintf(stderr, " (errno %d)", error.sys_errno);
  std::fputc('\n', stderr);
  return exit_status(error);
}

class Service {
 public:
  Service(const RunOptions& options, LinuxPlatform& platform, LinuxWorker& worker)
      : options_(options),
        platform_(platform),
        worker_(worker),
        log_(Log::Level::info, [&platform] { return platform.clock.now(); }) {}

  int run();

 private:
  Status open_store();
  Status listen();
  void handle(const HttpRequest& request);
  bool load_tls();
  Status load_keys(std::string& which);
  bool http_is_safe() const;
  Status sign_acks(GatewayKeys& keys);
  Status start();

  RunOptions options_;
  LinuxPlatform& platform_;
  LinuxWorker& worker_;
  Log log_;
  std::unique_ptr<LinesServer> lines_;
  std::unique_ptr<CollectorStore> store_;
  std::optional<GatewayKeys> keys_;
  std::unique_ptr<ImportFolder> imports_;
  std::unique_ptr<Collector> collector_;
  std::unique_ptr<HttpServer> http_;
};

Status Service::open_store() {
  std::vector<std::string> findings;
  auto store = CollectorStore::open(options_.store, platform_.files, findings);
  for (const std::string& finding : findings) log_.warning("collector.store", finding);
  if (!store) return std::unexpected(store.error());
  store_ = std::move(*store);
  if (in_postgres(options_.store)) return {};
  imports_ = std::make_unique<ImportFolder>(platform_.files,
                                            ImportFolder::directory_of(options_.store.database));
  return imports_->prepare();
}

Status Service::listen() {
  if (options_.listen.empty()) return {};
  auto http = platform_.http_servers.listen(
      options_.listen, {}, [this](const HttpRequest& request) { handle(request); }, {});
  if (!http) return std::unexpected(http.error());
  http_ = std::move(*http);
  log_.notice("collector.http", "serving /metrics and /healthz", {{"at", http_->address()}});
  return {};
}

void Service::handle(const HttpRequest& request) {
  const CollectorStatus status = collector_->status();
  HttpAnswer answer;
  if (request.method != "GET" && request.method != "HEAD") {
    answer.status = 405;
  } else if (request.path == "/metrics") {
    answer.body = collector_prometheus(status);
    answer.headers.emplace_back("Content-Type", "text/plain; version=0.0.4");
  } else if (request.path == "/healthz") {
    answer.status = healthy(status) ? 200 : 503;
    answer.body = collector_json(status) + "\n";
    answer.headers.emplace_back("Content-Type", "application/json");
  } else {
    answer.status = 404;
  }
  http_->answer(request.id, answer);
}

Status Service::start() {
  Collector::World world{.loop = *platform_.loop,
                         .worker = worker_,
                         .clock = platform_.clock,
                         .store = *store_,
                         .log = log_,
                         .make_session =
                             [this](const mqtt::Options& options, mqtt::Session::Events& events) {
                               return mqtt::Session::connect(platform_.network, *platform_.loop,
                                                             options, events);
                             },
                         .http = &platform_.http_servers,
                         .seed = platform_.entropy.u64(),
                         .keys = keys_ ? &*keys_ : nullptr,
                         .imports = imports_.get(),
                         .built = WallTime{kBuildTimeUnixSeconds * Duration::seconds(1).ns}};
  collector_ = std::make_unique<Collector>(options_.collector, std::move(world));
  return collector_->start();
}

// What cannot be used is said now: at night nobody would look for it.
bool Service::load_tls() {
  tls::Options& tls = options_.collector.tls;
  if (!options_.collector.broker.starts_with("tls://")) return true;
  const auto refuse = [](const std::string& why) {
    std::fprintf(stderr, "pinaflux-collector: TLS: %s\n", why.c_str());
    return false;
  };
  const auto info = platform_.files.info(options_.ca);
  (info && info->directory ? tls.ca_directory : tls.ca_file) = options_.ca;
  if (!options_.key_password_file.empty()) {
    const auto text = platform_.files.read_text(options_.key_password_file, kPasswordBytesMax);
    if (!text) return refuse("'" + options_.key_password_file + "': " + text.error().what);
    tls.key_password = trim(*text);
  }
  if (!options_.psk_file.empty()) {
    const auto text = platform_.files.read_text(options_.psk_file, kPasswordBytesMax);
    const std::string_view digits = text ? trim(*text) : std::string_view();
    tls.psk_key.resize(digits.size() / 2);
    if (tls.psk_key.size() < kPskBytesMin || !unhex(digits, tls.psk_key))
      return refuse("'" + options_.psk_file +
                    "' holds no pre-shared key: 32 to 128 hexadecimal digits");
  }
  const auto loaded = tls::Credentials::load(platform_.files, tls);
  return loaded ? true : refuse(loaded.error().text);
}

Status Service::sign_acks(GatewayKeys& keys) {
  if (options_.sign_key.empty()) return {};
  const crypto::Random random = [this](MutableBytes bytes) { platform_.entropy.fill(bytes); };
  if (Status s = keys.sign_by(platform_.files, options_.sign_key, random); !s) return s;
  log_.notice("collector.sign", "acks that no MAC proves are signed by our key",
              {{"file", options_.sign_key}});
  return {};
}

// On SIGHUP again; those that cannot be read leave the others as they are.
Status Service::load_keys(std::string& which) {
  if (options_.keys.empty() && options_.sign_key.empty()) return {};
  auto loaded = options_.keys.empty() ? GatewayKeys::none()
                                      : GatewayKeys::load(platform_.files, options_.keys,
                                                          options_.keys_optional, which);
  if (!loaded) return std::unexpected(loaded.error());
  which = options_.sign_key;
  if (Status s = sign_acks(*loaded); !s) return s;
  if (keys_) loaded->go_on_from(*keys_);
  keys_ = std::move(*loaded);
  if (options_.keys.empty()) return {};
  log_.notice("collector.keys", "what gateways send is proved by their keys",
              {{"directory", options_.keys}, {"gateways", keys_->gateways()}});
  return {};
}

// Whoever reaches it may write in any gateway's name, unless gateways prove who they are.
bool Service::http_is_safe() const {
  if (options_.collector.http.empty()) return true;
  const auto address = parse_address(options_.collector.http);
  const bool here = address && (address->kind == Address::Kind::unix_socket ||
                                address->host.starts_with("127.") || address->host == "::1" ||
                                address->host == "localhost");
  if (here || (keys_ && !options_.keys_optional)) return true;
  std::fprintf(stderr,
               "pinaflux-collector: --http %s can be reached from outside: listen on 127.0.0.1, "
               "behind a server that "
               "speaks TLS and asks for passwords; or let gateways prove who they are (--keys)\n",
               options_.collector.http.c_str());
  return false;
}

int Service::run() {
  std::string which;
  auto lines = LinesServer::open(options_.lines, options_.store, which);
  if (!lines) return failed(lines.error(), which);
  lines_ = std::move(*lines);
  if (Status s = open_store(); !s)
    return failed(s.error(), postgres::shown(options_.store.database));
  if (!options_.password_file.empty()) {
    auto text = platform_.files.read_text(options_.password_file, kPasswordBytesMax);
    if (!text) return failed(text.error(), options_.password_file);
    options_.collector.password = trim(*text);
  }
  if (!load_tls()) return kExitConfiguration;
  if (Status s = load_keys(which); !s) return failed(s.error(), which);
  if (!http_is_safe()) return kExitConfiguration;
  if (options_.collector.broker == "none") options_.collector.broker.clear();
  if (!options_.collector.share.empty() && !in_postgres(options_.store)) {
    std::fputs(
        "pinaflux-collector: --share: collectors that share the work need one database for "
        "all: --database postgresql://...\n",
        stderr);
    return kExitUsage;
  }
  if (options_.collector.broker.empty() && options_.collector.http.empty()) {
    std::fputs(
        "pinaflux-collector: --broker none leaves no way in: add --http tcp://127.0.0.1:8080\n",
        stderr);
    return kExitUsage;
  }
  platform_.process.on_signals(
      [this] {
        platform_.process.notify("STOPPING=1");
        if (collector_) collector_->stop();
      },
      [this] {
        std::string at;
        if (Status s = load_keys(at); !s) {
          log_.failed(Log::Level::error, "collector.keys", s.error(),
                      {{"at", at}, {"kept", "the earlier keys"}});
        }
      });
  platform_.network.raise_time_floor(kBuildTimeUnixSeconds);
  if (Status s = start(); !s) return failed(s.error(), options_.collector.broker);
  if (Status s = listen(); !s) return failed(s.error(), options_.listen);
  if (!platform_.clock.synchronised()) {
    log_.warning(
        "collector.clock",
        "the kernel does not say that this clock is synchronised: records of gateways without "
        "a trusted clock get calendar time by it all the same, without an uncertainty");
  }
  log_.notice("collector.started", "the collector runs",
              {{"version", kVersion}, {"database", postgres::shown(options_.store.database)}});
  platform_.process.notify("READY=1");
  platform_.loop->run([this] {
    const bool more = collector_->turn();
    if (collector_->stopped()) platform_.loop->stop();
    return more;
  });
  log_.notice("collector.stopped", "everything acknowledged is on disk",
              {{"rows", collector_->status().counts.rows}});
  return kExitOk;
}

int run_command(const RunOptions& options) {
  configure_names();
  auto platform = LinuxPlatform::make();
  if (!platform) return failed(platform.error(), "start");
  auto worker = (*platform)->worker();
  if (!worker) return failed(worker.error(), "start");
  return Service(options, **platform, **worker).run();
}

void add_files(CLI::App& sub, RunOptions& options, std::string& layout) {
  OutletOptions& outlets = options.store.outlets;
  sub.add_option("--archive", outlets.archive,
                 "also keep what lands as it came, a file a day, in this folder (see replay)");
  sub.add_option("--ndjson", outlets.ndjson.directory, "also write NDJSON files into this folder");
  sub.add_option("--ndjson-files", layout, "one file a day and stream, or one a day")
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

void add_tls(CLI::App& run, RunOptions& options) {
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

void add_run(CLI::App& app, RunOptions& options, std::string& layout) {
  CLI::App* run = app.add_subcommand("run", "receive, land, acknowledge");
  run->add_option("--broker", options.collector.broker,
                  "MQTT broker, tcp://HOST:PORT or tls://HOST:PORT; none: by HTTP only")
      ->capture_default_str();
  run->add_option(
      "--http", options.collector.http,
      "also receive by HTTP what gateways POST (uplink.broker: https://...): where to listen, for "
      "example tcp://127.0.0.1:8080, behind a server that speaks TLS");
  run->add_option("--database", options.store.database, kDatabase)->required();
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
                  "serve /metrics and /healthz, for example tcp://127.0.0.1:9470");
}

int main_of(int argc, char** argv) {
  CLI::App app("Receives what Pinaflux gateways send, lands each record once, and proves it.",
               "pinaflux-collector");
  app.require_subcommand(1);
  RunOptions options;
  std::string layout = "stream";
  add_run(app, options, layout);
  std::string database;
  bool json = false;
  CLI::App* verify = app.add_subcommand("verify", "prove that nothing is missing or there twice");
  verify->add_option("--database", database, kDatabase)->required();
  verify->add_flag("--json", json, "for machines: pinaflux.verify/1");
  std::string limit = kGapLimit;
  CLI::App* gateways = app.add_subcommand(
      "gateways", "what each gateway has landed, lost and owes; status 1 if something is missing");
  gateways->add_option("--database", database, kDatabase)->required();
  add_gap_limit(*gateways, limit);
  gateways->add_flag("--json", json, "for machines: pinaflux.gateways/1");
  std::vector<std::string> exports;
  CLI::App* import = app.add_subcommand("import", "land what `pinaflux queue export` wrote");
  import->add_option("file", exports, "export files")->required();
  import->add_option("--database", options.store.database, kDatabase)->required();
  add_files(*import, options, layout);
  import->add_flag("--json", json, "for machines: pinaflux.import/1");
  CLI::App* replay = app.add_subcommand("replay", "land an archive again, into any database");
  replay->add_option("file", exports, "files of run --archive, or their folder")->required();
  replay->add_option("--database", options.store.database, kDatabase)->required();
  add_files(*replay, options, layout);
  replay->add_flag("--json", json, "for machines: pinaflux.import/1");
  DecodeOptions decoding;
  CLI::App* decode = app.add_subcommand("decode", "print the records of envelopes");
  decode->add_option("file", decoding.file, "their file; - is standard input")->required();
  decode->add_option("--format", decoding.format, "ndjson, csv, or lines (line protocol)")
      ->check(CLI::IsMember({"ndjson", "csv", "lines"}));
  decode->add_flag("--header", decoding.header, "print the header lines instead, as JSON");
  decode->add_flag("--salvage", decoding.salvage,
                   "also print what is left of damaged envelopes, marked _salvaged");
  CLI::App* version = app.add_subcommand("version", "say which version this is");
  version->add_flag("--json", json, "for machines: pinaflux.version/1");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  OutletOptions& outlets = options.store.outlets;
  outlets.ndjson.one_file = layout == "one";
  if (!options.file_size.empty()) {
    outlets.csv.file_bytes_max = outlets.ndjson.file_bytes_max =
        *config::parse_size(options.file_size);
  }
  const bool once = app.got_subcommand(import) || app.got_subcommand(replay);
  options.store.collector = once ? "import" : options.collector.client_id;
  options.collector.gap_limit = *config::parse_duration(options.gap_limit);
  if (app.got_subcommand("run")) return run_command(options);
  if (once) {
    std::string at;
    const auto lines = LinesServer::open(options.lines, options.store, at);
    if (!lines) return failed(lines.error(), at);
    return import_command(exports, options.store, json);
  }
  if (app.got_subcommand(gateways)) {
    return gateways_command(database, *config::parse_duration(limit), json);
  }
  if (app.got_subcommand(verify)) return verify_command(database, json);
  if (app.got_subcommand(decode)) return decode_command(decoding);
  if (app.got_subcommand(version)) return version_command("pinaflux-collector", json);
  return kExitOk;
}

}  // namespace

}  // namespace pinaflux

int main(int argc, char** argv) { return pinaflux::main_of(argc, argv); }
