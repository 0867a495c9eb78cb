// Any text as a script, run on records of each type: no crash, within its memory and its steps, and the same each time.

#include <cstdint>
#include <limits>
#include <string>

#include "agent/mask/masker.h"
#include "agent/pipeline/lua_script.h"
#include "platform/base/assert.h"

namespace {

using namespace pinaflux;

constexpr std::string_view kNames[] = {"a", "b", "c", "d", "e", "f.g", "text", "_time"};
constexpr LuaScript::Limits kLimits{.memory_max = 128 * 1024,
                                    .steps_max = 20'000,
                                    .time_max = Duration::hours(1),
                                    .records_max = 3,
                                    .fields_max = 4};

// What comes of the record, as one text.
std::string run(LuaScript& script, const Record& record) {
  std::string told;
  if (!script.run(record)) return script.failure() + script.state();
  LuaScript::Given given;
  for (std::size_t i = 0; i < script.given(); ++i) {
    const auto reading = script.read(i, record, given);
    if (reading == LuaScript::Reading::failed) return script.failure() + script.state();
    if (reading == LuaScript::Reading::nothing) continue;
    ASSERT(given.cells.size() == record.shape().field_count());
    ASSERT(given.added.size() <= kLimits.fields_max);
    ASSERT(!given.stream.empty());
    told += std::string(given.stream) + std::to_string(given.time.ns);
    for (const auto& [name, value] : given.added) given.cells.push_back(value), told += name;
    for (const Value& value : given.cells) {
      told += value.is_view() ? std::string(value.as_text()) : std::to_string(value.as_uint64());
      told += type_name(value.type());
    }
  }
  ASSERT(script.state().size() <= LuaScript::kStateMax);
  return told + script.state();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Shapes* const shapes = new Shapes;
  static const Shape* const shape = shapes->intern("fuzz", kNames);
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Value values[] = {Value::int64(std::numeric_limits<std::int64_t>::min()),
                          Value::uint64(std::numeric_limits<std::uint64_t>::max()),
                          Value::float64(-0.5),
                          Value::boolean(true),
                          Value::null(),
                          Value::bytes(Bytes(data, size)),
                          Value::text(text),
                          Value()};
  auto made = LuaScript::compile(text, kLimits);
  if (!made) {
    ASSERT(made.error().at <= size);
    ASSERT(!made.error().what.empty());
    return 0;
  }
  auto again = LuaScript::compile(text, kLimits);
  ASSERT(again.has_value());
  for (const std::uint64_t boot : {0, 9, 0}) {
    const Record record = Masker::own(Row{shape, values, {5, boot}});
    const std::string one = run(**made, record), other = run(**again, record);
    // Lua's tables grow by hashes, which begin with a random number: near a limit, memory may differ.
    const bool limited = one.contains("takes more than") || other.contains("takes more than");
    ASSERT(one == other || limited);
    ASSERT((*made)->memory_used() <= kLimits.memory_max);
    const std::string state = (*made)->state();
    ASSERT((*made)->set_state(state));
    ASSERT((*made)->state() == state);
    if (limited) return 0;
  }
  return 0;
}
