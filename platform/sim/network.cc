#include "platform/sim/network.h"

#include <utility>
#include <vector>

#include "platform/base/text.h"
#include "platform/sim/connection.h"
#include "platform/sim/stream.h"

namespace pinaflux {

namespace {

class Waiting final : public Network::Accepted {
 public:
  Waiting(SimNetwork& network, const Network::Options& options, SimConnection& connection,
          bool local)
      : network_(network), options_(options), connection_(&connection), local_(local) {}
  ~Waiting() override {
    if (connection_ != nullptr) connection_->leave(1, SimConnection::Farewell::orderly);
  }
  std::unique_ptr<Stream> with(Stream::Events& events) override {
    auto stream = std::make_unique<SimStream>(network_, options_, events);
    stream->open(*std::exchange(connection_, nullptr), 1);
    return stream;
  }
  std::string peer() const override {
    return local_ || connection_ == nullptr ? "unix" : connection_->machine(0) + ":1024";
  }

 private:
  SimNetwork& network_;
  const Network::Options& options_;
  SimConnection* connection_;
  const bool local_;
};

std::string with_port(const std::string& address, std::uint16_t port) {
  std::string text = address.substr(0, address.rfind(':') + 1);
  append_unsigned(text, port);
  return text;
}

}  // namespace

SimNetwork::SimNetwork(SimFabric& fabric, SimLoop& loop, std::string machine)
    : fabric_(fabric), loop_(loop), machine_(std::move(machine)) {}

Result<std::unique_ptr<Stream>> SimNetwork::connect(const std::string& text, const Options& options,
                                                    Stream::Events& events) {
  if (options.proxy.used()) return fail(Code::unsupported, "the simulated network has no proxies");
  const auto address = parse_address(text);
  if (!address) return std::unexpected(address.error());
  if (address->kind == Address::Kind::standard_input) {
    return fail(Code::closed, "there is no standard input");
  }
  if (address->kind == Address::Kind::tcp && (address->host.empty() || address->port == 0)) {
    return fail(Code::invalid, "to connect, host and port must be given: tcp://HOST:PORT");
  }
  auto stream = std::make_unique<SimStream>(*this, options, events);
  if (loop_.alive()) stream->dial(*address, machine_of(address->host, machine_));
  return stream;
}

Result<std::unique_ptr<Listener>> SimNetwork::listen(const std::string& text,
                                                     const Options& options, OnAccept accepted) {
  auto address = parse_address(text);
  if (!address) return std::unexpected(address.error());
  if (address->kind == Address::Kind::standard_input) {
    return fail(Code::invalid, "nobody can listen on standard input");
  }
  const bool local = address->kind == Address::Kind::unix_socket;
  if (!local && machine_of(address->host, machine_) != machine_) {
    return fail(Code::invalid, "this machine does not have that address");
  }
  std::string given = text;
  if (!local && address->port == 0) {
    address->port = ++fabric_.last_port_;
    given = with_port(text, address->port);
  }
  std::string place = place_of(*address, machine_);
  if (fabric_.listeners_.contains(place)) {
    return fail(Code::busy, "the address is in use: stop the other program or choose another");
  }
  return std::make_unique<SimListener>(*this, std::move(given), std::move(place), local, options,
                                       std::move(accepted));
}

SimConnection* SimNetwork::call(const std::string& place, SimLink& link) {
  const auto at = fabric_.listeners_.find(place);
  if (at == fabric_.listeners_.end() || fabric_.breaks()) return nullptr;
  SimNetwork& there = at->second->network();
  SimConnection& connection = fabric_.connect(link);
  connection.join(0, *this, machine_, loop_);
  connection.join(1, there, there.machine_, there.loop_);
  at->second->call(connection);
  return &connection;
}

void SimNetwork::die(Death death) {
  for (auto at = fabric_.listeners_.begin(); at != fabric_.listeners_.end();) {
    SimListener& listener = *(at++)->second;
    if (&listener.network() == this) listener.hang_up();
  }
  std::vector<std::pair<SimConnection*, std::size_t>> mine;
  for (const auto& connection : fabric_.connections_) {
    // Both sides may be ours; then the second leave() ends it.
    for (std::size_t side = 0; side < 2; ++side) {
      if (connection->of(side, *this)) mine.emplace_back(connection.get(), side);
    }
  }
  for (const auto& [connection, side] : mine) {
    if (SimStream* const stream = connection->stream(side)) stream->orphan();
    connection->leave(side, death == Death::power ? SimConnection::Farewell::none
                                                  : SimConnection::Farewell::orderly);
  }
}

SimListener::SimListener(SimNetwork& network, std::string address, std::string place, bool local,
                         const Network::Options& options, Network::OnAccept accepted)
    : network_(network),
      address_(std::move(address)),
      place_(std::move(place)),
      local_(local),
      options_(options),
      accepted_(std::move(accepted)),
      ready_(
          network.loop(), SimKind::connect,
          [](void* self) { static_cast<SimListener*>(self)->accept_all(); }, this) {
  if (network_.loop().alive()) network_.fabric().listeners_[place_] = this;
}

SimListener::~SimListener() {
  if (gone_ != nullptr) *gone_ = true;
  hang_up();
}

void SimListener::hang_up() {
  auto& listeners = network_.fabric().listeners_;
  const auto at = listeners.find(place_);
  if (at != listeners.end() && at->second == this) listeners.erase(at);
  if (network_.loop().alive()) {
    for (SimConnection* connection : waiting_) {
      connection->leave(1, SimConnection::Farewell::reset);
    }
  }
  waiting_.clear();
}

void SimListener::call(SimConnection& connection) {
  waiting_.push_back(&connection);
  if (!ready_.waits()) ready_.in({});
}

void SimListener::accept_all() {
  bool gone = false;
  gone_ = &gone;
  while (!gone && !waiting_.empty()) {
    SimConnection& connection = *waiting_.front();
    waiting_.pop_front();
    Waiting accepted(network_, options_, connection, local_);
    accepted_(accepted);
  }
  if (!gone) gone_ = nullptr;
}

}  // namespace pinaflux
