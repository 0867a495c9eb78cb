// A failing, flooding or blocking source is held back alone: what the others bring is taken in the turn
// in which it comes, as if they were alone.

#include <map>

#include <doctest/doctest.h>

#include "agent/ingest/factory.h"
#include "tests/agent/ingest/fakes.h"

namespace pinaflux {
namespace {

struct FairnessFixture {
  fake::World world;
  fake::Broker missing;
  std::vector<std::unique_ptr<Source>> sources;
  std::map<SourceIndex, std::uint64_t> records;
  std::vector<std::shared_ptr<fake::Wire>> flood;
  std::size_t first = 0;

  template <class Options>
  Source& add(Options options) {
    options.name = "s" + std::to_string(sources.size());
    options.index = static_cast<SourceIndex>(sources.size());
    auto made = make_source(AnySourceOptions(options), world.host());
    REQUIRE(made.has_value());
    sources.push_back(std::move(*made));
    REQUIRE(sources.back()->start());
    return *sources.back();
  }
  // As the agent's gatherer does: every ready source once, the first one changing.
  void turn() {
    world.intake.reset();
    ++first;
    for (std::size_t i = 0; i < sources.size(); ++i) {
      Source& source = *sources[(first + i) % sources.size()];
      if (source.ready()) source.poll(world.intake);
    }
    std::map<SourceIndex, Receipt> receipts;
    for (const Parcel& p : world.intake.parcels) {
      receipts[p.source] = {p.source, p.ticket, 0};
      records[p.source] += p.records_end - p.records_begin;
    }
    for (const auto& [index, receipt] : receipts) sources[index]->committed(receipt);
  }
};

TEST_CASE_FIXTURE(FairnessFixture,
                  "floods, failures and a blocked peer cost a calm source nothing") {
  HttpSourceOptions calm;
  add(calm);
  LinesSourceOptions lines;
  lines.address = "tcp://127.0.0.1:0";
  add(lines);
  for (int i = 0; i < 8; ++i) flood.push_back(world.network.peer());
  FileSourceOptions file;
  file.path = "/big.log";
  std::string large;
  for (int i = 0; i < 2'000'000 / 10; ++i) large += "{\"a\":1}x\n\xff";  // Nearly all of it is bad.
  world.files.put("/big.log", large);
  add(file);
  MqttSourceOptions mqtt;
  mqtt.broker = "tcp://b:1";
  mqtt.topics = {"#"};
  sources.push_back(std::make_unique<MqttSource>(mqtt, world.host(), missing.connector()));
  REQUIRE(sources.back()->start());
  missing.cut({Code::refused, 0, "connection refused"});
  std::string many;
  while (many.size() < LinesSource::kHeldBytes) many += "{\"flood\":true}\n";
  const std::string request = "{\"a\":1}\n{\"a\":2}\n";

  for (int turns = 0; turns < 200; ++turns) {
    for (auto& peer : flood) {
      if (!peer->paused) peer->send(many);
    }
    world.http.request("POST", "/ingest/calm", request);
    turn();
    world.loop.pass(Duration::milliseconds(50));
  }

  CHECK(records[0] == 400);  // All of it, each in its turn.
  CHECK(world.http.answers.size() == 200);
  CHECK(records[1] > 200'000);                   // The flood goes on meanwhile,
  CHECK(world.intake.refusals.size() < 10'000);  // refusals are counted together,
  CHECK(missing.dials < 20);                     // and the missing broker is not hammered.
}

TEST_CASE_FIXTURE(FairnessFixture, "one source takes at most its share of an intake") {
  LinesSourceOptions lines;
  lines.address = "tcp://127.0.0.1:0";
  add(lines);
  std::string many;
  while (many.size() < 1'000'000) many += "{\"a\":\"" + std::string(90, 'x') + "\"}\n";
  for (int i = 0; i < 20; ++i) world.network.peer()->send(many);
  turn();
  CHECK(world.intake.arena().bytes_used() < limits::kIntakeBytesMax / 4);
}

}  // namespace
}  // namespace pinaflux
