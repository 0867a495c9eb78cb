// LuaLibrary: what a script may call, and the meter that bounds what it does.
//
//   ipairs pairs select tonumber tostring type error assert
//   math     without random; string: without patterns, dump and addresses; table: concat insert remove unpack
//
// Promise    Nothing reads a file, a clock, a random number or an address, nothing loads code, catches an error or changes what
//            another call sees. pairs() goes by the keys' order. What one call may take long over is charged to the meter.
// Threads    Of the lua_State.
// Tests      tests/agent/pipeline/script_test.cc
#pragma once

#include <cstddef>
#include <cstdint>

#include "platform/base/time.h"

struct lua_State;

namespace pinaflux {

// Of one lua_State, which points to it (lua_getextraspace).
struct LuaMeter {
  static constexpr std::size_t kStepBytes = 64;  // That are taken, or looked at, in a step.

  std::size_t bytes = 0, bytes_max = 0;  // Held.
  std::uint64_t steps = 0, steps_max = 0;
  Duration time_max;             // From the first call of late() in a run.
  std::int64_t began_ns = 0;     // 0: late() was not called.
  bool runs = false;             // Steps are counted.
  const char* raised = nullptr;  // Says why it was stopped, in place of Lua's text.
  int line = 0;                  // Where; 0: not known.

  // False: that is too much.
  bool step(std::uint64_t count);
  bool late();
  static LuaMeter& of(lua_State* lua);
};

// Pushes the table of what scripts see beside `record` and `state`. May raise.
void push_lua_library(lua_State* lua);
// Raises an error once there are too many steps. No destructor may wait in the caller.
void charge_lua(lua_State* lua, std::uint64_t steps);

}  // namespace pinaflux
