// Any bytes, as one document, as an array and as lines: no crash, and every byte is accounted for.

#include <cstdint>
#include <string>

#include "agent/ingest/format.h"
#include "platform/base/assert.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pinaflux;
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
