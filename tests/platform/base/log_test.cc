#include "platform/base/log.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace pinaflux;

namespace {

struct LogFixture {
  Instant time{};
  std::vector<std::string> lines;
  Log log{Log::Level::info, [this] { return time; },
          [this](std::string_view line) { lines.emplace_back(line); }};
};

}  // namespace

TEST_CASE_FIXTURE(LogFixture, "an event is one line with level, key, text and fields") {
  log.warning(
      "uplink.lost", "the broker closed the connection",
      {{"reason", 135}, {"why", "not authorised"}, {"again", true}, {"after", 0.5}, {"bytes", 7u}});

  REQUIRE(lines.size() == 1);
  CHECK(lines[0] ==
        "<4>uplink.lost: the broker closed the connection reason=135 why=\"not authorised\" "
        "again=true "
        "after=0.5 bytes=7\n");
}

TEST_CASE_FIXTURE(LogFixture, "no value can forge a second line") {
  log.error("x", "text\n<3>forged",
            {{"name", "a\nb"}, {"empty", ""}, {"long", std::string(1000, 'a')}});

  REQUIRE(lines.size() == 1);
  CHECK(lines[0].starts_with("<3>x: text\\n<3>forged name=\"a\\nb\" empty=\"\" long=\"aaa"));
  CHECK(lines[0].find('\n') == lines[0].size() - 1);
  CHECK(lines[0].size() < 500);
}

TEST_CASE_FIXTURE(LogFixture, "lines below the level are not written") {
  log.debug("x", "detail");
  CHECK(lines.empty());
}

TEST_CASE_FIXTURE(LogFixture, "an error says its text, code and errno") {
  log.failed(Log::Level::error, "spool.open",
             Error{Code::read_only, 30, "the directory cannot be written"}, {{"path", "/x"}});
  CHECK(lines.at(0) ==
        "<3>spool.open: the directory cannot be written code=read_only errno=30 path=/x\n");
}

TEST_CASE_FIXTURE(LogFixture,
                  "an event that repeats is held down, counted, and told now and then") {
  for (int i = 0; i < 100; ++i) log.info("noisy", "again");
  log.info("other", "still heard");

  CHECK(lines.size() == Log::kBurst + 1);
  time = time + Log::kQuiet;
  log.info("noisy", "again");
  log.info("noisy", "again");
  REQUIRE(lines.size() == Log::kBurst + 2);
  CHECK(lines.back() == "<6>noisy: again suppressed=90\n");
}

TEST_CASE_FIXTURE(LogFixture, "an event once a minute is never suppressed") {
  for (int i = 0; i < 100; ++i) {
    log.info("slow", "now");
    time = time + Log::kQuiet;
  }
  CHECK(lines.size() == 100);
  CHECK(lines.back() == "<6>slow: now\n");
}

TEST_CASE_FIXTURE(LogFixture, "keys without number share one allowance beyond the limit") {
  for (std::size_t i = 0; i < 10'000; ++i) log.info("key." + std::to_string(i), "x");
  CHECK(lines.size() == Log::kKeysMax + Log::kBurst);
}
