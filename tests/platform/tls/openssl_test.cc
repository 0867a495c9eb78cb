// What Paho's archive calls of OpenSSL, called as Paho does (src/Base64.c, src/WebSocket.c, src/SSLSocket.c).

#include "platform/tls/openssl.h"

#include <cstddef>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "platform/tls/channel.h"
#include "platform/tls/openssl_names.h"
#include "tests/platform/tls/talk.h"

using namespace pinaflux;
using namespace pinaflux::tls_kit;

namespace {

// What Paho does for a connection, and a server at the other end of its socket.
struct PahoFixture {
  PahoFixture() {
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sockets) == 0);
    setting = SSL_CTX_new(nullptr);
    REQUIRE(SSL_CTX_load_verify_locations(setting, paho.name().c_str(), nullptr) == 1);
    handle = SSL_new(setting);
    REQUIRE(SSL_set_fd(handle, sockets[0]) == 1);
  }
  ~PahoFixture() {
    SSL_free(handle);
    SSL_CTX_free(setting);
    ::close(sockets[0]);
    ::close(sockets[1]);
  }
  PahoFixture(const PahoFixture&) = delete;
  PahoFixture& operator=(const PahoFixture&) = delete;

  void pump() {
    std::uint8_t block[4096];
    for (ssize_t n = 0; (n = ::recv(sockets[1], block, sizeof block, 0)) > 0;) {
      session.receive(Bytes(block, static_cast<std::size_t>(n)));
      std::ignore = session.step();
    }
    Buffer& out = session.outgoing;
    const ssize_t n = ::send(sockets[1], out.data(), out.size(), MSG_NOSIGNAL);
    if (n > 0) out.erase(out.begin(), out.begin() + n);
  }
  int connect(const char* host) {
    REQUIRE(SSL_ctrl(handle, 55, 0, const_cast<char*>(host)) == 1);
    int done = 0;
    while ((done = SSL_connect(handle)) == -1 && SSL_get_error(handle, done) == 2) pump();
    pump();
    return done;
  }
  std::string read(int bytes) {
    std::string text(static_cast<std::size_t>(bytes), '\0');
    const int n = SSL_read(handle, text.data(), bytes);
    text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return text;
  }

  World world;
  Server server{{.own = world.server()}};
  Server::Session session{server};
  tls::PahoTls paho{world.credentials(world.trusting()), kMay2026};
  int sockets[2] = {-1, -1};
  void *setting = nullptr, *handle = nullptr;
};

std::string printed_error() {
  std::string text;
  ERR_print_errors_cb(
      [](const char* part, std::size_t bytes, void* to) {
        static_cast<std::string*>(to)->append(part, bytes);
        return 1;
      },
      &text);
  return text;
}

std::string through_base64(const std::string& text, bool encode) {
  void* const memory = BIO_new(BIO_s_mem());
  void* const chain = BIO_push(BIO_new(BIO_f_base64()), memory);
  void* const in = encode ? chain : memory;
  void* const out = encode ? memory : chain;
  CHECK(BIO_write(in, text.data(), static_cast<int>(text.size())) == static_cast<int>(text.size()));
  CHECK(BIO_ctrl(in, 11, 0, nullptr) == 1);
  std::string result(100, '\0');
  const int n = BIO_read(out, result.data(), 100);
  BIO_free_all(chain);
  result.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  return result;
}

}  // namespace

TEST_CASE("base64 goes both ways through a chain (RFC 4648 section 10)") {
  CHECK(through_base64("f", true) == "Zg==");
  CHECK(through_base64("foobar", true) == "Zm9vYmFy");
  CHECK(through_base64("Zm9vYg==", false) == "foob");
  CHECK(through_base64("no base64!", false).empty());
}

TEST_CASE("the answer to a WebSocket key is its SHA-1 (RFC 6455 section 1.3)") {
  const std::string key = "dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  void* const digest = EVP_MD_CTX_new();
  CHECK(EVP_DigestInit(digest, EVP_sha1()) == 1);
  CHECK(EVP_DigestUpdate(digest, key.data(), key.size()) == 1);
  unsigned char sum[20];
  unsigned bytes = 0;
  CHECK(EVP_DigestFinal(digest, sum, &bytes) == 1);
  EVP_MD_CTX_free(digest);

  CHECK(bytes == 20);
  CHECK(through_base64({reinterpret_cast<const char*>(sum), 20}, true) ==
        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST_CASE("random bytes differ") {
  unsigned char one[16] = {}, other[16] = {};
  CHECK(RAND_bytes(one, 16) == 1);
  CHECK(RAND_bytes(other, 16) == 1);
  CHECK(std::string(one, one + 16) != std::string(other, other + 16));
}

// Paho takes -1, and what a null context gives, for success.
TEST_CASE(
    "set-up returns 0, never less, for a null, for a handle that is gone and without PahoTls") {
  void* const gone = SSL_CTX_new(nullptr);
  SSL_CTX_free(gone);
  void* const setting = SSL_CTX_new(nullptr);
  for (void* one : {static_cast<void*>(nullptr), gone}) {
    CHECK(SSL_CTX_ctrl(one, 33, 2, nullptr) == 0);
    CHECK(SSL_set_fd(one, 3) == 0);
    CHECK(SSL_ctrl(one, 55, 0, const_cast<char*>("host")) == 0);
    CHECK(SSL_shutdown(one) == 0);
    CHECK(SSL_pending(one) == 0);
    SSL_CTX_free(one);
    SSL_free(one);
  }
  for (void* one : {static_cast<void*>(nullptr), gone, setting}) {
    CHECK(SSL_CTX_load_verify_locations(one, "/etc/ssl/certs/ca-certificates.crt", nullptr) == 0);
    CHECK(SSL_CTX_load_verify_locations(one, "pinaflux-tls-999999", nullptr) == 0);
    CHECK(SSL_CTX_load_verify_locations(one, nullptr, nullptr) == 0);
    CHECK(SSL_CTX_set_default_verify_paths(one) == 0);
    CHECK(SSL_CTX_use_certificate_chain_file(one, "own.pem") == 0);
    CHECK(SSL_new(one) == nullptr);
  }
  SSL_CTX_free(setting);
}

TEST_CASE("a connection that is gone fails, and proves no name") {
  char byte = 0;
  CHECK(SSL_connect(nullptr) == -1);
  CHECK(SSL_get_error(nullptr, -1) == 1);
  CHECK(SSL_read(nullptr, &byte, 1) == -1);
  CHECK(SSL_write(nullptr, &byte, 1) == -1);
  CHECK(SSL_get1_peer_certificate(nullptr) == nullptr);
  char* peer = &byte;
  CHECK(X509_check_host(nullptr, "host", 4, 0, &peer) == 0);
  CHECK(peer == nullptr);
  CHECK(X509_check_ip_asc(nullptr, "127.0.0.1", 0) == 0);
}

TEST_CASE_FIXTURE(PahoFixture, "a handshake proves the host, and no other") {
  CHECK(connect(kHost) == 1);

  void* const certificate = SSL_get1_peer_certificate(handle);
  CHECK(X509_check_host(certificate, kHost, sizeof kHost - 1, 0, nullptr) == 1);
  CHECK(X509_check_host(certificate, "other.example", 13, 0, nullptr) == 0);
  CHECK(X509_check_ip_asc(certificate, "127.0.0.1", 0) == 0);
  CHECK(paho.stage() == tls::PahoTls::Stage::ready);
  CHECK(paho.facts().version == "TLSv1.3");
}

TEST_CASE_FIXTURE(PahoFixture, "a wrong name is an error with the text of the failure") {
  CHECK(connect("other.example") == -1);

  CHECK(SSL_get_error(handle, -1) == 1);
  CHECK(printed_error().contains("not for 'other.example'"));
  CHECK(paho.failure().cause == tls::Cause::wrong_name);
  CHECK(X509_check_host(SSL_get1_peer_certificate(handle), "other.example", 13, 0, nullptr) == 0);
  ERR_clear_error();
  CHECK(printed_error().empty());
}

TEST_CASE_FIXTURE(PahoFixture, "without a host name nothing is proved, and nothing is sent") {
  CHECK(SSL_connect(handle) == -1);

  CHECK(SSL_get_error(handle, -1) == 1);
  std::uint8_t byte = 0;
  CHECK(::recv(sockets[1], &byte, 1, 0) == -1);
}

TEST_CASE_FIXTURE(PahoFixture,
                  "what came along with what was read is told of, once, until it is read") {
  REQUIRE(connect(kHost) == 1);
  session.write(as_bytes("one"));
  session.write(as_bytes("another"));
  pump();

  CHECK(read(3) == "one");
  CHECK(__wrap_SSLSocket_getPendingRead() == sockets[0]);
  CHECK(__wrap_SSLSocket_getPendingRead() == -1);
  CHECK(read(4) == "anot");
  CHECK(__wrap_SSLSocket_getPendingRead() == sockets[0]);
  CHECK(read(100) == "her");
  CHECK(__wrap_SSLSocket_getPendingRead() == -1);
  CHECK(read(100).empty());
  CHECK(SSL_get_error(handle, -1) == 2);
}

TEST_CASE_FIXTURE(PahoFixture, "a connection that was freed has nothing to read, and fails") {
  REQUIRE(connect(kHost) == 1);
  session.write(as_bytes("one"));
  pump();
  CHECK(read(1) == "o");

  SSL_free(handle);

  CHECK(__wrap_SSLSocket_getPendingRead() == -1);
  CHECK(read(1).empty());
  CHECK(SSL_get_error(handle, -1) == 1);
}

TEST_CASE_FIXTURE(PahoFixture,
                  "a write that waits goes on where it was, what is written meanwhile follows it") {
  REQUIRE(connect(kHost) == 1);
  std::string text(5 * 1024 * 1024, 'x');
  for (std::size_t i = 0; i < text.size(); i += 997) text[i] = static_cast<char>('a' + i % 26);
  const int bytes = static_cast<int>(text.size());

  CHECK(SSL_write(handle, text.data(), bytes) == -1);
  CHECK(SSL_get_error(handle, -1) == 3);
  CHECK(SSL_write(handle, "second", 6) == 6);
  CHECK(SSL_write(handle, "third", 5) == 5);
  int written = -1;
  for (int i = 0; i < 100'000 && written == -1; ++i) {
    pump();
    written = SSL_write(handle, text.data(), bytes);
    if (written == -1) REQUIRE(SSL_get_error(handle, -1) == 3);
  }
  pump();

  CHECK(written == bytes);
  CHECK((as_text(session.plain) == text + "secondthird"));
}

TEST_CASE_FIXTURE(PahoFixture, "what waits behind a write is bounded") {
  REQUIRE(connect(kHost) == 1);
  const std::string text(5 * 1024 * 1024, 'x');
  REQUIRE(SSL_write(handle, text.data(), static_cast<int>(text.size())) == -1);

  const int most = static_cast<int>(tls::Channel::kQueuedBytesMax);
  CHECK(SSL_write(handle, text.data() + 1, most) == most);
  CHECK(SSL_write(handle, text.data() + 2, 1) == -1);

  CHECK(SSL_get_error(handle, -1) == 1);
  CHECK(paho.failure().text.contains("takes no more"));
}

TEST_CASE_FIXTURE(PahoFixture, "an orderly end is 0, and any other an error") {
  REQUIRE(connect(kHost) == 1);
  session.write(as_bytes("last"));
  session.close();
  pump();

  CHECK(read(100) == "last");
  char byte = 0;
  CHECK(SSL_read(handle, &byte, 1) == 0);
  CHECK(SSL_get_error(handle, 0) == 6);
  CHECK(paho.failure().cause == tls::Cause::ended);
}

TEST_CASE_FIXTURE(PahoFixture,
                  "an end without a word is an error, and told when Paho closes without reading") {
  REQUIRE(connect(kHost) == 1);
  ::shutdown(sockets[1], SHUT_WR);

  CHECK(SSL_shutdown(handle) == 1);

  CHECK(paho.failure().cause == tls::Cause::hung_up);
}

TEST_CASE("the name of a PahoTls that is gone leads nowhere") {
  World world;
  void* const setting = SSL_CTX_new(nullptr);
  std::string name;
  {
    const tls::PahoTls paho(world.credentials(world.trusting()), kMay2026);
    name = paho.name();
    CHECK(SSL_CTX_load_verify_locations(setting, name.c_str(), nullptr) == 1);
  }
  CHECK(SSL_CTX_load_verify_locations(setting, name.c_str(), nullptr) == 0);
  SSL_CTX_free(setting);
}
