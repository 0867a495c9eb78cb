// Listening sockets: made ready to accept, with the causes of refusal in words.
//
// Promise    The socket file of a program that is gone is replaced; that of a living one is not.
// Threads    Loop.
// Tests      tests/platform/network_contract.h, tests/platform/linux/listen_test.cc
#pragma once

#include <string>

#include "platform/linux/address.h"

namespace pinaflux {

struct Listening {
  Fd fd;
  std::string address;  // With the port that was given.
  std::string path;     // Of a unix socket, to remove it.
};

// Errors: busy, denied, invalid, exists (something else than a socket is at the path), io.
Result<Listening> listen_at(const Address& address);
// Removes the socket file, if it is still ours.
void remove_socket(const Listening& listening);

}  // namespace pinaflux
