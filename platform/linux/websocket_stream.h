// WebSocketStream: a Stream of bytes in binary WebSocket frames, over another Stream to a web server.
//
// Promise    connected() comes when the server has switched to WebSocket and proved that it read our key, never
//            before. What was written until then is kept and sent then. Pings are answered; a close frame is
//            answered, and told as closed().
// Order      As of any Stream. Each write() is one frame; what comes in keeps no frames.
// Limits     Options::handshake from the connection to the end of the server's answer, however it trickles;
//            AnswerHead's and Frames'; early_bytes_max; write_bytes_max of the inner Stream's Options, of which a
//            frame takes up to 14 bytes.
// Ownership  As of any Stream. The Entropy must outlive it.
// Threads    Loop.
// Tests      tests/platform/linux/websocket_stream_test.cc
// Source     RFC 6455; subprotocol mqtt: MQTT 5.0 section 6.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "platform/base/early_bytes.h"
#include "platform/base/telling.h"
#include "platform/entropy.h"
#include "platform/http/answer_head.h"
#include "platform/linux/websocket_frames.h"
#include "platform/loop.h"
#include "platform/network.h"

namespace pinaflux {

class WebSocketStream final : public Stream, private Stream::Events {
 public:
  struct Options {
    std::string host;  // "HOST:PORT", an IPv6 address in brackets.
    std::string path;  // "/mqtt"; empty: "/".
    Duration handshake = Duration::seconds(20);
    std::size_t early_bytes_max = 64 * 1024;
  };
  // Dials the inner Stream, whose events are the WebSocketStream's.
  using Dial = std::function<Result<std::unique_ptr<Stream>>(Stream::Events&)>;

  static Result<std::unique_ptr<WebSocketStream>> connect(Loop& loop, Entropy& entropy,
                                                          const Options& options, const Dial& dial,
                                                          Stream::Events& events);

  [[nodiscard]] bool write(Bytes bytes) override;
  std::size_t bytes_queued() const override;
  void pause(bool paused) override;
  void finish() override;
  std::string why() const override { return why_; }

 private:
  WebSocketStream(Loop& loop, Entropy& entropy, const Options& options, Stream::Events& events);
  void connected() override;
  void bytes(Bytes bytes) override;
  void drained() override;
  void closed(Error reason) override;

  std::string wrong_answer() const;  // What to do about it; empty: it is right.
  bool stand();                      // False: destroyed.
  void read(Bytes bytes);
  bool send(websocket::Opcode opcode, Bytes payload);
  void say_goodbye(int status);
  void end_with(Code code, std::string_view text);

  const Options options_;
  Stream::Events& events_;
  Entropy& entropy_;
  std::unique_ptr<Stream> inner_;
  std::unique_ptr<Timer> timer_;
  std::string key_;  // Of the handshake.
  AnswerHead answer_;
  websocket::Frames frames_;
  EarlyBytes early_;
  Buffer data_, frame_;
  bool carried_ = false, ready_ = false;
  bool leaving_ = false;        // Our close frame is sent: only the end is waited for.
  bool refused_ = false;        // A write() was: drained() is owed.
  bool finish_wanted_ = false;  // Once what is early has gone.
  Telling telling_;
  std::string why_;
};

}  // namespace pinaflux
