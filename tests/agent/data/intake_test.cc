#include "agent/data/intake.h"

#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "agent/data/limits.h"

namespace pinaflux {
namespace {

struct IntakeFixture {
  // A record with one text of this size, in the intake's arena.
  RawRecord record(std::size_t text_bytes) {
    const std::string_view name = "a";
    const auto values = intake.arena().array<Value>(1);
    REQUIRE(values.data() != nullptr);
    values[0] = Value::text(intake.arena().copy(std::string(text_bytes, 'x')));
    return {Row{shapes.intern("s", {&name, 1}), values.data(), {}}};
  }

  Shapes shapes;
  Intake intake{shapes};
};

TEST_CASE_FIXTURE(IntakeFixture, "a parcel holds what came between its begin and its end") {
  intake.begin(3);
  intake.add(record(1));
  intake.end(1);
  intake.begin(4);
  intake.add(record(1));
  intake.reject(Reason::malformed, 17, 99, 5);
  intake.add(record(1));
  intake.cursor("position", as_bytes("12"));
  intake.end(8);

  REQUIRE(intake.parcels.size() == 2);
  const Parcel& first = intake.parcels[0];
  CHECK(first.source == 3);
  CHECK(first.ticket == 1);
  CHECK(first.records_begin == 0);
  CHECK(first.records_end == 1);
  CHECK(first.refusals_begin == first.refusals_end);
  const Parcel& second = intake.parcels[1];
  CHECK(second.source == 4);
  CHECK(second.ticket == 8);
  CHECK(second.records_begin == 1);
  CHECK(second.records_end == 3);
  CHECK(second.refusals_end - second.refusals_begin == 1);
  CHECK(second.cursors_end - second.cursors_begin == 1);
  CHECK(intake.refusals[0].source == 4);
  CHECK(intake.refusals[0].byte_count == 17);
  CHECK(intake.refusals[0].keyed_hash == 99);
  CHECK(intake.refusals[0].position == 5);
  CHECK(intake.cursors[0].source == 4);
  CHECK(intake.cursors[0].key == "position");
  CHECK(as_text(intake.cursors[0].value) == "12");
}

TEST_CASE_FIXTURE(IntakeFixture, "an abandoned parcel leaves nothing but what was there before") {
  intake.begin(1);
  intake.add(record(1));
  intake.end(1);
  intake.begin(2);
  intake.add(record(1));
  intake.reject(Reason::too_large, 1, 1, 0);
  intake.cursor("k", as_bytes("v"));
  intake.erase_cursor("l");

  intake.abandon();

  CHECK(intake.parcels.size() == 1);
  CHECK(intake.records.size() == 1);
  CHECK(intake.refusals.empty());
  CHECK(intake.cursors.empty());
  intake.begin(2);
  intake.end(1);
  CHECK(intake.parcels[1].records_begin == intake.parcels[1].records_end);
}

TEST_CASE_FIXTURE(IntakeFixture, "room follows the budget of the turn, in bytes and in records") {
  CHECK(intake.room(limits::kIntakeBytesMax, limits::kIntakeRecordsMax));
  CHECK_FALSE(intake.room(limits::kIntakeBytesMax + 1, 1));
  CHECK_FALSE(intake.room(1, limits::kIntakeRecordsMax + 1));

  intake.reset(10'000);
  CHECK(intake.room(10'000, 1));
  CHECK_FALSE(intake.room(10'001, 1));
  intake.begin(1);
  intake.add(record(5'000));
  CHECK_FALSE(intake.room(5'000, 1));
  CHECK(intake.room(4'000, 1));
  CHECK_FALSE(intake.room(0, limits::kIntakeRecordsMax));
  intake.end(1);
}

TEST_CASE_FIXTURE(IntakeFixture, "pristine means: nothing in it, and the whole budget") {
  CHECK(intake.pristine());
  intake.begin(1);
  intake.add(record(1));
  CHECK(
      intake
          .pristine());  // The open parcel is the only one: if it does not fit now, it never will.
  intake.end(1);
  CHECK_FALSE(intake.pristine());
  intake.reset(1'000);
  CHECK_FALSE(intake.pristine());
  intake.reset();
  CHECK(intake.pristine());
}

TEST_CASE_FIXTURE(IntakeFixture, "reset forgets everything and wipes the raw values") {
  intake.begin(1);
  const RawRecord raw = record(100);
  intake.add(raw);
  intake.cursor("k", as_bytes("v"));
  intake.reject(Reason::malformed, 1, 1, 1);
  intake.end(1);
  const char* text = raw.row.values[0].as_text().data();
  CHECK(text[50] == 'x');

  intake.reset();

  CHECK(intake.records.empty());
  CHECK(intake.refusals.empty());
  CHECK(intake.cursors.empty());
  CHECK(intake.parcels.empty());
  CHECK(intake.arena().bytes_used() == 0);
  CHECK(text[50] == 0);  // The block is kept, so that it can be looked at.
}

TEST_CASE_FIXTURE(IntakeFixture,
                  "refused bytes are kept up to a bound, and what is taken back gives way") {
  const std::string text(limits::kRefusedBytesMax, 'x');
  const RefusedBytes refused{.stream = "s", .bytes = as_bytes(text)};
  const auto reject = [&] {
    intake.reject(Reason::malformed, text.size(), 1, 0);
    intake.keep(refused);
  };
  intake.begin(1);
  for (int i = 0; i < 100; ++i) reject();
  const std::size_t most = intake.kept_bytes.size();
  CHECK(most * refused.pack().size() <= limits::kGroupRefusedBytesMax);
  CHECK((most + 1) * refused.pack().size() > limits::kGroupRefusedBytesMax);

  intake.forget_refusals(most - 2);

  CHECK(intake.kept_bytes.size() == most - 2);
  for (int i = 0; i < 100; ++i) reject();
  CHECK(intake.kept_bytes.size() == most);
  intake.abandon();
  CHECK(intake.kept_bytes.empty());
}

TEST_CASE("every reason has a name of its own") {
  std::vector<std::string> names;
  for (int i = 0; i <= static_cast<int>(Reason::no_lane); ++i) {
    names.emplace_back(reason_name(static_cast<Reason>(i)));
    CHECK(names.back() != "?");
  }
  std::ranges::sort(names);
  CHECK(std::ranges::adjacent_find(names) == names.end());
}

}  // namespace
}  // namespace pinaflux
