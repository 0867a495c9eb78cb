// HttpSource: takes readings over HTTP; the answer comes when they are on disk.
//
// Promise    204: every record of the request is on disk. 400: its bad lines were refused, what was good
//            is on disk, and the body says how many. With an Idempotency-Key a request that is sent again
//            gets the same answer and is stored once (the last kKeysMax keys); without one a client
//            that lost the answer and sends again is at least once.
// Paths      POST /ingest/<stream>       NDJSON, one JSON object, or an array of objects
//            POST /write, /api/v2/write  InfluxDB line protocol (?precision=); GET /ping, /health
// Limits     A request is one parcel and must fit one group (413 says how to split it). kRequestsMax
//            requests and kRequestBytesMax bytes wait; beyond, and while held: 503 with what it waits for,
//            and Retry-After.
// Threads    Loop.
// Tests      tests/agent/ingest/http_source_test.cc
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "agent/ingest/answers.h"
#include "agent/ingest/format.h"
#include "agent/ingest/options.h"
#include "agent/ingest/source.h"
#include "platform/http_server.h"

namespace pinaflux {

struct HttpSourceOptions : SourceOptions {
  std::string listen = "tcp://127.0.0.1:8080";
  std::string token;  // Empty: none asked. Else "Authorization: Bearer <token>" or "Token <token>".
};

class HttpSource final : public Source {
 public:
  static constexpr std::size_t kRequestsMax = 1024;
  static constexpr std::size_t kRequestBytesMax = 2 * limits::kIntakeBytesMax;  // Together.

  HttpSource(HttpSourceOptions options, const SourceHost& host);

  void restore(std::vector<Cursor> cursors) override;
  Status start() override;
  void poll(Intake& intake) override;
  bool ready() const override { return !waiting_.empty(); }
  bool stalled() const override { return waiting_.empty() && !in_flight_.empty(); }
  void committed(const Receipt& receipt) override;
  void hold(Hold why) override;
  SourceHealth health() const override { return health_; }
  std::string address() const { return server_ == nullptr ? "" : server_->address(); }

 private:
  struct Request {
    std::uint64_t id = 0;
    Format format = Format::ndjson;
    std::string stream, peer;
    std::int64_t ns_per_tick = 1;
    std::uint64_t key = 0;  // Hash of the Idempotency-Key; 0: none.
    Stamp arrival;
    Buffer body;  // With padding behind it.
    std::size_t body_bytes = 0;
  };
  struct InFlight {
    Ticket ticket = 0;
    std::uint64_t id = 0;
    IngestAnswer answer;
  };
  enum class Outcome { taken, answered, no_room };

  void handle(const HttpRequest& request);
  void ingest(const HttpRequest& request);
  void enqueue(const HttpRequest& request, Request&& made);
  bool authorised(const HttpRequest& request) const;
  void gone(std::uint64_t id);
  bool answer_known(const Request& request);
  Outcome take(const Request& request, Intake& intake);
  void pop();
  void refuse(std::uint64_t id, int status, std::string_view message);
  void refuse_busy(std::uint64_t id, std::string_view message, const char* retry_after_s);
  void refuse_held(std::uint64_t id);

  const HttpSourceOptions options_;
  const SourceHost host_;
  Decoder decoder_;
  IdempotencyKeys keys_;
  std::deque<Request> waiting_;
  std::size_t waiting_bytes_ = 0;
  std::deque<InFlight> in_flight_;
  std::vector<Buffer> spare_;  // Bodies' memory, used again.
  Ticket ticket_ = 0;
  Hold held_ = Hold::none;
  SourceHealth health_;
  std::unique_ptr<HttpServer> server_;
};

}  // namespace pinaflux
