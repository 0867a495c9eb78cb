// Lua's own functions where they are harmless, by a list of names. Those that work as long as their arguments say
// are called through a closure that charges for it first. What would show an address or the order of a hash (which
// begins with a random number) is written anew: tostring, pairs, type.
//
// Functions here may raise, which is a longjmp: they hold nothing that has a destructor.

#include "agent/pipeline/lua_library.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <string_view>

extern "C" {
#include <lua5.4/lua.h>
// Behind lua.h.
#include <lua5.4/lauxlib.h>
#include <lua5.4/lualib.h>
}

namespace pinaflux {

namespace {

// Calls the function that is the upvalue.
int lua_pass_on(lua_State* lua) {
  lua_pushvalue(lua, lua_upvalueindex(1));
  lua_insert(lua, 1);
  lua_call(lua, lua_gettop(lua) - 1, LUA_MULTRET);
  return lua_gettop(lua);
}

// Charges for the length of each argument first.
int lua_charged(lua_State* lua) {
  std::uint64_t steps = 0;
  for (int i = lua_gettop(lua); i > 0; --i) {
    const std::uint64_t size = lua_rawlen(lua, i);
    steps += lua_type(lua, i) == LUA_TTABLE ? size : size / LuaMeter::kStepBytes;
  }
  charge_lua(lua, steps);
  return lua_pass_on(lua);
}

// What stands behind moves.
int lua_insert_element(lua_State* lua) {
  return lua_gettop(lua) > 2 ? lua_charged(lua) : lua_pass_on(lua);
}
int lua_remove_element(lua_State* lua) {
  return lua_gettop(lua) > 1 ? lua_charged(lua) : lua_pass_on(lua);
}

// Lua would go so many times through nothing.
int lua_repeat(lua_State* lua) {
  std::size_t size = 0, between = 0;
  luaL_checklstring(lua, 1, &size);
  luaL_optlstring(lua, 3, "", &between);
  if (size + between > 0) return lua_charged(lua);
  lua_pushliteral(lua, "");
  return 1;
}

// Charges for each place of a table from argument `at` to the next one.
int lua_places(lua_State* lua, int at) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  const lua_Integer first = luaL_optinteger(lua, at, 1);
  const lua_Integer last = lua_isnoneornil(lua, at + 1)
                               ? static_cast<lua_Integer>(lua_rawlen(lua, 1))
                               : luaL_checkinteger(lua, at + 1);
  if (first <= last)
    charge_lua(lua, static_cast<std::uint64_t>(last) - static_cast<std::uint64_t>(first));
  return lua_charged(lua);
}

int lua_unpack_table(lua_State* lua) { return lua_places(lua, 2); }
int lua_concat_table(lua_State* lua) { return lua_places(lua, 3); }

// Only what has a value is written: no %p, and no table's address by %s.
int lua_format(lua_State* lua) {
  std::size_t size = 0;
  const char* const format = luaL_checklstring(lua, 1, &size);
  for (std::size_t i = 0; i + 1 < size; ++i) {
    if (format[i] != '%') continue;
    ++i;
    while (i < size && format[i] != '\0' && std::strchr("-+ #0123456789.", format[i]) != nullptr)
      ++i;
    if (i < size && format[i] != '\0' && std::strchr("%cdiouxXaAeEfFgGqs", format[i]) != nullptr)
      continue;
    return luaL_error(lua, "no such conversion in string.format");
  }
  for (int i = lua_gettop(lua); i > 1; --i) {
    const int type = lua_type(lua, i);
    if (type > LUA_TSTRING || type == LUA_TLIGHTUSERDATA) {
      return luaL_error(lua, "string.format of a %s", luaL_typename(lua, i));
    }
  }
  return lua_charged(lua);
}

// Of plain text; there are no patterns here.
int lua_find(lua_State* lua) {
  std::size_t size = 0, wanted_size = 0;
  const char* const text = luaL_checklstring(lua, 1, &size);
  const char* const wanted = luaL_checklstring(lua, 2, &wanted_size);
  const lua_Integer from = luaL_optinteger(lua, 3, 1);
  const auto length = static_cast<lua_Integer>(size);
  const auto begin = static_cast<std::size_t>(from > 0         ? std::min(from - 1, length + 1)
                                              : from < -length ? 0
                                              : from == 0      ? 0
                                                               : length + from);
  if (begin > size) return luaL_pushfail(lua), 1;
  charge_lua(lua, (size - begin) / LuaMeter::kStepBytes);
  std::size_t at = begin;
  for (; wanted_size > 0; ++at) {
    const void* const next = at + wanted_size > size
                                 ? nullptr
                                 : std::memchr(text + at, wanted[0], size - wanted_size - at + 1);
    if (next == nullptr) return luaL_pushfail(lua), 1;
    at = static_cast<std::size_t>(static_cast<const char*>(next) - text);
    charge_lua(lua, 1 + wanted_size / LuaMeter::kStepBytes);
    if (std::memcmp(text + at, wanted, wanted_size) == 0) break;
  }
  lua_pushinteger(lua, static_cast<lua_Integer>(at) + 1);
  lua_pushinteger(lua, static_cast<lua_Integer>(at + wanted_size));
  return 2;
}

int lua_type_name(lua_State* lua) {
  luaL_checkany(lua, 1);
  lua_pushstring(lua, luaL_typename(lua, 1));
  return 1;
}

int lua_text_of(lua_State* lua) {
  luaL_checkany(lua, 1);
  switch (lua_type(lua, 1)) {
    case LUA_TNUMBER:
    case LUA_TSTRING: lua_settop(lua, 1), lua_tolstring(lua, 1, nullptr); return 1;
    case LUA_TBOOLEAN: lua_pushstring(lua, lua_toboolean(lua, 1) != 0 ? "true" : "false"); return 1;
    default: return lua_type_name(lua);
  }
}

int lua_number_of(lua_State* lua) {
  luaL_checkany(lua, 1);
  lua_settop(lua, 1);
  if (lua_type(lua, 1) == LUA_TNUMBER) return 1;
  std::size_t size = 0;
  const char* const text = lua_tolstring(lua, 1, &size);
  charge_lua(lua, size / LuaMeter::kStepBytes);
  if (text != nullptr && lua_stringtonumber(lua, text) == size + 1) return 1;
  return luaL_pushfail(lua), 1;
}

int lua_select_values(lua_State* lua) {
  const int count = lua_gettop(lua);
  if (lua_type(lua, 1) == LUA_TSTRING && *lua_tostring(lua, 1) == '#') {
    lua_pushinteger(lua, count - 1);
    return 1;
  }
  const lua_Integer from = luaL_checkinteger(lua, 1);
  const lua_Integer first = from < 0 ? count + from : std::min<lua_Integer>(from, count);
  luaL_argcheck(lua, first >= 1, 1, "index out of range");
  return count - static_cast<int>(first);
}

// The text may hold a value: it is not shown.
int lua_raise(lua_State* lua) {
  LuaMeter::of(lua).raised = "error() was called";
  return luaL_error(lua, "error");
}

int lua_demand(lua_State* lua) {
  luaL_checkany(lua, 1);
  if (lua_toboolean(lua, 1) != 0) return lua_gettop(lua);
  LuaMeter::of(lua).raised = "assert() of what is false or nil";
  return luaL_error(lua, "assert");
}

// The script has this function itself, and may call it with anything.
int lua_next_element(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  const auto i = static_cast<lua_Integer>(static_cast<lua_Unsigned>(lua_tointeger(lua, 2)) + 1);
  lua_pushinteger(lua, i);
  return lua_rawgeti(lua, 1, i) == LUA_TNIL ? 1 : 2;
}

int lua_elements(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  lua_pushcfunction(lua, lua_next_element);
  lua_pushvalue(lua, 1);
  lua_pushinteger(lua, 0);
  return 3;
}

// A key of a table, to be put in order: false, true, numbers, texts.
struct LuaKey {
  int kind;
  lua_Integer integer;
  lua_Number number;
  const char* text;
  std::size_t size;
  lua_Integer place;  // In the list of keys.

  bool operator<(const LuaKey& other) const {
    if (kind != other.kind) return kind < other.kind;
    if (kind == LUA_TSTRING)
      return std::string_view(text, size) < std::string_view(other.text, other.size);
    return number != other.number ? number < other.number : integer < other.integer;
  }
};

LuaKey lua_key(lua_State* lua, int at, lua_Integer place) {
  LuaKey key{lua_type(lua, at), 0, 0, nullptr, 0, place};
  if (key.kind == LUA_TSTRING) {
    key.text = lua_tolstring(lua, at, &key.size);
  } else if (key.kind == LUA_TNUMBER) {
    key.number = lua_tonumber(lua, at);
    if (lua_isinteger(lua, at) != 0) key.integer = lua_tointeger(lua, at);
  } else if (key.kind == LUA_TBOOLEAN) {
    key.number = lua_toboolean(lua, at);
  } else {
    luaL_error(lua, "pairs() of a table with a %s as a key", luaL_typename(lua, at));
  }
  return key;
}

// Upvalues: the table, its keys in their order, how many were given.
int lua_next_pair(lua_State* lua) {
  lua_Integer i = lua_tointeger(lua, lua_upvalueindex(3));
  for (;;) {
    charge_lua(lua, 1);
    if (lua_rawgeti(lua, lua_upvalueindex(2), ++i) == LUA_TNIL) return 1;
    lua_pushvalue(lua, -1);
    if (lua_rawget(lua, lua_upvalueindex(1)) != LUA_TNIL) break;
    lua_pop(lua, 2);  // It was taken out meanwhile.
  }
  lua_pushinteger(lua, i);
  lua_replace(lua, lua_upvalueindex(3));
  return 2;
}

int lua_pairs(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  lua_settop(lua, 1);
  lua_newtable(lua);  // 2: the keys as they come.
  lua_Integer count = 0;
  for (lua_pushnil(lua); lua_next(lua, 1) != 0; lua_pop(lua, 1)) {
    lua_pushvalue(lua, -2);
    lua_rawseti(lua, 2, ++count);
  }
  charge_lua(lua, static_cast<std::uint64_t>(count) * 2);
  const auto size = static_cast<std::size_t>(count);
  auto* const keys = static_cast<LuaKey*>(lua_newuserdatauv(lua, size * sizeof(LuaKey), 0));  // 3
  for (lua_Integer i = 1; i <= count; ++i) {
    lua_rawgeti(lua, 2, i);
    keys[i - 1] = lua_key(lua, -1, i);
    lua_pop(lua, 1);
  }
  std::sort(keys, keys + size);
  lua_pushvalue(lua, 1);
  lua_createtable(lua, static_cast<int>(count), 0);
  for (lua_Integer i = 1; i <= count; ++i) {
    lua_rawgeti(lua, 2, keys[i - 1].place);
    lua_rawseti(lua, -2, i);
  }
  lua_pushinteger(lua, 0);
  lua_pushcclosure(lua, lua_next_pair, 3);
  return 1;
}

int lua_refuse_change(lua_State* lua) { return luaL_error(lua, "the library cannot be changed"); }

// A name of a library; `instead` where it is not Lua's own, `charged` where that is called by what charges for it.
struct LuaName {
  const char* name;
  lua_CFunction instead = nullptr;
  bool charged = false;
};
constexpr LuaName kLuaMath[] = {{"abs"},  {"acos"}, {"asin"},       {"atan"},       {"ceil"},
                                {"cos"},  {"deg"},  {"exp"},        {"floor"},      {"fmod"},
                                {"huge"}, {"log"},  {"max"},        {"maxinteger"}, {"min"},
                                {"modf"}, {"pi"},   {"mininteger"}, {"rad"},        {"sin"},
                                {"sqrt"}, {"tan"},  {"tointeger"},  {"type"},       {"ult"}};
constexpr LuaName kLuaString[] = {{"byte", lua_charged, true},
                                  {"char"},
                                  {"find", lua_find},
                                  {"format", lua_format, true},
                                  {"len"},
                                  {"lower", lua_charged, true},
                                  {"pack", lua_charged, true},
                                  {"rep", lua_repeat, true},
                                  {"reverse", lua_charged, true},
                                  {"sub"},
                                  {"unpack", lua_charged, true},
                                  {"upper", lua_charged, true}};
constexpr LuaName kLuaTable[] = {{"concat", lua_concat_table, true},
                                 {"insert", lua_insert_element, true},
                                 {"remove", lua_remove_element, true},
                                 {"unpack", lua_unpack_table, true}};
constexpr luaL_Reg kLuaBase[] = {
    {"assert", lua_demand},    {"error", lua_raise},          {"ipairs", lua_elements},
    {"pairs", lua_pairs},      {"select", lua_select_values}, {"tonumber", lua_number_of},
    {"tostring", lua_text_of}, {"type", lua_type_name},       {nullptr, nullptr}};

// Pushes a table that holds these names of the library on top, in its place.
void lua_pick(lua_State* lua, const LuaName* begin, const LuaName* end) {
  lua_createtable(lua, 0, static_cast<int>(end - begin));
  for (const LuaName* its = begin; its != end; ++its) {
    if (its->instead == nullptr || its->charged) lua_getfield(lua, -2, its->name);
    if (its->instead != nullptr) lua_pushcclosure(lua, its->instead, its->charged ? 1 : 0);
    lua_setfield(lua, -2, its->name);
  }
  lua_replace(lua, -2);
}

// Replaces the table on top by one through which it can be read only.
void lua_read_only(lua_State* lua) {
  lua_newtable(lua);
  lua_createtable(lua, 0, 2);
  lua_pushvalue(lua, -3);
  lua_setfield(lua, -2, "__index");
  lua_pushcfunction(lua, lua_refuse_change);
  lua_setfield(lua, -2, "__newindex");
  lua_setmetatable(lua, -2);
  lua_replace(lua, -2);
}

void lua_open(lua_State* lua, lua_CFunction open) {
  lua_pushcfunction(lua, open);
  lua_call(lua, 0, 1);
}

}  // namespace

bool LuaMeter::step(std::uint64_t count) {
  if (!runs) return true;
  steps = count > steps_max ? steps_max + 1 : steps + count;
  if (steps <= steps_max) return true;
  raised = "it takes more than steps_max steps";
  return false;
}

bool LuaMeter::late() {
  if (!runs) return false;
  const std::chrono::nanoseconds now = std::chrono::steady_clock::now().time_since_epoch();
  if (began_ns == 0) began_ns = now.count();
  if (now.count() - began_ns <= time_max.ns) return false;
  raised = "it takes longer than 1 s";
  return true;
}

LuaMeter& LuaMeter::of(lua_State* lua) {
  LuaMeter* meter = nullptr;
  std::memcpy(&meter, lua_getextraspace(lua), sizeof(meter));
  return *meter;
}

void charge_lua(lua_State* lua, std::uint64_t steps) {
  if (!LuaMeter::of(lua).step(steps)) luaL_error(lua, "steps");
}

void push_lua_library(lua_State* lua) {
  lua_newtable(lua);
  luaL_setfuncs(lua, kLuaBase, 0);
  lua_open(lua, luaopen_math);
  lua_pick(lua, std::begin(kLuaMath), std::end(kLuaMath));
  lua_read_only(lua);
  lua_setfield(lua, -2, "math");
  lua_open(lua, luaopen_table);
  lua_pick(lua, std::begin(kLuaTable), std::end(kLuaTable));
  lua_read_only(lua);
  lua_setfield(lua, -2, "table");
  lua_open(lua, luaopen_string);
  lua_pick(lua, std::begin(kLuaString), std::end(kLuaString));
  // The methods of a text are these, too.
  lua_pushliteral(lua, "");
  lua_getmetatable(lua, -1);
  lua_pushvalue(lua, -3);
  lua_setfield(lua, -2, "__index");
  lua_pop(lua, 2);
  lua_read_only(lua);
  lua_setfield(lua, -2, "string");
}

}  // namespace pinaflux
