// Connection: one TLS client over bytes that somebody else carries: no socket, no clock, no thread.
//
// Promise    Nothing is read or written before the server has proved that it is `host`. Every failure
//            has a text (failure()). A session is resumed inside where the server allows it.
// Order      step(), and bytes are carried both ways (send outgoing(), receive() what comes) until it says
//            ready; then read(), write(); close(). After each call outgoing() may have grown.
// Limits     Received bytes wait in a buffer of the caller's pace: read() until it gives 0. outgoing()
//            holds what write() made; the caller bounds that by not writing.
// Ownership  Owns its buffers and keeps the Credentials alive.
// Threads    One owner at a time.
// Source     RFC 8446, RFC 5246; names by RFC 9525 (subject alternative names, IP addresses included).
// Tests      tests/platform/tls/connection_test.cc
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "platform/tls/credentials.h"

namespace pinaflux::tls {

class Connection {
 public:
  enum class Step : std::uint8_t {
    wait,    // For bytes of the peer.
    ready,   // The handshake is done.
    failed,  // failure() says why. What outgoing() holds (an alert) may still be sent.
  };
  struct Facts {  // Of a finished handshake.
    std::string version, cipher, alpn;
    bool resumed = false;
  };

  // `host` is what was dialled: a name or an IP address, without brackets. `judged_at`: the time by which
  // certificates are valid or not, in seconds since 1970: the later of the wall clock and the time floor.
  Connection(std::shared_ptr<Credentials> credentials, std::string host, std::int64_t judged_at);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void receive(Bytes ciphertext);
  void receive_end();  // The peer's connection has ended: read() tells when all was read.
  Step step();         // As far as the handshake goes with what came.

  // 0: wait for more, or failed (failure().any()).
  std::size_t read(MutableBytes to);
  std::size_t readable() const;  // Decrypted, and not read yet.
  // All of it, encrypted into outgoing(). False: failed.
  bool write(Bytes plain);
  void close();  // Says that we send no more.

  Buffer& outgoing();  // Send it, and erase what was sent.
  const Buffer& outgoing() const;
  const Failure& failure() const;
  Facts facts() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace pinaflux::tls
