// HttpExchange: a client's connection to a server: one request, its answer, the next.
//
// Order      dial() -> connected(), or failed(); ask() -> answered() or failed(). failed() is last. It also comes between
//            requests, when the server ends a connection that nobody uses.
// Limits     Options, and AnswerHead's. Answers beyond them, and what is no HTTP, are failures.
// Ownership  Events must outlive it. It may be destroyed inside any of its events.
// Threads    Loop.
// Source     RFC 9112.
// Tests      tests/platform/http/exchange_test.cc
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "platform/http/answer_head.h"
#include "platform/http/chunks.h"
#include "platform/loop.h"
#include "platform/network.h"

namespace pinaflux {

class HttpExchange final : private Stream::Events {
 public:
  struct Options {
    Network::Options network = {};
    Duration answer_max = Duration::seconds(60);  // From the request to the whole answer.
    std::size_t body_bytes_max = 1024 * 1024;
  };
  struct Answer {
    int status = 0;
    std::string content_type, retry_after;
    Buffer body;
  };
  class Events {
   public:
    virtual ~Events() = default;
    virtual void connected(HttpExchange& exchange) = 0;
    virtual void answered(HttpExchange& exchange, const Answer& answer) = 0;
    // `why` says what to do next.
    virtual void failed(HttpExchange& exchange, const std::string& why) = 0;
  };

  HttpExchange(Network& network, Loop& loop, std::string address, const Options& options,
               Events& events);
  ~HttpExchange() override;

  // Errors in the address only.
  Status dial();
  // Once connected, and not while one is asked. The request is whole: lines, headers and body.
  void ask(Bytes request);
  // Closes the connection: no event follows.
  void abandon();
  bool asking() const { return state_ == State::asked; }
  bool ready() const { return state_ == State::ready; }
  // The server has ended the connection before anything of its answer came.
  bool given_up() const { return given_up_; }
  // It has answered before: a server may have given the connection up just now.
  bool used() const { return answers_ > 0; }

 private:
  static constexpr int kInterimMax = 8;

  enum class State { dialling, ready, asked, ended };
  void connected() override;
  void bytes(Bytes bytes) override;
  void closed(Error reason) override;
  bool take_head(Bytes& bytes);  // False: it needs more, or has failed.
  bool understand_head();
  bool take_body(Bytes& bytes);
  void conclude();
  void fail_with(const std::string& why);
  void late();

  Network& network_;
  const std::string address_;
  const Options options_;
  Events& events_;
  std::unique_ptr<Timer> patience_;
  std::unique_ptr<Stream> stream_;
  State state_ = State::dialling;
  AnswerHead head_;
  bool given_up_ = false;
  bool answering_ = false;  // Something of the answer has come,
  bool head_done_ = false;  // and all of its head, which says where it ends:
  bool chunked_ = false, to_the_end_ = false;
  std::uint64_t body_bytes_ = 0;
  HttpChunks chunks_;
  Buffer body_;
  std::uint64_t answers_ = 0;
  int interim_ = 0;  // 100 Continue and the like, before the answer.
};

}  // namespace pinaflux
