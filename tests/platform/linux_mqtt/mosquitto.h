// A real mosquitto on loopback, with a configuration of the test's own; ended by its process id.
#pragma once

#include <arpa/inet.h>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <doctest/doctest.h>

namespace pinaflux::tests {

class Mosquitto {
 public:
  // Empty: not installed, and the test should say so and pass.
  static std::string program() {
    for (const char* path :
         {"/usr/sbin/mosquitto", "/usr/bin/mosquitto", "/usr/local/sbin/mosquitto"}) {
      if (::access(path, X_OK) == 0) return path;
    }
    return {};
  }

  // `extra` are lines of the listener. `address`: 127.0.0.1 or ::1.
  explicit Mosquitto(const std::string& extra = "allow_anonymous true\n",
                     const std::string& address = "127.0.0.1")
      : extra_(extra), bound_to_(address) {
    char name[] = "/tmp/pinaflux-mosquitto-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    directory_ = name;
    for (int attempt = 0; attempt < 5 && pid_ <= 0; ++attempt) {
      port_ = free_port();
      start();
    }
    REQUIRE(pid_ > 0);
  }
  ~Mosquitto() {
    stop();
    std::filesystem::remove_all(directory_);
  }
  Mosquitto(const Mosquitto&) = delete;
  Mosquitto& operator=(const Mosquitto&) = delete;

  std::string address(const std::string& scheme = "tcp",
                      const std::string& host = "127.0.0.1") const {
    return scheme + "://" + host + ":" + std::to_string(port_);
  }
  int port() const { return port_; }
  // SIGSTOP: a broker that hangs. stop() ends it; start() again on the same port.
  void freeze(bool frozen) { ::kill(pid_, frozen ? SIGSTOP : SIGCONT); }
  void stop() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  void start() {
    const std::string config = directory_ + "/mosquitto.conf";
    std::ofstream(config) << "listener " << port_ << " " << bound_to_ << "\n"
                          << extra_ << "log_dest none\n";
    const std::string path = program();
    const char* arguments[] = {path.c_str(), "-c", config.c_str(), nullptr};
    REQUIRE(::posix_spawn(&pid_, path.c_str(), nullptr, nullptr, const_cast<char**>(arguments),
                          environ) == 0);
    for (int i = 0; i < 500; ++i) {
      if (::waitpid(pid_, nullptr, WNOHANG) == pid_) break;  // The port was taken meanwhile.
      if (listens()) return;
      ::usleep(10'000);
    }
    stop();
    pid_ = 0;
  }

 private:
  static sockaddr_in loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }
  static int free_port() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    ::close(fd);
    return ntohs(address.sin_port);
  }
  bool listens() const {
    const bool six = bound_to_ == "::1";
    const int fd = ::socket(six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback(port_);
    sockaddr_in6 address6{};
    address6.sin6_family = AF_INET6;
    address6.sin6_port = address.sin_port;
    address6.sin6_addr = in6addr_loopback;
    const bool ok =
        six ? ::connect(fd, reinterpret_cast<const sockaddr*>(&address6), sizeof address6) == 0
            : ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    ::close(fd);
    return ok;
  }

  std::string extra_, bound_to_, directory_;
  int port_ = 0;
  pid_t pid_ = 0;
};

inline bool has_ipv6() {
  const int fd = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  const bool ok = ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  ::close(fd);
  if (!ok) MESSAGE("skipped: this machine has no IPv6 loopback");
  return ok;
}

inline bool mosquitto_is_missing() {
  if (!Mosquitto::program().empty()) return false;
  MESSAGE("skipped: mosquitto is not installed (apt-get install mosquitto)");
  return true;
}

}  // namespace pinaflux::tests
