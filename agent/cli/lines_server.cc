#include "agent/cli/lines_server.h"

#include "agent/collector/postgres.h"
#include "platform/base/text.h"
#include "platform/http/url.h"
#include "version.h"

namespace pinaflux {

namespace {

constexpr std::size_t kAuthorizationBytesMax = 64 * 1024;

Result<std::string> authorization(Files& files, const std::string& path) {
  if (path.empty()) return std::string();
  const auto text = files.read_text(path, kAuthorizationBytesMax);
  if (!text) return std::unexpected(text.error());
  std::string value(trim(*text));
  if (value.empty() || value.find_first_of("\r\n") != std::string::npos) {
    return fail(Code::invalid, "it must hold one line, the value of the header Authorization");
  }
  return value;
}

Status choose_folder(CollectorStore::Options& store) {
  if (!store.outlets.lines_refused.empty()) return {};
  if (postgres::Connection::is_address(store.database)) {
    return fail(Code::invalid,
                "say where the lines are kept that it refuses: --lines-refused FOLDER");
  }
  store.outlets.lines_refused = store.database + ".refused-lines";
  return {};
}

}  // namespace

Result<std::unique_ptr<LinesServer>> LinesServer::open(const Options& options,
                                                       CollectorStore::Options& store,
                                                       std::string& at) {
  if (options.url.empty()) return nullptr;
  at = "--lines-to " + without_query(options.url);
  const auto url = parse_http_url(options.url);
  if (!url) return std::unexpected(url.error());
  if (Status s = choose_folder(store); !s) return std::unexpected(s.error());
  auto platform = LinuxPlatform::make();
  if (!platform) return std::unexpected(platform.error());
  std::unique_ptr<LinesServer> server(new LinesServer(std::move(*platform)));
  LinuxPlatform& its = *server->platform_;
  its.network.raise_time_floor(kBuildTimeUnixSeconds);
  HttpPoster::Options post{.url = *url};
  at = options.authorization_file;
  auto value = authorization(its.files, at);
  if (!value) return std::unexpected(value.error());
  post.authorization = std::move(*value);
  const auto info = its.files.info(options.ca);
  (info && info->directory ? post.tls.ca_directory : post.tls.ca_file) = options.ca;
  server->poster_ = std::make_unique<HttpPoster>(its.network, *its.loop, std::move(post));
  store.outlets.lines = server->poster_.get();
  return server;
}

}  // namespace pinaflux
