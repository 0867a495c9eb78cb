#include "platform/linux/process.h"

#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/event.h>

#include "platform/base/text.h"
#include "platform/linux/fd.h"

namespace pinaflux {

namespace {

// The start of a file of /proc.
std::string proc_text(const char* path) {
  const Fd file(::open(path, O_RDONLY | O_CLOEXEC));
  char text[1024];
  const ssize_t n = file ? ::read(file.get(), text, sizeof text) : 0;
  return {text, n > 0 ? static_cast<std::size_t>(n) : 0};
}

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

}  // namespace

LinuxProcess::LinuxProcess(LinuxLoop& loop) : base_(loop.base()) {
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
}

void LinuxProcess::on_signals(std::function<void()> stop, std::function<void()> reload) {
  stop_ = std::move(stop);
  reload_ = std::move(reload);
  const auto stopping = [](int, short, void* self) { static_cast<LinuxProcess*>(self)->stop_(); };
  const auto reloading = [](int, short, void* self) {
    static_cast<LinuxProcess*>(self)->reload_();
  };
  terminated_ = make_event(base_, SIGTERM, EV_SIGNAL | EV_PERSIST, stopping, this);
  interrupted_ = make_event(base_, SIGINT, EV_SIGNAL | EV_PERSIST, stopping, this);
  hung_up_ = make_event(base_, SIGHUP, EV_SIGNAL | EV_PERSIST, reloading, this);
  for (event* each : {terminated_.get(), interrupted_.get(), hung_up_.get()}) start_event(each);
}

void LinuxProcess::notify(std::string_view state) {
  const std::string_view path = environment("NOTIFY_SOCKET");
  sockaddr_un to{};
  if (path.size() < 2 || path.size() >= sizeof to.sun_path) return;
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, path.data(), path.size());
  if (path[0] == '@') to.sun_path[0] = '\0';  // An abstract socket: the name ends with the address.
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  const Fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return;
  // A notification that does not arrive is systemd's to notice: there is nobody to tell.
  (void)::sendto(fd.get(), state.data(), state.size(), MSG_NOSIGNAL,
                 reinterpret_cast<const sockaddr*>(&to), size);
}

std::int64_t LinuxProcess::watchdog_ms() const {
  const auto us = parse_integer<std::int64_t>(environment("WATCHDOG_USEC"));
  const std::string_view whose = environment("WATCHDOG_PID");
  if (!us || *us <= 0) return 0;
  if (!whose.empty() && parse_integer<int>(whose) != id()) return 0;
  return *us / 2 / 1000 > 0 ? *us / 2 / 1000 : 1;
}

std::uint64_t LinuxProcess::resident_bytes() const {
  const std::string text = proc_text("/proc/self/statm");
  const auto pieces = split(text, ' ');
  if (pieces.size() < 2) return 0;
  const auto pages = parse_integer<std::uint64_t>(pieces[1]);
  return pages.value_or(0) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::uint64_t LinuxProcess::written_bytes() const {
  const std::string text = proc_text("/proc/self/io");
  constexpr std::string_view kKey = "write_bytes: ";
  for (const std::string_view line : split(text, '\n')) {
    // "cancelled_write_bytes" must not match: the key is the start of its line.
    if (line.starts_with(kKey))
      return parse_integer<std::uint64_t>(line.substr(kKey.size())).value_or(0);
  }
  return 0;
}

std::string LinuxProcess::host_name() const {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "";
}

int LinuxProcess::id() const { return ::getpid(); }

}  // namespace pinaflux
