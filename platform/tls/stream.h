// TlsStream: a Stream of plain bytes over another Stream that carries them encrypted.
//
// Promise    connected() comes when the server has proved who it is, never before. What was written
//            until then is kept and sent then.
// Order      As of any Stream. A peer that ends without close_notify is told as Code::closed as well: what
//            is above TLS has its own ends of messages.
// Limits     write_bytes_max of the inner Stream's Options, and what one write() is beyond them;
//            Options::handshake for the handshake.
// Ownership  As of any Stream.
// Threads    Loop.
// Tests      tests/platform/tls/stream_test.cc
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "platform/base/early_bytes.h"
#include "platform/base/telling.h"
#include "platform/loop.h"
#include "platform/network.h"
#include "platform/tls/connection.h"

namespace pinaflux::tls {

class TlsStream final : public Stream, private Stream::Events {
 public:
  struct Options {
    std::shared_ptr<Credentials> credentials;  // Null: closed() follows, and why() is `unloaded`.
    Failure unloaded = {};
    std::string host;            // Without brackets.
    std::int64_t judged_at = 0;  // As of Connection.
    Duration handshake = Duration::seconds(20);
    std::size_t early_bytes_max = 64 * 1024;  // Written before the handshake is done.
  };
  // Dials the inner Stream, whose events are the TlsStream's.
  using Dial = std::function<Result<std::unique_ptr<Stream>>(Stream::Events&)>;

  static Result<std::unique_ptr<TlsStream>> connect(Loop& loop, const Options& options,
                                                    const Dial& dial, Stream::Events& events);
  ~TlsStream() override;

  [[nodiscard]] bool write(Bytes bytes) override;
  std::size_t bytes_queued() const override;
  void pause(bool paused) override;
  void finish() override;
  std::string why() const override;
  Connection::Facts facts() const;  // Once connected.

 private:
  TlsStream(Loop& loop, const Options& options, Stream::Events& events);
  void connected() override;
  void bytes(Bytes bytes) override;
  void drained() override;
  void closed(Error reason) override;

  bool shake();  // False: not yet, or destroyed.
  void advance();
  void flush();
  void end_with(const Error& reason);
  void late();

  const Options options_;
  Stream::Events& events_;
  std::optional<Connection> connection_;
  std::unique_ptr<Stream> inner_;
  std::unique_ptr<Timer> timer_;
  EarlyBytes early_;
  Buffer plain_;
  bool carried_ = false, ready_ = false;
  bool refused_ = false;        // A write() was: drained() is owed.
  bool finish_wanted_ = false;  // When what is queued has gone.
  Telling telling_;
  Failure failure_;    // Of what is not the connection's.
  std::string below_;  // Why the inner Stream ended.
};

}  // namespace pinaflux::tls
