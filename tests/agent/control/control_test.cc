#include "agent/control/control.h"

#include <doctest/doctest.h>

#include "platform/linux/linux.h"
#include "tests/kit/directory.h"
#include "tests/kit/run.h"

namespace pinaflux {
namespace {

// One conversation over the control socket.
struct Caller : Stream::Events {
  Caller(Network& network, const std::string& socket, std::string request_)
      : request(std::move(request_)),
        stream(std::move(*network.connect("unix://" + socket, {}, *this))) {}
  void connected() override { (void)stream->write(as_bytes(request)); }
  void bytes(Bytes bytes) override { answer.append(as_text(bytes)); }
  void closed(Error) override { over = true; }

  std::string request, answer;
  bool over = false;
  std::unique_ptr<Stream> stream;
};

struct ControlFixture {
  kit::TemporaryDirectory directory;
  std::unique_ptr<LinuxPlatform> platform = std::move(*LinuxPlatform::make());
  std::string applied;
  int tapping = 0;
  std::unique_ptr<Control> control = start();

  std::string socket() { return directory.path() + "/control.sock"; }
  std::unique_ptr<Control> start() {
    std::string which;
    auto made =
        Control::start({socket(), "tcp://127.0.0.1:0"}, platform->network, platform->http_servers,
                       {[] {
                          AgentStatus s;
                          s.gateway = "pump-7";
                          return s;
                        },
                        [this](std::string_view text) {
                          applied = text;
                          return std::string(R"({"accepted":true})");
                        },
                        [this](bool on) { tapping += on ? 1 : -1; }},
                       which);
    REQUIRE_MESSAGE(made.has_value(), which);
    return std::move(*made);
  }
  std::string ask(const std::string& request) {
    Caller caller(platform->network, socket(), request);
    REQUIRE(kit::run_until(*platform->loop, [&] { return caller.over; }));
    return caller.answer;
  }
};

TEST_CASE_FIXTURE(ControlFixture, "status is a line of JSON, show is text") {
  CHECK(ask("status\n").find(R"("gateway":"pump-7")") != std::string::npos);
  CHECK(ask("show\n").starts_with("gateway  pump-7"));
}

TEST_CASE_FIXTURE(ControlFixture, "apply hands over exactly the bytes that were announced") {
  CHECK(ask("apply 12\npinaflux: 1\n") == "{\"accepted\":true}\n");
  CHECK(applied == "pinaflux: 1\n");
}

TEST_CASE_FIXTURE(ControlFixture, "a wrong request gets an answer and the end") {
  CHECK(ask("reboot\n").find("unknown request") != std::string::npos);
  CHECK(ask("apply lots\n").find("number of bytes") != std::string::npos);
  CHECK(ask("apply 99999999999\n").find("number of bytes") != std::string::npos);
  CHECK(ask(std::string(5000, 'x')).find("too long") != std::string::npos);
  CHECK(applied.empty());
}

TEST_CASE_FIXTURE(ControlFixture, "a tap gets what is tapped, and its end is noticed") {
  {
    Caller caller(platform->network, socket(), "tap\n");
    REQUIRE(kit::run_until(*platform->loop, [&] { return tapping == 1; }));
    control->tapped(R"({"v":1})");
    REQUIRE(kit::run_until(*platform->loop, [&] { return !caller.answer.empty(); }));
    CHECK(caller.answer == "{\"v\":1}\n");
  }
  CHECK(kit::run_until(*platform->loop, [&] { return tapping == 0; }));
}

}  // namespace
}  // namespace pinaflux
