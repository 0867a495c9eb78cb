// Credentials: the Options of a TLS client, read and checked once, and what its connections share.
//
// Promise    A server is believed only if a trust anchor, or the pre-shared key, leads to it: without
//            either nothing is loaded. Forward secrecy and authenticated encryption only.
// Limits     kAnchorBytesMax of PEM for the trust anchors, kPemBytesMax for each other file.
// Ownership  Connections keep it alive. Keys are wiped when it goes.
// Threads    load(): any. What it gives is shared by connections of any threads.
// Source     RFC 8446 (TLS 1.3), RFC 5246 (TLS 1.2), RFC 9325 (which suites to use).
// Tests      tests/platform/tls/
#pragma once

#include <expected>
#include <memory>

#include "platform/files.h"
#include "platform/tls/failure.h"
#include "platform/tls_options.h"

namespace pinaflux::tls {

class Credentials {
 public:
  static constexpr std::size_t kAnchorBytesMax = 2 * 1024 * 1024;
  static constexpr std::size_t kPemBytesMax = 256 * 1024;

  // Failures: Cause::file, with the path and what to do.
  static std::expected<std::shared_ptr<Credentials>, Failure> load(Files& files,
                                                                   const Options& options);
  ~Credentials();
  Credentials(const Credentials&) = delete;
  Credentials& operator=(const Credentials&) = delete;

  // Of the trust anchors, for texts: the file, the folder, or "the system's CA certificates".
  const std::string& trust() const;

  struct State;  // state.h: for Connection.
  State& state() const { return *state_; }

 private:
  Credentials();
  std::unique_ptr<State> state_;
};

}  // namespace pinaflux::tls
