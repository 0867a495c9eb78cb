// What Paho calls of OpenSSL, answered by mbedTLS. Paho's archive is prebuilt, so its calls are the contract
// (Paho 1.3.14, src/SSLSocket.c); toolchains/openssl-names.golden holds their names, and the build fails when
// the archive's list is another.
//
//     Paho                                     here
//     SSL_CTX_load_verify_locations(ctx, name) the PahoTls of that name; every other way to trust is refused
//     SSL_new, SSL_set_fd, SSL_ctrl(SNI)       a connection without a channel; the host that will be proved
//     SSL_connect ... until 1                  the channel: handshake, name and dates, by Credentials
//     SSL_read, SSL_write, SSL_get_error       the channel
//     SSLSocket_getPendingRead (linker's wrap) the socket of a connection that holds decrypted bytes
//
// Set-up functions return exactly 1 or 0: Paho takes -1, and a null context, for success.
//
// What Paho holds as SSL* and SSL_CTX* is a number that is never used again: its threads use a connection
// that another one has just freed, and a number then leads to nothing where a pointer would lead anywhere.
//
// Paho's own list of pending reads is changed by threads that do not agree on a lock, and not filled after a
// PINGRESP, so that a packet in the same record waits for the next ping. It is never used: SSL_pending() says 0,
// and the linker leads Paho's one question to us (--wrap, beside deps::paho).

#include "platform/tls/openssl.h"

#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

#include "platform/base/text.h"
#include "platform/tls/channel.h"
#include "platform/tls/openssl_names.h"

namespace pinaflux::tls {

struct PahoTls::State {
  const std::shared_ptr<Credentials> credentials;
  const std::int64_t judged_at;
  std::mutex mutex;
  Stage stage = Stage::idle;
  Failure failure;
  Connection::Facts facts;
};

namespace {

// OpenSSL's numbers (ssl.h, tls1.h).
constexpr int kErrorNone = 0, kErrorSsl = 1, kErrorWantRead = 2, kErrorWantWrite = 3, kErrorEnd = 6;
constexpr int kControlMode = 33, kControlHostName = 55;
constexpr long kVerifyOk = 0, kVerifyUnspecified = 1;

template <class T>
class Numbered {
 public:
  std::uintptr_t add(std::shared_ptr<T> one) {
    const std::lock_guard lock(mutex_);
    all_[++last_] = std::move(one);
    return last_;
  }
  std::shared_ptr<T> find(std::uintptr_t number) const {
    const std::lock_guard lock(mutex_);
    const auto at = all_.find(number);
    return at != all_.end() ? at->second : nullptr;
  }
  void remove(std::uintptr_t number) {
    std::shared_ptr<T> last;  // Goes after the lock.
    const std::lock_guard lock(mutex_);
    const auto at = all_.find(number);
    if (at == all_.end()) return;
    last = std::move(at->second);
    all_.erase(at);
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::uintptr_t, std::shared_ptr<T>> all_;
  std::uintptr_t last_ = 0;
};

struct Setting {  // An SSL_CTX.
  std::mutex mutex;
  std::shared_ptr<PahoTls::State> client;
};

struct Link {  // An SSL, and the X509 that it gives.
  std::mutex mutex;
  std::shared_ptr<PahoTls::State> client;
  void* setting = nullptr;
  int socket = -1;
  std::string host;
  std::optional<Channel> channel;
};

// The one thing that is shared by all: the C functions have no other way to know whom they mean.
struct Board {
  Numbered<PahoTls::State> clients;
  Numbered<Setting> settings;
  Numbered<Link> links;

  std::mutex mutex;
  std::map<std::uintptr_t, int> readable;  // Links with decrypted bytes, and their sockets.

  static Board& one() {
    static Board board;
    return board;
  }
  void note_readable(std::uintptr_t link, int socket, bool is) {
    const std::lock_guard lock(mutex);
    if (is) {
      readable[link] = socket;
    } else {
      readable.erase(link);
    }
  }
  int take_readable() {
    const std::lock_guard lock(mutex);
    if (readable.empty()) return -1;
    const int socket = readable.begin()->second;
    readable.erase(readable.begin());
    return socket;
  }
};

struct LastError {
  int code = kErrorNone;
  std::string text;
};
LastError& last_error() {
  thread_local LastError error;
  return error;
}

int refuse(const char* why, int returned) {
  last_error() = {kErrorSsl, why};
  return returned;
}

std::uintptr_t number_of(const void* handle) { return reinterpret_cast<std::uintptr_t>(handle); }
void* handle_of(std::uintptr_t number) { return reinterpret_cast<void*>(number); }
std::shared_ptr<Link> link_of(const void* handle) {
  return Board::one().links.find(number_of(handle));
}

// No exception crosses a C frame: ours are those of a heap that is full.
template <class Function>
auto walled(decltype(std::declval<Function>()()) otherwise, Function function) noexcept {
  try {
    return function();
  } catch (...) {
    last_error().code = kErrorSsl;
    return otherwise;
  }
}

constexpr std::string_view kNamePrefix = "pinaflux-tls-";

// Paho gives an IPv6 address as it stands in the URI, "[::1" or "[::1]".
std::string bare_host(std::string_view host) {
  if (host.starts_with('[')) host.remove_prefix(1);
  if (host.ends_with(']')) host.remove_suffix(1);
  return std::string(host);
}

void note_failure(Link& link) {
  const Failure& failure = link.channel->failure();
  const std::lock_guard lock(link.client->mutex);
  if (failure.any() && !link.client->failure.any()) link.client->failure = failure;
}

// What SSL_connect, SSL_read and SSL_write return when it is not done; the client is told why.
int tell(Link& link, Channel::Outcome outcome) {
  switch (outcome) {
    case Channel::Outcome::done: last_error() = {}; return 1;
    case Channel::Outcome::want_read: last_error() = {kErrorWantRead, {}}; return -1;
    case Channel::Outcome::want_write: last_error() = {kErrorWantWrite, {}}; return -1;
    case Channel::Outcome::ended:
    case Channel::Outcome::failed: break;
  }
  note_failure(link);
  const bool ended = outcome == Channel::Outcome::ended;
  last_error() = {ended ? kErrorEnd : kErrorSsl, link.channel->failure().text};
  return ended ? 0 : -1;
}

int connect(std::uintptr_t number, Link& link) {
  if (link.socket < 0 || link.host.empty())
    return refuse("TLS without a socket or a host name", -1);
  PahoTls::State& client = *link.client;
  if (!link.channel) {
    link.channel.emplace(client.credentials, link.host, client.judged_at, link.socket);
    const std::lock_guard lock(client.mutex);
    client.stage = PahoTls::Stage::handshake;
  }
  const Channel::Outcome outcome = link.channel->connect();
  if (outcome == Channel::Outcome::done) {
    const std::lock_guard lock(client.mutex);
    client.stage = PahoTls::Stage::ready;
    client.facts = link.channel->facts();
  }
  Board::one().note_readable(number, link.socket, link.channel->pending() > 0);
  return tell(link, outcome);
}

int read(std::uintptr_t number, Link& link, MutableBytes to) {
  std::size_t got = 0;
  const Channel::Outcome outcome = link.channel->read(to, got);
  Board::one().note_readable(number, link.socket, link.channel->pending() > 0);
  const int told = tell(link, outcome);
  return outcome == Channel::Outcome::done ? static_cast<int>(got) : told;
}

bool proved(const void* certificate, std::string_view host) {
  const std::shared_ptr<Link> link = link_of(certificate);
  if (link == nullptr) return false;
  const std::lock_guard lock(link->mutex);
  const std::lock_guard client_lock(link->client->mutex);
  return link->client->stage == PahoTls::Stage::ready && link->host == bare_host(host);
}

std::shared_ptr<PahoTls::State> client_of(std::string_view name) {
  if (!name.starts_with(kNamePrefix)) return nullptr;
  const auto number = parse_integer<std::uintptr_t>(name.substr(kNamePrefix.size()));
  return number ? Board::one().clients.find(*number) : nullptr;
}

}  // namespace

PahoTls::PahoTls(std::shared_ptr<Credentials> credentials, std::int64_t judged_at)
    : state_(std::make_shared<State>(std::move(credentials), judged_at)),
      name_(std::string(kNamePrefix) + std::to_string(Board::one().clients.add(state_))) {}

PahoTls::~PahoTls() {
  const auto number = parse_integer<std::uintptr_t>(name_.substr(kNamePrefix.size()));
  if (number) Board::one().clients.remove(*number);
}

PahoTls::Stage PahoTls::stage() const {
  const std::lock_guard lock(state_->mutex);
  return state_->stage;
}

Failure PahoTls::failure() const {
  const std::lock_guard lock(state_->mutex);
  return state_->failure;
}

Connection::Facts PahoTls::facts() const {
  const std::lock_guard lock(state_->mutex);
  return state_->facts;
}

// ---- the functions, in OpenSSL's shapes: its types are opaque to Paho, and numbers here

extern "C" {

void* SSL_CTX_new(const void*) {
  return walled(static_cast<void*>(nullptr),
                [] { return handle_of(Board::one().settings.add(std::make_shared<Setting>())); });
}

void SSL_CTX_free(void* setting) { Board::one().settings.remove(number_of(setting)); }

// SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER is all that Paho sets.
long SSL_CTX_ctrl(void* setting, int command, long number, void*) {
  if (command != kControlMode || Board::one().settings.find(number_of(setting)) == nullptr)
    return 0;
  return number;
}

int SSL_CTX_load_verify_locations(void* handle, const char* file, const char* directory) {
  const auto setting = Board::one().settings.find(number_of(handle));
  auto client = file != nullptr && directory == nullptr ? client_of(file) : nullptr;
  if (setting == nullptr || client == nullptr) {
    return walled(0,
                  [] { return refuse("trust comes by PahoTls only (platform/tls/openssl.h)", 0); });
  }
  const std::lock_guard lock(setting->mutex);
  setting->client = std::move(client);
  return 1;
}

int SSL_CTX_set_default_verify_paths(void*) {
  return walled(0,
                [] { return refuse("trust comes by PahoTls only (platform/tls/openssl.h)", 0); });
}

void* SSL_new(void* handle) {
  return walled(static_cast<void*>(nullptr), [handle]() -> void* {
    const auto setting = Board::one().settings.find(number_of(handle));
    if (setting == nullptr) return nullptr;
    auto link = std::make_shared<Link>();
    link->setting = handle;
    {
      const std::lock_guard lock(setting->mutex);
      link->client = setting->client;
    }
    if (link->client == nullptr) return nullptr;
    return handle_of(Board::one().links.add(std::move(link)));
  });
}

void SSL_free(void* handle) {
  Board::one().note_readable(number_of(handle), -1, false);
  Board::one().links.remove(number_of(handle));
}

int SSL_set_fd(void* handle, int socket) {
  const auto link = link_of(handle);
  if (link == nullptr || socket < 0) return 0;
  const std::lock_guard lock(link->mutex);
  link->socket = socket;
  return 1;
}

long SSL_ctrl(void* handle, int command, long, void* pointer) {
  return walled(0L, [=]() -> long {
    const auto link = link_of(handle);
    if (link == nullptr || command != kControlHostName || pointer == nullptr) return 0;
    const std::lock_guard lock(link->mutex);
    link->host = bare_host(static_cast<const char*>(pointer));
    return link->host.empty() ? 0 : 1;
  });
}

int SSL_connect(void* handle) {
  return walled(-1, [handle] {
    const auto link = link_of(handle);
    if (link == nullptr) return refuse("TLS on a connection that is gone", -1);
    const std::lock_guard lock(link->mutex);
    return connect(number_of(handle), *link);
  });
}

int SSL_read(void* handle, void* to, int bytes) {
  return walled(-1, [=] {
    const auto link = link_of(handle);
    if (link == nullptr || to == nullptr || bytes <= 0) {
      return refuse("TLS on a connection that is gone", -1);
    }
    const std::lock_guard lock(link->mutex);
    if (!link->channel) return refuse("read before the TLS handshake", -1);
    return read(number_of(handle), *link,
                {static_cast<std::uint8_t*>(to), static_cast<std::size_t>(bytes)});
  });
}

int SSL_write(void* handle, const void* from, int bytes) {
  return walled(-1, [=] {
    const auto link = link_of(handle);
    if (link == nullptr || from == nullptr || bytes <= 0) {
      return refuse("TLS on a connection that is gone", -1);
    }
    const std::lock_guard lock(link->mutex);
    if (!link->channel) return refuse("written before the TLS handshake", -1);
    const Channel::Outcome outcome = link->channel->write(
        {static_cast<const std::uint8_t*>(from), static_cast<std::size_t>(bytes)});
    const int told = tell(*link, outcome);
    return outcome == Channel::Outcome::done ? bytes : told;
  });
}

int SSL_pending(const void*) { return 0; }  // See above.

int SSL_shutdown(void* handle) {
  return walled(0, [handle] {
    const auto link = link_of(handle);
    if (link == nullptr) return 0;
    const std::lock_guard lock(link->mutex);
    if (link->channel) {
      link->channel->close();
      note_failure(*link);
    }
    return 1;
  });
}

int SSL_get_error(const void*, int returned) {
  if (returned > 0) return kErrorNone;
  return last_error().code == kErrorNone ? kErrorSsl : last_error().code;
}

void* SSL_get_SSL_CTX(const void* handle) {
  const auto link = link_of(handle);
  return link != nullptr ? link->setting : nullptr;
}

long SSL_get_verify_result(const void* handle) {
  const auto link = link_of(handle);
  if (link == nullptr) return kVerifyUnspecified;
  const std::lock_guard lock(link->client->mutex);
  return link->client->stage == PahoTls::Stage::ready ? kVerifyOk : kVerifyUnspecified;
}

// Its certificate is the connection's number: what is asked of it, the handshake has answered.
void* SSL_get1_peer_certificate(const void* handle) {
  return link_of(handle) != nullptr ? handle_of(number_of(handle)) : nullptr;
}

int X509_check_host(void* certificate, const char* name, std::size_t bytes, unsigned, char** peer) {
  if (peer != nullptr) *peer = nullptr;
  if (name == nullptr) return 0;
  return walled(0, [=] {
    return proved(certificate, {name, bytes > 0 ? bytes : std::strlen(name)}) ? 1 : 0;
  });
}

int X509_check_ip_asc(void* certificate, const char* address, unsigned) {
  if (address == nullptr) return 0;
  return walled(0, [=] { return proved(certificate, address) ? 1 : 0; });
}

unsigned long ERR_get_error() { return static_cast<unsigned long>(last_error().code); }

void ERR_clear_error() { last_error() = {}; }

void ERR_print_errors_cb(int (*print)(const char* text, std::size_t bytes, void* context),
                         void* context) {
  const std::string& text = last_error().text;
  if (print != nullptr && !text.empty()) (void)print(text.c_str(), text.size(), context);
}

// NOLINTNEXTLINE(bugprone-reserved-identifier): the linker's name.
int __wrap_SSLSocket_getPendingRead() { return Board::one().take_readable(); }

}  // extern "C"

}  // namespace pinaflux::tls
