#include "agent/cli/record_printer.h"

#include <algorithm>
#include <string>

#include <doctest/doctest.h>

#include "agent/seal/dictionary_message.h"
#include "agent/spool/export_file.h"
#include "tests/kit/sealed_rows.h"

namespace pinaflux {
namespace {

struct RecordPrinterFixture : kit::SealedRows {
  Buffer file;
  std::string out, told, summary;
  Dictionaries dictionaries;

  ReadBytes reader() const {
    return [this, at = std::size_t{0}](MutableBytes to) mutable -> Result<std::size_t> {
      const std::size_t n = std::min(to.size(), file.size() - at);
      std::copy_n(file.begin() + static_cast<std::ptrdiff_t>(at), n, to.begin());
      at += n;
      return n;
    };
  }
  Status decode(RecordFormat format = RecordFormat::ndjson, bool salvage = false,
                bool twice = true) {
    out.clear();
    told.clear();
    RecordPrinter printer(
        format, salvage, [this](std::string_view t) { out += t; },
        [this](std::string_view t) { told += t; });
    printer.look_in(dictionaries);
    if (format == RecordFormat::csv && twice) {
      EnvelopeFile first(reader());
      REQUIRE(printer.learn_columns(first));
    }
    EnvelopeFile in(reader());
    const Status done = printer.print(in);
    summary = printer.summary();
    return done;
  }
  static long lines(std::string_view text) { return std::ranges::count(text, '\n'); }
  // The second text column stands last: cut off, the first two columns are left.
  Buffer cut_envelope() {
    rows.clear();
    noise(150'000);
    Buffer bytes = envelope();
    bytes.resize(bytes.size() * 7 / 10);
    return bytes;
  }
};

TEST_CASE_FIXTURE(RecordPrinterFixture,
                  "all records of a file of envelopes are printed, with their seqs") {
  walk(3);
  append(file, envelope());
  append(file, envelope());
  REQUIRE(decode());
  CHECK(lines(out) == 6);
  CHECK(out.contains("\"_seq\":1,"));
  CHECK(out.contains("\"_seq\":6,"));
  CHECK(told.empty());
  CHECK(summary.empty());
}

TEST_CASE_FIXTURE(RecordPrinterFixture,
                  "of a damaged envelope nothing is printed, and its place is told") {
  walk(3);
  append(file, envelope());
  const std::size_t at = file.size();
  append(file, cut_envelope());
  const std::size_t end = file.size();
  rows.resize(1);
  append(file, envelope());

  REQUIRE(decode());

  CHECK(lines(out) == 4);
  CHECK_FALSE(out.contains("_salvaged"));
  CHECK(told.contains("envelope 2 at byte " + std::to_string(at) +
                      " (pump-7, lane normal, seqs 4-5)"));
  CHECK(told.contains("cut off"));
  CHECK(told.contains("field \"second\" (3 of 3) of stream \"noise\" (table 1 of 1)"));
  CHECK(told.contains("2 records can be salvaged (--salvage), 0 of them with all fields"));
  CHECK(told.contains("-> copy it again"));
  const auto byte = told.find("where: byte ");
  REQUIRE(byte != std::string::npos);
  const auto where = std::stoul(told.substr(byte + 12));
  CHECK(where > at);
  CHECK(where <= end);
  CHECK(summary == "2 of 3 envelopes are whole, with 4 records; 1 damaged\n");
}

TEST_CASE_FIXTURE(RecordPrinterFixture, "what is salvaged is printed when asked for, and marked") {
  append(file, cut_envelope());
  REQUIRE(decode(RecordFormat::ndjson, true));
  CHECK(lines(out) == 2);
  CHECK(out.starts_with("{\"_stream\":\"noise\",\"_gateway\":\"pump-7\","));
  CHECK(out.contains("\"_seq\":1,\"_salvaged\":\"unproven\",\"_fields_lost\":1,"));
  CHECK(out.contains("\"_seq\":2,\"_salvaged\":\"unproven\",\"_fields_lost\":1,"));
  CHECK(out.contains("\"first\":"));
  CHECK_FALSE(out.contains("\"second\":"));
  CHECK(summary.contains("salvaged 2 records, 0 with all fields"));
}

TEST_CASE_FIXTURE(RecordPrinterFixture,
                  "records whose line was changed keep their values and lose their numbers") {
  walk(2);
  file = envelope();
  std::ranges::search(file, std::string_view("s=1-2")).front() = 'S';
  REQUIRE(decode(RecordFormat::ndjson, true));
  CHECK(lines(out) == 2);
  CHECK(out.contains("\"_seq\":null,\"_salvaged\":\"proven\",\"_fields_lost\":0,"));
}

TEST_CASE_FIXTURE(RecordPrinterFixture, "whole envelopes print the same, salvaging or not") {
  walk(30);
  file = envelope();
  for (const RecordFormat format : {RecordFormat::ndjson, RecordFormat::lines}) {
    REQUIRE(decode(format, false));
    const std::string plain = out;
    REQUIRE(decode(format, true));
    CHECK(out == plain);
  }
}

TEST_CASE_FIXTURE(RecordPrinterFixture,
                  "a CSV has the columns of all envelopes, and one header line") {
  row("a", {"x"}, {Value::int64(1)}, {5, 0});
  append(file, envelope());
  rows.clear();
  row("b", {"y"}, {Value::boolean(true)}, {6, 0});
  append(file, envelope());
  REQUIRE(decode(RecordFormat::csv));
  CHECK(out ==
        "_stream,_seq,_time,x,y\n"
        "a,1,1970-01-01T00:00:00.000000005Z,1,\n"
        "b,2,1970-01-01T00:00:00.000000006Z,,true\n");
}

TEST_CASE_FIXTURE(RecordPrinterFixture,
                  "a CSV of a stream that cannot be read twice stops where a column is missing") {
  row("a", {"x"}, {Value::int64(1)}, {5, 0});
  append(file, envelope());
  append(file, envelope());
  REQUIRE(decode(RecordFormat::csv, false, false));
  CHECK(lines(out) == 3);
  rows.clear();
  row("b", {"y"}, {Value::boolean(true)}, {6, 0});
  append(file, envelope());
  const Status stopped = decode(RecordFormat::csv, false, false);
  REQUIRE_FALSE(stopped.has_value());
  CHECK(std::string_view(stopped.error().what).contains("give a file"));
}

TEST_CASE_FIXTURE(RecordPrinterFixture,
                  "a version to come is told as that, and what is behind it is read") {
  walk(2);
  file = envelope();
  file[13] = '3';
  append(file, envelope());
  REQUIRE(decode(RecordFormat::ndjson, true));
  CHECK(lines(out) == 2);
  CHECK(told.contains("a newer format"));
  CHECK_FALSE(told.contains("damaged"));
  CHECK(summary.contains("1 of a newer format"));
}

TEST_CASE_FIXTURE(RecordPrinterFixture,
                  "what a dictionary is missing for is named, and is read once it is given") {
  const auto reading = [this] {
    rows.clear();
    row("compressor", {"inlet_temperature", "outlet_temperature", "state"},
        {Value::int64(5), Value::int64(6), Value::text("unloaded")}, {7, 0});
  };
  reading();
  envelope();
  Dictionaries others;
  DictionaryMaker maker;
  maker.take(sealer.plain_body());
  sealer.use(&others.add(*maker.make()));
  reading();
  append(file, envelope());
  sealer.use(nullptr);
  append(file, envelope());

  REQUIRE(decode(RecordFormat::ndjson, true));
  CHECK(lines(out) == 1);
  CHECK(told.contains("a dictionary that is not here"));
  CHECK(told.contains("--dictionary FILE"));
  CHECK_FALSE(told.contains("damaged"));
  CHECK(summary.contains("without their dictionary"));

  dictionaries.add(*maker.make());
  REQUIRE(decode());
  CHECK(lines(out) == 2);
  CHECK(summary.empty());
}

// An envelope that needs a dictionary, and the message that brings it.
struct PackedFixture : RecordPrinterFixture {
  Dictionaries kept;
  Buffer message, packed;

  PackedFixture() {
    reading();
    envelope();
    DictionaryMaker maker;
    maker.take(sealer.plain_body());
    const Dictionary& dictionary = kept.add(*maker.make());
    message = format_dictionary("pump-7", "normal", Epoch{}, dictionary);
    sealer.use(&dictionary);
    packed = one();
  }
  void reading() {
    rows.clear();
    row("compressor", {"inlet_temperature", "outlet_temperature", "state"},
        {Value::int64(5), Value::int64(6), Value::text("unloaded")}, {7, 0});
  }
  Buffer one() {
    reading();
    Buffer bytes = envelope();
    REQUIRE(as_text(bytes).starts_with("pinaflux-env/2 "));
    return bytes;
  }
};

TEST_CASE_FIXTURE(PackedFixture, "a dictionary that stands before them opens envelopes") {
  for (const Buffer& bytes : {message, packed, one()}) append(file, bytes);
  for (const RecordFormat format : {RecordFormat::ndjson, RecordFormat::lines}) {
    REQUIRE(decode(format));
    CHECK(lines(out) == 2);
    CHECK(told.empty());
    CHECK(summary.empty());
  }
  for (const bool twice : {true, false}) {
    REQUIRE(decode(RecordFormat::csv, false, twice));
    CHECK(lines(out) == 3);
    CHECK(summary.empty());
  }
  file = message;
  REQUIRE(decode());
  CHECK(out.empty());
  CHECK(summary.empty());
}

TEST_CASE_FIXTURE(PackedFixture, "dictionaries among the entries of an archive and of an export") {
  std::string archive = archive_title("2026-07-25");
  for (const Buffer& bytes : {message, packed, one(), message, one()}) append_entry(bytes, archive);
  append(file, archive);
  REQUIRE(decode());
  CHECK(lines(out) == 3);
  CHECK(told.empty());
  CHECK(summary.empty());

  file.clear();
  dictionaries = {};
  ExportWriter writer;
  writer.begin({.gateway = "pump-7", .lane = "", .version = "0", .made_s = 5}, file);
  for (const Buffer& bytes : {message, packed, one()}) writer.add(bytes, file);
  writer.end(file);
  REQUIRE(decode());
  CHECK(lines(out) == 2);
  CHECK(summary.empty());
}

TEST_CASE_FIXTURE(PackedFixture, "a dictionary behind what needs it opens nothing") {
  append(file, packed);
  append(file, message);
  REQUIRE(decode());
  CHECK(out.empty());
  CHECK(summary.contains("1 of a newer format or without their dictionary"));
}

TEST_CASE_FIXTURE(PackedFixture, "a damaged dictionary is told with its place, and what it costs") {
  sealer.use(nullptr);
  walk(2);
  append(file, envelope());
  const std::size_t at = file.size();
  for (const std::size_t changed :
       {message.size() - 1, message.size() / 2, as_text(message).find(" d=") + 4}) {
    CAPTURE(changed);
    file.resize(at);
    Buffer bad = message;
    bad[changed] ^= 0x40;
    append(file, bad);
    append(file, packed);
    REQUIRE(decode());
    CHECK(lines(out) == 3);
    CHECK(
        told.contains("dictionary at byte " + std::to_string(at) + ": the dictionary is damaged"));
    CHECK(summary.contains("; dictionaries that cannot be used: 1"));
    CHECK(summary.starts_with("1 of 2 envelopes are whole"));
  }
}

TEST_CASE_FIXTURE(PackedFixture, "a dictionary that was cut off, and one of a format to come") {
  file.assign(message.begin(), message.end() - 5);
  append(file, packed);
  REQUIRE(decode());
  CHECK(told.contains("the dictionary is damaged"));
  CHECK(summary.starts_with("0 of 1 envelopes"));

  file = message;
  file[std::string_view("pinaflux-dictionary/").size()] = '2';
  append(file, packed);
  REQUIRE(decode());
  CHECK(told.contains("open it with a newer pinaflux"));
  CHECK(summary.starts_with("0 of 1 envelopes"));
}

TEST_CASE_FIXTURE(RecordPrinterFixture, "unknown keys go through an export as they came") {
  walk(2);
  const std::vector<std::pair<std::string, std::string>> extra = {
      {"colour", "blue"}, {"trace", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}};
  ExportWriter writer;
  writer.begin({.gateway = "pump-7", .lane = "", .version = "0", .made_s = 5}, file);
  writer.add(envelope(Effort::fast, limits::kEnvelopeBytesMax, extra), file);
  writer.end(file);
  EnvelopeFile in(reader());
  const auto piece = in.next();
  REQUIRE(piece.has_value());
  REQUIRE(piece->has_value());
  const auto header = Opener::verify((*piece)->bytes);
  REQUIRE(header.has_value());
  CHECK(header->extra == extra);
  CHECK(trace_of(*header) == extra[1].second);
  REQUIRE(decode());
  CHECK(lines(out) == 2);
}

TEST_CASE_FIXTURE(RecordPrinterFixture,
                  "a file of more streams and fields than one process may know is read") {
  for (int n = 0; n < 60; ++n) {
    rows.clear();
    for (int s = 0; s < 100; ++s) {
      const std::string name = "s" + std::to_string(n) + "-" + std::to_string(s);
      const std::string field(200, static_cast<char>('a' + n % 20));
      row(name, {field}, {Value::int64(s)}, {s, 0});
    }
    append(file, envelope());
    if (shapes.count() > limits::kShapesMax / 2) break;
  }
  const Buffer once = file;
  for (int times = 0; times < 3; ++times) append(file, once);
  REQUIRE(decode());
  CHECK(told.empty());
}

}  // namespace
}  // namespace pinaflux
