// Failure: why a TLS connection did not come about, or ended: what a person can do about it.
//
// Threads    Values; any.
// Source     RFC 8446 section 6 (alerts); mbedTLS 3.6 error codes.
// Tests      tests/platform/tls/failure_test.cc
#pragma once

#include <cstdint>
#include <string>

#include "platform/base/bytes.h"
#include "platform/base/result.h"

namespace pinaflux::tls {

enum class Cause : std::uint8_t {
  none,
  file,            // A PEM file cannot be read, or holds something else.
  unknown_issuer,  // No trust anchor leads to the certificate.
  wrong_name,
  expired,
  not_yet_valid,
  weak_certificate,  // Its key or its signature is too weak.
  alert,             // The server said why it hangs up.
  plain_http,        // An HTTP answer: a captive portal, or a web server's port.
  no_tls,            // Something else that is no TLS.
  hung_up,           // The connection ended in the middle of the handshake.
  no_common_terms,   // Version, cipher suite or group.
  timeout,
  ended,  // close_notify: the peer's orderly end.
  cut,    // The connection ended without one.
  other,
};

// The name of a cause, for logs and JSON: "unknown_issuer".
const char* cause_name(Cause cause);

struct Failure {
  Cause cause = Cause::none;
  std::string text;  // With names, dates and the next step. Never secret.

  bool any() const { return cause != Cause::none; }
  bool operator==(const Failure&) const = default;
  Error error() const;  // The same without what only this connection has.
};

// "2031-05-01 12:00:00 UTC"
std::string printed_time(std::int64_t unix_seconds);

// A fatal alert of the peer, by its number.
Failure alert_received(int alert);
// The peer's first bytes, which are no TLS record.
Failure not_tls(Bytes first, const std::string& host);
// A number that mbedTLS gave in the handshake or later.
Failure of_library(int number, const std::string& host);

}  // namespace pinaflux::tls
