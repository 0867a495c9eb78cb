// Agent: one configuration, running: it wires the stations and owns the turn of the loop.
//
// Turn       Completions first (a finished commit acknowledges to sources and sends what it leased),
//            then the sources, bounded, through mask and pipeline into a group, then at most one new
//            commit, then sleep until something happens or is due.
// Promise    A source is acknowledged after the commit that holds its records. stop() loses nothing that
//            was taken: it commits what is in memory first.
// Ownership  Host must outlive it; destroyed only when stopped().
// Threads    Loop.
// Tests      tests/agent/agent/agent_test.cc, tests/e2e/
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config/load.h"
#include "agent/health/status.h"
#include "agent/spool/operation.h"
#include "platform/base/log.h"
#include "platform/children.h"
#include "platform/clock.h"
#include "platform/entropy.h"
#include "platform/files.h"
#include "platform/http_server.h"
#include "platform/loop.h"
#include "platform/mqtt_client.h"
#include "platform/network.h"
#include "platform/process.h"
#include "platform/worker.h"

namespace pinaflux {

class Agent {
 public:
  struct Host {
    Loop& loop;
    Worker& worker;
    const Clock& clock;
    Entropy& entropy;
    Files& files;
    Network& network;
    HttpServers& http;
    Process& process;
    MqttClientMaker make_mqtt_client;
    Log& log;
    Children* children = nullptr;  // None: nodes that ask a process wait.
  };
  // Why it did not start: `error` says what, `which` where: a source, a file, an address.
  struct Refusal {
    Error error;
    std::string which;
  };

  static std::expected<std::unique_ptr<Agent>, Refusal> start(const Configuration& configuration,
                                                              const Host& host);
  ~Agent();

  // For Loop::run(). True: come again without sleeping.
  bool turn();
  // Takes nothing more, commits what it has, says goodbye; stopped() follows, within kStopMax.
  void stop();
  bool stopped() const;
  // Stopped of its own accord: another start() goes on. The spool is damaged, and what can be read of it is to be
  // taken over; or another gateway has our numbers, and there is a new epoch.
  bool restarts() const;

  AgentStatus status() const;
  // Every record that reaches a lane, as a line of JSON; empty to end it.
  void tap(std::function<void(std::string_view line)> line);
  // A step of an operation on the queue, between commits; `done` runs on the loop, with `out`. False: the
  // agent is stopping, nothing was begun. Both must live until `done`; the agent stops only after it.
  bool operate(Operation& operation, Buffer& out, std::function<void(Result<bool>)> done);

 private:
  struct State;
  explicit Agent(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace pinaflux
