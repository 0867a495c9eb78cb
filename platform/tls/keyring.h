// Keyring: Credentials by their Options, loaded once, and again when one of their files has changed.
//
// Promise    Connections with the same Options share Credentials, and with them the sessions to resume.
//            Files that cannot be read any more leave what was loaded in use.
// Limits     As many as there are different Options.
// Threads    One owner.
// Tests      tests/platform/tls/keyring_test.cc
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <vector>

#include "platform/files.h"
#include "platform/tls/credentials.h"

namespace pinaflux::tls {

class Keyring {
 public:
  explicit Keyring(Files& files) : files_(files) {}
  std::expected<std::shared_ptr<Credentials>, Failure> get(const Options& options);

 private:
  struct Held {
    Options options;
    std::uint64_t mark = 0;  // Of its files: size, time, inode.
    std::shared_ptr<Credentials> credentials;
  };
  std::uint64_t mark_of(const Options& options) const;

  Files& files_;
  std::vector<Held> held_;
};

}  // namespace pinaflux::tls
