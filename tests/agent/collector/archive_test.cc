#include "agent/collector/archive.h"

#include <filesystem>
#include <fstream>

#include "agent/collector/import.h"
#include "agent/collector/verify.h"
#include "platform/linux/files.h"
#include "tests/agent/collector/gateway.h"

using namespace pinaflux;
using namespace pinaflux::collector_kit;

namespace {

struct ArchiveFixture {
  kit::TemporaryDirectory directory;
  LinuxFiles files;
  std::vector<std::string> findings;
  std::string file = directory / "kept/2026-07-25.archive";
  Gateway gateway;

  std::unique_ptr<CollectorStore> open(const std::string& name, bool archives) {
    CollectorStore::Options options{.database = directory / name};
    if (archives) options.outlets.archive = directory / "kept";
    auto store = CollectorStore::open(options, files, findings);
    REQUIRE(store.has_value());
    return std::move(*store);
  }
  Landed land(CollectorStore& store, const std::vector<Arrival>& arrivals) {
    Landed landed;
    REQUIRE(store.land(arrivals, {kNoon}, landed).has_value());
    return landed;
  }
  ImportReport replay(CollectorStore& store) {
    Import import(files, file);
    std::vector<AckMessage> acks;
    for (Result<bool> more = true; *more;) {
      more = import.step(store, {kNoon}, acks);
      REQUIRE(more.has_value());
    }
    return import.report();
  }
  VerifyReport proof(const std::string& name) { return *verify(directory / name); }
};

}  // namespace

TEST_CASE_FIXTURE(ArchiveFixture,
                  "what has landed is kept once, and lands again, once, elsewhere") {
  auto first = open("first.db", true);
  const std::vector<Arrival> all = {gateway.send(10), gateway.lose(5), gateway.send(20)};
  land(*first, all);
  Arrival damaged = gateway.send(5);
  damaged.payload.back() ^= 1;
  land(*first, {all[0], damaged});  // Redelivered; refused.

  auto second = open("second.db", false);
  const ImportReport report = replay(*second);

  CHECK(report.complete);
  CHECK(report.envelopes == 3);
  CHECK(report.counts.rows == 30);
  CHECK(report.counts.declared == 1);
  CHECK(report.counts.rejects == 0);
  CHECK(replay(*second).counts.rows == 0);
  CHECK(replay(*first).counts.rows == 0);
  for (const char* name : {"first.db", "second.db"}) {
    CHECK(proof(name).complete());
    CHECK(proof(name).lanes[0].landed == 30);
    CHECK(proof(name).lanes[0].lost.at("evicted") == 5);
  }
}

TEST_CASE_FIXTURE(ArchiveFixture,
                  "an archive grows from one start to the next, and ends with what was committed") {
  for (int start = 0; start < 3; ++start) {
    auto store = open("first.db", true);
    land(*store, {gateway.send(10)});
    store.reset();
    if (start < 2) std::ofstream(file, std::ios::app) << "12\nnot commit";
  }
  CHECK(findings.empty());
  auto second = open("second.db", false);
  CHECK(replay(*second).complete);
  CHECK(proof("second.db").lanes[0].landed == 30);
}

TEST_CASE_FIXTURE(ArchiveFixture,
                  "a copy that ends within an envelope lands what is whole, and says so") {
  auto store = open("first.db", true);
  land(*store, {gateway.send(10), gateway.send(10)});
  std::filesystem::resize_file(file, std::filesystem::file_size(file) - 3);
  auto second = open("second.db", false);
  const ImportReport report = replay(*second);
  CHECK_FALSE(report.complete);
  CHECK(report.text.contains("ends within an envelope"));
  CHECK(report.counts.rows == 10);
}

TEST_CASE_FIXTURE(ArchiveFixture, "a folder that cannot be is named") {
  std::ofstream(directory / "kept") << "no folder";
  CollectorStore::Options options{.database = directory / "first.db", .outlets = {}};
  options.outlets.archive = directory / "kept";
  CHECK_FALSE(CollectorStore::open(options, files, findings).has_value());
  REQUIRE(findings.size() == 1);
  CHECK(findings[0].contains("no file can be kept in " + (directory / "kept")));
}

TEST_CASE_FIXTURE(ArchiveFixture, "where nothing can be kept nothing is landed") {
  auto store = open("first.db", true);
  std::filesystem::remove_all(directory / "kept");
  std::ofstream(directory / "kept") << "no folder";
  Landed landed;
  CHECK_FALSE(store->land(std::vector{gateway.send(10)}, {kNoon}, landed).has_value());
  std::filesystem::remove(directory / "kept");
  Gateway again;
  land(*store, {again.send(10)});
  CHECK(proof("first.db").lanes[0].landed == 10);
}
