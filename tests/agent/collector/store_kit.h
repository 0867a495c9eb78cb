// StoreFixture: a collector's database in a fresh directory, and what is asked of it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/collector/store.h"
#include "agent/collector/verify.h"
#include "agent/spool/sqlite.h"
#include "platform/linux/files.h"
#include "tests/agent/collector/gateway.h"

namespace pinaflux::collector_kit {

struct StoreFixture {
  kit::TemporaryDirectory directory;
  LinuxFiles files;
  CollectorStore::Options options{directory / "landed.db", {}};
  std::vector<std::string> findings;
  std::unique_ptr<CollectorStore> store = open();
  Landed landed;

  std::unique_ptr<CollectorStore> open() {
    auto made = CollectorStore::open(options, files, findings);
    REQUIRE(made.has_value());
    return std::move(*made);
  }
  void restart() {
    store.reset();
    store = open();
  }
  Landed& land(const std::vector<Arrival>& arrivals) {
    landed = Landed{};
    REQUIRE(store->land(arrivals, {kNoon}, landed).has_value());
    return landed;
  }
  // As an operator, while the collector is down.
  void execute(const std::string& sql) {
    store.reset();
    auto database = sqlite::Database::open({.path = options.database, .page_bytes = 4096});
    REQUIRE(database.has_value());
    REQUIRE((*database)->make_durable().has_value());
    REQUIRE((*database)->execute(sql.c_str()).has_value());
    database->reset();
    store = open();
  }
  std::string ask(const std::string& sql) {
    auto database = sqlite::Database::open({.path = options.database, .read_only = true});
    REQUIRE(database.has_value());
    return query(**database, sql);
  }
  VerifyReport report() {
    auto report = verify(options.database, nullptr, nullptr, false, &files);
    REQUIRE(report.has_value());
    return std::move(*report);
  }
};

}  // namespace pinaflux::collector_kit
