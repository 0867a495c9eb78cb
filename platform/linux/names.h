// Names: host names to addresses without stopping the loop.
//
// Limits     One thread, made at the first name; lookups wait for one another. `found` is called on
//            the loop, once, unless cancelled.
// Ownership  The destructor does not wait for a name server: a lookup that hangs ends on its own.
// Threads    Loop.
// Tests      tests/platform/linux/names_test.cc
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "platform/linux/address.h"
#include "platform/linux/loop.h"

namespace pinaflux {

// A static binary must look names up in files and DNS itself: with the system's nsswitch.conf glibc
// would load NSS modules, and the libc they need, of whatever version the gateway has. Call it
// first in main, before any thread. False: libc did not take it.
bool configure_names();

class Names {
 public:
  using Found = std::function<void(Result<std::vector<SocketAddress>>)>;

  explicit Names(event_base* base);
  ~Names();

  // Errors to `found`: not_found, timeout, io, full.
  std::uint64_t look_up(const std::string& host, std::uint16_t port, Found found);
  void cancel(std::uint64_t id);

 private:
  struct Shared;
  struct Waiting {
    std::uint64_t id;
    Found found;
  };
  Status start();
  void deliver();

  event_base* const base_;
  Shared* shared_ = nullptr;  // Owned by this and by the thread; the last one deletes it.
  std::unique_ptr<Wakeup> wakeup_;
  std::vector<Waiting> waiting_;
  std::uint64_t last_id_ = 0;
};

}  // namespace pinaflux
