// PostgresFixture: a fresh database of the server that tests/kit/with_postgres has started.
#pragma once

#include <atomic>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

#include <doctest/doctest.h>

#include "agent/collector/postgres.h"
#include "agent/collector/store.h"
#include "agent/collector/verify.h"
#include "platform/linux/files.h"
#include "tests/agent/collector/gateway.h"

namespace pinaflux::collector_kit {

inline std::string server_address() {
  const char* address = std::getenv("PINAFLUX_POSTGRES");
  REQUIRE_MESSAGE(address != nullptr, "run it by tests/kit/with_postgres");
  return address;
}

inline std::unique_ptr<postgres::Connection> connect(const std::string& address) {
  std::string why;
  auto connection = postgres::Connection::open(address, why);
  REQUIRE_MESSAGE(connection.has_value(), why);
  return std::move(*connection);
}

struct PostgresFixture {
  kit::TemporaryDirectory directory;
  LinuxFiles files;
  std::unique_ptr<postgres::Connection> server = connect(server_address());
  std::string name = fresh_name();
  CollectorStore::Options options{make_database(), {}};
  std::vector<std::string> findings;
  std::unique_ptr<CollectorStore> store = open();
  Landed landed;

  ~PostgresFixture() {
    store.reset();
    (void)server->execute("DROP DATABASE " + name + " WITH (FORCE)");
  }

  static std::string fresh_name() {
    static std::atomic<int> count = 0;
    return "test_" + std::to_string(::getpid()) + "_" + std::to_string(++count);
  }
  std::string make_database() {
    REQUIRE(server->execute("CREATE DATABASE " + name).has_value());
    std::string address = server_address();
    const auto end = address.find('?');
    const auto begin = address.rfind('/', end) + 1;
    return address.replace(begin, end == std::string::npos ? end : end - begin, name);
  }
  std::unique_ptr<CollectorStore> open(const char* collector = "first") {
    CollectorStore::Options its = options;
    its.collector = collector;
    auto made = CollectorStore::open(its, files, findings);
    std::string why = made ? "" : made.error().what;
    for (const std::string& finding : findings) why += "; " + finding;
    REQUIRE_MESSAGE(made.has_value(), why);
    return std::move(*made);
  }
  void restart() {
    store.reset();
    store = open();
  }
  Landed& land(const std::vector<Arrival>& arrivals) {
    landed = Landed{};
    const Status done = store->land(arrivals, {kNoon}, landed);
    const std::string why = (done ? "" : done.error().what) + (": " + store->trouble());
    REQUIRE_MESSAGE(done.has_value(), why);
    return landed;
  }
  // Rows in lines, columns separated by '|', NULL as '~'.
  std::string ask(const std::string& sql) {
    auto connection = connect(options.database);
    REQUIRE(connection->execute("SET search_path TO pinaflux").has_value());
    std::string text;
    const Status read = connection->stream(sql, [&](const postgres::Answer& row) -> Status {
      for (int column = 0; column < row.columns(); ++column) {
        if (column > 0) text += '|';
        text += row.is_null(0, column) ? "~" : std::string(row.text(0, column));
      }
      text += '\n';
      return {};
    });
    REQUIRE_MESSAGE(read.has_value(), connection->why());
    return text;
  }
  void run(const std::string& sql) {
    auto connection = connect(options.database);
    REQUIRE(connection->execute("SET search_path TO pinaflux").has_value());
    REQUIRE_MESSAGE(connection->execute(sql).has_value(), connection->why());
  }
  // The server ends all sessions of collectors, as a restart does.
  void cut() {
    (void)server->execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname='" +
                          name + "'");
  }
  VerifyReport report() {
    std::string why;
    auto report = verify(options.database, nullptr, &why);
    REQUIRE_MESSAGE(report.has_value(), why);
    return std::move(*report);
  }
};

}  // namespace pinaflux::collector_kit
