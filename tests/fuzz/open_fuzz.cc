// Any bytes, as an envelope, as a body, as a plain body and as a message: no crash, limits kept; and what opens
// is written and opens again as the same rows; of what does not, and of all that is cut off, what is left can be read.
// Envelopes are changed by EnvelopeMutator, so that what is behind
// checksum and hash is reached; no execution takes more memory than the limits declare, whatever the bytes say.
//
//   build/fuzz/open_fuzz -max_len=65536 -malloc_limit_mb=16 -rss_limit_mb=768 CORPUS

#include <cstdint>
#include <string>

#include "agent/seal/body.h"
#include "agent/seal/envelope.h"
#include "agent/seal/messages.h"
#include "agent/seal/salvage.h"
#include "platform/base/assert.h"
#include "tests/fuzz/envelope_mutator.h"
#include "tests/fuzz/heap_watch.h"

namespace pinaflux {
namespace {

constexpr std::size_t kArenaBytes = 10u << 20;  // What envelope.h promises to be enough.
// Of an execution: a body and its arena, twice, for an opener and what comes after it; and scratch.
constexpr std::size_t kHeapBytesMax = 2 * (limits::kOpenedBytesMax + kArenaBytes) + (20u << 20);
constexpr std::size_t kRowsAgainMax = 500;  // Slow under the sanitizer, and nothing new.
constexpr std::size_t kCellsAgainMax = 3000;

// All that an execution needs; new for each, or what one left behind would hide what the next takes.
struct Bench {
  Shapes shapes;
  Arena arena{kArenaBytes}, again{kArenaBytes};
  Opener opener;
  seal::BodyReader reader;
  std::vector<Row> rows, back;
  Buffer body;
};

void check_same(const std::vector<Row>& a, const std::vector<Row>& b) {
  ASSERT(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    ASSERT(a[i].shape == b[i].shape);
    ASSERT(a[i].time == b[i].time);
    for (std::size_t f = 0; f < a[i].shape->field_count(); ++f) {
      ASSERT(identical(a[i].values[f], b[i].values[f]));
    }
  }
}

void write_again(Bench& bench, std::size_t size) {
  std::size_t cells = 0;
  for (const Row& row : bench.rows) cells += row.shape->field_count();
  if (bench.rows.size() > kRowsAgainMax || cells > kCellsAgainMax) return;
  const auto effort = size % 64 == 0  ? Effort::max
                      : size % 8 == 0 ? Effort::standard
                                      : Effort::fast;
  seal::BodyWriter writer;
  if (!writer.write(bench.rows, effort, bench.body)) return;
  ASSERT(bench.reader.read(bench.body, bench.shapes, bench.again, bench.back).has_value());
  check_same(bench.rows, bench.back);
}

// Memory of a row that was never written would be found by reading it.
void salvage(Bytes bytes, Shapes& shapes) {
  Arena arena(kArenaBytes);
  std::vector<Row> rows;
  Salvager salvager;
  salvager.look_in(&fuzz::at_hand().all);
  const Salvaged found = salvager.examine(bytes, shapes, arena, rows);
  ASSERT(found.fields_lost.size() == rows.size());
  ASSERT(found.at <= bytes.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto cells = rows[i].cells();
    ASSERT(found.fields_lost[i] <= cells.size());
    for (std::size_t f = 0; f < cells.size(); ++f) {
      ASSERT(identical(cells[f], cells[f]));
      ASSERT(f + found.fields_lost[i] < cells.size() || cells[f].type() == Type::absent);
    }
  }
}

void envelope(Bytes bytes) {
  Bench bench;
  bench.opener.look_in(&fuzz::at_hand().all);
  const auto header = bench.opener.open(bytes, bench.shapes, bench.arena, bench.rows);
  ASSERT(bench.rows.size() == (header ? header->count : 0));
  if (header && bytes.back() % 8 == 0) write_again(bench, bytes.size());
  if (!header) salvage(bytes, bench.shapes);
  if (bytes.back() % 8 == 1)
    salvage(bytes.first(bytes.size() * bytes[bytes.size() - 2] / 256), bench.shapes);
}

void other(Bytes bytes) {
  Bench bench;
  (void)bench.opener.open_body(bytes, bench.shapes, bench.arena, bench.rows);
  bench.rows.clear();
  if (bench.reader.read(bytes, bench.shapes, bench.arena, bench.rows)) {
    write_again(bench, bytes.size());
  } else {
    ASSERT(bench.rows.empty());
  }
  const std::string_view text = as_text(bytes);
  if (const auto m = parse_ack(text)) ASSERT(parse_ack(format(*m)).has_value());
  if (const auto m = parse_hello(text)) ASSERT(parse_hello(format(*m)).has_value());
  if (const auto m = parse_status(text)) ASSERT(parse_status(format(*m)).has_value());
}

fuzz::EnvelopeMutator& mutator() {
  static fuzz::EnvelopeMutator* const only = new fuzz::EnvelopeMutator;
  return *only;
}

}  // namespace
}  // namespace pinaflux

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pinaflux;
  static fuzz::HeapWatch* const watch = new fuzz::HeapWatch;
  const Bytes bytes(data, size);
  fuzz::at_hand();  // Made once: it is no execution's memory.
  watch->begin();
  if (as_text(bytes).starts_with("pinaflux-env/")) {
    envelope(bytes);
  } else {
    other(bytes);
  }
  ASSERT(watch->highest() <= kHeapBytesMax);
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t size_max, unsigned seed) {
  return pinaflux::mutator().mutate(data, size, size_max, seed);
}

extern "C" std::size_t LLVMFuzzerCustomCrossOver(const std::uint8_t* one, std::size_t one_size,
                                                 const std::uint8_t* other, std::size_t other_size,
                                                 std::uint8_t* to, std::size_t size_max,
                                                 unsigned seed) {
  return pinaflux::mutator().cross({one, one_size}, {other, other_size}, to, size_max, seed);
}
