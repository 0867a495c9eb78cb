// LinesSource: lines from standard input, a unix socket or TCP connections: NDJSON or line protocol.
//
// Promise    Received: the sender hears nothing of what is lost with the machine. With `ack_count` each
//            connection is sent, after every commit, how many of its lines are on disk so far (good or
//            refused, blank ones not counted), in decimal on a line of its own: a sender that sends again
//            from there loses nothing.
// Order      Lines of a connection in order; connections take turns.
// Limits     kConnectionsMax connections; of each kHeldBytes wait, then reading stops. A line beyond
//            record_bytes_max is skipped to its end and refused once, with its size.
// Threads    Loop.
// Tests      tests/agent/ingest/lines_source_test.cc
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "agent/ingest/format.h"
#include "agent/ingest/line_buffer.h"
#include "agent/ingest/options.h"
#include "agent/ingest/source.h"
#include "platform/network.h"

namespace pinaflux {

struct LinesSourceOptions : SourceOptions {
  std::string address = "stdin:";  // Or "unix:///PATH", "tcp://HOST:PORT" to listen.
  bool ack_count = false;
};

class LinesSource final : public Source {
 public:
  static constexpr std::size_t kConnectionsMax = 64;
  static constexpr std::size_t kHeldBytes = 128 * 1024;

  LinesSource(LinesSourceOptions options, const SourceHost& host);
  ~LinesSource() override;

  void restore(std::vector<Cursor>) override {}
  Status start() override;
  void poll(Intake& intake) override;
  bool ready() const override;
  bool stalled() const override;
  void committed(const Receipt& receipt) override;
  void hold(Hold why) override;
  SourceHealth health() const override;
  // Standard input has ended and everything of it is committed.
  bool finished() const;
  std::string address() const { return listener_ == nullptr ? "" : listener_->address(); }

 private:
  class Connection;
  struct InFlight {
    Ticket ticket;
    std::uint64_t connection;
    std::uint64_t lines;
  };

  void accept(Network::Accepted& accepted);
  bool take(Connection& connection, Intake& intake, std::size_t bytes_max);
  void sweep();
  Connection* find(std::uint64_t id);

  const LinesSourceOptions options_;
  const SourceHost host_;
  Decoder decoder_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::size_t next_ = 0;  // Whose turn it is.
  std::deque<InFlight> in_flight_;
  std::uint64_t last_id_ = 0;
  Ticket ticket_ = 0;
  Hold held_ = Hold::none;
  bool input_ended_ = false;
  SourceHealth health_;
  std::unique_ptr<Listener> listener_;
};

}  // namespace pinaflux
