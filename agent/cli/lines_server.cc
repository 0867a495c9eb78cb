#include "agent/cli/lines_server.h"

#include <algorithm>
#include <string_view>

#include "agent/collector/postgres.h"
#include "platform/address.h"
#include "platform/base/text.h"
#include "platform/http/url.h"
#include "platform/tls/credentials.h"
#include "version.h"

namespace pinaflux {

namespace {

constexpr std::size_t kAuthorizationBytesMax = 64 * 1024;

// Without what may be secret: user and password, query, fragment.
std::string shown(std::string_view url) {
  const std::size_t scheme = url.find("://");
  const std::size_t host = scheme == std::string_view::npos ? 0 : scheme + 3;
  const std::size_t end = std::min(url.find_first_of("/?#", host), url.size());
  const std::size_t user = url.substr(host, end - host).rfind('@');
  const std::size_t begin = user == std::string_view::npos ? host : host + user + 1;
  return std::string(url.substr(0, host)) +
         std::string(
             url.substr(begin, std::min(url.find_first_of("?#", begin), url.size()) - begin));
}

Result<HttpUrl> server_of(const std::string& url) {
  const auto parsed = parse_http_url(url);
  if (!parsed) return parsed;
  if (parsed->authority.contains('@')) {
    return fail(Code::invalid, "user and password stand in the file of --lines-authorization-file");
  }
  if (url.contains('#')) return fail(Code::invalid, "an address ends before a '#'");
  const auto address = parse_address(parsed->address);
  if (!address) return std::unexpected(address.error());
  return parsed;
}

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
  const bool whole = store.base.empty() || store.database.starts_with('/');
  store.outlets.lines_refused =
      (whole ? store.database : store.base + "/" + store.database) + ".refused-lines";
  return {};
}

}  // namespace

Result<std::unique_ptr<LinesServer>> LinesServer::open(const Options& options,
                                                       CollectorStore::Options& store,
                                                       std::string& at) {
  if (options.url.empty()) return nullptr;
  at = "--lines-to " + shown(options.url);
  const auto url = server_of(options.url);
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
  // What cannot be used is said now: at night nobody would look for it.
  at = "--lines-ca " + options.ca;
  if (url->address.starts_with("tls://")) {
    const auto loaded = tls::Credentials::load(its.files, post.tls);
    if (!loaded) {
      at += ": " + loaded.error().text;
      return fail(Code::invalid, "check the file");
    }
  }
  server->poster_ = std::make_unique<HttpPoster>(its.network, *its.loop, std::move(post));
  store.outlets.lines = server->poster_.get();
  return server;
}

}  // namespace pinaflux
