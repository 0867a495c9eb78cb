#include "agent/cli/watched_network.h"

#include <utility>

namespace pinaflux {

namespace {

class Watched final : public Stream, private Stream::Events {
 public:
  Watched(const Clock& clock, Watch& watch, Stream::Events& events)
      : clock_(clock), watch_(watch), events_(events) {}
  Stream::Events& inner_events() { return *this; }
  void over(std::unique_ptr<Stream> inner) { inner_ = std::move(inner); }

  bool write(Bytes bytes) override { return inner_->write(bytes); }
  std::size_t bytes_queued() const override { return inner_->bytes_queued(); }
  void pause(bool paused) override { inner_->pause(paused); }
  void finish() override { inner_->finish(); }
  std::string why() const override { return inner_->why(); }

 private:
  void connected() override {
    watch_.connected = clock_.now();
    events_.connected();
  }
  void bytes(Bytes bytes) override { events_.bytes(bytes); }
  bool ended() override { return events_.ended(); }
  void drained() override { events_.drained(); }
  void closed(Error reason) override { events_.closed(reason); }

  const Clock& clock_;
  Watch& watch_;
  Stream::Events& events_;
  std::unique_ptr<Stream> inner_;
};

}  // namespace

Result<std::unique_ptr<Stream>> watched(const Dial& dial, const Clock& clock, Watch& watch,
                                        Stream::Events& events) {
  auto stream = std::make_unique<Watched>(clock, watch, events);
  auto inner = dial(stream->inner_events());
  if (!inner) return inner;
  stream->over(std::move(*inner));
  return stream;
}

Result<std::unique_ptr<Stream>> WatchedNetwork::connect(const std::string& address,
                                                        const Options& options,
                                                        Stream::Events& events) {
  const auto dial = [&](Stream::Events& inner) { return inner_.connect(address, options, inner); };
  return watched(dial, clock_, watch_, events);
}

Result<std::unique_ptr<Listener>> WatchedNetwork::listen(const std::string& address,
                                                         const Options& options,
                                                         OnAccept accepted) {
  return inner_.listen(address, options, std::move(accepted));
}

std::string WatchedNetwork::interface_to(const std::string& address) const {
  return inner_.interface_to(address);
}

}  // namespace pinaflux
