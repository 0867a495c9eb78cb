// Any bytes, as one document, as an array and as lines: no crash, and every byte is accounted for. The short way for plain
// objects finds what the long one finds.

#include <cstdint>
#include <string>

#include "agent/ingest/format.h"
#include "platform/base/assert.h"

namespace {

using namespace pinaflux;

Built read_one_way(bool any, std::string_view text, Intake& intake) {
  static JsonReader reader;
  RecordBuilder builder(TimeField{"t", TimeField::Unit::ms});
  intake.begin(0);
  builder.begin(intake, "f");
  Built built = any ? reader.read_any(text, builder) : reader.read(text, builder);
  if (built) built = builder.finish({});
  intake.end(1);
  return built;
}

void check_both_ways(std::string_view text, Shapes& shapes) {
  Intake short_way(shapes), long_way(shapes);
  const Built a = read_one_way(false, text, short_way), b = read_one_way(true, text, long_way);
  ASSERT(a.has_value() == b.has_value());
  if (!a) {
    ASSERT(a.error().reason == b.error().reason && a.error().position == b.error().position);
    return;
  }
  const Row &left = short_way.records.back().row, &right = long_way.records.back().row;
  ASSERT(left.shape == right.shape && left.time.ns == right.time.ns);
  for (std::size_t i = 0; i < left.shape->field_count(); ++i)
    ASSERT(identical(left.values[i], right.values[i]));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Shapes* shapes = new Shapes;
  if (shapes->count() > limits::kShapesMax / 2) {
    delete shapes;
    shapes = new Shapes;
  }
  // Exactly the padding that is promised, so that the sanitizer sees one byte too many.
  std::string padded(reinterpret_cast<const char*>(data), size);
  padded.append(kParsePadding, '\0');
  padded.shrink_to_fit();
  const std::string_view text = std::string_view(padded).substr(0, size);
  check_both_ways(text, *shapes);
  Decoder decoder({.name = "f", .time = {"t", TimeField::Unit::rfc3339}}, InstallKey{1});
  Intake intake(*shapes);
  for (Format format : {Format::json, Format::ndjson, sniff_json(text)}) {
    Tally tally;
    intake.reset();
    decoder.begin(intake);
    ASSERT(decoder.decode(format, {text, "f", {}}, tally));
    decoder.end(1);
    std::uint64_t refused = 0;
    for (const Refusal& r : intake.refusals) refused += r.count;
    ASSERT(tally.records == intake.records.size());
    ASSERT(tally.refused == refused);
  }
  return 0;
}
