// mbedTLS asks for bytes and hands bytes over through two callbacks; here both are buffers:
//
//   receive() -> incoming -> mbedTLS -> read()
//   write()   -> mbedTLS -> outgoing -> the caller's socket
//
// so mbedTLS never waits to send, and a write never is half done.

#include "platform/tls/connection.h"

#include <algorithm>
#include <array>
#include <utility>

#include "platform/base/assert.h"
#include "platform/tls/judge.h"
#include "platform/tls/state.h"

namespace pinaflux::tls {

namespace {

constexpr std::size_t kFirstBytes = 8;
constexpr std::size_t kCompactFrom = 64 * 1024;
constexpr std::uint8_t kRecordTypeFirst = 20, kRecordTypeLast = 23, kRecordVersionMajor = 3;

bool is_record(Bytes first) {
  return first.size() >= 2 && first[0] >= kRecordTypeFirst && first[0] <= kRecordTypeLast &&
         first[1] == kRecordVersionMajor;
}

}  // namespace

struct Connection::State {
  State(std::shared_ptr<Credentials> c, std::string h, std::int64_t at)
      : credentials(std::move(c)), host(std::move(h)), judge(host, at, credentials->trust()) {
    mbedtls_ssl_init(&ssl);
  }
  ~State() { mbedtls_ssl_free(&ssl); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void fail(int number);
  void keep_session();
  static int take(void* self, unsigned char* to, std::size_t size);
  static int give(void* self, const unsigned char* from, std::size_t size);

  std::shared_ptr<Credentials> credentials;
  std::string host;
  Judge judge;
  mbedtls_ssl_context ssl;
  Buffer incoming, outgoing, first;
  std::size_t taken = 0;                             // Of incoming.
  bool offered = false;                              // A session to resume.
  bool ended = false, ready = false, heard = false;  // heard: plain text.
  Failure failure;
};

Connection::Connection(std::shared_ptr<Credentials> credentials, std::string host,
                       std::int64_t judged_at)
    : state_(std::make_unique<State>(std::move(credentials), std::move(host), judged_at)) {
  State& s = *state_;
  int failed = mbedtls_ssl_setup(&s.ssl, &s.credentials->state().config);
  // An address is no server name (RFC 6066 section 3): the judge compares it.
  if (failed == 0) {
    failed = mbedtls_ssl_set_hostname(&s.ssl, s.judge.host_is_address() ? nullptr : s.host.c_str());
  }
  if (failed != 0) {
    s.fail(failed);
    return;
  }
  mbedtls_ssl_set_verify(&s.ssl, Judge::verify, &s.judge);
  mbedtls_ssl_set_bio(&s.ssl, &s, State::give, State::take, nullptr);
  const auto session = s.credentials->state().take_session(s.host);
  s.offered = session != nullptr && mbedtls_ssl_set_session(&s.ssl, &session->session) == 0;
}

Connection::~Connection() = default;

int Connection::State::take(void* self, unsigned char* to, std::size_t size) {
  State& s = *static_cast<State*>(self);
  const std::size_t n = std::min(size, s.incoming.size() - s.taken);
  if (n == 0) return s.ended ? 0 : MBEDTLS_ERR_SSL_WANT_READ;
  std::copy_n(s.incoming.begin() + static_cast<std::ptrdiff_t>(s.taken), n, to);
  s.taken += n;
  return static_cast<int>(n);
}

int Connection::State::give(void* self, const unsigned char* from, std::size_t size) {
  append(static_cast<State*>(self)->outgoing, Bytes(from, size));
  return static_cast<int>(size);
}

void Connection::receive(Bytes ciphertext) {
  State& s = *state_;
  if (s.taken == s.incoming.size() || s.taken >= kCompactFrom) {
    s.incoming.erase(s.incoming.begin(), s.incoming.begin() + static_cast<std::ptrdiff_t>(s.taken));
    s.taken = 0;
  }
  const std::size_t wanted = std::min(ciphertext.size(), kFirstBytes - s.first.size());
  append(s.first, ciphertext.first(wanted));
  append(s.incoming, ciphertext);
}

void Connection::receive_end() { state_->ended = true; }

Connection::Step Connection::step() {
  State& s = *state_;
  if (s.failure.any()) return Step::failed;
  if (s.ready) return Step::ready;
  const int done = mbedtls_ssl_handshake(&s.ssl);
  if (done == MBEDTLS_ERR_SSL_WANT_READ) return Step::wait;
  if (done != 0) {
    s.fail(done);
    return Step::failed;
  }
  s.ready = true;
  if (mbedtls_ssl_get_version_number(&s.ssl) == MBEDTLS_SSL_VERSION_TLS1_2) s.keep_session();
  return Step::ready;
}

// TLS 1.3: with each ticket, after the handshake.
void Connection::State::keep_session() {
  auto session = std::make_unique<SavedSession>();
  if (mbedtls_ssl_get_session(&ssl, &session->session) != 0) return;
  credentials->state().keep_session(host, std::move(session));
}

void Connection::State::fail(int number) {
  if (failure.any()) return;
  const bool strange = !first.empty() && !is_record(first);
  if (number == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE) {
    failure = alert_received(ssl.MBEDTLS_PRIVATE(in_msg)[1]);
  } else if (!ready && strange) {
    failure = not_tls(first, host);
  } else if (judge.failure().any()) {
    failure = judge.failure();
  } else if (number == MBEDTLS_ERR_SSL_CONN_EOF && !ready) {
    failure = {Cause::hung_up, "'" + host +
                                   "' hung up in the middle of the TLS handshake: check the port, "
                                   "whether it speaks TLS, whether it wants a client certificate, "
                                   "and its log"};
  } else if ((number == MBEDTLS_ERR_SSL_CONN_EOF || number == 0) && !heard) {
    // TLS 1.3 judges our certificate after our handshake, and its alert may be lost with the connection.
    failure = {Cause::hung_up,
               "'" + host +
                   "' hung up after the TLS handshake without a word: it may want a "
                   "client certificate (`certificate`, `key`), not accept ours, or refuse user or "
                   "client id; see its log"};
  } else if (number == MBEDTLS_ERR_SSL_CONN_EOF || number == 0) {
    failure = {Cause::cut, "the connection to '" + host + "' broke off"};
  } else {
    failure = of_library(number, host);
  }
}

std::size_t Connection::read(MutableBytes to) {
  State& s = *state_;
  while (s.ready && !s.failure.any() && !to.empty()) {
    const std::size_t left = s.incoming.size() - s.taken;
    const int n = mbedtls_ssl_read(&s.ssl, to.data(), to.size());
    if (n > 0) {
      s.heard = true;
      return static_cast<std::size_t>(n);
    }
    // After a handshake message it says so although there is more.
    const std::size_t rest = s.incoming.size() - s.taken;
    const bool none_left = !s.ended && (rest == left || rest == 0);
    if (n == MBEDTLS_ERR_SSL_WANT_READ && none_left) return 0;
    if (n == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET) {
      s.keep_session();
    } else if (n != MBEDTLS_ERR_SSL_WANT_READ) {
      s.fail(n);
    }
  }
  return 0;
}

std::size_t Connection::readable() const { return mbedtls_ssl_get_bytes_avail(&state_->ssl); }

bool Connection::write(Bytes plain) {
  State& s = *state_;
  while (!plain.empty() && s.ready && !s.failure.any()) {
    const int n = mbedtls_ssl_write(&s.ssl, plain.data(), plain.size());
    if (n > 0) {
      plain = plain.subspan(static_cast<std::size_t>(n));
    } else if (n != MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET) {
      s.fail(n);
    }
  }
  return plain.empty() && s.ready;
}

void Connection::close() {
  if (state_->ready && !state_->failure.any()) std::ignore = mbedtls_ssl_close_notify(&state_->ssl);
}

Buffer& Connection::outgoing() { return state_->outgoing; }
const Buffer& Connection::outgoing() const { return state_->outgoing; }
const Failure& Connection::failure() const { return state_->failure; }

Connection::Facts Connection::facts() const {
  const State& s = *state_;
  Facts facts;
  if (!s.ready) return facts;
  facts.version = mbedtls_ssl_get_version(&s.ssl);
  facts.cipher = mbedtls_ssl_get_ciphersuite(&s.ssl);
  const char* alpn = mbedtls_ssl_get_alpn_protocol(&s.ssl);
  if (alpn != nullptr) facts.alpn = alpn;
  facts.resumed = s.offered && !s.judge.called();
  return facts;
}

}  // namespace pinaflux::tls
