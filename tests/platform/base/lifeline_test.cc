#include "platform/base/lifeline.h"

#include <memory>

#include <doctest/doctest.h>

namespace pinaflux {
namespace {

struct Owner {
  Lifeline life;
  std::function<void(int)> event;
};

TEST_CASE("a function that destroys its owner is told of, and runs to its end") {
  auto owner = std::make_unique<Owner>();
  const auto word =
      std::make_shared<std::string>("held while it runs, and longer than a short text");
  std::string heard;
  owner->event = [&, word](int n) {
    if (n == 2) owner.reset();
    heard += *word + std::to_string(n);
  };
  CHECK_FALSE(owner->life.gone_after(owner->event, 1));
  REQUIRE(owner->event);  // It is there again for the next call.
  CHECK(owner->life.gone_after(owner->event, 2));
  CHECK(heard == *word + "1" + *word + "2");
  CHECK(word.use_count() == 1);
}

}  // namespace
}  // namespace pinaflux
