#include "platform/linux/children.h"

#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "platform/base/text.h"
#include "tests/kit/directory.h"
#include "tests/platform/children_contract.h"

using namespace pinaflux;

namespace {

std::vector<std::string> shell(const std::string& script) { return {"/bin/sh", "-c", script}; }

std::size_t open_files() {
  const auto all = std::filesystem::directory_iterator("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

// Dead or alive.
bool has_children() { return ::waitid(P_ALL, 0, nullptr, WEXITED | WNOHANG | WNOWAIT) == 0; }

// Whether it runs: a zombie, whoever should reap it, does not.
bool runs(const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/stat");
  std::string text;
  std::getline(file, text);
  const std::size_t name_end = text.rfind(") ");
  return name_end != text.npos && text[name_end + 2] != 'Z' && text[name_end + 2] != 'X';
}

struct ChildrenFixture {
  std::unique_ptr<LinuxLoop> loop = std::move(LinuxLoop::make().value());
  LinuxChildren children{*loop};
  kit::TemporaryDirectory directory;

  ChildrenFixture() {
    ::chmod(directory.path().c_str(), 0755);  // The child's user may look into it.
  }
  std::string file(const std::string& name, const std::string& text, mode_t mode) {
    std::ofstream(directory / name) << text;
    ::chmod((directory / name).c_str(), mode);
    return directory / name;
  }
  bool until(const std::function<bool()>& reached) {
    return kit::poll_until(*loop, reached, Duration::seconds(20));
  }
  Error refusal(const std::vector<std::string>& command) {
    const auto made = children.start({command, 64 << 20}, {});
    REQUIRE_FALSE(made.has_value());
    return made.error();
  }
  ChildPrograms programs() {
    return {{"/bin/cat"},
            {"/bin/sleep", "1000"},
            {"/usr/bin/yes"},
            shell("echo bye; printf 'first\\nno \\033 sensor\\n\\n' >&2; exit 3"),
            {"/usr/bin/head", "-c", "40000", "/dev/urandom"},
            shell("kill -9 $$"),
            {directory / "none"},
            {file("text", "no program", 0644)}};
  }
};

}  // namespace

TEST_CASE_FIXTURE(ChildrenFixture, "the children of Linux keep the contract") {
  children_contract(children, *loop, programs());
}

TEST_CASE_FIXTURE(ChildrenFixture, "children without pidfds keep the contract") {
  LinuxChildren old(*loop, false);
  children_contract(old, *loop, programs());
}

TEST_CASE_FIXTURE(ChildrenFixture, "children leave no zombie and no open file, however they end") {
  {
    const HeardChild warm(children, {"/bin/cat"});
  }
  REQUIRE(until([] { return !has_children(); }));
  const std::size_t before = open_files();

  for (const bool pidfds : {true, false}) {
    LinuxChildren its(*loop, pidfds);
    for (int i = 0; i < 5; ++i) {
      HeardChild ended(its, shell("exit 1")), destroyed(its, {"/bin/sleep", "1000"});
      CHECK(its.start({{file("bad", "\177ELF", 0755)}, 64 << 20}, {}).has_value() == false);
      CHECK(its.start({{"/none"}, 64 << 20}, {}).has_value() == false);
      CHECK(until([&] { return ended.ends == 1; }));
    }
  }

  CHECK_FALSE(has_children());  // Those that were destroyed, at the latest by ~LinuxChildren.
  CHECK(open_files() == before);
}

TEST_CASE_FIXTURE(ChildrenFixture, "what a child started is killed with it") {
  SUBCASE("when its Child is destroyed") {
    HeardChild its(children, shell("sleep 1000 & echo $!; wait"));
    REQUIRE(until([&] { return its.output.ends_with('\n'); }));
    const std::string pid(trim(its.output));
    CHECK(runs(pid));
    its.child.reset();
    CHECK(until([&] { return !runs(pid); }));
  }
  SUBCASE("when it ends before them, and they hold its output open") {
    HeardChild its(children, shell("(trap '' HUP; exec sleep 1000) & echo $!; exit 0"));
    CHECK(until([&] { return its.ends == 1; }));
    CHECK(its.why == "exit status 0");
    CHECK(until([&] { return !runs(std::string(trim(its.output))); }));
  }
  SUBCASE("even if they want a session of their own") {
    if (!children.missing().empty()) {
      MESSAGE("skipped: " << children.missing());
      return;
    }
    HeardChild its(children, shell("setsid sleep 1000 & echo $!; wait; echo refused; read x"));
    REQUIRE(until([&] { return its.output.ends_with('\n'); }));
    its.child.reset();
    CHECK(until(
        [&] { return !runs(std::string(trim(its.output.substr(0, its.output.find('\n'))))); }));
  }
}

TEST_CASE_FIXTURE(ChildrenFixture, "a child dies with the process that started it") {
  HeardChild its(children, shell("echo $$; read x"));
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const pid_t agent = ::fork();
  if (agent == 0) {  // Another agent, that ends without a word.
    const auto own = std::move(LinuxLoop::make().value());
    auto* theirs = new LinuxChildren(*own);
    std::string pid;
    auto child = theirs->start({shell("echo $$; exec sleep 1000"), 64 << 20},
                               {[&](Bytes bytes) { pid += as_text(bytes); }, [] {}, [](auto) {}});
    kit::run_until(*own, [&] { return pid.ends_with('\n'); });
    (void)!::write(ends[1], pid.data(), pid.size());
    ::_exit(0);
  }
  char pid[16] = {};
  CHECK(::read(ends[0], pid, sizeof pid - 1) > 0);
  ::waitpid(agent, nullptr, 0);
  CHECK(until([&] { return !runs(std::string(trim(pid))); }));
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_CASE_FIXTURE(ChildrenFixture, "what is no program for this machine is told apart") {
  CHECK(refusal({file("bad", "\177ELF and no more", 0755)}).code == Code::invalid);
  CHECK(refusal({file("script", "#!/none/python\n", 0755)}).code == Code::not_found);
  CHECK(refusal({directory.path()}).code == Code::invalid);
  if (::geteuid() == 0) CHECK(refusal({file("own", "#!/bin/sh\n", 0700)}).code == Code::denied);
  REQUIRE(until([] { return !has_children(); }));
}

TEST_CASE_FIXTURE(ChildrenFixture, "a child that fills its standard error is heard and bounded") {
  HeardChild endless(children, shell("yes x | tr -d '\\n' | head -c 3000000 >&2; exit 4"));
  HeardChild lines(children, shell("yes error | head -n 300000 >&2; echo last >&2; exit 5"));
  CHECK(until([&] { return endless.ends + lines.ends == 2; }));
  CHECK(endless.why.starts_with("exit status 4: xxx"));
  CHECK(endless.why.size() < 250);
  CHECK(lines.why == "exit status 5: last");
}

TEST_CASE_FIXTURE(ChildrenFixture, "a child that closes its files and runs on is ended for it") {
  HeardChild mute(children, shell("exec >&-; sleep 1000"));
  HeardChild blind(children, shell("exec <&-; echo closed; exec sleep 1000"));
  CHECK(until([&] { return blind.output == "closed\n"; }));
  CHECK(blind.child->write(as_bytes("x")) == 0);
  CHECK(until([&] { return mute.ends + blind.ends == 2; }));
  CHECK(mute.why == "closed its standard output");
  CHECK(blind.why == "closed its standard input");

  HeardChild tidy(children, shell("exec >&-; sleep 0.1; exit 6"));
  CHECK(until([&] { return tidy.ends == 1; }));
  CHECK(tidy.why == "exit status 6");
}
