// Lua was built as C: an error is a longjmp, which no destructor survives. Functions here that take a lua_State and give an int hold
// nothing that has one.
//
// The script's globals are a table that holds `record` and `state`; all else is found behind it, and another name cannot be set.

#include "agent/pipeline/lua_calls.h"

#include <algorithm>
#include <bit>
#include <cstring>

extern "C" {
#include <lua5.4/lua.h>
// Behind lua.h.
#include <lua5.4/lauxlib.h>
}

#include "agent/pipeline/lua_library.h"

namespace pinaflux {

namespace {

constexpr lua_Integer kGlobals = 100, kFunction = 101;  // Places in Lua's registry.

struct LuaCall {
  const Record* record = nullptr;
  std::string_view text = {};
  std::size_t records_max = 0;
};

void lua_append(std::string& to, std::uint64_t number, int bytes) {
  for (int i = 0; i < bytes; ++i) to += static_cast<char>(number >> (8 * i) & 0xff);
}

class LuaStateReader {
 public:
  explicit LuaStateReader(std::string_view rest) : rest_(rest) {}
  bool ok() const { return ok_; }
  bool at_end() const { return rest_.empty(); }
  std::uint64_t number(std::size_t bytes) {
    const std::string_view its = text(bytes);
    std::uint64_t number = 0;
    for (std::size_t i = its.size(); i > 0; --i)
      number = number << 8 | static_cast<unsigned char>(its[i - 1]);
    return number;
  }
  std::string_view text(std::uint64_t size) {
    ok_ = ok_ && size <= rest_.size();
    if (!ok_) return {};
    const std::string_view its = rest_.substr(0, static_cast<std::size_t>(size));
    rest_.remove_prefix(its.size());
    return its;
  }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

bool append_lua_value(lua_State* lua, int at, std::size_t text_max, std::string& to) {
  const int type = lua_type(lua, at);
  if (type == LUA_TBOOLEAN) {
    to += 'b';
    to += static_cast<char>(lua_toboolean(lua, at));
  } else if (type == LUA_TNUMBER && lua_isinteger(lua, at) != 0) {
    to += 'i';
    lua_append(to, static_cast<std::uint64_t>(lua_tointeger(lua, at)), 8);
  } else if (type == LUA_TNUMBER) {
    to += 'f';
    lua_append(to, std::bit_cast<std::uint64_t>(lua_tonumber(lua, at)), 8);
  } else if (type == LUA_TSTRING) {
    std::size_t size = 0;
    const char* const text = lua_tolstring(lua, at, &size);
    if (size > text_max) return false;
    to += 't';
    lua_append(to, size, 2);
    to.append(text, size);
  } else {
    return false;
  }
  return true;
}

LuaCall& call(lua_State* lua) { return *static_cast<LuaCall*>(lua_touserdata(lua, 1)); }

// Finds the line of the script.
int handle(lua_State* lua) {
  lua_Debug at;
  for (int level = 0; lua_getstack(lua, level, &at) != 0; ++level) {
    lua_getinfo(lua, "l", &at);
    if (at.currentline <= 0) continue;
    LuaMeter::of(lua).line = at.currentline;
    break;
  }
  return 1;
}

int pcall(lua_State* lua, lua_CFunction function, LuaCall& call, int results) {
  lua_settop(lua, 0);
  lua_pushcfunction(lua, handle);
  lua_pushcfunction(lua, function);
  lua_pushlightuserdata(lua, &call);
  return lua_pcall(lua, 1, results, 1);
}

// Behind the mark of UTF-8 and a line `#!...`, whose end stays, so that lines keep their numbers.
int load_text(lua_State* lua) {
  std::string_view text = call(lua).text;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  if (text.starts_with("#!")) text.remove_prefix(std::min(text.find('\n'), text.size()));
  if (luaL_loadbufferx(lua, text.data(), text.size(), "=script", "t") != LUA_OK) lua_error(lua);
  return 1;
}

// Of the globals: a name that is not in them is set.
int set_name(lua_State* lua) {
  if (lua_type(lua, 2) == LUA_TSTRING) {
    const char* const name = lua_tolstring(lua, 2, nullptr);
    if (std::strcmp(name, "record") == 0 || std::strcmp(name, "state") == 0) {
      lua_rawset(lua, 1);
      return 0;
    }
  }
  LuaMeter::of(lua).raised = "a global is set: write local, or keep it in state";
  return luaL_error(lua, "global");
}

int open_script(lua_State* lua) {
  load_text(lua);
  lua_rawseti(lua, LUA_REGISTRYINDEX, kFunction);
  lua_newtable(lua);
  lua_createtable(lua, 0, 2);
  push_lua_library(lua);
  lua_setfield(lua, -2, "__index");
  lua_pushcfunction(lua, set_name);
  lua_setfield(lua, -2, "__newindex");
  lua_setmetatable(lua, -2);
  lua_rawseti(lua, LUA_REGISTRYINDEX, kGlobals);
  return 0;
}

void push(lua_State* lua, std::string_view text) {
  lua_pushlstring(lua, text.empty() ? "" : text.data(), text.size());
}

void push(lua_State* lua, const Value& value) {
  switch (value.type()) {
    case Type::absent:
    case Type::null: lua_pushnil(lua); return;
    case Type::boolean: lua_pushboolean(lua, value.as_boolean() ? 1 : 0); return;
    case Type::int64: lua_pushinteger(lua, value.as_int64()); return;
    case Type::uint64:
    case Type::float64: lua_pushnumber(lua, value.to_double()); return;
    case Type::text:
    case Type::bytes: push(lua, value.as_text()); return;
  }
}

void push(lua_State* lua, const Record& record) {
  const Shape& shape = record.shape();
  const std::size_t count = shape.field_count();
  lua_createtable(lua, 0, static_cast<int>(count) + 2);
  for (std::size_t i = 0; i < count; ++i) {
    if (record.cells()[i].type() <= Type::null) continue;
    push(lua, shape.fields()[i]);
    push(lua, record.cells()[i]);
    lua_rawset(lua, -3);
  }
  push(lua, shape.stream());
  lua_setfield(lua, -2, "_stream");
  if (record.time().boot == 0) {
    lua_pushinteger(lua, record.time().ns);
  } else {
    lua_pushnil(lua);
  }
  lua_setfield(lua, -2, "_time");
}

void set_global(lua_State* lua, int globals, const char* name) {
  lua_pushstring(lua, name);
  lua_insert(lua, -2);
  lua_rawset(lua, globals);
}
void get_global(lua_State* lua, int globals, const char* name) {
  lua_pushstring(lua, name);
  lua_rawget(lua, globals);
}

int run_script(lua_State* lua) {
  const LuaCall& its = call(lua);
  lua_settop(lua, 0);
  lua_pushnil(lua);                                // 1: `state`.
  push(lua, *its.record);                          // 2
  lua_rawgeti(lua, LUA_REGISTRYINDEX, kGlobals);   // 3
  lua_rawgeti(lua, LUA_REGISTRYINDEX, kFunction);  // 4
  lua_pushvalue(lua, 3);
  lua_setupvalue(lua, 4, 1);  // The script may have set _ENV.
  lua_pushvalue(lua, 2);
  set_global(lua, 3, "record");
  lua_call(lua, 0, LUA_MULTRET);
  const int given = lua_gettop(lua) - 3;
  luaL_checkstack(lua, 4, nullptr);
  if (static_cast<std::size_t>(given) > its.records_max) {
    LuaMeter::of(lua).raised = "it gives more than records_max records";
    return luaL_error(lua, "records");
  }
  if (given == 0) get_global(lua, 3, "record");
  LuaMeter::of(lua).runs = false;
  get_global(lua, 3, "state");
  lua_replace(lua, 1);
  lua_pushnil(lua);  // Nothing of the record stays behind.
  set_global(lua, 3, "record");
  lua_remove(lua, 3);
  return lua_gettop(lua);
}

int load_state(lua_State* lua) {
  const std::string_view text = call(lua).text;
  lua_rawgeti(lua, LUA_REGISTRYINDEX, kGlobals);
  lua_newtable(lua);
  LuaStateReader from(text);
  from.text(text.empty() ? 0 : kLuaStateMagic.size());
  while (from.ok() && !from.at_end()) {
    push(lua, from.text(from.number(2)));
    const std::string_view name_of_type = from.text(1);
    const char type = name_of_type.empty() ? '\0' : name_of_type[0];
    if (type == 'b') {
      lua_pushboolean(lua, from.number(1) != 0 ? 1 : 0);
    } else if (type == 'i') {
      lua_pushinteger(lua, static_cast<lua_Integer>(from.number(8)));
    } else if (type == 'f') {
      lua_pushnumber(lua, std::bit_cast<double>(from.number(8)));
    } else if (type == 't') {
      push(lua, from.text(from.number(2)));
    } else {
      return luaL_error(lua, "damaged");
    }
    lua_rawset(lua, -3);
  }
  if (!from.ok()) return luaL_error(lua, "damaged");
  set_global(lua, 2, "state");
  return 0;
}

}  // namespace

bool append_lua_entry(lua_State* lua, std::size_t text_max, std::string& to) {
  std::size_t size = 0;
  const char* const name = lua_tolstring(lua, -2, &size);
  if (size > text_max) return false;
  lua_append(to, size, 2);
  to.append(name, size);
  return append_lua_value(lua, -1, text_max, to);
}

int LuaCalls::load(lua_State* lua, std::string_view text) {
  LuaCall call{.text = text};
  return pcall(lua, load_text, call, 0);
}

int LuaCalls::open(lua_State* lua, std::string_view text) {
  LuaCall call{.text = text};
  return pcall(lua, open_script, call, 0);
}

int LuaCalls::run(lua_State* lua, const Record& record, std::size_t records_max) {
  LuaCall call{.record = &record, .records_max = records_max};
  return pcall(lua, run_script, call, LUA_MULTRET);
}

int LuaCalls::set_state(lua_State* lua, std::string_view state) {
  LuaCall call{.text = state};
  return pcall(lua, load_state, call, 0);
}

void LuaCalls::forget(lua_State* lua) {
  lua_settop(lua, 0);
  lua_rawgeti(lua, LUA_REGISTRYINDEX, kGlobals);  // 1
  for (lua_pushnil(lua); lua_next(lua, 1) != 0;) {
    lua_pop(lua, 1);
    lua_pushvalue(lua, -1);
    lua_pushnil(lua);
    lua_rawset(lua, 1);  // A key that is there.
  }
  lua_rawgeti(lua, LUA_REGISTRYINDEX, kFunction);
  lua_pushvalue(lua, 1);
  lua_setupvalue(lua, -2, 1);  // The script may have set _ENV.
  lua_settop(lua, 0);
  lua_gc(lua, LUA_GCCOLLECT);
}

}  // namespace pinaflux
