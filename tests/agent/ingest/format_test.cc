#include "agent/ingest/format.h"

#include <doctest/doctest.h>

#include "tests/agent/ingest/fakes.h"

namespace pinaflux {
namespace {

struct FormatFixture {
  Shapes shapes;
  Intake intake{shapes};
  SourceOptions options{.name = "in", .index = 3};
  std::unique_ptr<Decoder> decoder;
  Tally tally;

  bool decode(Format format, const std::string& text) {
    const fake::Padded padded(text);
    decoder = std::make_unique<Decoder>(options, InstallKey{1});
    decoder->begin(intake);
    return decoder->decode(format, {padded, "in", Stamp{99, 0}}, tally);
  }
  std::string rows() const {
    std::string text;
    for (const auto& record : intake.records) text += fake::World::text_of(record.row) + "\n";
    return text;
  }
};

TEST_CASE_FIXTURE(FormatFixture, "one bad line is refused alone and the rest goes on") {
  REQUIRE(decode(Format::ndjson, "{\"a\":1}\n\n{\"a\":\r\n{\"a\":3}\r\n"));
  decoder->end(1);
  CHECK(rows() == "in{a=1i}\nin{a=3i}\n");
  CHECK(tally.records == 2);
  CHECK(tally.refused == 1);
  CHECK(tally.fault_line == 3);
  REQUIRE(intake.refusals.size() == 1);
  CHECK(intake.refusals[0].reason == Reason::malformed);
  CHECK(intake.refusals[0].byte_count == 5);
  CHECK(intake.refusals[0].source == 3);
  CHECK(intake.refusals[0].position >= 9);
}

TEST_CASE_FIXTURE(FormatFixture, "what cannot be read goes with its refusal, if it is to be kept") {
  options.keep_refused = true;
  REQUIRE(decode(Format::ndjson, "{\"a\":1}\n{\"a\":\n{\"a\":3}\n"));
  decoder->end(1);

  REQUIRE(intake.kept_bytes.size() == 1);
  CHECK(intake.kept_bytes[0].refusal == 0);
  const auto kept = RefusedBytes::open(intake.kept_bytes[0].packed);
  REQUIRE(kept.has_value());
  CHECK(as_text(kept->bytes) == "{\"a\":");
  CHECK(static_cast<Format>(kept->format) == Format::ndjson);
  CHECK(kept->stream == "in");
  CHECK(kept->arrival == Stamp{99, 0});
}

TEST_CASE_FIXTURE(FormatFixture,
                  "bytes are kept when it is configured, and no more than a turn may hold") {
  REQUIRE(decode(Format::ndjson, "{\"a\":\n"));
  decoder->end(1);
  CHECK(intake.kept_bytes.empty());
  options.keep_refused = true;
  std::string text;
  for (int i = 0; i < 60; ++i) text += "{" + std::string(10'000, 'x') + "\n";

  REQUIRE(decode(Format::ndjson, text));
  decoder->end(2);

  std::size_t bytes = 0;
  for (const auto& kept : intake.kept_bytes) bytes += RefusedBytes::open(kept.packed)->bytes.size();
  CHECK(bytes > limits::kGroupRefusedBytesMax / 2);
  CHECK(bytes <= limits::kGroupRefusedBytesMax);
  CHECK(intake.refusals.size() == 61);
  intake.reset();
  CHECK(intake.kept_bytes.empty());
}

TEST_CASE_FIXTURE(FormatFixture, "the hash of refused bytes depends on the install key") {
  const fake::Padded bad("garbage");
  std::uint64_t hashes[2];
  for (std::uint8_t key = 1; key <= 2; ++key) {
    intake.reset();
    Decoder d(options, InstallKey{key});
    d.begin(intake);
    REQUIRE(d.decode(Format::json, {bad, "in", {}}, tally));
    d.end(1);
    hashes[key - 1] = intake.refusals.at(0).keyed_hash;
  }
  CHECK(hashes[0] != hashes[1]);
}

TEST_CASE_FIXTURE(FormatFixture, "an array brings a record for each object") {
  REQUIRE(decode(Format::json, " [{\"a\":1}, 5, {\"a\":{\"b\":2}} ,{bad}]\n"));
  decoder->end(1);
  CHECK(rows() == "in{a=1i}\nin{a.b=2i}\n");
  REQUIRE(intake.refusals.size() == 2);
  CHECK(intake.refusals[0].reason == Reason::bad_type);
  CHECK(intake.refusals[1].reason == Reason::malformed);
}

TEST_CASE_FIXTURE(FormatFixture, "an array that breaks keeps the elements before the break") {
  REQUIRE(decode(Format::json, "[{\"a\":1},{\"a\":2"));
  decoder->end(1);
  CHECK(rows() == "in{a=1i}\n");
  CHECK(tally.refused == 1);
}

TEST_CASE_FIXTURE(FormatFixture, "a line beyond the bound is refused by its size") {
  options.record_bytes_max = 20;
  REQUIRE(
      decode(Format::ndjson, "{\"a\":1}\n{\"a\":\"" + std::string(100, 'x') + "\"}\n{\"a\":2}"));
  decoder->end(1);
  CHECK(rows() == "in{a=1i}\nin{a=2i}\n");
  CHECK(intake.refusals.at(0).reason == Reason::too_large);
  CHECK(intake.refusals.at(0).byte_count == 108);
}

TEST_CASE_FIXTURE(FormatFixture, "line protocol skips comments and blank lines and counts lines") {
  REQUIRE(decode(Format::influx, "# hello\n\nm v=1i 5\nm v=\nm s=\"a\nb\",v=2i\nbad\n"));
  decoder->end(1);
  CHECK(rows() == "in/m{v=1i}\nin/m{s='a\nb',v=2i}\n");
  CHECK(tally.refused == 2);
  CHECK(tally.fault_line == 4);
}

TEST_CASE_FIXTURE(FormatFixture, "raw payloads are one value, as text if they are") {
  REQUIRE(decode(Format::raw, "on"));
  decoder->end(1);
  REQUIRE(decode(Format::raw, "\xff\x01"));
  decoder->end(2);
  CHECK(rows() == "in{value='on'}\nin{value=bytes(2)}\n");
}

TEST_CASE_FIXTURE(FormatFixture, "binary garbage is refused in every format but raw") {
  std::string garbage;
  std::uint32_t state = 1;
  for (int i = 0; i < 4096; ++i) {
    state = state * 1664525 + 1013904223;
    garbage.push_back(static_cast<char>(state >> 24));
  }
  for (Format format : {Format::json, Format::ndjson, Format::influx}) {
    intake.reset();
    tally = {};
    REQUIRE(decode(format, garbage));
    decoder->end(1);
    CHECK(intake.records.empty());
    CHECK(tally.refused > 0);
  }
}

TEST_CASE_FIXTURE(FormatFixture, "a flood of refusals is counted together by reason") {
  std::string flood;
  for (int i = 0; i < 10'000; ++i) flood += "x\n";
  REQUIRE(decode(Format::ndjson, flood));
  decoder->end(1);
  CHECK(tally.refused == 10'000);
  CHECK(intake.refusals.size() == Decoder::kRefusalsApart + 1);
  std::uint64_t count = 0, bytes = 0;
  for (const Refusal& r : intake.refusals) {
    count += r.count;
    bytes += r.byte_count;
  }
  CHECK(count == 10'000);
  CHECK(bytes == 10'000);
}

TEST_CASE_FIXTURE(FormatFixture, "a payload without room leaves no trace and fits later") {
  intake.reset(4096);
  std::string body;
  for (int i = 0; i < 100; ++i) body += "{\"a\":\"" + std::string(100, 'x') + "\"}\nbad\n";
  CHECK_FALSE(decode(Format::ndjson, body));
  CHECK(intake.records.empty());
  CHECK(intake.refusals.empty());
  CHECK(tally.records == 0);
  decoder->abandon();
  intake.reset();
  REQUIRE(decode(Format::ndjson, body));
  CHECK(tally.records == 100);
  decoder->end(1);
}

TEST_CASE_FIXTURE(FormatFixture, "a payload that can never fit is refused whole") {
  std::string body;
  for (std::size_t i = 0; i <= limits::kGroupRecordsMax; ++i) body += "{\"a\":1}\n";
  REQUIRE(decode(Format::ndjson, body));
  decoder->end(1);
  CHECK(tally.too_large);
  CHECK(tally.records == 0);
  CHECK(intake.records.empty());
  CHECK(intake.refusals.at(0).reason == Reason::too_large);
  CHECK(intake.refusals.at(0).byte_count == body.size());
}

TEST_CASE_FIXTURE(FormatFixture, "the time field becomes the record's time and leaves the fields") {
  struct Case {
    TimeField::Unit unit;
    const char* json;
    std::int64_t ns;
  };
  for (const Case& c :
       {Case{TimeField::Unit::ms, R"({"t":1166289840000,"v":1})", 1166289840000000000},
        Case{TimeField::Unit::s, R"({"v":1,"t":1700000000.25})", 1700000000250000000},
        Case{TimeField::Unit::us, R"({"t":"-5","v":1})", -5000},
        Case{TimeField::Unit::ns, R"({"t":7,"v":1})", 7},
        Case{TimeField::Unit::ns, R"({"t":0,"v":1})", 0},
        Case{TimeField::Unit::rfc3339, R"({"t":"1970-01-02T01:00:00.5+01:00","v":1})",
             86400500000000},
        Case{TimeField::Unit::ms, R"({"v":1})", 99},
        Case{TimeField::Unit::ms, R"({"t":null,"v":1})", 99}}) {
    CAPTURE(c.json);
    intake.reset();
    options.time = {"t", c.unit};
    REQUIRE(decode(Format::json, c.json));
    decoder->end(1);
    CHECK(rows() == "in{v=1i}\n");
    REQUIRE(intake.records.size() == 1);
    CHECK(intake.records[0].row.time == Stamp{c.ns, 0});
  }
}

TEST_CASE_FIXTURE(FormatFixture, "a time that is none is refused") {
  for (const char* bad : {R"({"t":"soon","v":1})", R"({"t":true,"v":1})", R"({"t":1e300,"v":1})",
                          R"({"t":[1],"v":1})", R"({"t":9223372036854775807,"v":1})"}) {
    CAPTURE(bad);
    intake.reset();
    options.time = {"t", TimeField::Unit::s};
    REQUIRE(decode(Format::json, bad));
    decoder->end(1);
    REQUIRE(intake.refusals.size() == 1);
    CHECK(intake.refusals[0].reason == Reason::bad_time);
  }
}

TEST_CASE("RFC 3339 is read strictly") {
  CHECK(parse_rfc3339("2024-02-29T12:34:56Z").value() == 1709210096000000000);
  CHECK(parse_rfc3339("1969-12-31T23:59:59.999999999Z").value() == -1);
  CHECK(parse_rfc3339("2016-12-31T23:59:60Z").value() == 1483228799000000000);
  CHECK(parse_rfc3339("2024-01-01t00:00:00.1234567891-00:30").value() == 1704069000123456789);
  for (const char* bad :
       {"", "2024", "2023-02-29T00:00:00Z", "2024-13-01T00:00:00Z", "2024-01-01T24:00:00Z",
        "2024-01-01T00:00:00", "2024-01-01T00:00:00.Z", "2024-01-01T00:00:00Zx",
        "2024-00-01T00:00:00Z", "2024-01-01T00:00:00+25:00", "9999-01-01T00:00:00Z",
        "-024-01-01T00:00:00Z"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_rfc3339(bad).has_value());
  }
}

TEST_CASE("a body is told to be one document or one a line") {
  CHECK(sniff_json("[{\"a\":1}]") == Format::json);
  CHECK(sniff_json("{\"a\":1}") == Format::json);
  CHECK(sniff_json("{\"a\":1}\n{\"a\":2}\n") == Format::ndjson);
  CHECK(sniff_json("{\n  \"a\": 1\n}\n") == Format::json);
  CHECK(sniff_json("{\"a\":\n{\"a\":2}\n") == Format::ndjson);
  CHECK(sniff_json("") == Format::json);
}

}  // namespace
}  // namespace pinaflux
