#include "agent/spool/sqlite_meter.h"

#include <doctest/doctest.h>

#include "agent/spool/sqlite.h"
#include "tests/agent/spool/spool_kit.h"

namespace pinaflux::sqlite {

TEST_CASE("what a commit hands to the kernel is counted, and each sync") {
  const spool_kit::Directory directory;
  const Meter meter;
  auto database = Database::open({.path = directory.path() + "/a.db", .vfs = meter.vfs()});
  REQUIRE(database.has_value());
  REQUIRE((*database)->make_durable().has_value());
  REQUIRE((*database)->execute("CREATE TABLE t(x)").has_value());
  const FileCounts before = meter.counts();

  REQUIRE((*database)->execute("INSERT INTO t VALUES(1)").has_value());

  CHECK(meter.counts().bytes_written == before.bytes_written + 1024 + 24);
  CHECK(meter.counts().syncs == before.syncs + 1);
}

}  // namespace pinaflux::sqlite
