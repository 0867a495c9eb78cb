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
  bool running = true;
  std::vector<std::function<void()>> waiting;  // Steps that the agent has not made.
  std::string piece = "a piece\n";
  std::vector<Result<bool>> script;  // What the steps answer, from the last one.
  Result<bool> answer_of() {
    if (script.empty()) return false;
    const Result<bool> next = script.back();
    script.pop_back();
    return next;
  }
  void work() {
    while (!waiting.empty()) {
      const auto step = std::move(waiting.back());
      waiting.pop_back();
      step();
    }
  }
  std::unique_ptr<Control> control = start();

  std::string socket() { return directory.path() + "/control.sock"; }
  std::unique_ptr<Control> start() {
    std::string which;
    auto made = Control::start(
        {socket(), "tcp://127.0.0.1:0"}, platform->network, platform->http_servers,
        {[] {
           AgentStatus s;
           s.gateway = "pump-7";
           return s;
         },
         [this](std::string_view text) {
           applied = text;
           return std::string(R"({"accepted":true})");
         },
         [this](bool on) { tapping += on ? 1 : -1; },
         [this](Operation& operation, Buffer& out, std::function<void(Result<bool>)> done) {
           if (!running) return false;
           waiting.push_back([&operation, &out, done = std::move(done), this] {
             append(out, piece);
             (void)operation;
             done(answer_of());
           });
           return true;
         }},
        which);
    REQUIRE_MESSAGE(made.has_value(), which);
    return std::move(*made);
  }
  std::string ask(const std::string& request) {
    Caller caller(platform->network, socket(), request);
    REQUIRE(kit::run_until(*platform->loop, [&] {
      work();
      return caller.over;
    }));
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

// What a reader of the answer gets of it.
struct Heard {
  std::string text;
  bool over = false, damaged = false;
  Status failed;
  std::string why;

  explicit Heard(const std::string& answer, std::size_t slice = 7) {
    AnswerReader reader([this](const AnswerReader::Piece& piece) {
      text += as_text(piece.bytes);
      return Status();
    });
    for (std::size_t at = 0; at < answer.size() && failed && !over; at += slice) {
      const Result<bool> fed = reader.feed(as_bytes(answer.substr(at, slice)));
      if (!fed) failed = std::unexpected(fed.error());
      over = fed && *fed;
    }
    damaged = reader.damaged();
    why = reader.text();
  }
};

TEST_CASE_FIXTURE(ControlFixture, "a queue request is answered in pieces, to its end") {
  script = {false, true, true};
  const Heard heard(ask("queue stats json\n"));
  CHECK(heard.over);
  CHECK_FALSE(heard.damaged);
  CHECK(heard.text == "a piece\na piece\na piece\n");
}

TEST_CASE_FIXTURE(ControlFixture, "an edited record follows its request, whole") {
  CHECK(Heard(ask("queue letters edit 7 10 text\n{\"n\":1234}")).over);
  CHECK(Heard(ask("queue letters edit 7 0 text\n")).failed.error().code == Code::unsupported);
  CHECK(ask("queue letters edit 7 x text\n").find("number of bytes") != std::string::npos);
}

TEST_CASE_FIXTURE(ControlFixture, "pieces that are larger than what a stream queues arrive whole") {
  piece.assign(5'000'000, 'x');
  script = {false, true};
  const Heard heard(ask("queue peek normal 5\n"), 100'000);
  CHECK(heard.over);
  CHECK(heard.text.size() == 10'000'000);
}

TEST_CASE_FIXTURE(ControlFixture, "an operation that fails says so with its code and its words") {
  script = {fail(Code::full, "there is no room for that"), true};
  const Heard heard(ask("queue stats text\n"));
  CHECK_FALSE(heard.over);
  REQUIRE(!heard.failed.has_value());
  CHECK(heard.failed.error().code == Code::full);
  CHECK(heard.why == "there is no room for that");
}

TEST_CASE_FIXTURE(ControlFixture, "an agent that restarts, and one that is older, are told apart") {
  running = false;
  CHECK(Heard(ask("queue stats json\n")).failed.error().code == Code::busy);
  CHECK(Heard(ask("queue nonsense\n")).failed.error().code == Code::unsupported);
  CHECK(Heard(ask("reboot\n")).failed.error().code == Code::unsupported);
}

TEST_CASE_FIXTURE(ControlFixture,
                  "a client that goes away while a step runs is waited for, not missed") {
  script = {false, true, true};
  {
    Caller caller(platform->network, socket(), "queue stats json\n");
    REQUIRE(kit::run_until(*platform->loop, [&] { return !waiting.empty(); }));
  }
  kit::settle(*platform->loop);

  work();  // The step ends; no other is begun for nobody.

  CHECK(script.size() == 2);
  CHECK(waiting.empty());
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
