// A server may give up a connection that is idle just as the next request is on its way. Such a request is sent once more,
// over a new connection: receivers know it by its identity.

#include "platform/http/link.h"

#include <algorithm>
#include <deque>
#include <utility>
#include <vector>

#include "platform/base/assert.h"
#include "platform/base/text.h"
#include "platform/crypto/crypto.h"
#include "platform/http/exchange.h"
#include "platform/http/url.h"
#include "platform/http_server.h"

namespace pinaflux {

namespace {

constexpr Duration kGoodbyeMax = Duration::seconds(5);
constexpr const char* kPortal =
    "a web page answers in the server's place: where a network has a login page, log in there; "
    "else check the path in uplink.broker";

class HttpLink final : public MqttClient, private HttpExchange::Events {
 public:
  HttpLink(Network& network, Loop& loop, MqttClient::Events& events)
      : network_(network),
        loop_(loop),
        events_(events),
        ending_(loop.timer([this] { end(0, why_); })) {}

  void connect(const MqttConnect& options) override;
  void disconnect() override;
  // Messages come with answers.
  Status subscribe(const std::string&) override { return {}; }
  Result<std::uint64_t> publish(const MqttPublish& publish) override;
  Duration rest() const override { return rest_; }

 private:
  struct Request {
    std::uint64_t token = 0;
    Buffer bytes;
    bool again = false;
  };
  struct Channel {
    std::unique_ptr<HttpExchange> exchange;
    Request request;         // While it is asked.
    bool connected = false;  // Once.
  };
  enum class State { idle, connecting, up, leaving };

  void connected(HttpExchange& exchange) override;
  void answered(HttpExchange& exchange, const HttpExchange::Answer& answer) override;
  void failed(HttpExchange& exchange, const std::string& why) override;

  Channel& channel_of(const HttpExchange& exchange) {
    return *std::ranges::find(channels_, &exchange,
                              [](const Channel& c) { return c.exchange.get(); });
  }
  void open();
  void pump();
  std::string head_of(const MqttPublish& publish) const;
  void deliver(Bytes body);
  bool busy() const {
    return !waiting_.empty() ||
           std::ranges::any_of(channels_, [](const Channel& c) { return c.exchange->asking(); });
  }
  void drop(const HttpExchange& exchange);
  void end(int reason, std::string why);
  void end_later(std::string why);

  Network& network_;
  Loop& loop_;
  MqttClient::Events& events_;
  std::unique_ptr<Timer> ending_;
  std::string why_;
  State state_ = State::idle;
  HttpUrl url_;
  MqttConnect options_;
  std::vector<Channel> channels_;
  std::vector<std::unique_ptr<HttpExchange>> dropped_;  // Destroyed outside of their events.
  std::deque<Request> waiting_;
  std::uint64_t last_token_ = 0;
  Duration rest_{};
};

void HttpLink::connect(const MqttConnect& options) {
  ASSERT(state_ == State::idle);
  dropped_.clear();
  options_ = options;
  rest_ = {};
  state_ = State::connecting;
  auto url = parse_http_url(options.broker);
  if (!url) return end_later(without_query(options.broker) + ": " + url.error().what);
  url_ = std::move(*url);
  open();
}

void HttpLink::open() {
  HttpExchange::Options options;
  options.network.connect_timeout = options_.timeout;
  options.network.tls = options_.tls;
  options.network.proxy = options_.proxy;
  auto& events = static_cast<HttpExchange::Events&>(*this);
  channels_.push_back(
      {std::make_unique<HttpExchange>(network_, loop_, url_.address, options, events), {}, false});
  const Status dialled = channels_.back().exchange->dial();
  if (!dialled) end_later(url_.address + ": " + dialled.error().what);
}

void HttpLink::connected(HttpExchange& exchange) {
  channel_of(exchange).connected = true;
  if (state_ == State::connecting) {
    state_ = State::up;
    events_.connected(MqttSession{});
  }
  pump();
}

Result<std::uint64_t> HttpLink::publish(const MqttPublish& publish) {
  if (state_ != State::up) return fail(Code::closed, "the link is down");
  const auto asked = static_cast<std::size_t>(
      std::ranges::count_if(channels_, [](const Channel& c) { return c.exchange->asking(); }));
  if (waiting_.size() + asked >= options_.inflight_max)
    return fail(Code::full, "too many requests are under way");
  Request request;
  request.token = ++last_token_;
  append(request.bytes, head_of(publish));
  append(request.bytes, publish.payload);
  waiting_.push_back(std::move(request));
  pump();
  return last_token_;
}

std::string HttpLink::head_of(const MqttPublish& publish) const {
  std::string head =
      "POST " + url_.target_for(publish.topic) + " HTTP/1.1\r\nHost: " + url_.authority +
      "\r\nContent-Length: " + std::to_string(publish.payload.size()) +
      "\r\nContent-Type: " + (publish.content_type.empty() ? "text/plain" : publish.content_type) +
      "\r\n";
  if (publish.gzipped) head += "Content-Encoding: gzip\r\n";
  if (!publish.identity.empty()) head += "Idempotency-Key: \"" + publish.identity + "\"\r\n";
  if (!options_.user.empty()) {
    head += "Authorization: Basic " +
            crypto::base64(as_bytes(options_.user + ":" + options_.password)) + "\r\n";
  }
  return head + "\r\n";
}

void HttpLink::pump() {
  for (Channel& channel : channels_) {
    if (waiting_.empty()) return;
    if (!channel.exchange->ready()) continue;
    channel.request = std::move(waiting_.front());
    waiting_.pop_front();
    channel.exchange->ask(channel.request.bytes);
  }
  const auto dialling = [](const Channel& c) {
    return !c.exchange->ready() && !c.exchange->asking();
  };
  const bool room =
      channels_.size() < http_link::kExchangesMax && std::ranges::none_of(channels_, dialling);
  if (!waiting_.empty() && room && (state_ == State::up || state_ == State::leaving)) open();
}

// A login page says 200 to everything, and a server that takes data has no page to show.
bool is_web_page(std::string_view body) {
  const auto begins = [&](std::string_view with) {
    return std::ranges::equal(body.substr(0, with.size()), with, [](char a, char b) {
      return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b;
    });
  };
  if (body.starts_with("\xef\xbb\xbf")) body.remove_prefix(3);
  body.remove_prefix(std::min(body.find_first_not_of(" \t\r\n"), body.size()));
  return begins("<!doctype html") || begins("<html");
}

void HttpLink::answered(HttpExchange& exchange, const HttpExchange::Answer& answer) {
  const std::uint64_t token = std::exchange(channel_of(exchange).request, {}).token;
  if (!exchange.ready()) drop(exchange);
  const int status = answer.status;
  const bool taken = status >= 200 && status < 300;
  const bool busy_there = status == 408 || status == 429 || (status >= 500 && status != 501);
  const bool elsewhere = status >= 300 && status < 400;
  if (busy_there) rest_ = http_link::rest_of(answer.retry_after);
  if (busy_there || elsewhere) return end(status, http_link::refusal_text(status));
  if (taken && is_web_page(as_text(answer.body))) return end(0, kPortal);
  events_.published(token, taken ? 0 : status);
  if (taken && answer.content_type == http_link::kMessages) deliver(answer.body);
  if (state_ == State::leaving && !busy()) return end_later(why_);
  pump();
}

void HttpLink::deliver(Bytes body) {
  Split lines(as_text(body), '\n');
  for (std::string_view line; state_ != State::idle && lines.next(line);) {
    const std::size_t space = line.find(' ');
    std::string topic;
    if (space == std::string_view::npos || !percent_decode(line.substr(0, space), false, topic))
      continue;
    events_.message(topic, as_bytes(line.substr(space + 1)));
  }
}

void HttpLink::failed(HttpExchange& exchange, const std::string& why) {
  Channel& channel = channel_of(exchange);
  const bool asked = !channel.request.bytes.empty();
  const bool given_up = exchange.given_up() && exchange.used() && !channel.request.again;
  const bool idle = channel.connected && !asked;
  if (state_ != State::connecting && (idle || given_up)) {
    if (given_up) {
      waiting_.push_front(std::exchange(channel.request, {}));
      waiting_.front().again = true;
    }
    drop(exchange);
    return pump();
  }
  end(0, why);
}

void HttpLink::drop(const HttpExchange& exchange) {
  dropped_.clear();
  const auto at =
      std::ranges::find(channels_, &exchange, [](const Channel& c) { return c.exchange.get(); });
  at->exchange->abandon();
  dropped_.push_back(std::move(at->exchange));
  channels_.erase(at);
}

void HttpLink::disconnect() {
  if (state_ == State::idle) return;
  state_ = State::leaving;
  why_ = "disconnected";
  busy() ? ending_->start(kGoodbyeMax) : end_later(why_);
}

// Not from inside a call.
void HttpLink::end_later(std::string why) {
  why_ = std::move(why);
  ending_->start(Duration{});
}

void HttpLink::end(int reason, std::string why) {
  ending_->stop();
  state_ = State::idle;
  waiting_.clear();
  for (Channel& channel : channels_) {
    channel.exchange->abandon();
    dropped_.push_back(std::move(channel.exchange));
  }
  channels_.clear();
  events_.lost(reason, why);
}

// One of the two, as the address says: each is made once, and kept.
class EitherClient final : public MqttClient {
 public:
  EitherClient(const MqttClientMaker& others, std::unique_ptr<MqttClient> http,
               MqttClient::Events& events)
      : others_(others), http_(std::move(http)), events_(events) {}

  void connect(const MqttConnect& options) override {
    if (!is_http(options.broker) && other_ == nullptr) other_ = others_(events_);
    used_ = is_http(options.broker) ? http_.get() : other_.get();
    used_->connect(options);
  }
  void disconnect() override {
    if (used_ != nullptr) used_->disconnect();
  }
  Status subscribe(const std::string& filter) override { return used_->subscribe(filter); }
  Result<std::uint64_t> publish(const MqttPublish& publish) override {
    return used_->publish(publish);
  }
  Duration rest() const override { return used_ == nullptr ? Duration{} : used_->rest(); }

 private:
  const MqttClientMaker others_;
  const std::unique_ptr<MqttClient> http_;
  MqttClient::Events& events_;
  std::unique_ptr<MqttClient> other_;
  MqttClient* used_ = nullptr;
};

}  // namespace

namespace http_link {

const char* refusal_text(int status) {
  switch (status) {
    case 400:
      return "the server finds the data malformed (400): does it expect another uplink.format?";
    case 401:
      return "the server asks for another user or password (401): check uplink.user and "
             "uplink.password";
    case 403:
      return "the server does not let us write (403): allow this user, or this gateway's key";
    case 404: return "the server knows no such path (404): check the path in uplink.broker";
    case 405:
    case 501: return "the server takes no POST at this path: check the path in uplink.broker";
    case 408: return "the server waited too long for the request (408): check the network";
    case 413:
      return "the server finds the data too large (413): raise its limit of bodies to 131072 bytes";
    case 415: return "the server does not take this kind of data (415): check uplink.format";
    case 422:
      return "the server cannot process the data (422): does it expect another uplink.format?";
    case 429: return "the server asks us to be slower (429): data waits in the queue";
    case 500: return "the server has failed (500): see its log; data waits in the queue";
    case 502:
    case 504:
      return "the proxy before the server does not reach it: start the server; data waits in the "
             "queue";
    case 503: return "the server is not ready (503): see its log; data waits in the queue";
    case 507: return "the server's disk is full (507): make room there; data waits in the queue";
    default: break;
  }
  if (status >= 300 && status < 400)
    return "the server sends us to another address: write that into uplink.broker; where a network "
           "has a login page, log in there";
  return status >= 500 ? "the server has failed: see its log; data waits in the queue"
                       : "the server refuses our data: see its log; nothing is deleted";
}

Duration rest_of(std::string_view retry_after) {
  const auto seconds = parse_integer<std::uint32_t>(retry_after);
  if (!seconds) return {};
  return std::min(Duration::seconds(*seconds), kRestMax);
}

}  // namespace http_link

MqttClientMaker with_http(MqttClientMaker others, Network& network, Loop& loop) {
  return [others = std::move(others), &network,
          &loop](MqttClient::Events& events) -> std::unique_ptr<MqttClient> {
    return std::make_unique<EitherClient>(others, std::make_unique<HttpLink>(network, loop, events),
                                          events);
  };
}

}  // namespace pinaflux
