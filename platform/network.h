// Network: byte streams on the loop: TCP, TLS over it, unix sockets, standard input.
//
// Address    "tcp://HOST:PORT", "tcp://[::1]:PORT", "tls://HOST:PORT" (to connect), "unix:///PATH",
//            "stdin:". Port 0 listens on any. To connect, too, "ws://HOST:PORT/PATH" and "wss://..." (WebSocket,
//            subprotocol mqtt).
// Order      connected (once, for those dialled) -> bytes* -> closed (once, last). Events come from the
//            loop, never from inside a call.
// Limits     write() queues up to `write_bytes_max` (Options); reading stops while paused.
// Ownership  Events must outlive the Stream. Destroying a Stream closes it; no event follows. A Stream
//            may be destroyed inside any of its own events.
// Threads    Loop.
// Tests      tests/platform/network_contract.h, run against linux/ and sim/.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "platform/base/bytes.h"
#include "platform/base/result.h"
#include "platform/base/time.h"
#include "platform/proxy.h"
#include "platform/tls_options.h"

namespace pinaflux {

class Stream {
 public:
  class Events {
   public:
    virtual ~Events() = default;
    virtual void connected() {}
    // All that was read; the view dies with the call.
    virtual void bytes(Bytes bytes) = 0;
    // The peer will send no more, but may still read (a half-closed TCP connection). True keeps the
    // Stream for writing: closed() then follows finish() or an error. False: closed() follows now.
    virtual bool ended() { return false; }
    // The write queue is empty again after a write() that was refused.
    virtual void drained() {}
    // Code::closed is the peer's orderly end.
    virtual void closed(Error reason) = 0;
  };

  virtual ~Stream() = default;
  // Copies and queues all of it, or nothing: false when the queue is full.
  [[nodiscard]] virtual bool write(Bytes bytes) = 0;
  virtual std::size_t bytes_queued() const = 0;
  virtual void pause(bool paused) = 0;  // Stops and resumes reading.
  // Sends what is queued, then closes; closed() follows.
  virtual void finish() = 0;
  // What closed() had no room to say, with names and dates; empty: nothing.
  virtual std::string why() const { return {}; }
};

class Listener {
 public:
  virtual ~Listener() = default;            // Stops listening; accepted streams live on.
  virtual std::string address() const = 0;  // With the port that was given.
};

class Network {
 public:
  struct Options {
    std::size_t write_bytes_max = 1024 * 1024;
    Duration connect_timeout = Duration::seconds(20);  // TLS: as long again for its handshake.
    tls::Options tls = {};                             // For tls:// and wss:// addresses.
    Proxy proxy = {};  // What is not on this machine's own sockets leaves by it.
  };

  virtual ~Network() = default;
  // Errors in the address only; everything else arrives as closed().
  virtual Result<std::unique_ptr<Stream>> connect(const std::string& address,
                                                  const Options& options,
                                                  Stream::Events& events) = 0;
  class Accepted {
   public:
    virtual ~Accepted() = default;
    virtual std::unique_ptr<Stream> with(Stream::Events& events) = 0;
    virtual std::string peer() const = 0;
  };
  using OnAccept = std::function<void(Accepted&)>;  // Not calling with() closes it.
  virtual Result<std::unique_ptr<Listener>> listen(const std::string& address,
                                                   const Options& options, OnAccept accepted) = 0;
  // The interface ("wwan0") that packets to SCHEME://HOST:PORT, a broker or a proxy, leave by now; empty: none does. To a host that is
  // written as a name: by the default route, because asking a name server takes packets.
  virtual std::string interface_to(const std::string& address) const = 0;
};

}  // namespace pinaflux
