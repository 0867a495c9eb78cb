// Any text as an expression, computed of a record of each type: no crash, and the same value each time.

#include <cstdint>
#include <limits>
#include <string>

#include "agent/mask/masker.h"
#include "agent/pipeline/expression.h"
#include "platform/base/assert.h"

namespace {

using namespace pinaflux;

constexpr std::string_view kNames[] = {"a", "b", "c", "d", "e", "f.g", "text"};

bool same(const std::optional<Value>& a, const std::optional<Value>& b) {
  if (!a || !b) return !a && !b;
  if (a->type() != b->type()) return false;
  return a->is_view() ? a->as_text() == b->as_text() : a->as_uint64() == b->as_uint64();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Shapes* const shapes = new Shapes;
  static const Shape* const shape = shapes->intern("fuzz", kNames);
  const Value values[] = {Value::int64(std::numeric_limits<std::int64_t>::min()),
                          Value::uint64(std::numeric_limits<std::uint64_t>::max()),
                          Value::float64(-0.5),
                          Value::boolean(true),
                          Value::null(),
                          Value::bytes(Bytes(data, size)),
                          Value::text({reinterpret_cast<const char*>(data), size})};
  const Record record = Masker::own(Row{shape, values, {}});
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  auto made = Expression::compile(text);
  if (!made) {
    ASSERT(made.error().at <= size);
    ASSERT(!made.error().what.empty());
    return 0;
  }
  auto again = Expression::compile(text);
  ASSERT(again.has_value());
  const auto first = made->evaluate(record);
  ASSERT(same(first, again->evaluate(record)));
  if (!first) ASSERT(!made->holds(record));
  return 0;
}
