#include "agent/collector/line_sink.h"

#include <filesystem>

#include "tests/agent/collector/files_kit.h"

using namespace pinaflux;
using namespace pinaflux::collector_kit;

namespace {

// Takes each line that does not hold `poison`.
struct FakeServer final : Poster {
  int status = 204;
  bool away = false;
  std::string poison, taken;
  int posts = 0;

  Result<Answer> post(std::string_view body, std::string& why) override {
    ++posts;
    if (away) {
      why = "refused: is it running?";
      return fail(Code::io, "no answer");
    }
    if (status != 204) return Answer{status, "<html>no</html>"};
    if (!poison.empty() && body.contains(poison)) return Answer{400, "type\n conflict"};
    taken += body;
    return Answer{status, ""};
  }
};

struct LineFixture : FilesFixture {
  FakeServer server;
  LineSink sink{server, directory / "refused", *grown};
  Rows rows;

  Status land(std::uint64_t first, std::uint64_t count) {
    rows.clear();
    rows.count("press", first, count);
    if (Status s = sink.append("2026-07-25", {"pump", "e1", "normal", first}, rows.all()); !s) {
      return s;
    }
    return sink.flush("2026-07-25");
  }
  std::string refused() {
    commit();
    return text_of("refused/2026-07-25.lines");
  }
};

constexpr const char* kOne = "press,gateway=pump,lane=normal value=1 1784980800000000000\n";

}  // namespace

TEST_CASE_FIXTURE(LineFixture, "rows are posted as points") {
  REQUIRE(land(1, 1).has_value());
  CHECK(server.taken == kOne);
  CHECK(sink.trouble().empty());
}

TEST_CASE_FIXTURE(LineFixture,
                  "rows of one time are told apart, and those without one say their boot") {
  rows.count("press", 1, 1);
  rows.count("other", 1, 1);
  rows.count("press", 1, 1);
  Row timeless = rows.all()[0];
  timeless.time = {77, 9};
  const Row all[] = {rows.all()[0], rows.all()[1], rows.all()[2], timeless};
  REQUIRE(sink.append("2026-07-25", {"pump", "e1", "normal", 1}, all).has_value());
  REQUIRE(sink.flush("2026-07-25").has_value());
  CHECK(server.taken == std::string(kOne) +
                            "other,gateway=pump,lane=normal value=1 1784980800000000000\n"
                            "press,gateway=pump,lane=normal,_n=1 value=1 1784980800000000000\n"
                            "press,gateway=pump,lane=normal,_boot=9 value=1 77\n");
}

TEST_CASE_FIXTURE(LineFixture, "names that are ours, and such as have no spelling, become others") {
  Shapes shapes;
  const std::vector<std::string_view> fields = {"time", "_n", "", "a\\", "b\\,c", "d\\e"};
  const std::vector<Value> values(fields.size(), Value::boolean(true));
  const Row row{shapes.intern("oven\\", fields), values.data(), {5, 0}};
  REQUIRE(sink.append("2026-07-25", {"pump", "e1", "normal", 1}, {&row, 1}).has_value());
  REQUIRE(sink.flush("2026-07-25").has_value());
  CHECK(server.taken ==
        "oven/,gateway=pump,lane=normal _time=true,__n=true,_=true,a/=true,b/\\,c=true,d\\e=true "
        "5\n");
}

TEST_CASE_FIXTURE(LineFixture, "lines that are not taken are found, and kept with the answer") {
  server.poison = "value=37 ";
  REQUIRE(land(1, 100).has_value());
  CHECK(std::ranges::count(server.taken, '\n') == 99);
  CHECK_FALSE(server.taken.contains("value=37 "));
  CHECK(sink.take_refused() == 1);
  CHECK(
      refused() ==
      "# 400 type  conflict\npress,gateway=pump,lane=normal,_n=36 value=37 1784980800000000000\n");
  CHECK(server.posts < 20);
}

TEST_CASE_FIXTURE(LineFixture,
                  "a server that is away, or is not what it should be, stops everything") {
  server.away = true;
  const Status away = land(1, 10);
  REQUIRE_FALSE(away.has_value());
  CHECK(away.error().code == Code::io);
  CHECK(sink.trouble() == "line protocol: refused: is it running?");
  server.away = false;
  for (const int status : {200, 301, 401, 404, 429, 500}) {
    server.status = status;
    sink.abandon();
    CHECK_FALSE(land(1, 10).has_value());
    CHECK(sink.trouble().contains(std::to_string(status)));
  }
  server.status = 204;
  sink.abandon();
  REQUIRE(land(1, 1).has_value());
  CHECK(server.taken == kOne);
  CHECK(sink.trouble().empty());
  CHECK(sink.take_refused() == 0);
}

TEST_CASE_FIXTURE(LineFixture, "much is posted in parts, and what was abandoned is not posted") {
  REQUIRE(land(1, 20'000).has_value());
  CHECK(server.posts > 1);
  CHECK(std::ranges::count(server.taken, '\n') == 20'000);
  server.taken.clear();
  rows.clear();
  rows.count("press", 1, 3);
  REQUIRE(sink.append("2026-07-25", {"pump", "e1", "normal", 1}, rows.all()).has_value());
  sink.abandon();
  REQUIRE(sink.flush("2026-07-25").has_value());
  CHECK(server.taken.empty());
}

TEST_CASE_FIXTURE(LineFixture,
                  "a server that refuses every line from the start is no matter of lines") {
  server.poison = "press";
  REQUIRE_FALSE(land(1, 100).has_value());
  CHECK(sink.trouble() ==
        "line protocol: the server answers 400: it refuses every line: check --lines-to");
  sink.abandon();
  CHECK(sink.take_refused() == 0);
  server.poison.clear();
  REQUIRE(land(1, 1).has_value());
  server.poison = "press";
  server.posts = 0;
  REQUIRE(land(2, 10'000).has_value());
  CHECK(sink.take_refused() == 10'000);
  CHECK(server.posts < 200);
}

TEST_CASE_FIXTURE(LineFixture, "a text with line breaks is one line") {
  Shapes shapes;
  const std::vector<std::string_view> fields = {"say"};
  std::vector<Value> values;
  for (int i = 0; i < 9; ++i) values.push_back(Value::text("a\nforged,host=a value=6 12\nb"));
  std::vector<Row> all;
  for (int i = 0; i < 9; ++i) all.push_back({shapes.intern("log", fields), &values[i], {i, 0}});
  server.poison = " 4\n";
  REQUIRE(sink.append("2026-07-25", {"pump", "e1", "normal", 1}, all).has_value());
  REQUIRE(sink.flush("2026-07-25").has_value());
  CHECK(sink.take_refused() == 1);
  CHECK(std::ranges::count(server.taken, '"') == 16);
  CHECK_FALSE(server.taken.starts_with("forged"));
}
