// DialledStream: a SocketStream that looks the name up and connects first.
//
// Order      The addresses of a name are tried one after the other, each with its share of the
//            timeout.
// Threads    Loop.
// Tests      tests/platform/network_contract.h
#pragma once

#include <vector>

#include "platform/linux/socket_stream.h"

namespace pinaflux {

class DialledStream final : public SocketStream {
 public:
  DialledStream(const Shared& shared, const Network::Options& options, Events& events);
  ~DialledStream() override;
  void dial(const Address& address);

 private:
  void timer_fired() override;
  void try_next();
  void attempt_failed(int sys_errno);
  void attempt_worked();

  const Duration connect_timeout_;
  std::vector<SocketAddress> addresses_;
  std::size_t next_ = 0;
  std::uint64_t lookup_ = 0;
  bool dialling_ = true;
  Error last_{};
  Fd attempt_;
  EventPtr attempted_;
};

}  // namespace pinaflux
