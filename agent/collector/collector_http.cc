// What comes by HTTP: requests in, and answers once what they brought has landed.

#include <algorithm>
#include <utility>

#include "agent/collector/collector.h"
#include "platform/http/link.h"
#include "platform/http/url.h"

namespace pinaflux {

namespace {

constexpr std::size_t kRequestBytesMax = 256 * 1024;  // Twice an envelope.
constexpr std::size_t kConnectionsMax = 4'096;        // Gateways have one or two each.
constexpr Duration kIdleMax = Duration::minutes(5);

}  // namespace

Status Collector::listen() {
  if (options_.http.empty()) return {};
  HttpServer::Options options;
  options.body_bytes_max = kRequestBytesMax;
  options.connections_max = kConnectionsMax;
  options.idle_max = kIdleMax;
  auto http = world_.http->listen(options_.http, options,
                                  [this](const HttpRequest& request) { asked(request); }, {});
  if (!http) return std::unexpected(http.error());
  http_ = std::move(*http);
  world_.log.notice("collector.http", "gateways may send by HTTP", {{"at", http_->address()}});
  return {};
}

void Collector::asked(const HttpRequest& request) {
  const auto refuse = [&](int status, const char* why) {
    HttpAnswer answer{status, std::string(why) + "\n", {}};
    if (status == 503) answer.headers.emplace_back("Retry-After", "1");
    http_->answer(request.id, answer);
  };
  if (request.method != "POST") return refuse(405, "gateways POST here");
  const auto topic = parse_topic(options_.root, request.path.substr(1));
  if (!topic) return refuse(404, "POST to /<root>/<gateway>/data/<lane>, .../hello or .../status");
  const bool full = pending_bytes_ > kPendingBytesMax;
  if (full || storage_waits_ || stage_ != Stage::running)
    return refuse(503, "nothing is landed now: try again");
  take(topic, request.body,
       {.request = request.id,
        .gateway = std::string(topic->gateway),
        .lanes = lanes_spoken_of(*topic, request.body)},
       request.path);
}

// What waits is kept, and lands; it will come once more all the same.
void Collector::send_away() {
  const auto send = [this](Token& token) {
    const std::uint64_t request = std::exchange(token.request, 0);
    if (request == 0) return;
    HttpAnswer answer{503, "nothing can be landed now: try again\n", {{"Retry-After", "5"}}};
    http_->answer(request, answer);
  };
  std::ranges::for_each(tokens_, send);
  for (Pending& pending : pending_) send(pending.token);
}

void Collector::answer(const Token& token) {
  if (token.unproved) {
    return http_->answer(token.request, {403, "it carries no proof by this gateway's key\n", {}});
  }
  HttpAnswer answer{200, acks_for(token), {}};
  answer.headers.emplace_back("Content-Type", std::string(http_link::kMessages));
  http_->answer(token.request, answer);
}

// Those of other lanes are not its: a gateway may send them another way.
std::string Collector::acks_for(const Token& token) {
  std::string text;
  const std::string prefix = token.gateway + '\n';
  for (auto at = acks_.lower_bound(prefix); at != acks_.end() && at->first.starts_with(prefix);) {
    if (!std::ranges::contains(token.lanes, at->second.lane)) {
      ++at;
      continue;
    }
    text += percent_encode(ack_topic(options_.root, token.gateway)) + ' ' + line_of(at->second);
    ++status_.acks_sent;
    at = acks_.erase(at);
  }
  return text;
}

}  // namespace pinaflux
