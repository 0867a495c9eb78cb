// Control: how this machine's operator reaches the running agent: a unix socket for the command line,
// and /metrics and /healthz over HTTP for monitoring.
//
// Protocol   On the socket: one request line, then the answer, then the end of the stream.
//              status            one line of JSON ("pinaflux.status/1")
//              show              the same as text for a terminal
//              apply BYTES       followed by that many bytes of configuration: one line of JSON
//                                ("pinaflux.apply/1"), then the agent restarts its stations with it
//              queue REQUEST     see queue_request.h (an edit's bytes follow); the answer in frames,
//                                see queue_answer.h
//              tap               one line of JSON a record, until the client goes away
// Limits     kClientsMax at a time; a configuration of kApplyBytesMax; a tap client that reads too slowly misses
//            records, never slows the agent.
// Ownership  Operations, loop and network must outlive it.
// Threads    Loop.
// Tests      tests/agent/control/control_test.cc
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config/control_options.h"
#include "agent/control/queue_answer.h"
#include "agent/health/status.h"
#include "platform/base/result.h"
#include "platform/http_server.h"
#include "platform/network.h"

namespace pinaflux {

class Control {
 public:
  static constexpr std::size_t kApplyBytesMax = 1024 * 1024;

  struct Operations {
    std::function<AgentStatus()> status;
    // A JSON line for the client: whether the configuration was accepted, and its findings.
    std::function<std::string(std::string_view configuration)> apply;
    // The first tap client came (true), the last one went (false).
    std::function<void(bool)> tapping;
    RunStep operate;
  };

  // Errors: what listening says (busy, denied, ...); `which` names the address at fault.
  static Result<std::unique_ptr<Control>> start(const ControlOptions& options, Network& network,
                                                HttpServers& http, Operations operations,
                                                std::string& which);
  ~Control();

  // A line for every tap client.
  void tapped(std::string_view line);
  std::string metrics_address() const;  // Empty: none.

 private:
  class Client;
  explicit Control(Operations operations);
  void accept(Network::Accepted& accepted);
  void request(Client& client, std::string_view line, std::string_view content);
  void queue(Client& client, std::string_view line, std::string_view content);
  void gone(Client& client);
  void serve_http(const HttpRequest& request);

  Operations operations_;
  std::unique_ptr<Listener> listener_;
  std::unique_ptr<HttpServer> http_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<std::unique_ptr<QueueAnswer>>
      left_;  // Their clients have gone; a step is on its way.
  std::size_t taps_ = 0;
};

}  // namespace pinaflux
