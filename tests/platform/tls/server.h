// Server: the other end of a tls::Connection, in memory, by mbedTLS.
//
// Threads    One.
#pragma once

#include <memory>
#include <string>

#include "platform/base/bytes.h"
#include "tests/platform/tls/authority.h"

namespace pinaflux::tls_kit {

struct ServerOptions {
  Issued own;           // Its chain and key.
  std::string clients;  // PEM: who signs those that may come in. Empty: anybody may.
  std::string psk_identity;
  Buffer psk_key;
  int version = 0;  // 12 or 13; 0: both.
  std::string alpn;
  bool tickets = true;
};

// What several connections of one server share: its tickets' keys.
class Server {
 public:
  explicit Server(const ServerOptions& options);
  ~Server();

  class Session {
   public:
    explicit Session(Server& server);
    ~Session();
    void receive(Bytes ciphertext);
    // As far as it goes: handshake, then what was read. False: it failed.
    bool step();
    void write(Bytes plain);
    void close();
    Buffer outgoing, plain;
    bool ready = false;
    int failed = 0;  // mbedTLS's number.

   private:
    friend class Server;
    struct State;
    std::unique_ptr<State> state_;
  };

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace pinaflux::tls_kit
