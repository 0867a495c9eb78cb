// Watched: streams whose moment of connection is noted, so that what follows is timed without the way to it.
//
// Ownership  Clock, Watch and what is watched outlive the stream.
// Threads    Loop.
// Tests      tests/e2e/run (the_uplink_is_tested)
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "platform/clock.h"
#include "platform/network.h"

namespace pinaflux {

struct Watch {
  Instant connected{};
};

using Dial = std::function<Result<std::unique_ptr<Stream>>(Stream::Events&)>;
// A stream as `dial` makes it, watched.
Result<std::unique_ptr<Stream>> watched(const Dial& dial, const Clock& clock, Watch& watch,
                                        Stream::Events& events);

class WatchedNetwork final : public Network {
 public:
  WatchedNetwork(Network& inner, const Clock& clock, Watch& watch)
      : inner_(inner), clock_(clock), watch_(watch) {}
  Result<std::unique_ptr<Stream>> connect(const std::string& address, const Options& options,
                                          Stream::Events& events) override;
  Result<std::unique_ptr<Listener>> listen(const std::string& address, const Options& options,
                                           OnAccept accepted) override;
  std::string interface_to(const std::string& address) const override;

 private:
  Network& inner_;
  const Clock& clock_;
  Watch& watch_;
};

}  // namespace pinaflux
