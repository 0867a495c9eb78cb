#include "platform/base/telling.h"

#include <memory>

#include <doctest/doctest.h>

using namespace pinaflux;

TEST_CASE("an event that leaves its teller alone is told as such, nested or not") {
  Telling telling;
  bool inner = false;
  CHECK(telling.tell([&] { inner = telling.tell([] {}); }));
  CHECK(inner);
}

TEST_CASE("an event that destroys its teller is told at every depth") {
  auto telling = std::make_unique<Telling>();
  Telling* const teller = telling.get();
  bool inner = true;
  CHECK_FALSE(teller->tell([&] { inner = teller->tell([&] { telling.reset(); }); }));
  CHECK_FALSE(inner);
}
