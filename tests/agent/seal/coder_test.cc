#include "agent/seal/coder.h"

#include <doctest/doctest.h>

#include "platform/base/random.h"

namespace pinaflux::seal {
namespace {

using Misses = std::vector<std::uint64_t>;

struct CoderFixture {
  CodeWriter writer;
  CodeReader reader;
  Random random{5};
  std::vector<std::uint8_t> classes;

  Misses made(std::size_t count) {
    Misses misses(count);
    const auto wide = random.below(64), rare = 1 + random.below(9);
    for (auto& m : misses) m = random.one_in(rare) ? random.u64() >> wide : 0;
    return misses;
  }
  Coding coding() {
    Coding code{.shift = static_cast<std::uint8_t>(random.below(random.one_in(4) ? 64 : 8)),
                .context = static_cast<std::uint8_t>(random.below(Coding::kContexts))};
    code.classes = classes.data();
    return code;
  }
  void classify(const Misses& misses) {
    classes.clear();
    for (const std::uint64_t m : misses) classes.push_back(class_of(m, 0));
  }
  std::size_t bytes_of(const Misses& misses, const Coding& code) {
    Buffer bytes;
    writer.begin();
    writer.write_misses(misses, code, bytes);
    writer.finish(bytes);
    return bytes.size();
  }
};

TEST_CASE_FIXTURE(CoderFixture, "several series share one code, and come back under each context") {
  for (int n = 0; n < 300; ++n) {
    std::vector<Misses> series;
    std::vector<Coding> codings;
    classify(made(700));
    Buffer bytes;
    writer.begin();
    for (int i = 0; i < 5; ++i) {
      series.push_back(made(random.below(700)));
      codings.push_back(coding());
      writer.write_misses(series.back(), codings.back(), bytes);
    }
    writer.finish(bytes);

    Reader from(bytes);
    reader.begin(bytes);
    for (std::size_t i = 0; i < series.size(); ++i) {
      Misses back(series[i].size());
      reader.read_misses(from, back, codings[i]);
      REQUIRE(back == series[i]);
    }
    REQUIRE(reader.ends_with(from.left()));
  }
}

TEST_CASE_FIXTURE(CoderFixture, "the cost that is counted is what it comes to") {
  for (int n = 0; n < 100; ++n) {
    const Misses misses = made(500);
    classify(misses);
    const Coding code = coding();

    const auto counted = static_cast<double>(writer.cost(misses, code)) / 256 / 8;

    CHECK(static_cast<double>(bytes_of(misses, code)) ==
          doctest::Approx(counted).epsilon(0.02).scale(100));
  }
}

TEST_CASE_FIXTURE(CoderFixture,
                  "what is always the same costs nearly nothing, and noise no more than itself") {
  CHECK(bytes_of(Misses(500, 0), {}) < 4);
  Misses noise(500);
  for (auto& m : noise) m = random.u64() >> 48;
  CHECK(bytes_of(noise, {.shift = 12}) < 500 * 16 / 8 * 1.02);
}

TEST_CASE_FIXTURE(CoderFixture, "a context that tells the width pays") {
  Misses misses(500);
  for (std::size_t i = 0; i < misses.size(); ++i)
    misses[i] = random.one_in(2) ? 4 + random.below(4) : 0;
  classify(misses);

  const std::size_t without = bytes_of(misses, {});
  const std::size_t with =
      bytes_of(misses, {.context = Coding::reference, .classes = classes.data()});

  CHECK(with + 50 < without);
}

TEST_CASE_FIXTURE(CoderFixture, "a reader stays within its bytes, whatever they are") {
  classify(made(400));
  for (int n = 0; n < 300; ++n) {
    Buffer bytes(random.below(40));
    for (auto& b : bytes) b = static_cast<std::uint8_t>(random.u64());
    Reader from(bytes);
    Misses back(400);

    reader.begin(bytes);
    reader.read_misses(from, back, coding());

    CHECK((from.failed() || from.left() <= bytes.size()));
  }
}

TEST_CASE("a class is a width of at most 3") {
  CHECK(class_of(0, 0) == 0);
  CHECK(class_of(1, 0) == 1);
  CHECK(class_of(2, 0) == 2);
  CHECK(class_of(3, 0) == 2);
  CHECK(class_of(4, 0) == 3);
  CHECK(class_of(~std::uint64_t{0}, 0) == 3);
  CHECK(class_of(0xff, 7) == 1);
}

}  // namespace
}  // namespace pinaflux::seal
