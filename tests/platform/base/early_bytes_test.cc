#include "platform/base/early_bytes.h"

#include <doctest/doctest.h>

namespace pinaflux::tests {

TEST_CASE("what comes early is kept in order, whole or not at all, and taken once") {
  EarlyBytes early(10);
  CHECK(early.add(as_bytes("hello ")));
  CHECK_FALSE(early.add(as_bytes("world")));
  CHECK(early.add(as_bytes("you!")));
  CHECK_FALSE(early.add(as_bytes("x")));
  CHECK(early.add({}));
  CHECK(early.size() == 10);
  CHECK(as_text(early.take()) == "hello you!");
  CHECK(early.size() == 0);
  CHECK(early.take().empty());
  CHECK(early.add(as_bytes("0123456789")));
}

}  // namespace pinaflux::tests
