// What may raise is in lua_calls.cc. What is called of Lua here looks at values that are there, and takes no memory of it.
//
// A run's stack, which stays until the next one:  1 handler, 2 `state`, 3 the record's table, 4... what the script gave

#include "agent/pipeline/lua_script.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <span>

extern "C" {
#include <lua5.4/lua.h>
}

#include "agent/data/limits.h"
#include "agent/pipeline/lua_calls.h"
#include "agent/pipeline/stream_name.h"
#include "platform/base/text.h"

namespace pinaflux {

namespace {

// One step may compare two texts of 64 KiB, byte by byte where they are zeros: 1 ms.
constexpr int kHookSteps = 100;
constexpr std::size_t kTextHead = 64;  // What Lua holds beside a text, or less.

constexpr std::string_view kChunk = "script:";
// Places in a line that are tried to find the one of a mistake: each compiles the text up to it.
constexpr int kNearMax = 32;
// No time that a script sets is nearer to what a Stamp can hold: 9 years, as windows take it.
constexpr lua_Integer kScriptTimeMax = INT64_MAX - (lua_Integer{1} << 58);

// What Lua says without values; after a prefix there are names of the script, and types.
constexpr std::string_view kLuaSays[] = {"attempt to ",
                                         "bad argument #",
                                         "number",
                                         "'for' ",
                                         "stack overflow",
                                         "C stack overflow",
                                         "string length overflow",
                                         "resulting string too large",
                                         "table index is ",
                                         "too many results to unpack",
                                         "wrong number of arguments to 'insert'",
                                         "no such conversion in string.format",
                                         "string.format of a ",
                                         "pairs() of a table with a ",
                                         "the library cannot be changed"};

void* lua_memory(void* meter_of, void* old, std::size_t old_size_or_type, std::size_t size) {
  LuaMeter& meter = *static_cast<LuaMeter*>(meter_of);
  const std::size_t old_size = old == nullptr ? 0 : old_size_or_type;
  const bool is_text = old == nullptr && old_size_or_type == LUA_TSTRING;
  if (is_text && meter.runs && size > limits::kRecordBytesMax + kTextHead) {
    meter.raised = "it makes a text of more than 64 KiB";
    return nullptr;
  }
  if (size > old_size) {
    if (size - old_size > meter.bytes_max - meter.bytes) {
      // Lua looks for garbage, and asks again.
      if (meter.step(meter.bytes / LuaMeter::kStepBytes)) (void)meter.late();
      return nullptr;
    }
    if (!meter.step(size / LuaMeter::kStepBytes)) return nullptr;
  }
  if (size == 0) {
    std::free(old);
    meter.bytes -= old_size;
    return nullptr;
  }
  void* const fresh = std::realloc(old, size);
  if (fresh == nullptr) return size > old_size ? nullptr : old;
  meter.bytes += size - old_size;
  return fresh;
}

void lua_hook(lua_State* lua, lua_Debug*) {
  charge_lua(lua, kHookSteps);
  if (!LuaMeter::of(lua).late()) return;
  lua_pushliteral(lua, "time");
  lua_error(lua);
}

// An error where nothing catches it.
int lua_panic(lua_State*) {
  ASSERT(false);
  return 0;
}

// "script:3: what" is line 3 and "what".
std::string_view lua_take_line(std::string_view text, int& line) {
  if (!text.starts_with(kChunk)) return text;
  const char* const end = text.data() + text.size();
  const auto [at, wrong] = std::from_chars(text.data() + kChunk.size(), end, line);
  if (wrong != std::errc() || !std::string_view(at, end).starts_with(": ")) return text;
  return {at + 2, end};
}

// False: it is none of a record.
bool lua_to_value(lua_State* lua, int at, const Value* original, Value& to) {
  switch (lua_type(lua, at)) {
    case LUA_TBOOLEAN: to = Value::boolean(lua_toboolean(lua, at) != 0); return true;
    case LUA_TNUMBER: {
      if (lua_isinteger(lua, at) != 0) {
        to = Value::int64(lua_tointeger(lua, at));
        return true;
      }
      const double number = lua_tonumber(lua, at);
      const bool kept = original != nullptr && original->type() == Type::uint64 &&
                        original->to_double() == number;
      to = kept ? *original : Value::float64(number);
      return true;
    }
    case LUA_TSTRING: {
      std::size_t size = 0;
      const char* const data = lua_tolstring(lua, at, &size);
      const std::string_view text(data, size);
      if (original != nullptr && original->is_view() && original->as_text() == text) {
        to = *original;
      } else {
        to = utf8_valid(text) ? Value::text(text) : Value::bytes(as_bytes(text));
      }
      return true;
    }
    default: return false;
  }
}

std::size_t script_text_bytes(std::span<const Value> cells) {
  std::size_t bytes = 0;
  for (const Value& cell : cells) bytes += cell.is_view() ? cell.as_text().size() : 0;
  return bytes;
}

}  // namespace

std::expected<std::unique_ptr<LuaScript>, LuaScript::Mistake> LuaScript::compile(
    std::string_view text, const Limits& limits) {
  if (text.size() > kTextMax) return std::unexpected(Mistake{"the script is longer than 64 KiB"});
  std::unique_ptr<LuaScript> script(new LuaScript(limits));
  if (script->lua_ == nullptr || LuaCalls::open(script->lua_, text) != LUA_OK) {
    return std::unexpected(script->mistake(text));
  }
  if (!script->set_state({})) return std::unexpected(script->mistake(text));
  return script;
}

LuaScript::LuaScript(const Limits& limits) : limits_(limits) {
  meter_.bytes_max = limits.memory_max;
  meter_.steps_max = limits.steps_max;
  meter_.time_max = limits.time_max;
  lua_ = lua_newstate(lua_memory, &meter_);
  if (lua_ == nullptr) return;
  LuaMeter* const meter = &meter_;
  std::memcpy(lua_getextraspace(lua_), &meter, sizeof(meter));
  lua_atpanic(lua_, lua_panic);
}

LuaScript::~LuaScript() {
  if (lua_ != nullptr) lua_close(lua_);
}

// Of what is on top of the stack: "script:3: unexpected symbol near 'x'".
LuaScript::Mistake LuaScript::mistake(std::string_view text) {
  Mistake mistake{"the script needs more than memory_max"};
  if (lua_ == nullptr || lua_type(lua_, -1) != LUA_TSTRING) return mistake;
  const std::string said = lua_tolstring(lua_, -1, nullptr);
  int line = 0;
  const std::string_view what = lua_take_line(said, line);
  if (said == "not enough memory") return mistake;
  mistake.what = printable(what, 200);
  if (line == 0) return mistake;
  mistake.line = static_cast<std::uint32_t>(line);
  std::size_t begin = 0;
  for (int i = 1; i < line && begin != std::string_view::npos; ++i) {
    begin = text.find('\n', begin);
    if (begin != std::string_view::npos) ++begin;
  }
  if (begin == std::string_view::npos) return mistake;
  const std::string_view row = text.substr(begin, text.find('\n', begin) - begin);
  mistake.at = std::min(row.find_first_not_of(" \t"), row.size());
  const std::size_t near = what.rfind(" near '");
  if (near == std::string_view::npos || !what.ends_with('\'')) {
    if (what.ends_with("near <eof>")) mistake.at = row.size();
    return mistake;
  }
  // The first of these words up to which the text has the same mistake.
  const std::string_view word = what.substr(near + 7, what.size() - near - 8);
  int tries = kNearMax;
  for (std::size_t at = row.find(word); at != std::string_view::npos && !word.empty() && tries > 0;
       at = row.find(word, at + 1)) {
    --tries;
    if (LuaCalls::load(lua_, text.substr(0, begin + at + word.size())) == LUA_OK) continue;
    if (lua_type(lua_, -1) != LUA_TSTRING || lua_tolstring(lua_, -1, nullptr) != said) continue;
    mistake.at = at;
    break;
  }
  return mistake;
}

bool LuaScript::run(const Record& record) {
  given_ = 0;
  if (stale_ && !set_state(std::string(state_))) return false;
  // What Lua takes for its texts it takes without looking for garbage first.
  if (meter_.bytes > meter_.bytes_max / 2) lua_gc(lua_, LUA_GCCOLLECT);
  meter_.steps = 0;
  meter_.began_ns = 0;
  meter_.raised = nullptr;
  meter_.line = 0;
  meter_.runs = true;
  lua_sethook(lua_, lua_hook, LUA_MASKCOUNT, kHookSteps);
  const int code = LuaCalls::run(lua_, record, limits_.records_max);
  meter_.runs = false;
  lua_sethook(lua_, nullptr, 0, 0);
  if (code == LUA_OK) {
    given_ = static_cast<std::size_t>(lua_gettop(lua_)) - 3;
    if (keep_state()) return true;
  } else {
    explain(code == LUA_ERRMEM);
  }
  given_ = 0;
  LuaCalls::forget(lua_);
  stale_ = true;  // Until it is loaded again, as it was.
  return false;
}

void LuaScript::explain(bool memory) {
  if (meter_.raised != nullptr) {
    what_ = meter_.raised;
  } else if (memory || lua_type(lua_, -1) != LUA_TSTRING) {
    what_ = "it takes more than memory_max";
  } else {
    int line = 0;
    const std::string_view said = lua_take_line(lua_tolstring(lua_, -1, nullptr), line);
    const auto says = [&](std::string_view begin) { return said.starts_with(begin); };
    what_ = std::ranges::any_of(kLuaSays, says) ? printable(said, 120)
            : says("invalid conversion")        ? "string.format cannot do this"
            : says("invalid value")             ? "table.concat of what is no text or number"
                                                : "a function of the library cannot do this";
  }
}

std::string LuaScript::failure() const {
  return meter_.line > 0 ? "line " + std::to_string(meter_.line) + ": " + what_ : what_;
}

bool LuaScript::fail(std::string_view what) {
  meter_.line = 0;
  what_ = what;
  return false;
}

bool LuaScript::keep_state() {
  if (lua_type(lua_, 2) != LUA_TTABLE) return fail("state is no table any more");
  if (lua_checkstack(lua_, 8) == 0) return fail("it takes more than memory_max");
  made_.clear();
  entries_.clear();
  for (lua_pushnil(lua_); lua_next(lua_, 2) != 0; lua_pop(lua_, 1)) {
    if (lua_type(lua_, -2) != LUA_TSTRING) return fail("a name in state is no text");
    std::size_t size = 0;
    const char* const name = lua_tolstring(lua_, -2, &size);
    const std::size_t begin = made_.size();
    if (begin > kStateMax) return fail("state takes more than 4096 bytes");
    if (!append_lua_entry(lua_, kStateMax, made_)) {
      return fail("what is in state is no boolean, number or short text");
    }
    entries_.push_back({{name, size}, begin, made_.size()});
  }
  std::ranges::sort(entries_, {}, &Entry::name);
  std::string sorted(entries_.empty() ? "" : kLuaStateMagic);
  for (const Entry& entry : entries_) sorted.append(made_, entry.begin, entry.end - entry.begin);
  if (sorted.size() > kStateMax) return fail("state takes more than 4096 bytes");
  state_ = std::move(sorted);
  return true;
}

bool LuaScript::set_state(std::string_view state) {
  given_ = 0;
  if (!state.empty() && !state.starts_with(kLuaStateMagic)) return false;
  int code = LuaCalls::set_state(lua_, state);
  if (code == LUA_ERRMEM) {
    LuaCalls::forget(lua_);
    code = LuaCalls::set_state(lua_, state);
  }
  stale_ = code == LUA_ERRMEM || (stale_ && code != LUA_OK);
  if (code != LUA_OK && code != LUA_ERRMEM) return false;
  state_ = state;
  return !stale_ || fail("it takes more than memory_max");
}

// Of the shape, once for all its records.
const std::vector<std::uint16_t>& LuaScript::by_name(const Shape& shape) {
  if (shape.id() >= by_name_.size()) by_name_.resize(shape.id() + 1);
  std::vector<std::uint16_t>& order = by_name_[shape.id()];
  if (order.size() == shape.field_count()) return order;
  order.resize(shape.field_count());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::uint16_t>(i);
  std::ranges::sort(order, {},
                    [&](std::uint16_t i) -> std::string_view { return shape.fields()[i]; });
  return order;
}

LuaScript::Reading LuaScript::read(std::size_t i, const Record& record, Given& to) {
  const int at = 4 + static_cast<int>(i);
  const int type = lua_type(lua_, at);
  if (type == LUA_TNIL || (type == LUA_TBOOLEAN && lua_toboolean(lua_, at) == 0)) {
    return Reading::nothing;
  }
  if (type != LUA_TTABLE) {
    fail("it gives a " + std::string(lua_typename(lua_, type)) + " for a record");
    return Reading::failed;
  }
  const Shape& shape = record.shape();
  to.stream = shape.stream();
  to.time = record.time();
  to.added.clear();
  to.cells.assign(shape.field_count(), Value());
  if (lua_rawequal(lua_, at, 3) != 0) {  // What it did not see.
    for (std::size_t field = 0; field < to.cells.size(); ++field) {
      const std::string& name = shape.fields()[field];
      const bool hidden = name == "_stream" || name == "_time";
      const Value& its = record.cells()[field];
      if (hidden || its.type() == Type::null) to.cells[field] = its;
    }
  }
  const int top = lua_gettop(lua_);
  bool good = true;
  lua_pushnil(lua_);
  while (good && lua_next(lua_, at) != 0) {
    good =
        lua_type(lua_, -2) == LUA_TSTRING ? field(record, to) : fail("a field's name is no text");
    lua_pop(lua_, 1);
  }
  lua_settop(lua_, top);
  if (!good) return Reading::failed;
  std::size_t bytes = script_text_bytes(to.cells);
  for (const auto& [name, value] : to.added) {
    bytes += name.size() + (value.is_view() ? value.as_text().size() : 0);
  }
  if (bytes > limits::kRecordBytesMax && bytes > script_text_bytes(record.cells())) {
    fail("it makes a record of more than 64 KiB");
    return Reading::failed;
  }
  std::ranges::sort(to.added, {}, &std::pair<std::string_view, Value>::first);
  return Reading::record;
}

// The name and value on top of the stack.
bool LuaScript::field(const Record& record, Given& to) {
  std::size_t size = 0;
  const char* const data = lua_tolstring(lua_, -2, &size);
  const std::string_view name(data, size);
  Value value;
  if (name == "_time") {
    if (lua_isinteger(lua_, -1) == 0) return fail("_time is no integer: ns since 1970");
    const lua_Integer ns = lua_tointeger(lua_, -1);
    if (record.time().boot == 0 && ns == record.time().ns) return true;
    if (ns > kScriptTimeMax || ns < -kScriptTimeMax) {
      return fail("_time is less than 9 years from what it can hold");
    }
    to.time = Stamp{ns, 0};
    return true;
  }
  if (name == "_stream") {
    if (lua_type(lua_, -1) != LUA_TSTRING) return fail("_stream is no text");
    const char* const stream = lua_tolstring(lua_, -1, &size);
    to.stream = {stream, size};
    if (to.stream != record.shape().stream() && !is_stream_name(to.stream)) {
      return fail("_stream is no name of a stream, or one of the agent's own");
    }
    return true;
  }
  const auto& order = by_name(record.shape());
  const auto name_of = [&](std::uint16_t i) -> std::string_view {
    return record.shape().fields()[i];
  };
  const auto found = std::ranges::lower_bound(order, name, {}, name_of);
  const bool known = found != order.end() && name_of(*found) == name;
  const Value* const original = known ? &record.cells()[*found] : nullptr;
  if (!lua_to_value(lua_, -1, original, value)) {
    return fail("a field is a " + std::string(lua_typename(lua_, lua_type(lua_, -1))));
  }
  if (known) {
    to.cells[*found] = value;
    return true;
  }
  if (name.empty() || size > limits::kNameBytesMax || !utf8_valid(name)) {
    return fail("a field's name is empty, longer than 512 bytes or no UTF-8");
  }
  if (to.added.size() == limits_.fields_max) return fail("it adds more than fields_max fields");
  to.added.emplace_back(name, value);
  return true;
}

}  // namespace pinaflux
