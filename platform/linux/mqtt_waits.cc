// Paho 1.3's receiving thread waits up to a second for something to read, and without a socket sleeps for a tenth of
// one. What happens meanwhile waits with it: a socket that another thread makes, and a connection that comes about, in
// which the client speaks first. And it takes what it knows of a number for what is true of the socket that bears it:
//   - a socket that it sees between socket() and connect() is hung up to Linux, and given up by Paho: "socket error";
//   - when it closes a socket that failed, and the number is given to the next one before it comes back from doing so,
//     the failure is taken for that one's.
// So the linker leads some of its calls through us (--wrap, beside deps::paho). In Socket_getReadySocket() that is,
// under Paho's lock, a look at what is writable, and then the wait for what is readable.

#include "platform/linux/mqtt_waits.h"

#include <algorithm>
#include <fcntl.h>
#include <mutex>
#include <poll.h>
#include <span>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utility>
#include <vector>

// NOLINTBEGIN(bugprone-reserved-identifier): the linker's names.
extern "C" {
int __real_Socket_close(int socket);
int __real_Socket_getReadySocket(int more_work, int wait_ms, void* mutex, int* result);
int __real_poll(pollfd* sockets, nfds_t count, int wait_ms);
int __real_usleep(useconds_t wait_us);
int __wrap_Socket_close(int socket);
int __wrap_Socket_getReadySocket(int more_work, int wait_ms, void* mutex, int* result);
int __wrap_poll(pollfd* sockets, nfds_t count, int wait_ms);
int __wrap_usleep(useconds_t wait_us);
}
// NOLINTEND(bugprone-reserved-identifier)

namespace pinaflux {

namespace {

class Waits {
 public:
  static Waits& one() {
    static Waits waits;
    return waits;
  }

  void dialled(int socket) {
    {
      const std::lock_guard lock(mutex_);
      if (!std::ranges::contains(dialling_, socket)) dialling_.push_back(socket);
    }
    eventfd_write(made_, 1);
  }

  // Keeps the number from being given again until the receiving thread has come back.
  void closed(int socket) {
    const int held = fcntl(made_, F_DUPFD_CLOEXEC, socket);
    if (held != socket) {
      if (held >= 0) close(held);
      return;
    }
    const std::lock_guard lock(mutex_);
    held_.push_back(held);
  }

  // `writable` is what poll() said. A connection that has come about, or failed, does not wait for what is readable.
  void look(std::span<const pollfd> writable) {
    const std::lock_guard lock(mutex_);
    for (const int held : held_) close(held);
    held_.clear();
    for (const pollfd& socket : writable) {
      if (is_connected_or_failed(socket) && std::erase(dialling_, socket.fd) > 0)
        come_about_ = true;
    }
  }

  int wait(std::span<pollfd> readable, int wait_ms) {
    polled_.assign(readable.begin(), readable.end());
    {
      const std::lock_guard lock(mutex_);
      if (std::exchange(come_about_, false)) wait_ms = 0;
      for (pollfd& socket : polled_) {
        if (std::ranges::contains(dialling_, socket.fd)) socket.events |= POLLOUT;
      }
    }
    polled_.push_back({made_, POLLIN, 0});
    const int found = __real_poll(polled_.data(), polled_.size(), wait_ms);
    if (found < 0) return found;
    int ready = 0;
    for (std::size_t i = 0; i < readable.size(); ++i) {
      readable[i].revents = is_not_dialled(polled_[i]) ? 0 : polled_[i].revents & ~POLLOUT;
      if (readable[i].revents != 0) ++ready;
    }
    come_about_ = ready == 0 && found > 0;
    return ready;
  }

  void sleep(useconds_t wait_us) {
    pollfd made{made_, POLLIN, 0};
    eventfd_t times = 0;
    const int wait_ms = std::exchange(come_about_, false) ? 0 : static_cast<int>(wait_us / 1000);
    if (__real_poll(&made, 1, wait_ms) > 0) eventfd_read(made_, &times);
  }

 private:
  // tcp(7)'s socket that was never connected: POLLHUP, and neither an end of its stream to be read nor an error.
  static bool is_not_dialled(const pollfd& socket) {
    return (socket.revents & (POLLHUP | POLLIN | POLLERR)) == POLLHUP;
  }
  static bool is_connected_or_failed(const pollfd& socket) {
    return socket.revents != 0 &&
           ((socket.revents & POLLHUP) == 0 || (socket.revents & POLLERR) != 0);
  }

  const int made_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);  // -1: then a wait is Paho's.
  std::mutex mutex_;
  // Each number once. One that was closed meanwhile stands here for the socket that will bear it next.
  std::vector<int> dialling_;
  std::vector<int> held_;  // Numbers that bear made_ for now.
  // The receiving thread's.
  bool come_about_ = false;  // Something that poll() of the readable ones does not show.
  std::vector<pollfd> polled_;
};

thread_local bool is_receiving = false;  // This is that thread.
thread_local bool looks_for_sockets = false;

}  // namespace

void paho_dialled(int socket) { Waits::one().dialled(socket); }

// NOLINTBEGIN(bugprone-reserved-identifier): the linker's names.
extern "C" {
int __wrap_Socket_getReadySocket(int more_work, int wait_ms, void* mutex, int* result) {
  is_receiving = looks_for_sockets = true;
  const int socket = __real_Socket_getReadySocket(more_work, wait_ms, mutex, result);
  looks_for_sockets = false;
  return socket;
}

int __wrap_poll(pollfd* sockets, nfds_t count, int wait_ms) {
  if (!looks_for_sockets || count == 0) return __real_poll(sockets, count, wait_ms);
  const std::span polled(sockets, count);
  if ((polled[0].events & POLLIN) != 0) return Waits::one().wait(polled, wait_ms);
  const int found = __real_poll(sockets, count, wait_ms);
  Waits::one().look(polled);
  return found;
}

int __wrap_Socket_close(int socket) {
  const int result = __real_Socket_close(socket);
  if (socket > 0) Waits::one().closed(socket);
  return result;
}

int __wrap_usleep(useconds_t wait_us) {
  if (!is_receiving) return __real_usleep(wait_us);
  Waits::one().sleep(wait_us);
  return 0;
}
}
// NOLINTEND(bugprone-reserved-identifier)

}  // namespace pinaflux
