// ChoppingProxy: a bad link on loopback. It passes bytes on in small pieces over small buffers, stops the way up,
// and hangs up one half when told.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include <doctest/doctest.h>

namespace pinaflux::tests {

class ChoppingProxy {
 public:
  // `piece`: bytes of one send, at most.
  ChoppingProxy(int broker_port, std::size_t piece) : broker_(broker_port), piece_(piece) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    REQUIRE(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::listen(listener_, 4) == 0);
    REQUIRE(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~ChoppingProxy() {
    ending_ = true;
    thread_.join();
    ::close(listener_);
  }
  ChoppingProxy(const ChoppingProxy&) = delete;
  ChoppingProxy& operator=(const ChoppingProxy&) = delete;

  int port() const { return port_; }
  void stall_up(bool is) { up_stalled_ = is; }  // Nothing passes to the broker.
  int accepted() const { return accepted_; }    // Connections until now.
  // The client hears the end of the connection, and may still send.
  void close_half() { half_ = true; }

 private:
  struct Way {
    int from = -1, to = -1;
    std::array<char, 4096> bytes{};
    std::size_t held = 0, sent = 0;
    bool ended = false;
  };

  static sockaddr_in loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }
  static void shrink(int fd) {
    const int bytes = 16 * 1024, on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  }
  bool readable(int fd) const {
    pollfd one{fd, POLLIN, 0};
    return ::poll(&one, 1, 20) > 0;
  }
  void serve() {
    while (!ending_) {
      if (!readable(listener_)) continue;
      const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      const int broker = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      ++accepted_;
      shrink(client);
      shrink(broker);
      const sockaddr_in address = loopback(broker_);
      if (::connect(broker, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
        carry(client, broker);
      ::close(client);
      ::close(broker);
    }
  }
  void carry(int client, int broker) {
    Way up{client, broker}, down{broker, client};
    while (!ending_ && !(up.ended && down.ended)) {
      if (half_.exchange(false)) {
        ::shutdown(client, SHUT_WR);
        down.ended = true;
      }
      const bool up_stalled = up_stalled_;
      std::array<pollfd, 2> polled{poll_of(up, client, up_stalled), poll_of(down, broker, false)};
      // Both ways may wait for either socket: their wishes are added.
      add_wish(polled[1], up, up_stalled);
      add_wish(polled[0], down, false);
      if (up_stalled) polled[0].events |= POLLRDHUP;
      ::poll(polled.data(), polled.size(), 20);
      if (!up_stalled) step(up);
      if (up_stalled && (polled[0].revents & (POLLRDHUP | POLLHUP)) != 0) up.ended = true;
      step(down);
    }
  }
  static pollfd poll_of(const Way& way, int fd, bool stalled) {
    return {fd, static_cast<short>(way.held == 0 && !way.ended && !stalled ? POLLIN : 0), 0};
  }
  static void add_wish(pollfd& to, const Way& way, bool stalled) {
    if (way.held > 0 && !stalled) to.events |= POLLOUT;
  }
  void step(Way& way) const {
    if (way.ended) return;
    if (way.held == 0) {
      const ssize_t n = ::recv(way.from, way.bytes.data(), way.bytes.size(), MSG_DONTWAIT);
      if (n < 0 && errno == EAGAIN) return;
      if (n <= 0) {
        way.ended = true;
        ::shutdown(way.to, SHUT_WR);
        return;
      }
      way.held = static_cast<std::size_t>(n);
      way.sent = 0;
    }
    while (way.held > 0) {
      const ssize_t n = ::send(way.to, way.bytes.data() + way.sent, std::min(way.held, piece_),
                               MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n < 0 && errno == EAGAIN) return;
      if (n < 0) {
        way.ended = true;
        return;
      }
      way.sent += static_cast<std::size_t>(n);
      way.held -= static_cast<std::size_t>(n);
    }
  }

  int broker_, listener_ = -1, port_ = 0;
  std::size_t piece_;
  std::atomic<int> accepted_{0};
  std::atomic<bool> ending_{false}, up_stalled_{false}, half_{false};
  std::thread thread_;
};

}  // namespace pinaflux::tests
