#include "agent/data/refused.h"

#include <doctest/doctest.h>

#include "agent/data/limits.h"

namespace pinaflux {
namespace {

const RefusedBytes kRefused{.format = 2,
                            .ns_per_tick = 1'000'000,
                            .arrival = Stamp{-7, 0x9f},
                            .stream = "line/press",
                            .bytes = as_bytes("{\"a\":")};

TEST_CASE("packed bytes open as they were") {
  const Buffer packed = kRefused.pack();

  const auto opened = RefusedBytes::open(packed);

  REQUIRE(opened.has_value());
  CHECK(opened->format == 2);
  CHECK(opened->ns_per_tick == 1'000'000);
  CHECK(opened->arrival == Stamp{-7, 0x9f});
  CHECK(opened->stream == "line/press");
  CHECK(as_text(opened->bytes) == "{\"a\":");
}

TEST_CASE("packed bytes cut anywhere open to their beginning, or not at all") {
  const Buffer packed = kRefused.pack();
  for (std::size_t size = 0; size <= packed.size(); ++size) {
    const auto opened = RefusedBytes::open(Bytes(packed).first(size));

    CHECK(opened.has_value() == (size >= packed.size() - kRefused.bytes.size()));
  }
}

TEST_CASE("of long bytes the beginning is packed") {
  const std::string text(limits::kRefusedBytesMax + 5, 'x');
  RefusedBytes refused = kRefused;
  refused.bytes = as_bytes(text);

  const Buffer packed = refused.pack();

  CHECK(RefusedBytes::open(packed)->bytes.size() == limits::kRefusedBytesMax);
}

TEST_CASE("kept bytes are moved, never copied") {
  static_assert(!std::is_copy_constructible_v<KeptBytes>);
  KeptBytes first(3, kRefused.pack());
  const auto* at = first.packed.data();

  const KeptBytes second = std::move(first);

  CHECK(second.packed.data() == at);
  CHECK(second.refusal == 3);
}

}  // namespace
}  // namespace pinaflux
