#include "agent/cli/control_client.h"

#include <utility>

namespace pinaflux {

namespace {

constexpr std::size_t kAnswerBytesMax = 16 * 1024 * 1024;

class Conversation : public Stream::Events {
 public:
  Conversation(Loop& loop, std::string_view request, OnBytes on_bytes)
      : loop_(loop), request_(request), on_bytes_(std::move(on_bytes)) {}

  Status hold(Network& network, const std::string& socket) {
    Network::Options options;
    options.write_bytes_max = request_.size() + 1;
    auto stream = network.connect("unix://" + socket, options, *this);
    if (!stream) return std::unexpected(stream.error());
    stream_ = std::move(*stream);
    loop_.run([] { return false; });
    return result_;
  }

  void connected() override { (void)stream_->write(as_bytes(request_)); }

  void bytes(Bytes bytes) override {
    if (!on_bytes_(bytes)) stop({});
  }

  void closed(Error reason) override {
    stop(reason.code == Code::closed ? Status{} : Status(std::unexpected(reason)));
  }

 private:
  void stop(Status result) {
    result_ = std::move(result);
    loop_.stop();
  }

  Loop& loop_;
  std::string request_;
  OnBytes on_bytes_;
  Status result_;
  std::unique_ptr<Stream> stream_;
};

// Cuts what comes into lines.
class Lines {
 public:
  explicit Lines(OnLine on_line) : on_line_(std::move(on_line)) {}

  bool too_long() const { return pending_.size() > kAnswerBytesMax; }
  bool feed(Bytes bytes) {
    pending_.append(as_text(bytes));
    std::size_t begin = 0;
    for (auto end = pending_.find('\n'); end != std::string::npos;
         end = pending_.find('\n', begin)) {
      if (!on_line_(std::string_view(pending_).substr(begin, end - begin))) return false;
      begin = end + 1;
    }
    pending_.erase(0, begin);
    return !too_long();
  }

 private:
  OnLine on_line_;
  std::string pending_;
};

}  // namespace

Status ask_agent(Loop& loop, Network& network, const std::string& socket, std::string_view request,
                 OnLine on_line) {
  Lines lines(std::move(on_line));
  const Status asked = ask_agent_bytes(loop, network, socket, request,
                                       [&](Bytes bytes) { return lines.feed(bytes); });
  if (lines.too_long()) return fail(Code::full, "the answer is too long");
  return asked;
}

Status ask_agent_bytes(Loop& loop, Network& network, const std::string& socket,
                       std::string_view request, OnBytes on_bytes) {
  return Conversation(loop, request, std::move(on_bytes)).hold(network, socket);
}

}  // namespace pinaflux
