// Reading takes from the socket until the wish is met or the kernel has no more, and decrypts all that it
// took: what is left over then stands in plain_, where pending() sees it. Left inside the Connection as
// ciphertext it would wait for a readiness that the socket, already empty, never tells of.
//
// Writing goes record by record: encrypt 16 KB, give them to the kernel, go on when it took all. So a
// message of 5 MB needs 16 KB here, and a full socket leaves one number behind (Owed::encrypted). Who asked
// to write meanwhile is queued: his bytes may not overtake, and he must not wait for somebody else's.

#include "platform/tls/channel.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <utility>

namespace pinaflux::tls {

namespace {

constexpr std::size_t kRecordBytes = 16 * 1024;
constexpr int kReceivesMax = 16;  // In one read(): others wait for the caller's lock.

}  // namespace

Channel::Channel(std::shared_ptr<Credentials> credentials, std::string host, std::int64_t judged_at,
                 int socket)
    : host_(std::move(host)),
      connection_(std::move(credentials), host_, judged_at),
      socket_(socket) {}

Channel::Outcome Channel::connect() {
  while (true) {
    const Connection::Step step = connection_.step();
    const Outcome sent = flush();
    if (step == Connection::Step::failed || sent == Outcome::failed) return fail();
    if (step == Connection::Step::ready) return sent;
    if (!receive()) return sent == Outcome::want_write ? sent : Outcome::want_read;
  }
}

Channel::Outcome Channel::read(MutableBytes to, std::size_t& got) {
  drain();
  got = take(to);
  for (int i = 0; got < to.size() && i < kReceivesMax && receive(); ++i) {
    drain();
    got += take(to.subspan(got));
  }
  const Outcome sent = flush();  // Answers that reading made: an alert, a new key.
  if (got > 0) return Outcome::done;
  if (connection_.failure().any() || sent == Outcome::failed) return fail();
  return Outcome::want_read;
}

Channel::Outcome Channel::write(Bytes plain) {
  if (failure_.any()) return Outcome::failed;
  const bool again = owed_.from == plain.data() && owed_.bytes == plain.size();
  if (owed_.from != nullptr && !again) return queue(plain);
  if (!again) owed_ = {plain.data(), plain.size(), 0};
  return finish_owed(plain);
}

Channel::Outcome Channel::finish_owed(Bytes plain) {
  while (true) {
    const Outcome sent = flush();
    if (sent == Outcome::failed) return fail();
    if (sent != Outcome::done) return sent;
    const Bytes rest = plain.subspan(owed_.encrypted);
    const Bytes next =
        rest.empty() ? Bytes(queued_) : rest.first(std::min(rest.size(), kRecordBytes));
    if (next.empty()) break;
    if (!connection_.write(next)) return fail();
    if (rest.empty()) {
      queued_ = {};
    } else {
      owed_.encrypted += next.size();
    }
  }
  owed_ = {};
  return Outcome::done;
}

Channel::Outcome Channel::queue(Bytes plain) {
  if (queued_.size() + plain.size() > kQueuedBytesMax) {
    failure_ = {Cause::cut, host_ + " takes no more of what we send: check the link"};
    return Outcome::failed;
  }
  append(queued_, plain);
  return Outcome::done;
}

// Paho closes without reading when the kernel says that the peer has hung up: why may still be there to read.
void Channel::close() {
  for (int i = 0; i < kReceivesMax && receive(); ++i) {
    drain();
    plain_.clear();
    taken_ = 0;
  }
  if (connection_.failure().any()) (void)fail();
  connection_.close();
  (void)flush();
}

// False: nothing to be had now.
bool Channel::receive() {
  if (ended_) return false;
  std::uint8_t bytes[kRecordBytes];
  ssize_t n = 0;
  do {
    n = ::recv(socket_, bytes, sizeof bytes, MSG_DONTWAIT);
  } while (n < 0 && errno == EINTR);
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return false;
  if (n > 0) {
    connection_.receive({bytes, static_cast<std::size_t>(n)});
  } else {
    ended_ = true;
    connection_.receive_end();
  }
  return true;
}

void Channel::drain() {
  std::size_t n = 0;
  do {
    const std::size_t before = plain_.size();
    plain_.resize(before + kRecordBytes);
    n = connection_.read(MutableBytes(plain_).subspan(before));
    plain_.resize(before + n);
  } while (n > 0);
}

std::size_t Channel::take(MutableBytes to) {
  const std::size_t n = std::min(to.size(), pending());
  if (n > 0) std::memcpy(to.data(), plain_.data() + taken_, n);
  taken_ += n;
  if (pending() == 0) {
    plain_.clear();
    taken_ = 0;
  }
  return n;
}

Channel::Outcome Channel::flush() {
  Buffer& bytes = connection_.outgoing();
  std::size_t sent = 0;
  int error = 0;
  while (sent < bytes.size() && error == 0) {
    const ssize_t n =
        ::send(socket_, bytes.data() + sent, bytes.size() - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n >= 0) {
      sent += static_cast<std::size_t>(n);
    } else if (errno != EINTR) {
      error = errno;
    }
  }
  bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(sent));
  if (error == 0) return Outcome::done;
  return error == EAGAIN || error == EWOULDBLOCK ? Outcome::want_write : broken(error);
}

// The peer does not take what we send. Mostly it has said why before it closed: an alert that waits to be
// read, as TLS 1.3 servers send it after a handshake that was finished for us.
Channel::Outcome Channel::broken(int error) {
  while (receive()) drain();
  drain();
  if (!connection_.failure().any() && !failure_.any()) {
    failure_ = {Cause::cut, "the connection to " + host_ + " broke (" + std::strerror(error) +
                                "): check the link"};
  }
  return Outcome::failed;
}

Channel::Outcome Channel::fail() {
  if (!failure_.any()) failure_ = connection_.failure();
  return failure_.cause == Cause::ended ? Outcome::ended : Outcome::failed;
}

}  // namespace pinaflux::tls
