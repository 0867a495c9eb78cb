#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "platform/linux/linux.h"
#include "tests/kit/directory.h"
#include "tests/kit/run.h"

using namespace pinaflux;

namespace {

struct ProcessFixture {
  std::unique_ptr<LinuxPlatform> platform = std::move(LinuxPlatform::make().value());
  kit::TemporaryDirectory directory;
  ~ProcessFixture() {
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) ::unsetenv(name);
  }

  // What systemd's end gets.
  std::string notified(const sockaddr_un& to, std::size_t size, const std::string& named) {
    const Fd systemd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0));
    REQUIRE(::bind(systemd.get(), reinterpret_cast<const sockaddr*>(&to),
                   static_cast<socklen_t>(size)) == 0);
    ::setenv("NOTIFY_SOCKET", named.c_str(), 1);
    platform->process.notify("READY=1\nSTATUS=ok");
    char text[100];
    const ssize_t n = ::recv(systemd.get(), text, sizeof text, 0);
    return {text, n > 0 ? static_cast<std::size_t>(n) : 0};
  }
};

}  // namespace

TEST_CASE_FIXTURE(ProcessFixture, "SIGTERM and SIGINT stop, SIGHUP reloads, on the loop") {
  int stops = 0, reloads = 0;
  platform->process.on_signals([&] { ++stops; }, [&] { ++reloads; });
  ::kill(::getpid(), SIGTERM);
  ::kill(::getpid(), SIGHUP);
  ::kill(::getpid(), SIGINT);
  CHECK(kit::run_until(*platform->loop, [&] { return stops == 2 && reloads == 1; }));
}

TEST_CASE_FIXTURE(ProcessFixture, "systemd is told by path and by abstract name") {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::string name;
  std::size_t size = sizeof to;
  SUBCASE("path") {
    name = directory / "notify";
    std::memcpy(to.sun_path, name.data(), name.size());
  }
  SUBCASE("abstract") {
    name = "@pinaflux-test-" + std::to_string(::getpid());
    std::memcpy(to.sun_path + 1, name.data() + 1, name.size() - 1);
    size = offsetof(sockaddr_un, sun_path) + name.size();
  }
  CHECK(notified(to, size, name) == "READY=1\nSTATUS=ok");
}

TEST_CASE_FIXTURE(ProcessFixture, "without systemd, notifying does nothing") {
  platform->process.notify("READY=1");
  ::setenv("NOTIFY_SOCKET", (directory / "nobody").c_str(), 1);
  platform->process.notify("READY=1");
  ::setenv("NOTIFY_SOCKET", std::string(1000, 'x').c_str(), 1);
  platform->process.notify("READY=1");
}

TEST_CASE_FIXTURE(ProcessFixture,
                  "the watchdog wants half of its time, and only for its own process") {
  CHECK(platform->process.watchdog_ms() == 0);
  ::setenv("WATCHDOG_USEC", "30000000", 1);
  CHECK(platform->process.watchdog_ms() == 15'000);
  ::setenv("WATCHDOG_PID", std::to_string(platform->process.id()).c_str(), 1);
  CHECK(platform->process.watchdog_ms() == 15'000);
  ::setenv("WATCHDOG_PID", "1", 1);
  CHECK(platform->process.watchdog_ms() == 0);
  ::unsetenv("WATCHDOG_PID");
  ::setenv("WATCHDOG_USEC", "nonsense", 1);
  CHECK(platform->process.watchdog_ms() == 0);
}

TEST_CASE_FIXTURE(ProcessFixture, "a process knows its memory, its name and its number") {
  CHECK(platform->process.resident_bytes() > 100'000);
  CHECK_FALSE(platform->process.host_name().empty());
  CHECK(platform->process.id() == ::getpid());
}

TEST_CASE_FIXTURE(ProcessFixture, "a worker that is destroyed finishes its jobs and tells nobody") {
  int ran = 0;
  bool told = false;
  {
    auto worker = platform->worker();
    REQUIRE(worker.has_value());
    for (int i = 0; i < 50; ++i) (*worker)->submit([&] { ++ran; }, [&] { told = true; });
  }
  CHECK(ran == 50);
  kit::settle(*platform->loop);
  CHECK_FALSE(told);
}
