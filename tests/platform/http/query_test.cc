#include <doctest/doctest.h>

#include "platform/http_server.h"

using namespace pinaflux;

TEST_CASE("a query gives its values decoded") {
  CHECK(query_value("db=mine&precision=ns", "db") == "mine");
  CHECK(query_value("db=mine&precision=ns", "precision") == "ns");
  CHECK(query_value("a=1%202+3", "a") == "1 2 3");
  CHECK(query_value("%64b=x", "db") == "x");
  CHECK(query_value("a=1&a=2", "a") == "1");
  CHECK(query_value("ab=1", "a").empty());
  CHECK(query_value("a", "a").empty());
  CHECK(query_value("", "a").empty());
  CHECK(query_value("a=%zz", "a").empty());
  CHECK(query_value("a=%0", "a").empty());
  CHECK(query_value("a=b=c", "a") == "b=c");
}
