#include "agent/pipeline/distinct.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "platform/base/random.h"

namespace pinaflux {
namespace {

Buffer state_of(const Distinct& distinct) {
  Buffer bytes;
  Writer writer(bytes);
  distinct.encode(writer);
  return bytes;
}

bool decodes(const Buffer& bytes) {
  Reader reader(bytes);
  Distinct distinct;
  return distinct.decode(reader) && reader.left() == 0;
}

TEST_CASE("up to 32 different values are counted exactly, however often they come") {
  Random random(1);
  for (int round = 0; round < 300; ++round) {
    Distinct distinct;
    std::set<std::int64_t> values;
    const std::int64_t few = random.between(1, 32);
    for (int i = 0; i < 200; ++i) {
      const std::int64_t x = random.between(1, few) * 1'000'003;
      values.insert(x);
      distinct.add(Value::int64(x));
      REQUIRE(distinct.count() == static_cast<std::int64_t>(values.size()));
    }
  }
}

TEST_CASE("values are told apart as keys are") {
  Distinct distinct;
  const auto after = [&](const Value& value) {
    distinct.add(value);
    return distinct.count();
  };
  CHECK(after(Value()) == 0);
  CHECK(after(Value::null()) == 0);
  CHECK(after(Value::float64(NAN)) == 0);
  CHECK(after(Value::int64(1)) == 1);
  CHECK(after(Value::float64(1.0)) == 1);
  CHECK(after(Value::boolean(true)) == 2);
  CHECK(after(Value::text("1")) == 3);
  CHECK(after(Value::bytes(as_bytes("1"))) == 4);
  CHECK(after(Value::text("")) == 5);
  CHECK(after(Value::float64(0.0)) == 6);
  CHECK(after(Value::float64(-0.0)) == 6);
  CHECK(after(Value::float64(INFINITY)) == 7);
  CHECK(after(Value::uint64(UINT64_MAX)) == 8);
  CHECK(after(Value::text(std::string(100'000, 'x'))) == 9);
  CHECK(after(Value::text(std::string(100'001, 'x'))) == 10);
}

TEST_CASE("order, repetition and split do not show in the state, from 0 to 3,000 values") {
  Random random(2);
  for (int round = 0; round < 400; ++round) {
    const auto wanted = random.below(round % 2 == 0 ? 80 : 3'000);
    std::vector<std::string> values;
    for (std::size_t i = 0; i < wanted; ++i)
      values.push_back("v" + std::to_string(random.below(4'000)));
    Distinct all, parts[3];
    for (const std::string& v : values) all.add(Value::text(v));
    for (std::size_t i = values.size(); i > 1; --i)
      std::swap(values[i - 1], values[random.below(i)]);
    for (const std::string& v : values) {
      parts[random.below(3)].add(Value::text(v));
      parts[random.below(3)].add(Value::text(v));
    }
    parts[2].merge(parts[0]);
    parts[1].merge(parts[2]);
    REQUIRE(state_of(parts[1]) == state_of(all));
    parts[1].merge(all);
    REQUIRE(state_of(parts[1]) == state_of(all));
  }
}

// Its standard error, as the header says it: the root of the mean square over 200 sets each.
TEST_CASE("beyond 32 values the count has a standard error of 6.5 %, and no lean") {
  for (const int size : {33, 60, 200, 640, 1'000, 10'000}) {
    CAPTURE(size);
    double squares = 0.0, lean = 0.0;
    for (int round = 0; round < 200; ++round) {
      Distinct distinct;
      for (int i = 0; i < size; ++i) distinct.add(Value::int64(round * 1'000'000 + i));
      const double error = static_cast<double>(distinct.count()) / size - 1.0;
      squares += error * error / 200;
      lean += error / 200;
      CHECK(distinct.count() > 32);
      CHECK(std::abs(error) < 5 * 0.065);
    }
    CHECK(std::sqrt(squares) < 1.2 * 0.065);
    CHECK(std::abs(lean) < 0.02);
  }
}

TEST_CASE("what is reset begins anew, and takes in what another has") {
  Distinct distinct, other;
  for (int i = 0; i < 100; ++i) distinct.add(Value::int64(i));
  other.add(Value::text("x"));
  distinct.reset();
  CHECK(distinct.count() == 0);
  distinct.merge(other);
  distinct.add(Value::int64(1));
  CHECK(distinct.count() == 2);
  for (int i = 0; i < 100; ++i) other.add(Value::int64(i));
  distinct.merge(other);
  CHECK(state_of(distinct) == state_of(other));
}

TEST_CASE("a state survives, and a damaged one is refused") {
  for (const int size : {0, 1, 31, 32, 33, 500}) {
    CAPTURE(size);
    Distinct distinct;
    for (int i = 0; i < size; ++i) distinct.add(Value::int64(i));
    const Buffer bytes = state_of(distinct);
    CHECK(bytes.size() <= Distinct::kBytesMax);
    Reader reader(bytes);
    Distinct again;
    REQUIRE(again.decode(reader));
    CHECK(reader.left() == 0);
    CHECK(state_of(again) == bytes);
    CHECK(again.count() == distinct.count());
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
      CHECK_FALSE(decodes(Buffer(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(cut))));
    }
  }
  Distinct many;
  for (int i = 0; i < 500; ++i) many.add(Value::int64(i));
  Buffer bytes = state_of(many);
  bytes[1] = 58;  // More zeros than a hash has.
  CHECK_FALSE(decodes(bytes));
  std::fill(bytes.begin() + 1, bytes.end(), std::uint8_t{57});
  Reader most(bytes);
  REQUIRE(many.decode(most));
  CHECK(many.count() == std::int64_t{1} << 62);
  std::fill(bytes.begin() + 1, bytes.end(), std::uint8_t{0});
  Reader least(bytes);
  REQUIRE(many.decode(least));
  CHECK(many.count() == 33);
  for (int i = 0; i < 500; ++i) many.add(Value::int64(i));
  bytes = state_of(many);
  bytes[0] = 34;
  CHECK_FALSE(decodes(bytes));
  bytes[0] = 32;  // Hashes that do not ascend.
  CHECK_FALSE(decodes(bytes));
}

}  // namespace
}  // namespace pinaflux
