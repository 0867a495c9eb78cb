// LuaCalls: what may raise an error of Lua, each under a lua_pcall.
//
// Promise    After a call the stack holds a handler, and what is said of it; after one that failed, a handler and the error.
//            The line is in the meter.
// Threads    Of the lua_State.
// Tests      tests/agent/pipeline/script_test.cc
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "agent/data/record.h"

struct lua_State;

namespace pinaflux {

struct LuaCalls {
  // Each gives Lua's code, but forget(): 0 is ok.

  // Nothing is left; or the error is of the text.
  static int load(lua_State* lua, std::string_view text);
  // The script that run() will run, and its library.
  static int open(lua_State* lua, std::string_view text);
  // `state`, the record's table, and what the script gave.
  static int run(lua_State* lua, const Record& record, std::size_t records_max);
  // What append_entry() wrote, or nothing.
  static int set_state(lua_State* lua, std::string_view state);

  // All that a run left, `state` too: set_state() comes next. Takes no memory, and raises nothing.
  static void forget(lua_State* lua);
};

// State as bytes: kLuaStateMagic, then for each name, in their order: its size (2 bytes; all numbers least byte first), the name, a
// type, and 1 byte (b), 8 bytes (i, f), or a size (2 bytes) and a text (t).
inline constexpr std::string_view kLuaStateMagic = "L1";

// Adds the name and the value on top of the stack. False: it is none that state may hold; `to` may have a part of it.
bool append_lua_entry(lua_State* lua, std::size_t text_max, std::string& to);

}  // namespace pinaflux
