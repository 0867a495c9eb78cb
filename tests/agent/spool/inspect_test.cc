#include "agent/spool/inspect.h"

#include <algorithm>

#include "tests/agent/spool/queue_kit.h"

namespace pinaflux::spool_kit {

namespace {

std::string stats(Spool& spool) {
  Survey survey(Survey::Form::json);
  return answer(spool, survey);
}

std::size_t lines(const std::string& text) {
  return static_cast<std::size_t>(std::ranges::count(text, '\n'));
}

// Everything in the spool's folder, by name.
std::map<std::string, std::string> bytes_in(SpoolFixture& f) {
  std::map<std::string, std::string> all;
  for (const auto& name : *f.files.list(f.options.directory)) {
    all[name] = *f.files.read_text(f.options.directory + "/" + name, 64 << 20);
  }
  return all;
}

struct InspectFixture : SpoolFixture {
  // An envelope that was sent, one that was not, and a chunk.
  InspectFixture() {
    open();
    wish.envelopes[0] = 1;
    add(0, 0, 5);
    commit();
    wish.envelopes[0] = 0;
    add(0, 5, 4);
    add(1, 100, 2);
    commit();
  }
};

}  // namespace

// The contract "pinaflux.queue.stats/1": it changes by addition only.
TEST_CASE("the stats as JSON are the golden line") {
  QueueStats all;
  all.file_bytes = 65536;
  all.wal_bytes = 4096;
  all.free_bytes = 1024;
  all.bytes_max = 16'777'216;
  all.dead_letters = 3;
  LaneStats lane{.gateway = "pump-7", .name = "alarm"};
  lane.epoch.fill(0xab);
  lane.next_seq = 31;
  lane.acked = 10;
  lane.shed = 5;
  lane.records = 15;
  lane.bytes = 700;
  lane.lost = 5;
  lane.envelopes = 2;
  lane.chunks = 1;
  lane.tombstones = 1;
  lane.oldest = {1'700'000'000'000'000'000, 0};
  all.lanes = {lane, {.gateway = "pump-7", .name = "bulk"}};

  CHECK(stats_json(all) ==
        R"({"schema":"pinaflux.queue.stats/1","file_bytes":65536,"wal_bytes":4096,)"
        R"("free_bytes":1024,"bytes_max":16777216,"dead_letters":3,"lanes":[)"
        R"({"gateway":"pump-7","lane":"alarm","epoch":"abababababababababababababababab",)"
        R"("records":15,"bytes":700,"envelopes":2,"chunks":1,"tombstones":1,"records_lost":5,)"
        R"("oldest":"2023-11-14T22:13:20.000000000Z","acked":10,"next_seq":31,"shed":5},)"
        R"({"gateway":"pump-7","lane":"bulk","epoch":"00000000000000000000000000000000",)"
        R"("records":0,"bytes":0,"envelopes":0,"chunks":0,"tombstones":0,"records_lost":0,)"
        R"("oldest":null,"acked":0,"next_seq":1,"shed":0}]})");
}

TEST_CASE_FIXTURE(InspectFixture, "stats count what the spool itself counts, running and stopped") {
  const std::string running = stats(*spool);
  const LaneState state = lane_state(0);

  auto stopped = view(*this);
  Survey survey(Survey::Form::json);
  const std::string from_file = answer(*stopped, survey);

  CHECK(running.find(R"("records":9,"bytes":)" + std::to_string(state.bytes_queued) +
                     R"(,"envelopes":1,"chunks":1,"tombstones":0)") != std::string::npos);
  CHECK(running.find(R"("acked":0,"next_seq":10)") != std::string::npos);
  CHECK(from_file.substr(from_file.find("lanes")) == running.substr(running.find("lanes")));
}

TEST_CASE_FIXTURE(InspectFixture, "peek shows the oldest records of a lane, and leases nothing") {
  Peek peek("alarm", 7);
  const std::string text = answer(*spool, peek);

  CHECK(lines(text) == 7);
  CHECK(text.starts_with(R"({"_stream":"boiler/flow","_gateway":"pump-7")"));
  CHECK(text.find(R"("_lane":"alarm","_seq":7)") != std::string::npos);
  CHECK(text.find(R"("n":6})") != std::string::npos);
  wish.envelopes.fill(8);
  commit();
  REQUIRE(leases.size() == 2);
  CHECK(leases[0].range == Range{6, 9});
}

TEST_CASE_FIXTURE(InspectFixture,
                  "peek without a lane shows each, and stops where there is no more") {
  Peek peek("", 100);
  CHECK(lines(answer(*spool, peek)) == 11);
  Peek none("nosuch", 1);
  Buffer out;
  const auto asked = spool->operate(none, out);
  REQUIRE(!asked.has_value());
  CHECK(asked.error().code == Code::not_found);
}

TEST_CASE_FIXTURE(InspectFixture, "peek goes on where it was although chunks became an envelope") {
  add(0, 9, 400);
  commit();
  Peek peek("alarm", 2000);
  Buffer out;
  REQUIRE(spool->operate(peek, out).value());  // The envelope 1-5.
  REQUIRE(spool->operate(peek, out).value());  // The chunk 6-9.
  wish.envelopes.fill(8);
  commit();
  while (*spool->operate(peek, out)) {
  }

  CHECK(lines(std::string(as_text(out))) == 409);
  CHECK(as_text(out).find(R"("_seq":10,)") != std::string::npos);
}

// As a kill leaves it: what was committed last stands in the log alone.
TEST_CASE_FIXTURE(InspectFixture, "looking at a stopped spool changes not one byte of it") {
  const std::string killed = directory.path() + "/killed";
  std::filesystem::copy(options.directory, killed);
  options.directory = killed;
  const auto before = bytes_in(*this);

  {
    auto stopped = view(*this);
    Survey survey(Survey::Form::text);
    CHECK(answer(*stopped, survey).find("9 records") != std::string::npos);
    Peek peek("", 100);
    answer(*stopped, peek);
  }

  const auto after = bytes_in(*this);
  CHECK(before.at("spool.db") == after.at("spool.db"));
  CHECK(before.at("spool.db-wal") == after.at("spool.db-wal"));
  CHECK(before.size() == after.size());
}

TEST_CASE_FIXTURE(SpoolFixture, "where there is no spool none is made") {
  long holder = 0;
  const auto none = View::open(options, files, holder);
  REQUIRE(!none.has_value());
  CHECK(none.error().code == Code::not_found);
  CHECK(!files.info(options.directory).has_value());
}

TEST_CASE_FIXTURE(InspectFixture, "a spool that an agent has open is busy, and says whose it is") {
  long holder = 0;
  const auto none = View::open(options, files, holder);
  REQUIRE(!none.has_value());
  CHECK(none.error().code == Code::busy);
  CHECK(holder == ::getpid());
}

TEST_CASE_FIXTURE(InspectFixture, "the file alone says whose it is and which lanes it has") {
  spool.reset();
  long holder = 0;
  const auto found = options_of(options.directory, files, holder);
  if (!options.key.empty()) {  // PINAFLUX_SPOOL_KEY: without the key, nothing is told.
    REQUIRE(!found.has_value());
    CHECK(found.error().code == Code::denied);
    return;
  }
  REQUIRE(found.has_value());
  CHECK(found->gateway == "pump-7");
  REQUIRE(found->lanes.size() == 2);
  CHECK(found->lanes[1].name == "bulk");
}

}  // namespace pinaflux::spool_kit
