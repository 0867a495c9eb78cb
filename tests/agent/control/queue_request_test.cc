#include "agent/control/queue_request.h"

#include <doctest/doctest.h>

namespace pinaflux {
namespace {

TEST_CASE("every request of the queue makes its operation") {
  for (const char* text : {"stats text", "stats json", "peek normal 10", "peek * 1", "verify json",
                           "export * 1700000000", "export bulk 0", "purge bulk all text",
                           "purge bulk 1700000000000000000 json"}) {
    CAPTURE(text);
    CHECK(make_operation(text) != nullptr);
  }
}

TEST_CASE("what is no request makes none") {
  for (const char* text : {"", "stats", "stats xml", "peek", "peek normal", "peek normal 0",
                           "peek normal x", "verify", "export *", "purge * all json",
                           "purge bulk soon text", "purge bulk all", "repair", "import"}) {
    CAPTURE(text);
    CHECK(make_operation(text) == nullptr);
  }
}

TEST_CASE("what changes the spool says so") {
  CHECK_FALSE(make_operation("stats text")->changes());
  CHECK_FALSE(make_operation("peek * 1")->changes());
  CHECK_FALSE(make_operation("verify text")->changes());
  CHECK(make_operation("export * 0")->changes());
  CHECK(make_operation("purge bulk all text")->changes());
}

}  // namespace
}  // namespace pinaflux
