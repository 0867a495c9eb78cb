#include "platform/tls/failure.h"

#include <set>
#include <string>

#include <doctest/doctest.h>

using namespace pinaflux;
using namespace pinaflux::tls;

TEST_CASE("every cause has a name of its own and a text that is not empty") {
  std::set<std::string> names;
  for (int i = 0; i <= static_cast<int>(Cause::other); ++i) {
    const Failure failure{static_cast<Cause>(i), "x"};
    names.insert(cause_name(failure.cause));
    CHECK(std::string(failure.error().what).size() > 5);
  }
  CHECK(names.size() == static_cast<std::size_t>(Cause::other) + 1);
  CHECK(std::string(cause_name(Cause::unknown_issuer)) == "unknown_issuer");
  CHECK(std::string(cause_name(Cause::other)) == "other");
}

TEST_CASE("an alert that we do not know is told by its number") {
  CHECK(alert_received(48).text ==
        "the server refuses us with the TLS alert unknown_ca: the server does not know who signed "
        "our certificate: give it that CA's certificate");
  CHECK(alert_received(199).text ==
        "the server refuses us with the TLS alert number 199: see the server's log");
}

TEST_CASE("times are printed as people write them") {
  CHECK(printed_time(0) == "1970-01-01 00:00:00 UTC");
  CHECK(printed_time(1'777'593'599) == "2026-04-30 23:59:59 UTC");
}
