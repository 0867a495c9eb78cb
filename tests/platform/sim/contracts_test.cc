#include "tests/platform/clock_contract.h"
#include "tests/platform/http_contract.h"
#include "tests/platform/loop_contract.h"
#include "tests/platform/network_contract.h"
#include "tests/platform/sim/world.h"

using namespace pinaflux;

namespace {

struct PlatformFixture : tests::SimWorld {
  std::unique_ptr<tests::SimProgram> its = program("machine");
  SimClock clock{scheduler, tests::kSimEpoch, 1};
  StreamHttpServers http_servers{its->network, its->loop};
};

}  // namespace

TEST_CASE_FIXTURE(PlatformFixture, "the clock of the simulation keeps the contract") {
  clock_contract(clock);
}

TEST_CASE_FIXTURE(PlatformFixture, "the loop of the simulation keeps the contract") {
  loop_contract(its->loop, clock);
}

TEST_CASE_FIXTURE(PlatformFixture, "the worker of the simulation keeps the contract") {
  worker_contract(its->worker, its->loop);
}

TEST_CASE_FIXTURE(PlatformFixture, "simulated TCP keeps the contract") {
  network_contract(its->network, its->loop, "tcp://127.0.0.1:0", "tcp://127.0.0.1:1");
}

TEST_CASE_FIXTURE(PlatformFixture, "simulated unix sockets keep the contract") {
  network_contract(its->network, its->loop, "unix:///run/s", "unix:///run/none");
}

TEST_CASE_FIXTURE(PlatformFixture, "HTTP over simulated TCP keeps the contract") {
  http_contract(http_servers, its->network, its->loop, "tcp://127.0.0.1:0");
}

TEST_CASE_FIXTURE(PlatformFixture, "HTTP over simulated unix sockets keeps the contract") {
  http_contract(http_servers, its->network, its->loop, "unix:///run/h");
}
