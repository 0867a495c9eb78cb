// Any bytes, as an envelope, as a body, as a plain body and as a message: no crash, limits kept;
// and what opens as a plain body is written and opens again as the same rows.

#include <cstdint>
#include <string>

#include "agent/seal/body.h"
#include "agent/seal/envelope.h"
#include "agent/seal/messages.h"
#include "platform/base/assert.h"

namespace pinaflux {
namespace {

struct Bench {
  Shapes shapes;
  Arena arena{10u << 20}, again{10u << 20};
  Opener opener;
  seal::BodyReader reader;
  seal::BodyWriter writer;
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

void plain_body(Bench& bench, Bytes bytes) {
  bench.rows.clear();
  bench.arena.reset();
  if (!bench.reader.read(bytes, bench.shapes, bench.arena, bench.rows)) {
    ASSERT(bench.rows.empty());
    return;
  }
  if (bench.rows.size() > 2000) return;  // Slow under the sanitizer, and nothing new.
  const auto effort = static_cast<Effort>(bytes.size() % 3);
  bench.body.clear();
  bench.back.clear();
  bench.again.reset();
  if (!bench.writer.write(bench.rows, effort, bench.body)) return;
  ASSERT(bench.reader.read(bench.body, bench.shapes, bench.again, bench.back).has_value());
  check_same(bench.rows, bench.back);
}

}  // namespace
}  // namespace pinaflux

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pinaflux;
  static Bench* bench = new Bench;
  if (bench->shapes.count() > limits::kShapesMax / 2) {
    delete bench;
    bench = new Bench;
  }
  const Bytes bytes(data, size);
  bench->rows.clear();
  bench->arena.reset();
  if (const auto h = bench->opener.open(bytes, bench->shapes, bench->arena, bench->rows)) {
    ASSERT(bench->rows.size() == h->count);
  }
  (void)bench->opener.open_body(bytes, bench->shapes, bench->arena, bench->rows);
  plain_body(*bench, bytes);
  const std::string_view text = as_text(bytes);
  if (const auto m = parse_ack(text)) ASSERT(parse_ack(format(*m)).has_value());
  if (const auto m = parse_hello(text)) ASSERT(parse_hello(format(*m)).has_value());
  if (const auto m = parse_status(text)) ASSERT(parse_status(format(*m)).has_value());
  return 0;
}
