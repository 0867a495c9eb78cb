// Any bytes, as a file of envelopes: every byte is in one piece or framing, pieces come in order, and what a decoder
// prints does not depend on how many bytes come at once.

#include <algorithm>
#include <cstdint>
#include <string>

#include "agent/cli/record_printer.h"
#include "platform/base/assert.h"

namespace pinaflux {
namespace {

ReadBytes reader(Bytes bytes, std::size_t block) {
  return [bytes, block, at = std::size_t{0}](MutableBytes to) mutable -> Result<std::size_t> {
    const std::size_t n = std::min({block, to.size(), bytes.size() - at});
    std::ranges::copy(bytes.subspan(at, n), to.begin());
    at += n;
    return n;
  };
}

void walk(Bytes bytes) {
  EnvelopeFile file(reader(bytes, bytes.size()));
  std::uint64_t at = 0;
  for (;;) {
    const auto piece = file.next();
    if (!piece || !*piece) break;
    ASSERT((*piece)->size > 0);
    ASSERT((*piece)->at >= at);
    at = (*piece)->at + (*piece)->size;
    ASSERT(at <= bytes.size());
    if (bytes.size() % 2 == 0) at = (*piece)->at + file.damaged().size;
  }
}

std::string decoded(Bytes bytes, std::size_t block, RecordFormat format) {
  std::string all;
  const auto print = [&](std::string_view text) { all += text; };
  RecordPrinter printer(format, true, print, print);
  EnvelopeFile file(reader(bytes, block));
  if (!printer.print(file)) all += "failed";
  return all + printer.summary();
}

}  // namespace
}  // namespace pinaflux

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pinaflux;
  const Bytes bytes(data, size);
  walk(bytes);
  const auto format = static_cast<RecordFormat>(size % 3);
  ASSERT(decoded(bytes, 1'000'000, format) == decoded(bytes, 1 + size / 7, format));
  return 0;
}
