#include "agent/cli/collector_run.h"

#include <cstdio>
#include <utility>

#include "agent/cli/exit_status.h"
#include "agent/collector/postgres.h"
#include "agent/collector/status.h"
#include "platform/address.h"
#include "platform/base/text.h"
#include "platform/linux/linux.h"
#include "platform/tls/credentials.h"
#include "version.h"

namespace pinaflux {

namespace {

constexpr std::size_t kPasswordBytesMax = 64 * 1024;
constexpr std::size_t kPskBytesMin = 16;

bool in_postgres(const CollectorStore::Options& store) {
  return postgres::Connection::is_address(store.database);
}

int stopped(const Error& error, const std::string& at) {
  const std::string number = " (errno " + std::to_string(error.sys_errno) + ")";
  return failed("pinaflux-collector", at, error, error.sys_errno == 0 ? "" : number);
}

class Service {
 public:
  Service(const CollectorRun& options, LinuxPlatform& platform, LinuxWorker& worker)
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

  CollectorRun options_;
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
  log_.notice("collector.http", "serving /metrics, /healthz and /status",
              {{"at", http_->address()}});
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
  } else if (request.path == "/status") {
    answer.status = healthy(status) ? 200 : 503;
    answer.body = collector_text(status);
    answer.headers.emplace_back("Content-Type", "text/plain; charset=utf-8");
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
  if (!lines) return stopped(lines.error(), which);
  lines_ = std::move(*lines);
  if (Status s = open_store(); !s)
    return stopped(s.error(), postgres::shown(options_.store.database));
  if (!options_.password_file.empty()) {
    auto text = platform_.files.read_text(options_.password_file, kPasswordBytesMax);
    if (!text) return stopped(text.error(), options_.password_file);
    options_.collector.password = trim(*text);
  }
  if (!load_tls()) return kExitConfiguration;
  if (Status s = load_keys(which); !s) return stopped(s.error(), which);
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
  if (Status s = start(); !s) return stopped(s.error(), options_.collector.broker);
  if (Status s = listen(); !s) return stopped(s.error(), options_.listen);
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

}  // namespace

int collector_run(const CollectorRun& options) {
  auto platform = LinuxPlatform::make();
  if (!platform) return stopped(platform.error(), "start");
  auto worker = (*platform)->worker();
  if (!worker) return stopped(worker.error(), "start");
  return Service(options, **platform, **worker).run();
}

}  // namespace pinaflux
