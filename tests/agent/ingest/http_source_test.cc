#include "agent/ingest/http_source.h"

#include <doctest/doctest.h>

#include "tests/agent/ingest/fakes.h"

namespace pinaflux {
namespace {

using Rows = std::vector<std::string>;

struct HttpFixture {
  fake::World world;
  HttpSourceOptions options;
  std::unique_ptr<HttpSource> source;

  HttpFixture() { options.name = "web"; }
  void start() {
    source = std::make_unique<HttpSource>(options, world.host());
    source->restore(world.stored());
    REQUIRE(source->start());
  }
  int status(std::uint64_t id) const { return world.http.status(id); }
  const std::string& body(std::uint64_t id) { return world.http.answers.at(id).body; }
  std::uint64_t post(std::string_view target, std::string_view text,
                     const fake::HttpServers::Headers& headers = {}) {
    return world.http.request("POST", target, text, headers);
  }
};

TEST_CASE_FIXTURE(HttpFixture, "204 comes after the commit, not before") {
  start();
  const auto id = post("/ingest/house", "{\"a\":1}\n{\"a\":2}\n");
  CHECK(source->ready());
  world.poll(*source);
  CHECK(status(id) == 0);
  CHECK(source->stalled());
  world.commit(*source);
  CHECK(status(id) == 204);
  CHECK(world.rows == Rows{"web/house{a=1i}", "web/house{a=2i}"});
  CHECK_FALSE(source->stalled());
}

TEST_CASE_FIXTURE(HttpFixture, "one object, even spread over lines, and arrays are taken") {
  start();
  post("/ingest/a/b", "{\n \"a\": 1\n}");
  post("/ingest/c", "[{\"a\":1},\n{\"a\":2}]");
  world.turn(*source);
  CHECK(world.rows == Rows{"web/a/b{a=1i}", "web/c{a=1i}", "web/c{a=2i}"});
}

TEST_CASE_FIXTURE(HttpFixture, "line protocol comes by both of InfluxDB's paths") {
  start();
  const auto one = post("/write?db=x&precision=s", "m,t=a v=1i 5\n");
  const auto two = post("/api/v2/write?bucket=b&precision=ns", "m,t=a v=2i 5\n");
  world.turn(*source);
  CHECK(status(one) == 204);
  CHECK(status(two) == 204);
  CHECK(world.rows == Rows{"web/m{t='a',v=1i}", "web/m{t='a',v=2i}"});
  CHECK(status(post("/write?precision=week", "m v=1")) == 400);
}

TEST_CASE_FIXTURE(HttpFixture, "InfluxDB clients may ask whether we live") {
  start();
  CHECK(status(world.http.request("GET", "/ping")) == 204);
  CHECK(status(world.http.request("GET", "/health")) == 200);
  CHECK(status(world.http.request("GET", "/ingest/x")) == 405);
  CHECK(status(world.http.request("GET", "/else")) == 404);
  CHECK(status(post("/ingest/", "{}")) == 400);
}

TEST_CASE_FIXTURE(HttpFixture, "partly bad: the good lines are on disk and 400 says how many") {
  start();
  const auto id = post("/ingest/h", "{\"a\":1}\nsecret!\n{\"a\":3}\n");
  world.poll(*source);
  CHECK(status(id) == 0);
  world.commit(*source);
  CHECK(status(id) == 400);
  CHECK(world.rows.size() == 2);
  CHECK(world.refusals.size() == 1);
  CHECK(body(id).find("\"accepted\":2,\"refused\":1") != std::string::npos);
  CHECK(body(id).find("\"first_error\":{\"line\":2,\"reason\":\"malformed\"}") !=
        std::string::npos);
  CHECK(body(id).find("secret") == std::string::npos);
}

TEST_CASE_FIXTURE(HttpFixture, "wholly bad: 400, and the refusals are counted") {
  start();
  const auto id = post("/ingest/h", "garbage");
  world.turn(*source);
  CHECK(status(id) == 400);
  CHECK(world.rows.empty());
  CHECK(world.refusals.size() == 1);
}

TEST_CASE_FIXTURE(HttpFixture, "an empty request is told that nothing is missing") {
  start();
  const auto id = post("/ingest/h", "\n");
  world.poll(*source);
  CHECK(status(id) == 204);
}

TEST_CASE_FIXTURE(HttpFixture, "what cannot fit one group is told how to split") {
  start();
  std::string many;
  for (std::size_t i = 0; i <= limits::kGroupRecordsMax; ++i) many += "{\"a\":1}\n";
  const auto id = post("/ingest/h", many);
  const auto huge = post("/ingest/h", std::string(limits::kIntakeBytesMax + 1, ' '));
  CHECK(status(huge) == 413);
  world.turn(*source);
  CHECK(status(id) == 413);
  CHECK(body(id).find("5,000 lines") != std::string::npos);
  CHECK(world.rows.empty());
  CHECK(world.refusals.empty());
}

TEST_CASE_FIXTURE(HttpFixture, "a request without room waits for the next intake, order kept") {
  start();
  std::string many;
  for (int i = 0; i < 9'000; ++i) many += "{\"a\":1}\n";
  const auto one = post("/ingest/h", many);
  const auto two = post("/ingest/h", many);
  world.turn(*source);
  CHECK(status(one) == 204);
  CHECK(status(two) == 0);
  CHECK(source->ready());
  world.turn(*source);
  CHECK(status(two) == 204);
  CHECK(world.rows.size() == 18'000);
}

TEST_CASE_FIXTURE(HttpFixture, "held: 503 with Retry-After for who waits and who comes") {
  start();
  const auto waiting = post("/ingest/h", "{\"a\":1}");
  source->hold(Hold::full);
  const auto later = post("/ingest/h", "{\"a\":1}");
  for (auto id : {waiting, later}) {
    CHECK(status(id) == 503);
    CHECK(world.http.answers.at(id).headers.at(1) ==
          std::pair<std::string, std::string>{"Retry-After", "5"});
  }
  source->hold(Hold::none);
  const auto good = post("/ingest/h", "{\"a\":1}");
  world.turn(*source);
  CHECK(status(good) == 204);
  CHECK(world.rows.size() == 1);
}

TEST_CASE_FIXTURE(HttpFixture, "who is told to come again is told what is waited for") {
  start();
  const auto waiting = post("/ingest/h", "{\"a\":1}");
  source->hold(Hold::stopping);
  const auto later = post("/ingest/h", "{\"a\":1}");
  for (auto id : {waiting, later}) {
    const HttpAnswer& answer = world.http.answers.at(id);
    CHECK(answer.status == 503);
    CHECK(answer.body.find("stops or starts again") != std::string::npos);
    CHECK(answer.body.find("full") == std::string::npos);
    CHECK(answer.headers.at(1) == std::pair<std::string, std::string>{"Retry-After", "1"});
  }
  CHECK(source->health().text.find("full") == std::string::npos);

  source->hold(Hold::full);

  const auto full = post("/ingest/h", "{\"a\":1}");
  CHECK(world.http.answers.at(full).body.find("the spool is full") != std::string::npos);
  CHECK(source->health().text.find("full") != std::string::npos);
}

TEST_CASE_FIXTURE(HttpFixture, "requests beyond the bound are told to come again") {
  start();
  std::uint64_t last = 0;
  for (std::size_t i = 0; i <= HttpSource::kRequestsMax; ++i) last = post("/ingest/h", "{\"a\":1}");
  CHECK(status(last) == 503);
  CHECK(status(last - 1) == 0);
  const std::string big(limits::kIntakeBytesMax, ' ');
  while (source->ready()) world.turn(*source);
  CHECK(status(post("/ingest/h", big)) == 0);
  CHECK(status(post("/ingest/h", big)) == 0);
  CHECK(status(post("/ingest/h", big)) == 503);
}

TEST_CASE_FIXTURE(HttpFixture, "a token is asked for where one is set") {
  options.token = "s3cret";
  start();
  CHECK(status(post("/ingest/h", "{\"a\":1}")) == 401);
  CHECK(status(post("/ingest/h", "{\"a\":1}", {{"Authorization", "Bearer s3cre"}})) == 401);
  CHECK(status(post("/ingest/h", "{\"a\":1}", {{"Authorization", "Basic s3cret"}})) == 401);
  CHECK(status(post("/ingest/h", "{\"a\":1}", {{"Authorization", "Bearer s3cret"}})) == 0);
  CHECK(status(post("/write", "m v=1", {{"Authorization", "Token s3cret"}})) == 0);
}

TEST_CASE_FIXTURE(HttpFixture, "compressed bodies are refused in plain words") {
  start();
  CHECK(status(post("/write", "\x1f\x8b", {{"Content-Encoding", "gzip"}})) == 415);
}

TEST_CASE_FIXTURE(HttpFixture, "an idempotency key is stored once, also across a restart") {
  start();
  const fake::HttpServers::Headers key{{"Idempotency-Key", "abc"}};
  const auto one = post("/ingest/h", "{\"a\":1}\nbad", key);
  const auto two = post("/ingest/h", "{\"a\":1}\nbad", key);  // While the first one waits.
  world.poll(*source);
  const auto three = post("/ingest/h", "{\"a\":1}\nbad", key);  // While it is in flight.
  world.poll(*source);
  CHECK(status(one) + status(two) + status(three) == 0);
  world.commit(*source);
  const auto four = post("/ingest/h", "{\"a\":1}\nbad", key);
  world.poll(*source);
  source.reset();
  world.restart();
  start();
  const auto five = post("/ingest/h", "{\"a\":1}\nbad", key);
  world.poll(*source);
  for (auto id : {one, two, three, four, five}) {
    CHECK(status(id) == 400);
    CHECK(body(id) == body(one));
  }
  CHECK(world.rows.size() == 1);
  const auto other = post("/ingest/h", "{\"a\":1}", {{"Idempotency-Key", "abd"}});
  world.turn(*source);
  CHECK(status(other) == 204);
  CHECK(world.rows.size() == 2);
}

TEST_CASE_FIXTURE(HttpFixture, "the last keys are remembered, in a bounded number of rows") {
  start();
  const auto keyed = [&](std::size_t i) {
    const auto id = post("/ingest/h", "{\"a\":1}", {{"Idempotency-Key", std::to_string(i)}});
    world.turn(*source);
    return id;
  };
  for (std::size_t i = 0; i < IdempotencyKeys::kKeysMax + 10; ++i) keyed(i);
  CHECK(world.cursors.size() == IdempotencyKeys::kKeysMax);
  const std::size_t stored = world.rows.size();
  keyed(IdempotencyKeys::kKeysMax);
  CHECK(world.rows.size() == stored);
  keyed(0);
  CHECK(world.rows.size() == stored + 1);
}

TEST_CASE_FIXTURE(HttpFixture, "a peer that leaves before its turn takes its request with it") {
  start();
  const auto id = post("/ingest/h", "{\"a\":1}");
  world.http.leave(id);
  CHECK_FALSE(source->ready());
}

TEST_CASE_FIXTURE(HttpFixture, "a port in use is an error of the start") {
  options.listen = "tcp://taken:1";
  source = std::make_unique<HttpSource>(options, world.host());
  const Status status = source->start();
  REQUIRE_FALSE(status);
  CHECK(status.error().code == Code::busy);
}

}  // namespace
}  // namespace pinaflux
