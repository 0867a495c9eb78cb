#include "agent/agent/schema_notices.h"

#include "agent/pipeline/stream_schema.h"
#include "tests/agent/uplink/fixture.h"

namespace pinaflux::tests {
namespace {

struct SchemaNoticesFixture {
  struct Far final : MqttClient {
    Far(SchemaNoticesFixture& f, Events& e) : fixture(f), events(e) { fixture.far = this; }
    void connect(const MqttConnect&) override {}
    void disconnect() override {}
    Status subscribe(const std::string&) override { return {}; }
    Result<std::uint64_t> publish(const MqttPublish& p) override {
      if (p.topic.contains("/schema/")) {
        fixture.texts.emplace_back(p.topic + " " + std::string(as_text(p.payload)));
      }
      return ++fixture.tokens;
    }
    SchemaNoticesFixture& fixture;
    Events& events;
  };

  SchemaNoticesFixture() {
    UplinkOptions by_http, first;
    by_http.broker = "http://a:8080";
    by_http.name = "web";
    first.broker = "tcp://a:1883";
    first.gateway = by_http.gateway = "gw";
    by_http.lanes = {{"other"}};
    first.lanes = {{"normal"}};
    std::vector<Uplinks::Part> parts;
    parts.push_back({by_http, {1}});
    parts.push_back({first, {0}});
    uplinks =
        std::make_unique<Uplinks>(std::move(parts), Uplinks::Host{clock, entropy, loop, make, {}});
    uplinks->start();
    far->events.connected({});
  }
  static StateEdit state(const std::string& stream, std::uint32_t version = 1) {
    return {"pipeline/checked/" + stream,
            StreamSchema{.stream = stream, .version = version}.encode()};
  }
  // Until nothing is told any more.
  std::vector<std::string> told() {
    for (std::size_t before = texts.size() + 1; texts.size() != before;) {
      before = texts.size();
      notices.tell(*uplinks);
      far->events.published(tokens, 0);
    }
    return std::exchange(texts, {});
  }

  ScriptedLoop loop;
  LoopClock clock{loop};
  CountingEntropy entropy;
  Far* far = nullptr;  // The last that was made.
  std::uint64_t tokens = 0;
  std::vector<std::string> texts;
  MqttClientMaker make = [this](MqttClient::Events& e) { return std::make_unique<Far>(*this, e); };
  std::unique_ptr<Uplinks> uplinks;
  SchemaNotices notices{"gw"};
};

TEST_CASE_FIXTURE(SchemaNoticesFixture, "after a start every schema is told, and nothing else") {
  notices.take({state("a"), state("b"), {"pipeline/door/00", {1, 2}}, {"uplink/budget", {}}});
  const auto all = told();
  REQUIRE(all.size() == 2);
  CHECK(all[0].starts_with(
      "pinaflux/gw/schema/a {\"schema\":\"pinaflux.stream/1\",\"gateway\":\"gw\",\"stream\":\"a\","
      "\"node\":\"checked\",\"version\":1,"));
  CHECK(told().empty());
}

TEST_CASE_FIXTURE(SchemaNoticesFixture,
                  "what changes is told once it is committed, the last of it") {
  Group group;
  group.states = {state("a", 1)};
  notices.prepare(group);
  CHECK(told().empty());
  notices.committed();
  group.states = {state("a", 2), {"pipeline/checked/b", {}}};
  notices.prepare(group);
  notices.committed();
  const auto all = told();
  REQUIRE(all.size() == 1);
  CHECK(all[0].contains("\"version\":2,"));
}

}  // namespace
}  // namespace pinaflux::tests
