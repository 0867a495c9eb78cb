// Judge: looks at each certificate of a server's chain as mbedTLS does, and says what is wrong in words.
//
// Promise    Dates are judged by the time that it was given, never by the system's clock. An IP address
//            must stand among the certificate's addresses (names are mbedTLS's to compare).
// Ownership  Lives as long as the handshake.
// Threads    One owner.
// Source     RFC 5280 sections 4.1.2.5 (validity), 4.2.1.6 (subject alternative names).
// Tests      tests/platform/tls/connection_test.cc
#pragma once

#include <string>

#include <mbedtls/x509_crt.h>

#include "platform/tls/failure.h"

namespace pinaflux::tls {

class Judge {
 public:
  Judge(std::string host, std::int64_t at, std::string trust);

  // For mbedtls_ssl_set_verify(); `self` is the Judge.
  static int verify(void* self, mbedtls_x509_crt* certificate, int depth, std::uint32_t* flags);

  bool called() const { return called_; }  // Not where a session is resumed or a key is shared.
  bool host_is_address() const { return !address_.empty(); }
  const Failure& failure() const { return failure_; }

 private:
  void judge(const mbedtls_x509_crt& certificate, int depth, std::uint32_t& flags);
  void fail(Cause cause, std::string text);
  bool has_address(const mbedtls_x509_crt& certificate) const;

  std::string host_;
  Buffer address_;  // 4 or 16 bytes; empty: host_ is a name.
  std::int64_t at_;
  std::string trust_;
  bool called_ = false;
  Failure failure_;
};

}  // namespace pinaflux::tls
