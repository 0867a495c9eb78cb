// ProxiedStream: a Stream through an HTTP proxy, over another Stream that leads to the proxy.
//
// Promise    connected() comes when the proxy says that it has reached the far end, never before. What was
//            written until then is kept and sent then. What a proxy answers otherwise is told by why(), with
//            what to do.
// Order      As of any Stream.
// Limits     Options::answer from the connection to the end of the proxy's answer, however it trickles;
//            AnswerHead's of that answer; early_bytes_max.
// Ownership  As of any Stream.
// Threads    Loop.
// Tests      tests/platform/linux/proxied_stream_test.cc
// Source     RFC 9110 section 9.3.6 (CONNECT), RFC 7617 (Basic).
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "platform/base/early_bytes.h"
#include "platform/base/telling.h"
#include "platform/http/answer_head.h"
#include "platform/loop.h"
#include "platform/network.h"

namespace pinaflux {

class ProxiedStream final : public Stream, private Stream::Events {
 public:
  struct Options {
    Proxy proxy;
    Address to;  // Host and port.
    Duration answer = Duration::seconds(20);
    std::size_t early_bytes_max = 1024 * 1024;
  };
  // Dials the proxy; the inner Stream's events are the ProxiedStream's.
  using Dial = std::function<Result<std::unique_ptr<Stream>>(Stream::Events&)>;

  static Result<std::unique_ptr<ProxiedStream>> connect(Loop& loop, const Options& options,
                                                        const Dial& dial, Stream::Events& events);

  [[nodiscard]] bool write(Bytes bytes) override;
  std::size_t bytes_queued() const override;
  void pause(bool paused) override;
  void finish() override;
  std::string why() const override { return why_; }

 private:
  ProxiedStream(Loop& loop, const Options& options, Stream::Events& events);
  void connected() override;
  void bytes(Bytes bytes) override;
  bool ended() override { return ready_ && events_.ended(); }
  void drained() override;
  void closed(Error reason) override;

  void stand(Bytes rest);
  void refused();
  void end_with(Code code, std::string_view text);

  const Options options_;
  Stream::Events& events_;
  std::unique_ptr<Stream> inner_;
  std::unique_ptr<Timer> timer_;
  AnswerHead answer_;
  EarlyBytes early_;
  bool carried_ = false, ready_ = false;
  bool paused_ = false;
  bool refused_ = false;        // A write() was: drained() is owed.
  bool finish_wanted_ = false;  // Once what is early has gone.
  Telling telling_;
  std::string why_;
};

}  // namespace pinaflux
