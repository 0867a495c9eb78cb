#include "agent/control/control.h"

#include <algorithm>
#include <optional>

#include "agent/control/queue_request.h"
#include "platform/base/json_writer.h"
#include "platform/base/text.h"

namespace pinaflux {

namespace {
constexpr std::size_t kClientsMax = 16;
constexpr std::size_t kLineBytesMax = 4096;
constexpr std::string_view kApply = "apply ";
constexpr std::string_view kQueue = "queue ";
}  // namespace

class Control::Client : public Stream::Events {
 public:
  Client(Control& control, Network::Accepted& accepted)
      : control_(control), stream_(accepted.with(*this)) {}

  void bytes(Bytes bytes) override {
    if (asked_) return;
    request_.append(as_text(bytes));
    const auto end = request_.find('\n');
    if (end == std::string::npos) {
      if (request_.size() > kLineBytesMax) refuse("the request line is too long");
      return;
    }
    const std::string_view line(request_.data(), end);
    const auto expected = content_bytes(line);
    if (!expected || *expected > kApplyBytesMax) {
      refuse("this needs the number of bytes that follow, at most 1048576");
    } else if (request_.size() - end - 1 >= *expected) {
      asked_ = true;
      control_.request(*this, line, std::string_view(request_).substr(end + 1, *expected));
    }
  }
  void drained() override {
    if (queue) queue->drained();
  }
  void closed(Error) override { control_.gone(*this); }

  // A line that does not fit is missed: the client is too slow for a live view.
  void line(std::string_view text) {
    std::string whole(text);
    whole += '\n';
    (void)stream_->write(as_bytes(whole));
  }
  void finish() { stream_->finish(); }
  Stream& stream() { return *stream_; }

  bool tapping = false;
  std::unique_ptr<QueueAnswer> queue;

 private:
  // Only `apply`, and what a queue request says, is followed by bytes.
  static std::optional<std::size_t> content_bytes(std::string_view line) {
    if (line.starts_with(kQueue)) return request_content_bytes(line.substr(kQueue.size()));
    if (!line.starts_with(kApply)) return 0;
    return parse_integer<std::size_t>(line.substr(kApply.size()));
  }
  void refuse(std::string_view why) {
    asked_ = true;
    line(JsonWriter().begin_object().key("error").string(why).end_object().text());
    finish();
  }

  Control& control_;
  std::string request_;
  bool asked_ = false;
  std::unique_ptr<Stream> stream_;
};

Result<std::unique_ptr<Control>> Control::start(const ControlOptions& options, Network& network,
                                                HttpServers& http, Operations operations,
                                                std::string& which) {
  std::unique_ptr<Control> control(new Control(std::move(operations)));
  Control* self = control.get();
  if (!options.socket.empty()) {
    which = "unix://" + options.socket;
    auto listener = network.listen(which, {}, [self](Network::Accepted& a) { self->accept(a); });
    if (!listener) return std::unexpected(listener.error());
    control->listener_ = std::move(*listener);
  }
  if (!options.listen.empty()) {
    which = options.listen;
    HttpServer::Options limits;
    limits.body_bytes_max = 1024;
    limits.connections_max = kClientsMax;
    auto server = http.listen(options.listen, limits,
                              [self](const HttpRequest& r) { self->serve_http(r); }, {});
    if (!server) return std::unexpected(server.error());
    control->http_ = std::move(*server);
  }
  return control;
}

Control::Control(Operations operations) : operations_(std::move(operations)) {}
Control::~Control() = default;

void Control::accept(Network::Accepted& accepted) {
  if (clients_.size() >= kClientsMax) return;
  clients_.push_back(std::make_unique<Client>(*this, accepted));
}

void Control::request(Client& client, std::string_view line, std::string_view content) {
  if (line == "status") {
    client.line(status_json(operations_.status()));
    client.finish();
  } else if (line == "show") {
    client.line(status_text(operations_.status()));
    client.finish();
  } else if (line.starts_with(kApply)) {
    client.line(operations_.apply(content));
    client.finish();
  } else if (line.starts_with(kQueue)) {
    queue(client, line.substr(kQueue.size()), content);
  } else if (line == "tap") {
    client.tapping = true;
    if (++taps_ == 1) operations_.tapping(true);
  } else {
    client.line(
        R"({"error":"unknown request: say status, show, apply BYTES, queue REQUEST or tap"})");
    client.finish();
  }
}

void Control::queue(Client& client, std::string_view line, std::string_view content) {
  client.queue = std::make_unique<QueueAnswer>(make_operation(line, content), client.stream(),
                                               operations_.operate);
  client.queue->start();
}

void Control::gone(Client& client) {
  if (client.queue && client.queue->stepping()) {
    QueueAnswer* answer = client.queue.get();
    answer->leave([this, answer] {
      std::erase_if(left_, [&](const auto& one) { return one.get() == answer; });
    });
    left_.push_back(std::move(client.queue));
  }
  if (client.tapping && --taps_ == 0) operations_.tapping(false);
  std::erase_if(clients_, [&](const auto& c) { return c.get() == &client; });
}

void Control::tapped(std::string_view line) {
  for (auto& client : clients_) {
    if (client->tapping) client->line(line);
  }
}

std::string Control::metrics_address() const { return http_ ? http_->address() : std::string(); }

void Control::serve_http(const HttpRequest& request) {
  const bool reads = request.method == "GET" || request.method == "HEAD";
  HttpAnswer answer{404, "not found: try /metrics or /healthz\n", {}};
  if (!reads) {
    answer = {405, "only GET is served here\n", {{"Allow", "GET, HEAD"}}};
  } else if (request.path == "/metrics") {
    answer = {200,
              status_prometheus(operations_.status()),
              {{"Content-Type", "text/plain; version=0.0.4"}}};
  } else if (request.path == "/healthz") {
    const AgentStatus status = operations_.status();
    answer = {healthy(status) ? 200 : 503,
              status_json(status) + "\n",
              {{"Content-Type", "application/json"}}};
  }
  http_->answer(request.id, answer);
}

}  // namespace pinaflux
