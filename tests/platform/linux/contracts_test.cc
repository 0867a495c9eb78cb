#include "platform/linux/linux.h"
#include "tests/kit/directory.h"
#include "tests/platform/clock_contract.h"
#include "tests/platform/files_contract.h"
#include "tests/platform/http_contract.h"
#include "tests/platform/loop_contract.h"
#include "tests/platform/network_contract.h"

using namespace pinaflux;

namespace {

struct PlatformFixture {
  std::unique_ptr<LinuxPlatform> platform = std::move(LinuxPlatform::make().value());
  kit::TemporaryDirectory directory;
};

}  // namespace

TEST_CASE_FIXTURE(PlatformFixture, "the clock of Linux keeps the contract") {
  clock_contract(platform->clock);
}

TEST_CASE_FIXTURE(PlatformFixture, "the files of Linux keep the contract") {
  files_contract(platform->files, directory.path());
}

TEST_CASE_FIXTURE(PlatformFixture, "the loop of Linux keeps the contract") {
  loop_contract(*platform->loop, platform->clock);
}

TEST_CASE_FIXTURE(PlatformFixture, "the loop of Linux serves threads") {
  loop_threads_contract(*platform->loop);
}

TEST_CASE_FIXTURE(PlatformFixture, "the worker of Linux keeps the contract") {
  const auto worker = platform->worker();
  REQUIRE(worker.has_value());
  worker_contract(**worker, *platform->loop);
}

TEST_CASE_FIXTURE(PlatformFixture, "TCP of Linux keeps the contract") {
  // Port 1 of loopback: nobody who tests listens on tcpmux.
  network_contract(platform->network, *platform->loop, "tcp://127.0.0.1:0", "tcp://127.0.0.1:1");
}

TEST_CASE_FIXTURE(PlatformFixture, "unix sockets of Linux keep the contract") {
  network_contract(platform->network, *platform->loop, "unix://" + (directory / "s"),
                   "unix://" + (directory / "none"));
}

TEST_CASE_FIXTURE(PlatformFixture, "HTTP over TCP of Linux keeps the contract") {
  http_contract(platform->http_servers, platform->network, *platform->loop, "tcp://127.0.0.1:0");
}

TEST_CASE_FIXTURE(PlatformFixture, "HTTP over unix sockets of Linux keeps the contract") {
  http_contract(platform->http_servers, platform->network, *platform->loop,
                "unix://" + (directory / "h"));
}
