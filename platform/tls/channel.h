// Channel: a Connection and the socket that carries it, for a caller who asks again when he is told to wait.
//
// Promise    Never blocks. write() is done when all of it is with the kernel; until then the caller comes
//            again with the same bytes, and what was sent is not sent twice.
// Limits     While a write waits, others are queued behind it: kQueuedBytesMax, then failed.
// Ownership  The socket is the caller's: not closed here.
// Threads    One owner at a time.
// Tests      tests/platform/tls/openssl_test.cc, tests/platform/linux_mqtt/tls_link_test.cc
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "platform/tls/connection.h"

namespace pinaflux::tls {

class Channel {
 public:
  static constexpr std::size_t kQueuedBytesMax = 256 * 1024;
  enum class Outcome : std::uint8_t {
    done,
    want_read,
    want_write,
    ended,   // The peer's orderly end.
    failed,  // failure() says why.
  };

  // `host` and `judged_at` as for a Connection.
  Channel(std::shared_ptr<Credentials> credentials, std::string host, std::int64_t judged_at,
          int socket);

  Outcome connect();
  // done: `got` bytes, at least one, and all of them if they were there.
  Outcome read(MutableBytes to, std::size_t& got);
  Outcome write(Bytes plain);
  void close();  // Says so to the peer, if the kernel takes it now.

  std::size_t pending() const { return plain_.size() - taken_; }  // Read from the socket already.
  const Failure& failure() const { return failure_; }
  Connection::Facts facts() const { return connection_.facts(); }
  const std::string& host() const { return host_; }

 private:
  struct Owed {  // The write that the caller comes again with.
    const std::uint8_t* from = nullptr;
    std::size_t bytes = 0;
    std::size_t encrypted = 0;
  };

  bool receive();
  void drain();
  std::size_t take(MutableBytes to);
  Outcome flush();
  Outcome finish_owed(Bytes plain);
  Outcome queue(Bytes plain);
  Outcome fail();
  Outcome broken(int error);

  std::string host_;
  Connection connection_;
  int socket_;
  bool ended_ = false;
  Buffer plain_;  // Decrypted and not read yet, from taken_ on.
  std::size_t taken_ = 0;
  Owed owed_;
  Buffer queued_;
  Failure failure_;
};

}  // namespace pinaflux::tls
