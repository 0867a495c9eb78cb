// HttpConnection: one client: requests one after the other, each answered before the next is begun.
//
// Order      head -> body -> asked() of the owner -> answer() -> the next. What a client sends
//            ahead waits, bounded, and is then left in the socket.
// Limits     HttpServer::Options. A head must be whole within idle_max; a body must move within
//            idle_max.
// Ownership  The owner keeps it until left(), which is the last call.
// Threads    Loop.
// Tests      tests/platform/http_contract.h
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "platform/http/chunks.h"
#include "platform/http/head.h"
#include "platform/http_server.h"
#include "platform/loop.h"
#include "platform/network.h"

namespace pinaflux {

class HttpConnection final : private Stream::Events {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    // Memory for bodies: false when all connections together would pass the limit.
    virtual bool grow(std::size_t from, std::size_t to) = 0;
    virtual void asked(HttpConnection& connection, HttpRequest& request) = 0;
    virtual void left(HttpConnection& connection) = 0;
  };

  HttpConnection(Owner& owner, const HttpServer::Options& options, Loop& loop);
  ~HttpConnection() override;
  void accept(Network::Accepted& accepted);
  // For a connection that there is no room for: the answer, whatever is asked.
  void refuse(const HttpRefusal& refusal);
  void answer(const HttpAnswer& answer);
  // Of the request that waits for its answer; 0: none does.
  std::uint64_t request_id() const { return request_id_; }

 private:
  enum class State { head, body, asked, finished };
  void bytes(Bytes bytes) override;
  void closed(Error reason) override;
  void take(Bytes bytes);
  void take_head(Bytes& bytes);
  void take_body(Bytes& bytes);
  bool append_body(Bytes piece);
  void begin_body();
  void ask();
  void next_request();
  void resume();
  void waited();
  void release_body(std::size_t keep);
  void send(const HttpAnswer& answer, bool close);

  Owner& owner_;
  const HttpServer::Options& options_;
  std::unique_ptr<Timer> waiting_;  // For bytes that should come.
  std::unique_ptr<Timer> resumed_;  // For bytes that came ahead.
  std::string peer_;
  std::unique_ptr<Stream> stream_;
  State state_ = State::head;
  bool taking_ = false;
  std::uint64_t request_id_ = 0;
  HttpHead head_;
  HttpChunks chunks_;
  Buffer body_;
  Buffer ahead_;
};

}  // namespace pinaflux
