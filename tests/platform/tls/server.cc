#include "tests/platform/tls/server.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include <mbedtls/ssl.h>
#include <mbedtls/ssl_cache.h>
#include <mbedtls/ssl_ticket.h>

#include "platform/tls/state.h"

namespace pinaflux::tls_kit {

namespace {
const unsigned char* text_of(const std::string& pem) {
  return reinterpret_cast<const unsigned char*>(pem.c_str());
}
}  // namespace

struct Server::State {
  mbedtls_ssl_config config;
  mbedtls_x509_crt own, clients;
  mbedtls_pk_context key;
  mbedtls_ssl_ticket_context tickets;
  std::string alpn;
  std::array<const char*, 2> protocols{};
};

Server::Server(const ServerOptions& options) : state_(std::make_unique<State>()) {
  State& s = *state_;
  must(psa_crypto_init());
  mbedtls_ssl_config_init(&s.config);
  mbedtls_x509_crt_init(&s.own);
  mbedtls_x509_crt_init(&s.clients);
  mbedtls_pk_init(&s.key);
  mbedtls_ssl_ticket_init(&s.tickets);
  must(mbedtls_ssl_config_defaults(&s.config, MBEDTLS_SSL_IS_SERVER, MBEDTLS_SSL_TRANSPORT_STREAM,
                                   MBEDTLS_SSL_PRESET_DEFAULT));
  mbedtls_ssl_conf_rng(&s.config, tls::random_bytes, nullptr);
  if (!options.own.certificate.empty()) {
    must(mbedtls_x509_crt_parse(&s.own, text_of(options.own.certificate),
                                options.own.certificate.size() + 1));
    must(mbedtls_pk_parse_key(&s.key, text_of(options.own.key), options.own.key.size() + 1, nullptr,
                              0, tls::random_bytes, nullptr));
    must(mbedtls_ssl_conf_own_cert(&s.config, &s.own, &s.key));
  }
  if (!options.clients.empty()) {
    must(mbedtls_x509_crt_parse(&s.clients, text_of(options.clients), options.clients.size() + 1));
    mbedtls_ssl_conf_ca_chain(&s.config, &s.clients, nullptr);
    mbedtls_ssl_conf_authmode(&s.config, MBEDTLS_SSL_VERIFY_REQUIRED);
  }
  if (!options.psk_identity.empty()) {
    must(mbedtls_ssl_conf_psk(&s.config, options.psk_key.data(), options.psk_key.size(),
                              text_of(options.psk_identity), options.psk_identity.size()));
  }
  if (options.version == 12)
    mbedtls_ssl_conf_max_tls_version(&s.config, MBEDTLS_SSL_VERSION_TLS1_2);
  if (options.version == 13)
    mbedtls_ssl_conf_min_tls_version(&s.config, MBEDTLS_SSL_VERSION_TLS1_3);
  if (options.tickets) {
    must(mbedtls_ssl_ticket_setup(&s.tickets, tls::random_bytes, nullptr,
                                  MBEDTLS_CIPHER_AES_256_GCM, 86400));
    mbedtls_ssl_conf_session_tickets_cb(&s.config, mbedtls_ssl_ticket_write,
                                        mbedtls_ssl_ticket_parse, &s.tickets);
  }
  if (!options.alpn.empty()) {
    s.alpn = options.alpn;
    s.protocols[0] = s.alpn.c_str();
    must(mbedtls_ssl_conf_alpn_protocols(&s.config, s.protocols.data()));
  }
}

Server::~Server() {
  mbedtls_ssl_config_free(&state_->config);
  mbedtls_x509_crt_free(&state_->own);
  mbedtls_x509_crt_free(&state_->clients);
  mbedtls_pk_free(&state_->key);
  mbedtls_ssl_ticket_free(&state_->tickets);
}

struct Server::Session::State {
  mbedtls_ssl_context ssl;
  Session* session = nullptr;
  Buffer incoming;
};

Server::Session::Session(Server& server) : state_(std::make_unique<State>()) {
  mbedtls_ssl_init(&state_->ssl);
  state_->session = this;
  must(mbedtls_ssl_setup(&state_->ssl, &server.state_->config));
  const auto give = [](void* self, const unsigned char* from, std::size_t n) {
    append(static_cast<State*>(self)->session->outgoing, Bytes(from, n));
    return static_cast<int>(n);
  };
  const auto take = [](void* self, unsigned char* to, std::size_t size) {
    Buffer& incoming = static_cast<State*>(self)->incoming;
    const std::size_t n = std::min(size, incoming.size());
    if (n == 0) return MBEDTLS_ERR_SSL_WANT_READ;
    std::copy_n(incoming.begin(), n, to);
    incoming.erase(incoming.begin(), incoming.begin() + static_cast<std::ptrdiff_t>(n));
    return static_cast<int>(n);
  };
  mbedtls_ssl_set_bio(&state_->ssl, state_.get(), give, take, nullptr);
}

Server::Session::~Session() { mbedtls_ssl_free(&state_->ssl); }

void Server::Session::receive(Bytes ciphertext) { append(state_->incoming, ciphertext); }

bool Server::Session::step() {
  if (failed != 0) return false;
  if (!ready) {
    const int done = mbedtls_ssl_handshake(&state_->ssl);
    if (done == MBEDTLS_ERR_SSL_WANT_READ) return true;
    if (done != 0) {
      failed = done;
      return false;
    }
    ready = true;
  }
  std::array<unsigned char, 4096> block;
  int n = 0;
  while ((n = mbedtls_ssl_read(&state_->ssl, block.data(), block.size())) > 0)
    append(plain, Bytes(block).first(static_cast<std::size_t>(n)));
  if (n != MBEDTLS_ERR_SSL_WANT_READ) failed = n;
  return failed == 0;
}

void Server::Session::write(Bytes bytes) {
  while (!bytes.empty()) {
    const int n = mbedtls_ssl_write(&state_->ssl, bytes.data(), bytes.size());
    if (n <= 0) std::abort();
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
}

void Server::Session::close() { must(mbedtls_ssl_close_notify(&state_->ssl)); }

}  // namespace pinaflux::tls_kit
