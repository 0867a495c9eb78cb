#include "agent/seal/salvage.h"

#include <algorithm>

#include <doctest/doctest.h>

#include "tests/kit/sealed_rows.h"

namespace pinaflux {
namespace {

using Part = Salvaged::Part;
using Proof = Salvaged::Proof;

struct SalvageFixture : kit::SealedRows {
  Arena opened{std::size_t{10} << 20};
  std::vector<Row> back;
  Salvager salvager;

  Salvaged examine(Bytes bytes) {
    back.clear();
    opened.reset();
    REQUIRE_FALSE(Opener().open(bytes, shapes, opened, back).has_value());
    opened.reset();
    return salvager.examine(bytes, shapes, opened, back);
  }
  // What was not lost is as it was.
  void check_kept(const Salvaged& found) const {
    REQUIRE(back.size() == rows.size());
    REQUIRE(found.fields_lost.size() == rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      REQUIRE(back[i].shape == rows[i].shape);
      REQUIRE(back[i].time == rows[i].time);
      const std::size_t fields = rows[i].shape->field_count();
      const std::size_t kept = fields - found.fields_lost[i];
      for (std::size_t f = 0; f < fields; ++f)
        REQUIRE(identical(back[i].values[f], f < kept ? rows[i].values[f] : Value()));
    }
  }
  static std::size_t frame_of(const Buffer& bytes) {
    return static_cast<std::size_t>(std::ranges::find(bytes, '\n') - bytes.begin()) + 1;
  }
};

TEST_CASE_FIXTURE(SalvageFixture,
                  "of an envelope that was cut off the columns before the cut are kept") {
  noise(150'000);  // Five blocks.
  Buffer bytes = envelope();
  bytes.resize(bytes.size() * 7 / 10);

  const Salvaged found = examine(bytes);

  CHECK(found.part == Part::frame);
  CHECK(std::string_view(found.why.what).contains("cut off"));
  CHECK(found.proof == Proof::none);
  CHECK(found.range_known);
  CHECK(found.header.range == Range{1, 2});
  CHECK(found.plain > 0);
  CHECK(found.plain < found.plain_whole);
  REQUIRE(found.reached.part == seal::Reached::Part::column);
  CHECK(found.reached.shape->stream() == "noise");
  CHECK(found.reached.column == 2);
  CHECK(found.reached.rows_whole == 0);
  check_kept(found);
  CHECK(std::ranges::count(found.fields_lost, 1u) == 2);
}

TEST_CASE_FIXTURE(SalvageFixture, "wherever an envelope is cut, what is kept of it is as it was") {
  noise(150'000);
  const Buffer bytes = envelope();
  std::size_t with_rows = 0;
  for (std::size_t size = 0; size < bytes.size(); size += size < 300 ? 1 : 9'973) {
    CAPTURE(size);
    const Salvaged found = examine(Bytes(bytes).first(size));
    if (!back.empty()) check_kept(found);
    with_rows += back.empty() ? 0 : 1;
    CHECK(found.at <= size);
  }
  CHECK(with_rows > 20);
}

// The body of FORMAT.md: two tables, and no code.
TEST_CASE_FIXTURE(SalvageFixture,
                  "of a body that was cut off the tables before the cut are whole") {
  constexpr std::string_view kGolden =
      "0104"
      "02"
      "06626f696c6572"
      "03"
      "0474656d70"
      "026f6e"
      "057374617465"
      "04646f6f72"
      "01"
      "046f70656e"
      "4004"
      "0200"
      "238080d0e2c6bfce972f80a8d6b90704ff00c9009a003b00"
      "08222284200164320200"
      "02"
      "0202"
      "06"
      "01"
      "01"
      "0208"
      "68656174"
      "0200"
      "01";
  Buffer body(kGolden.size() / 2);
  REQUIRE(unhex(kGolden, body));
  seal::BodyReader reader;
  REQUIRE(reader.read(body, shapes, arena, rows));
  constexpr std::size_t kColumnsAt = 64;
  for (std::size_t size = 0; size < body.size(); ++size) {
    CAPTURE(size);
    back.clear();
    opened.reset();
    REQUIRE_FALSE(reader.salvage(Bytes(body).first(size), false, shapes, opened, back));
    REQUIRE(back.size() == (size < kColumnsAt ? 0 : 4));
    if (back.empty()) continue;
    const bool boilers_whole = size + 1 == body.size();
    CHECK(reader.reached().rows_whole == (boilers_whole ? 3 : 0));
    CHECK(reader.fields_lost()[2] == 1);  // The door.
    CHECK((reader.fields_lost()[0] == 0) == boilers_whole);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      for (std::size_t f = 0; f < rows[i].shape->field_count(); ++f) {
        const bool kept = f + reader.fields_lost()[i] < rows[i].shape->field_count();
        REQUIRE(identical(back[i].values[f], kept ? rows[i].values[f] : Value()));
      }
    }
  }
}

// A mixed column is read kind by kind: some of its cells are there when the rest is not.
TEST_CASE_FIXTURE(SalvageFixture, "of the column in which a body ends nothing is kept") {
  const Buffer body = {1,    2,    1,    1, 's',  1, 1, 'v',  // Two rows of one table, one field.
                       0x02, 0,    0x02, 0,                   // Boots, times: all 0.
                       9,    0x10, 3,    6, 0x10, 7};  // Mixed: an int64, 7, and a text: cut off.
  seal::BodyReader reader;
  REQUIRE_FALSE(reader.salvage(body, false, shapes, opened, back));
  REQUIRE(back.size() == 2);
  CHECK(reader.fields_lost()[0] == 1);
  CHECK(back[0].values[0].type() == Type::absent);
  CHECK(back[1].values[0].type() == Type::absent);
}

// The code of its columns stands at the end of a body. Read from another end it would give numbers, too.
TEST_CASE_FIXTURE(SalvageFixture,
                  "a coded column of a body that lacks its end is lost, never guessed") {
  walk(400);
  Buffer body;
  seal::BodyWriter writer;
  writer.parts().remove(pinaflux::Part::prefix);
  REQUIRE(writer.write(rows, Effort::max, body));
  seal::BodyReader reader;

  REQUIRE(
      reader.salvage(Bytes(body).first(body.size() - 5), true, shapes, opened, back).has_value() ==
      false);
  back.clear();
  const Status cut =
      reader.salvage(Bytes(body).first(body.size() - 5), false, shapes, opened, back);

  REQUIRE_FALSE(cut.has_value());
  CHECK(reader.reached().part == seal::Reached::Part::column);
  CHECK(reader.reached().column == 0);
  REQUIRE(back.size() == rows.size());
  for (std::size_t i = 0; i < back.size(); ++i) {
    REQUIRE(back[i].time == rows[i].time);
    REQUIRE(back[i].values[0].type() == Type::absent);
    REQUIRE(back[i].values[1].type() == Type::absent);
  }
}

TEST_CASE_FIXTURE(SalvageFixture,
                  "where the line alone was changed the body's checksum proves the values") {
  walk(50);
  const Buffer bytes = envelope();
  for (const auto& [word, changed, range_known] :
       {std::tuple("g=pump-7", "g=pump-8", true), std::tuple("l=normal", "l/normal", true),
        std::tuple("s=1-50", "s=1-5x", false), std::tuple("s=1-50", "s=1-51", false),
        std::tuple("f=1", "f=x", true)}) {
    CAPTURE(changed);
    Buffer bad = bytes;
    const auto at = std::ranges::search(bad, std::string_view(word));
    REQUIRE_FALSE(at.empty());
    std::ranges::copy(std::string_view(changed), at.begin());

    const Salvaged found = examine(bad);

    CHECK(found.part == Part::line);
    CHECK(found.proof == Proof::checksum);
    CHECK(found.range_known == range_known);
    check_kept(found);
  }
}

TEST_CASE_FIXTURE(SalvageFixture, "the byte of a damaged pair is named") {
  walk(3);
  Buffer bytes = envelope();
  const auto at = std::ranges::search(bytes, std::string_view("f=1")).begin();
  *at = '=';

  const Salvaged found = examine(bytes);

  CHECK(found.at == static_cast<std::size_t>(at - bytes.begin()));
  CHECK(found.header.gateway == "pump-7");
  CHECK(found.header.hash != kNoDigest);  // What is behind it is read all the same.
}

TEST_CASE_FIXTURE(SalvageFixture, "a changed body is never called proven") {
  walk(200);
  for (const Effort effort : {Effort::fast, Effort::max}) {
    const Buffer bytes = envelope(effort);
    for (std::size_t at = frame_of(bytes); at < bytes.size(); ++at) {
      Buffer bad = bytes;
      bad[at] ^= 0x04;
      const Salvaged found = examine(bad);
      // A flip in the frame's own head may leave the content as it was: the checksum knows.
      if (found.proof == Proof::checksum) check_kept(found);
      CHECK(found.proof != Proof::hash);
    }
  }
}

TEST_CASE_FIXTURE(SalvageFixture,
                  "an envelope with something behind it is whole, and says what is wrong") {
  walk(5);
  Buffer bytes = envelope();
  append(bytes, "more");

  const Salvaged found = examine(bytes);

  CHECK(found.proof == Proof::hash);
  CHECK(found.at == bytes.size() - 4);
  check_kept(found);
}

TEST_CASE_FIXTURE(SalvageFixture,
                  "an envelope of a version to come is newer, and nothing is read of it") {
  walk(5);
  Buffer bytes = envelope();
  bytes[13] = '3';

  const Salvaged found = examine(bytes);

  CHECK(found.why.code == Code::newer);
  CHECK(back.empty());
}

TEST_CASE_FIXTURE(SalvageFixture,
                  "a frame that declares more than an envelope holds is not unpacked") {
  walk(5);
  Buffer bytes = envelope();
  bytes.resize(frame_of(bytes));
  Compressor compressor;
  REQUIRE(compressor.compress(Buffer(limits::kOpenedBytesMax + 1), 1, bytes));

  const Salvaged found = examine(bytes);

  CHECK(found.plain == 0);
  CHECK(back.empty());
}

}  // namespace
}  // namespace pinaflux
