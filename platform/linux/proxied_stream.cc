// Over a connection to the proxy:
//
//   CONNECT broker.example:8883 HTTP/1.1        ->
//   Host: broker.example:8883
//                                               <-   HTTP/1.1 200 Connection established
//
// and from the answer's empty line on every byte is the far end's, in both ways.

#include "platform/linux/proxied_stream.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "platform/base/text.h"
#include "platform/crypto/crypto.h"

namespace pinaflux {

namespace {

constexpr int kWantsUser = 407;

std::string host_and_port(const Address& to) {
  const bool six = to.host.contains(':');
  return (six ? "[" + to.host + "]" : to.host) + ":" + std::to_string(to.port);
}

std::string connect_request(const Proxy& proxy, const Address& to) {
  const std::string where = host_and_port(to);
  std::string user;
  if (!proxy.user.empty()) {
    std::string secret = joined({proxy.user, ":", proxy.password});
    user = joined({"Proxy-Authorization: Basic ", crypto::base64(as_bytes(secret)), "\r\n"});
    wipe({reinterpret_cast<std::uint8_t*>(secret.data()), secret.size()});
  }
  return joined({"CONNECT ", where, " HTTP/1.1\r\nHost: ", where, "\r\n", user, "\r\n"});
}

}  // namespace

Result<std::unique_ptr<ProxiedStream>> ProxiedStream::connect(Loop& loop, const Options& options,
                                                              const Dial& dial,
                                                              Stream::Events& events) {
  std::unique_ptr<ProxiedStream> stream(new ProxiedStream(loop, options, events));
  auto inner = dial(static_cast<Stream::Events&>(*stream));
  if (!inner) return std::unexpected(inner.error());
  stream->inner_ = std::move(*inner);
  return stream;
}

ProxiedStream::ProxiedStream(Loop& loop, const Options& options, Stream::Events& events)
    : options_(options),
      events_(events),
      timer_(loop.timer([this] {
        end_with(Code::timeout, "does not answer in time: check its log, and whether it reaches " +
                                    host_and_port(options_.to));
      })),
      early_(options.early_bytes_max) {}

void ProxiedStream::connected() {
  carried_ = true;
  timer_->start(options_.answer);
  const std::string request = connect_request(options_.proxy, options_.to);
  if (!inner_->write(as_bytes(request)))
    end_with(Code::invalid, "cannot be asked: its user and password are too long");
}

void ProxiedStream::bytes(Bytes bytes) {
  if (ready_) return events_.bytes(bytes);
  switch (answer_.take(bytes)) {
    case AnswerHead::Step::more: return;
    case AnswerHead::Step::done: break;
    case AnswerHead::Step::not_http:
      return end_with(Code::refused,
                      "does not speak HTTP: check its address and port in uplink.proxy");
    case AnswerHead::Step::too_long:
      return end_with(Code::refused, "answers without an end: check what listens there");
  }
  timer_->stop();
  if (answer_.status() / 100 != 2) return refused();
  stand(bytes);
}

void ProxiedStream::refused() {
  const std::string where = host_and_port(options_.to), answer = answer_.reason();
  const auto one_of = [&](std::initializer_list<int> statuses) {
    return std::ranges::contains(statuses, answer_.status());
  };
  if (answer_.status() == kWantsUser) {
    const bool asked = options_.proxy.user.empty();
    return end_with(Code::denied, joined({asked ? "wants a user and a password ("
                                                : "does not take our user and password (",
                                          answer, asked ? "): set" : "): check",
                                          " uplink.proxy_user and uplink.proxy_password"}));
  }
  if (one_of({403, 405})) {
    return end_with(Code::refused,
                    joined({"does not let us through (", answer, "): allow CONNECT to ", where,
                            " in its configuration"}));
  }
  if (one_of({502, 503, 504})) {
    return end_with(Code::refused, joined({"does not reach ", where, " (", answer,
                                           "): check that address, and the proxy's log"}));
  }
  end_with(Code::refused,
           joined({"refuses (", answer, "): check uplink.proxy, and the proxy's log"}));
}

void ProxiedStream::stand(Bytes rest) {
  ready_ = true;
  if (paused_) inner_->pause(true);
  const Buffer early = early_.take();
  if (!early.empty()) std::ignore = inner_->write(early);  // No more than it takes when empty.
  if (!telling_.tell([this] { events_.connected(); })) return;
  if (!rest.empty() && !telling_.tell([&] { events_.bytes(rest); })) return;
  if (std::exchange(refused_, false) && inner_ != nullptr && inner_->bytes_queued() == 0 &&
      !telling_.tell([this] { events_.drained(); })) {
    return;
  }
  if (std::exchange(finish_wanted_, false) && inner_ != nullptr) inner_->finish();
}

void ProxiedStream::drained() {
  if (ready_) events_.drained();
}

void ProxiedStream::closed(Error reason) {
  const std::string below = inner_ != nullptr ? inner_->why() : std::string();
  if (ready_) {
    why_ = below;
    return events_.closed(reason);
  }
  if (!carried_) {
    why_ = joined({"cannot reach the proxy ", options_.proxy.address, ": ", reason.what});
    inner_.reset();
    return events_.closed(reason);
  }
  end_with(Code::closed, "hangs up before it answers: check whether it is an HTTP proxy");
}

void ProxiedStream::end_with(Code code, std::string_view text) {
  timer_->stop();
  inner_.reset();
  why_ = joined({"the proxy ", options_.proxy.address, " ", text});
  events_.closed({code, 0, "the proxy does not lead there: check uplink.proxy, and its log"});
}

bool ProxiedStream::write(Bytes bytes) {
  if (ready_) return inner_->write(bytes);
  if (inner_ == nullptr || finish_wanted_) return false;
  refused_ = !early_.add(bytes);
  return !refused_;
}

std::size_t ProxiedStream::bytes_queued() const {
  return early_.size() + (ready_ ? inner_->bytes_queued() : 0);
}

void ProxiedStream::pause(bool paused) {
  paused_ = paused;
  if (ready_) inner_->pause(paused);
}

void ProxiedStream::finish() {
  if (ready_) return inner_->finish();
  finish_wanted_ = true;
}

}  // namespace pinaflux
