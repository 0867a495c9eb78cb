// The inside of Credentials, for Connection: mbedTLS's objects.
//
// Threads    `config` and what it points to is read only after load(); sessions under their mutex.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>
#include <psa/crypto.h>

#include "platform/tls/credentials.h"

namespace pinaflux::tls {

// mbedTLS's source of random bytes; it is PSA's, which is the kernel's.
inline int random_bytes(void*, unsigned char* to, std::size_t size) {
  return psa_generate_random(to, size) == PSA_SUCCESS ? 0 : MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

struct Chain {
  Chain() { mbedtls_x509_crt_init(&crt); }
  ~Chain() { mbedtls_x509_crt_free(&crt); }
  Chain(const Chain&) = delete;
  Chain& operator=(const Chain&) = delete;
  mbedtls_x509_crt crt;
};

struct PrivateKey {
  PrivateKey() { mbedtls_pk_init(&pk); }
  ~PrivateKey() { mbedtls_pk_free(&pk); }  // Wipes it.
  PrivateKey(const PrivateKey&) = delete;
  PrivateKey& operator=(const PrivateKey&) = delete;
  mbedtls_pk_context pk;
};

struct SavedSession {
  SavedSession() { mbedtls_ssl_session_init(&session); }
  ~SavedSession() { mbedtls_ssl_session_free(&session); }
  SavedSession(const SavedSession&) = delete;
  SavedSession& operator=(const SavedSession&) = delete;
  mbedtls_ssl_session session;
};

struct Credentials::State {
  State() { mbedtls_ssl_config_init(&config); }
  ~State() { mbedtls_ssl_config_free(&config); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  mbedtls_ssl_config config;
  std::string trust;
  Chain anchors, own;
  PrivateKey key;
  std::vector<int> suites;  // Ends with 0.
  std::vector<std::string> alpn;
  std::vector<const char*> alpn_views;  // Ends with null.

  // A session is used once (RFC 8446 section C.4); a failed resumption leaves nothing behind.
  std::unique_ptr<SavedSession> take_session(const std::string& host);
  void keep_session(const std::string& host, std::unique_ptr<SavedSession> session);

 private:
  static constexpr std::size_t kHostsMax = 8;
  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<SavedSession>> sessions_;
};

}  // namespace pinaflux::tls
