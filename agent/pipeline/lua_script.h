// LuaScript: a Lua chunk that is run on one record after another, in a Lua of its own.
//
// Promise    A run sees the record, `state` and lua_library.h, and nothing else of another run. It ends: by itself, or because a
//            limit stopped it. What it made counts if it ended by itself; if not, `state` is as it was before.
// Limits     Limits; kTextMax bytes of text, kStateMax of state.
// Ownership  What read() gives lives until the next run() or set_state().
// Threads    One owner at a time.
// Tests      tests/agent/pipeline/script_test.cc, tests/fuzz/lua_fuzz.cc
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/data/record.h"
#include "agent/pipeline/lua_library.h"

namespace pinaflux {

class LuaScript {
 public:
  static constexpr std::size_t kTextMax = 64 * 1024;
  static constexpr std::size_t kStateMax = 4'096;

  struct Limits {
    std::size_t memory_max = 256 * 1024;  // Of its Lua, the script included.
    std::uint64_t steps_max =
        100'000;  // Of a run: instructions, and LuaMeter::kStepBytes of memory taken.
    Duration time_max = Duration::seconds(1);  // Of a run, if it takes more than a few steps.
    std::size_t records_max = 1;               // Of a run.
    std::size_t fields_max = 8;                // That a record has more than the one that came.
  };
  // What is wrong with a text, and where.
  struct Mistake {
    std::string what;
    std::uint32_t line = 0;  // From 1; 0: nowhere in it.
    std::size_t at = 0;      // Byte of the line.
  };
  static std::expected<std::unique_ptr<LuaScript>, Mistake> compile(std::string_view text,
                                                                    const Limits& limits);
  ~LuaScript();

  // False: failure() says why.
  bool run(const Record& record);
  // What a run gave: records and nothings.
  std::size_t given() const { return given_; }
  struct Given {
    std::string_view stream;
    Stamp time;
    std::vector<Value> cells;  // By the fields of the record that came; absent if it is not in it.
    std::vector<std::pair<std::string_view, Value>> added;  // By name.
  };
  enum class Reading { record, nothing, failed };
  Reading read(std::size_t i, const Record& record, Given& to);

  // Of `state`, after a run; the same bytes for the same values.
  const std::string& state() const { return state_; }
  // False: it is damaged, and nothing was changed; or there is no room for it now, and run() tries again.
  bool set_state(std::string_view state);

  // Line and reason, without values of the record: "line 3: attempt to index a nil value (local 'x')".
  std::string failure() const;
  std::size_t memory_used() const { return meter_.bytes; }

 private:
  struct Entry {
    std::string_view name;
    std::size_t begin, end;
  };

  explicit LuaScript(const Limits& limits);
  Mistake mistake(std::string_view text);
  void explain(bool memory);
  bool fail(std::string_view what);
  bool keep_state();
  bool field(const Record& record, Given& to);
  const std::vector<std::uint16_t>& by_name(const Shape& shape);

  const Limits limits_;
  LuaMeter meter_;
  lua_State* lua_ = nullptr;
  std::size_t given_ = 0;
  std::string state_;
  bool stale_ = false;  // What Lua has is not state_.
  std::string what_;    // Is wrong.
  std::string made_;
  std::vector<Entry> entries_;  // Of made_.
  std::vector<std::vector<std::uint16_t>>
      by_name_;  // Fields in the order of their names, by Shape::id.
};

}  // namespace pinaflux
