#include <chrono>
#include <limits>
#include <string>

#include <doctest/doctest.h>

#include "agent/pipeline/lua_script.h"
#include "tests/agent/pipeline/pipeline_kit.h"

namespace pinaflux {
namespace {

using Verdict = Pipeline::Verdict;

struct ScriptFixture : PipelineFixture {
  void script(std::string text) { make(NodeKind(Script{.text = std::move(text)})); }

  static std::string told(const Value& value) {
    switch (value.type()) {
      case Type::boolean: return value.as_boolean() ? "true" : "false";
      case Type::int64: return std::to_string(value.as_int64());
      case Type::uint64: return std::to_string(value.as_uint64()) + "u";
      case Type::float64: return std::to_string(value.as_float64()).substr(0, 6) + "f";
      case Type::text: return "'" + std::string(value.as_text()) + "'";
      case Type::bytes: return "bytes:" + std::to_string(value.as_bytes().size());
      default: return type_name(value.type());
    }
  }
  // "stream: name=value ..." of each record that came to lane 0; absent fields are left out.
  static std::string told(const Record& record) {
    std::string text(record.shape().stream());
    for (std::size_t i = 0; i < record.cells().size(); ++i) {
      const Value& value = record.cells()[i];
      if (value.type() != Type::absent)
        text += " " + record.shape().fields()[i] + "=" + told(value);
    }
    return text;
  }
  // What comes of the record, or why nothing does.
  std::string comes(const Record& record) {
    const std::size_t before = group.records[0].size();
    if (give(record) == Verdict::refused) {
      const auto trouble = pipeline->trouble();
      return trouble ? std::string(trouble->node) + ": " + trouble->what : "refused";
    }
    std::string text;
    for (std::size_t i = before; i < group.records[0].size(); ++i) {
      text += (text.empty() ? "" : "; ") + told(group.records[0][i]);
    }
    return text.empty() ? "nothing" : text;
  }
  std::string comes(double t) { return comes(reading(t, 1)); }
  // What a script gives that begins by t = 1.5.
  std::string of(std::string text) {
    script(std::move(text));
    return comes(1.5);
  }
};

TEST_CASE_FIXTURE(ScriptFixture, "a script changes, adds and takes out fields") {
  script(
      "record.t = record.t + 273.15  record.b, record.a = record.t > 280, 'x' .. record.s  "
      "record.s = nil");
  CHECK(comes(record("boiler", {{"s", Value::text("run")}, {"t", Value::float64(10)}}, at(1))) ==
        "boiler t=283.15f a='xrun' b=true");
  CHECK(group.records[0].back().time() == at(1));
  CHECK(comes(record("boiler", {{"t", Value::float64(0)}, {"s", Value::text("")}})) ==
        "boiler t=273.15f a='x' b=false");
}

TEST_CASE_FIXTURE(ScriptFixture, "values of all types come out as they went in") {
  const std::string bad_text = "a\xff";
  const std::uint8_t raw[] = {1, 2, 3};
  const Record all =
      record("s", {{"b", Value::boolean(false)},
                   {"least", Value::int64(std::numeric_limits<std::int64_t>::min())},
                   {"most", Value::uint64(std::numeric_limits<std::uint64_t>::max())},
                   {"nan", Value::float64(std::numeric_limits<double>::quiet_NaN())},
                   {"whole", Value::float64(5)},
                   {"null", Value::null()},
                   {"absent", Value()},
                   {"text", Value::text("caf\xc3\xa9")},
                   {"damaged", Value::text(bad_text)},
                   {"bytes", Value::bytes(raw)},
                   {"_stream", Value::int64(7)}});
  SUBCASE("untouched") {
    script("");
    REQUIRE(keeps(all));
    const Record& out = group.records[0].back();
    CHECK(&out.shape() == &all.shape());
    for (std::size_t i = 0; i < all.cells().size(); ++i) {
      CAPTURE(all.shape().fields()[i]);
      CHECK(identical(out.cells()[i], all.cells()[i]));
    }
  }
  SUBCASE("copied into another record") {
    script("local r = {} for k, v in pairs(record) do r[k] = v end return r");
    CHECK(comes(all) ==
          "s b=false least=-9223372036854775808 most=18446744073709551615u nan=nanf whole=5.0000f "
          "text='caf\xc3\xa9' damaged='a\xff' bytes=bytes:3");
  }
  SUBCASE("computed") {
    script(
        "record = {i = 7 // 2, f = 7 / 2, t = '\\xc3\\xa9', y = '\\xff', b = not nil, n = "
        "record.null}");
    CHECK(comes(all) == "s b=true f=3.5000f i=3 t='\xc3\xa9' y=bytes:1");
  }
}

TEST_CASE_FIXTURE(ScriptFixture, "what goes on is what the script returns, or the record") {
  make(NodeKind(Script{.text =
                           "if record.t < 1 then return nil elseif record.t < 2 then return false\n"
                           "elseif record.t < 3 then record = nil return end\n"
                           "if record.t < 4 then return {} end\n"
                           "if record.t < 5 then return {t = 1, z = 2}, nil, record, {_stream = "
                           "'other', u = 3} end\n"
                           "if record.t < 6 then return record, record, record, record, record end",
                       .records_max = 4}));
  for (const double t : {0.5, 1.5, 2.5, 3.5}) CHECK(comes(t) == "nothing");
  CHECK(comes(4.5) == "s t=1 z=2; s t=4.5000f; other u=3");
  CHECK(comes(5.5) == "n: it gives more than records_max records");
  CHECK(comes(6.5) == "s t=6.5000f");
  CHECK(of("return 5") == "n: it gives a number for a record");
  CHECK(of("return {1, 2}") == "n: a field's name is no text");
  CHECK(of("return {a = {}}") == "n: a field is a table");
  CHECK(of("record.f = tostring") == "n: a field is a function");
  CHECK(of("record[('x'):rep(513)] = 1") ==
        "n: a field's name is empty, longer than 512 bytes or no UTF-8");
  CHECK(of("for i = 1, 9 do record['a' .. i] = i end") == "n: it adds more than fields_max fields");
}

TEST_CASE_FIXTURE(ScriptFixture, "stream and time can be read and set") {
  CHECK(of("record._stream = record._stream .. '/x' record.at = record._time") ==
        "s/x t=1.5000f at=1000000000");
  CHECK(of("record._time = record._time + 1") == "s t=1.5000f");
  CHECK(group.records[0].back().time() == Stamp{1'000'000'001, 0});
  CHECK(of("record._time = nil") == "s t=1.5000f");
  CHECK(group.records[0].back().time() == at(1));
  CHECK(of("record._time = 1.5") == "n: _time is no integer: ns since 1970");
  for (const char* stream :
       {"''", "'a+b'", "'pinaflux/clock'", "'pinaflux'", "'\\xff'", "'a\\n'", "5"}) {
    CAPTURE(stream);
    CHECK(of(std::string("record._stream = ") + stream).starts_with("n: _stream is no"));
  }
  script("record.known = record._time ~= nil");
  CHECK(comes(record("s", {{"t", Value::int64(1)}}, at(1, 77))) == "s t=1 known=false");
  CHECK(group.records[0].back().time() == at(1, 77));
}

TEST_CASE_FIXTURE(ScriptFixture, "a script that does not end is stopped, whatever it does") {
  for (const char* text :
       {"while true do end", "::a:: goto a", "local function f() return f() end f()",
        "for i = 1, 1e9 do local x = i * 2 end", "local t = {} while true do t = {t} t = nil end",
        "while true do local s = ('x'):rep(10000) end",
        "local t = {} for i = 1, 5000 do t[i] = i end while true do table.insert(t, 1, 1) "
        "table.remove(t, 1) end",
        "local s = ('a'):rep(60000) while true do s:find(('a'):rep(20000) .. 'b') end",
        "local t = {1, 2, 3} while true do for k, v in pairs(t) do end end",
        "local n = 0 while true do n = select('#', table.unpack({}, 1, 5000)) end"}) {
    CAPTURE(text);
    const std::string why = of(text);
    CHECK(why.starts_with("n: "));
    CHECK(why.ends_with("it takes more than steps_max steps"));
  }
  CHECK(of("string.rep('', 1 << 60)") == "s t=1.5000f");
}

TEST_CASE_FIXTURE(ScriptFixture,
                  "a script that takes too much memory is stopped, and the next record works") {
  for (const char* text :
       {"local s = 'x' while true do s = s .. s end", "local t = {} for i = 1, 1e6 do t[i] = i end",
        "('x'):rep(1 << 40)", "local function f() return 1 + f() end f()",
        "return table.unpack({}, 1, 90000)", "table.concat({('x'):rep(1e5), ('y'):rep(1e5)})"}) {
    CAPTURE(text);
    script("if record.t > 1 then " + std::string(text) + " end");
    CHECK(comes(1.5).starts_with("n: "));
    CHECK(comes(0.5) == "s t=0.5000f");
    CHECK(comes(1.5).starts_with("n: "));
    CHECK(comes(0.5) == "s t=0.5000f");
  }
  CHECK(of("local t = {} while true do t = {t} end") == "n: it takes more than memory_max");
}

TEST_CASE_FIXTURE(ScriptFixture, "what is not in the list is not there") {
  for (const char* name : {"load",
                           "loadstring",
                           "loadfile",
                           "dofile",
                           "require",
                           "package",
                           "io",
                           "os",
                           "debug",
                           "coroutine",
                           "utf8",
                           "print",
                           "warn",
                           "collectgarbage",
                           "getmetatable",
                           "setmetatable",
                           "rawget",
                           "rawset",
                           "rawequal",
                           "rawlen",
                           "next",
                           "pcall",
                           "xpcall",
                           "_G",
                           "_VERSION",
                           "string.dump",
                           "string.match",
                           "string.gmatch",
                           "string.gsub",
                           "math.random",
                           "math.randomseed",
                           "table.sort",
                           "table.move",
                           "table.pack"}) {
    CAPTURE(name);
    CHECK(of(std::string("record.none = ") + name + " == nil") == "s t=1.5000f none=true");
  }
  for (const char* name :
       {"assert", "error", "ipairs", "pairs", "select", "tonumber", "tostring", "type",
        "math.floor", "math.abs", "math.tointeger", "string.format", "string.unpack",
        "string.upper", "table.concat", "table.insert", "table.remove", "table.unpack"}) {
    CAPTURE(name);
    CHECK(of(std::string("record.is = type(") + name + ")") == "s t=1.5000f is='function'");
  }
}

TEST_CASE_FIXTURE(ScriptFixture, "nothing but state is left for the next record") {
  CHECK(of("seen = 1") == "n: line 1: a global is set: write local, or keep it in state");
  CHECK(of("string.seen = 1").ends_with("the library cannot be changed"));
  CHECK(of("math.pi = 3").ends_with("the library cannot be changed"));
  CHECK(of("('').x = 1").starts_with("n: line 1: "));
  script("record.n = seen == nil _ENV = {record = record, seen = 1}");
  for (int i = 0; i < 2; ++i) CHECK(comes(1.5) == "s t=1.5000f n=true");
  script("local seen = seen or 0 record.n = seen seen = seen + 1");
  for (int i = 0; i < 2; ++i) CHECK(comes(1.5) == "s t=1.5000f n=0");
}

TEST_CASE_FIXTURE(ScriptFixture, "a failure has its line, and no values") {
  CHECK(of("\nrecord.x = record.missing + 1") ==
        "n: line 2: attempt to perform arithmetic on a nil value (field 'missing')");
  CHECK(of("local function f(x)\n  return x.y.z\nend\nf(record)") ==
        "n: line 2: attempt to index a nil value (field 'y')");
  CHECK(of("error('anna is ' .. record.t)") == "n: line 1: error() was called");
  CHECK(of("\nassert(record.t > 2, 'anna')") == "n: line 2: assert() of what is false or nil");
  CHECK(of("record.x = math.floor('anna')").starts_with("n: line 1: bad argument #1 to 'floor'"));
  CHECK(of("string.format('%anna%y')") == "n: line 1: no such conversion in string.format");
  CHECK(of("string.format('%p', 'anna')") == "n: line 1: no such conversion in string.format");
  CHECK(of("string.format('%+c', 65)") == "n: line 1: string.format cannot do this");
  CHECK(of("string.format('%s', {})") == "n: line 1: string.format of a table");
  CHECK(of("pairs({[{}] = 1})") == "n: line 1: pairs() of a table with a table as a key");
}

TEST_CASE_FIXTURE(ScriptFixture, "functions of the library") {
  CHECK(of("record.a = ('hello'):find('l') record.b = select(2, ('hello'):find('ll', -4)) "
           "record.c = ('a.b'):find('.') record.d = ('x'):find('y') record.e = ('abc'):find('', 4) "
           "record.f = ('abc'):find('', 5)") == "s t=1.5000f a=3 b=4 c=2 e=4");
  CHECK(of("record.a = ('%d:%5.2f:%s:%q:%x%%'):format(3, 1.5, true, 'q', 255)") ==
        "s t=1.5000f a='3: 1.50:true:\"q\":ff%'");
  CHECK(of("local t = {3, 1} table.insert(t, 5) table.insert(t, 1, 9) "
           "record.a = table.concat(t, ',') record.b = table.remove(t, 1) record.c = #t") ==
        "s t=1.5000f a='9,3,1,5' b=9 c=3");
  CHECK(of("local k = '' for n, v in pairs({b = 1, a = 2, [2] = 3, [1.5] = 4, [true] = 5}) do "
           "k = k .. tostring(n) .. v .. ' ' end record.k = k") ==
        "s t=1.5000f k='true5 1.54 23 a2 b1 '");
  CHECK(of("local t, n = {a = 1, b = 2, c = 3}, 0 for k in pairs(t) do t.b = nil n = n + 1 end "
           "record.n = n") == "s t=1.5000f n=2");
  CHECK(of("local n = 0 for i, v in ipairs({5, 6, nil, 7}) do n = n + i * v end record.n = n") ==
        "s t=1.5000f n=17");
  CHECK(of("record.a = tonumber('0x10') record.b = tonumber('x') record.c = tonumber(' 1.5 ') "
           "record.d = tostring(nil) "
           "record.e = tostring({}) record.f = select(-1, 1, 2) record.g = math.type(1.0)") ==
        "s t=1.5000f a=16 c=1.5000f d='nil' e='table' f=2 g='float'");
  CHECK(of("record.v = string.unpack('<i2', '\\xfe\\xff') record.s = ('<I2'):pack(0xfffe)") ==
        "s t=1.5000f s=bytes:2 v=-2");
}

TEST_CASE_FIXTURE(ScriptFixture,
                  "state counts records that were committed, and outlives the pipeline") {
  const std::string count =
      "state.n = (state.n or 0) + 1 record.n = state.n\n"
      "if record.t > 90 then error() end state.s, state.f, state.b = 'x', 0.5, true";
  script(count);
  CHECK(comes(1) == "s t=1.0000f n=1");
  CHECK(comes(99) == "n: line 2: error() was called");
  CHECK(comes(2) == "s t=2.0000f n=2");
  const auto states = saved();
  REQUIRE(states.size() == 1);
  CHECK(states[0].key == "pipeline/n/state");
  CHECK(saved().empty());
  CHECK(pipeline->snapshot().size() == 1);
  CHECK(pipeline->snapshot()[0].value == states[0].value);

  script(count);
  pipeline->restore(states);
  CHECK(comes(3) == "s t=3.0000f n=3");
  CHECK(saved().size() == 1);

  SUBCASE("of another text it goes") {
    script(count + " ");
    pipeline->restore(states);
    CHECK(comes(3) == "s t=3.0000f n=1");
    script("");
    pipeline->restore(states);
    const auto erased = saved();
    REQUIRE(erased.size() == 1);
    CHECK(erased[0].value.empty());
  }
  SUBCASE("damaged it goes") {
    for (std::size_t size = 0; size < states[0].value.size(); ++size) {
      script(count);
      auto damaged = states;
      damaged[0].value.resize(size);
      pipeline->restore(damaged);
      CHECK(comes(3).starts_with("s t=3.0000f n="));
    }
  }
  SUBCASE("an empty one is erased") {
    script("state.n = record.t < 2 or nil");
    CHECK(comes(1) == "s t=1.0000f");
    CHECK_FALSE(saved()[0].value.empty());
    CHECK(comes(2) == "s t=2.0000f");
    REQUIRE(saved().size() == 1);
  }
}

TEST_CASE_FIXTURE(ScriptFixture, "a record that is refused further on leaves no trace in state") {
  make({{"in"},
        {{"a", {"in"}, Script{.text = "state.n = (state.n or 0) + 1 record.n = state.n"}},
         {"b", {"a"}, Script{.text = "assert(record.t < 90)"}}},
        {{"out", {"b"}}}});
  CHECK(comes(1) == "s t=1.0000f n=1");
  CHECK(comes(99) == "b: line 1: assert() of what is false or nil");
  CHECK(comes(2) == "s t=2.0000f n=2");
}

TEST_CASE_FIXTURE(ScriptFixture, "what state cannot hold") {
  CHECK(of("state.t = {}") == "n: what is in state is no boolean, number or short text");
  CHECK(of("state[1] = 1") == "n: a name in state is no text");
  CHECK(of("state = nil") == "n: state is no table any more");
  CHECK(of("state.s = ('x'):rep(4097)") ==
        "n: what is in state is no boolean, number or short text");
  CHECK(of("state.s, state.u = ('x'):rep(3000), ('x'):rep(3000)") ==
        "n: state takes more than 4096 bytes");
  CHECK(of("state = {a = 1} record.a = state.a") == "s t=1.5000f a=1");
}

TEST_CASE_FIXTURE(ScriptFixture, "the same records give the same in another pipeline") {
  const std::string text =
      "local s = '' for k, v in pairs(record) do s = s .. k .. tostring(v) end record.s = s\n"
      "for i = 1, 7 do record[('x'):rep(i)] = i end state[s:sub(1, 20)] = #s";
  std::string first, bytes;
  for (int run = 0; run < 3; ++run) {
    script(text);
    std::string all;
    for (int i = 0; i < 20; ++i)
      all += comes(record("s", {{"q", Value::int64(i)}, {"p", Value::text("v")}})) + "\n";
    const auto states = saved();
    REQUIRE(states.size() == 1);
    const std::string its(as_text(states[0].value));
    if (run == 0) first = all, bytes = its;
    CHECK(all == first);
    CHECK(its == bytes);
  }
}

TEST_CASE_FIXTURE(ScriptFixture, "memory does not grow from record to record") {
  auto made = LuaScript::compile(
      "local t = {} for i = 1, 10 do t[i] = record.t .. i end record.s = table.concat(t) state.n = "
      "(state.n or 0) + 1",
      {});
  REQUIRE(made.has_value());
  LuaScript& lua = **made;
  LuaScript::Given given;
  std::size_t most_early = 0, most_late = 0;
  for (int i = 0; i < 60'000; ++i) {
    const Value t = Value::float64(i);
    const Record one = Masker::own(Row{reading(0).row().shape, &t, {}});
    if (i % 1'000 == 0) arena.reset();
    REQUIRE(lua.run(one));
    REQUIRE(lua.read(0, one, given) == LuaScript::Reading::record);
    auto& most = i < 10'000 ? most_early : most_late;
    most = std::max(most, lua.memory_used());
  }
  CHECK(most_late <= most_early + 1'024);
  CHECK(most_late < 128 * 1024);
}

TEST_CASE_FIXTURE(ScriptFixture, "a parcel has room for all that comes of it, or none") {
  make({{"in"},
        {{"a", {"in"}, Script{.text = "return record, record", .records_max = 2, .fields_max = 4}},
         {"b", {"a"}, Script{.text = "record.x = 1", .fields_max = 1}}},
        {{"out", {"b"}}, {"other", {"a"}}}});
  const std::vector<Record> some(1'000, reading(1));
  std::size_t taken = 0;
  while (pipeline->has_room(0, some, group)) {
    for (const Record& record : some) REQUIRE(give(record) == Verdict::taken);
    taken += some.size();
  }
  CHECK(group.record_count() == 4 * taken);
  CHECK(taken > 4'000);
  const std::vector<Record> most(limits::kIntakeRecordsMax, reading(1));
  script("");
  group.reset();
  CHECK(pipeline->has_room(0, most, group));
}

TEST_CASE_FIXTURE(ScriptFixture, "records beyond 256 of one are refused with the options") {
  const auto made = [&](std::size_t records) {
    return Pipeline::make({{"in"},
                           {{"a", {"in"}, Script{.records_max = records}},
                            {"b", {"a"}, Script{.records_max = 16}}},
                           {{"out", {"b"}}}},
                          shapes)
        .has_value();
  };
  CHECK(made(16));
  CHECK_FALSE(made(17));
}

TEST_CASE_FIXTURE(ScriptFixture, "functions that a script has in its hand take anything") {
  for (const char* call :
       {"f(1, 0)", "f('x', 0)", "f(nil, 1)", "f()", "f(f, 1 << 62)", "f(true)"}) {
    CAPTURE(call);
    CHECK(of(std::string("local f = ipairs({}) ") + call)
              .starts_with("n: line 1: bad argument #1 to 'f' (table expected"));
  }
  CHECK(of("local f = ipairs({}) record.n = f({}, math.maxinteger)") == "s t=1.5000f");
  CHECK(of("local f = pairs({a = 1}) record.n = f(5, 6, 7) record.m = f()") == "s t=1.5000f n='a'");
  for (const char* text :
       {"table.concat('x')", "table.unpack('x')", "table.insert(5, 1)", "table.remove()",
        "ipairs('x')", "pairs('x')", "select()", "type()", "tonumber()", "string.find()",
        "string.rep()", "string.format()", "string.byte({})", "string.pack()", "math.floor({})"}) {
    CAPTURE(text);
    CHECK(of(text).starts_with("n: line 1: bad argument #1 to '"));
  }
}

TEST_CASE_FIXTURE(ScriptFixture, "a record that used all the memory does not stop the next ones") {
  for (const char* keep : {"state.t = t", "record.t = t", "_ENV = t", "state = {t = t}"}) {
    CAPTURE(keep);
    script(
        "if record.t == 1 then state.n = 1 state.s = ('x'):rep(100)\n"
        "elseif record.t == 2 then local t while true do t = {t} " +
        std::string(keep) + " end end\nrecord.x = 1");
    CHECK(comes(1) == "s t=1.0000f x=1");
    for (int i = 0; i < 3; ++i) {
      CHECK(comes(2) == "n: it takes more than memory_max");
      CHECK(comes(3) == "s t=3.0000f x=1");
    }
  }
}

TEST_CASE_FIXTURE(ScriptFixture, "what takes long is stopped by the clock, if not by its steps") {
  const auto took = [&](std::string text) {
    make(NodeKind(
        Script{.text = std::move(text), .memory_max = 1024 * 1024, .steps_max = 2'000'000}));
    const auto begin = std::chrono::steady_clock::now();
    const std::string why = comes(1.5);
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(6));
    return why;
  };
  CHECK(took("local a, b = ('\\0'):rep(60000), ('\\0'):rep(60000)\nwhile true do local c = a < b "
             "end") == "n: line 2: it takes longer than 1 s");
  CHECK(took("local a = ('0'):rep(60000) while true do local c = a + 1 end").contains("it takes "));
  CHECK(took("local a = {} for i = 1, 1e9 do a[i] = i a[i - 9000] = nil local c = {} end")
            .contains("it takes "));
}

TEST_CASE_FIXTURE(ScriptFixture, "what Lua does inside of one instruction is charged") {
  // 500 times 2,000 places, beyond what # takes for the end of the table.
  CHECK(of("local t = {} for i = 100000, 102000 do t[i] = '' end "
           "for i = 1, 500 do table.concat(t, '', 100000, 102000) end")
            .contains("it takes more than steps_max steps"));
  // Memory near its limit is collected again and again: in less than 100,000 instructions.
  CHECK(of("local t = {} for i = 1, 3300 do t[i] = {} end for i = 1, 3e4 do local x = {} end")
            .contains("it takes more than steps_max steps"));
}

TEST_CASE_FIXTURE(ScriptFixture, "texts and records are of at most 64 KiB, but for what came") {
  CHECK(of("local s = ('x'):rep(65700)") == "n: it makes a text of more than 64 KiB");
  CHECK(of("local s = 'x' while true do s = s .. s end") ==
        "n: it makes a text of more than 64 KiB");
  CHECK(of("record.s = #('x'):rep(65536)") == "s t=1.5000f s=65536");
  CHECK(of("record.a, record.b = ('x'):rep(40000), ('x'):rep(40000)") ==
        "n: it makes a record of more than 64 KiB");
  const std::string most(limits::kRecordBytesMax, 'x');
  const Record large = record("s", {{"a", Value::text(most)}, {"b", Value::text(most)}});
  script("if record.a == 'y' then record.c = 1 end");
  CHECK(keeps(large));
  CHECK(of("record.a = nil").starts_with("s t="));
  script("record.c = 'more'");
  CHECK(comes(large) == "n: it makes a record of more than 64 KiB");
}

TEST_CASE_FIXTURE(ScriptFixture, "record and state can be set to nil and to a table again") {
  CHECK(of("record = nil record = {a = 1}") == "s a=1");
  CHECK(of("state = nil state = {a = 1} record.a = state.a") == "s t=1.5000f a=1");
  CHECK(of("record = nil other = 1") ==
        "n: line 1: a global is set: write local, or keep it in state");
  CHECK(of("record = nil _ENV[1] = 1") ==
        "n: line 1: a global is set: write local, or keep it in state");
}

TEST_CASE_FIXTURE(ScriptFixture, "a mark of UTF-8 and a first line for the shell are passed over") {
  CHECK(of("\xEF\xBB\xBFrecord.a = 1") == "s t=1.5000f a=1");
  CHECK(of("#!/usr/bin/lua\nrecord.a = 1") == "s t=1.5000f a=1");
  CHECK(of("\xEF\xBB\xBF#!/usr/bin/lua\nerror()") == "n: line 2: error() was called");
  CHECK(of("#!/usr/bin/lua") == "s t=1.5000f");
}

TEST_CASE_FIXTURE(ScriptFixture, "a failure shows no value that the script computed") {
  for (const char* text : {"string.pack('i' .. 1234, 1)", "string.pack('a', 1)",
                           "table.concat({}, '', 1234, 1234)", "string.unpack('i1234', '')"}) {
    CAPTURE(text);
    const std::string why = of(text);
    CHECK(why.starts_with("n: line 1: "));
    CHECK_FALSE(why.contains("1234"));
    CHECK_FALSE(why.contains("'a'"));
  }
  CHECK(of("table.concat({{}})") == "n: line 1: table.concat of what is no text or number");
  CHECK(of("string.pack('a')") == "n: line 1: a function of the library cannot do this");
}

TEST_CASE_FIXTURE(ScriptFixture, "a time that windows do not take is refused") {
  for (const char* time :
       {"math.maxinteger", "math.mininteger", "9223372036854775807 - (1 << 58) + 1"}) {
    CAPTURE(time);
    CHECK(of(std::string("record._time = ") + time) ==
          "n: _time is less than 9 years from what it can hold");
  }
  CHECK(of("record._time = 9223372036854775807 - (1 << 58)") == "s t=1.5000f");
  script("");
  const Stamp last{std::numeric_limits<std::int64_t>::max(), 0};
  CHECK(comes(record("s", {{"t", Value::int64(1)}}, last)) == "s t=1");
}

TEST_CASE_FIXTURE(ScriptFixture, "a script cannot use up the shapes of others") {
  script("record._stream = 's/' .. math.tointeger(record.t)");
  for (int i = 0; i < 257; ++i) REQUIRE(comes(i).starts_with("s/"));
  CHECK(comes(300) == "n: it gives more than 256 streams and lists of fields");
  CHECK(reason == Reason::node_failed);
  CHECK(comes(7) == "s/7 t=7.0000f");
  // One for each that comes is its own.
  for (int i = 0; i < 300; ++i) {
    const std::string stream = "many/" + std::to_string(i);
    REQUIRE(comes(record(stream, {{"t", Value::int64(7)}})) == "s/7 t=7");
  }
  script("record['f' .. math.tointeger(record.t)] = 1");
  for (int i = 0; i < 257; ++i) REQUIRE(comes(i).starts_with("s "));
  CHECK(comes(300) == "n: it gives more than 256 streams and lists of fields");
  CHECK(comes(7).ends_with(" f7=1"));
  for (int i = 0; i < 300; ++i) {
    const std::string stream = "more/" + std::to_string(i);
    REQUIRE(comes(record(stream, {{"t", Value::int64(7)}})) == stream + " t=7 f7=1");
  }
}

TEST_CASE("a mistake in one long line is placed soon") {
  std::string text = "local t = {";
  for (int i = 0; i < 15'000; ++i) text += "'x',";
  const auto begin = std::chrono::steady_clock::now();
  const auto made = LuaScript::compile(text + "} 'x'", {.memory_max = 16 * 1024 * 1024});
  REQUIRE_FALSE(made.has_value());
  CHECK(made.error().line == 1);
  CHECK(made.error().what == "unexpected symbol near ''x''");
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(5));
}

TEST_CASE("a mistake in a script has its place") {
  const auto mistake = [](std::string_view text) {
    const auto made = LuaScript::compile(text, {});
    if (made) return std::string("none");
    return std::to_string(made.error().line) + ":" + std::to_string(made.error().at) + ": " +
           made.error().what;
  };
  CHECK(mistake("") == "none");
  CHECK(mistake("x = = 5") == "1:4: unexpected symbol near '='");
  CHECK(mistake("local a = 5\n  a = 5 5 5") == "2:8: unexpected symbol near '5'");
  CHECK(mistake("if record.t then") == "1:16: 'end' expected near <eof>");
  CHECK(mistake("x = 'abc") == "1:8: unfinished string near <eof>");
  CHECK(mistake("goto nowhere") == "1:0: no visible label 'nowhere' for <goto> at line 1");
  CHECK(mistake("\x1bLua") != "none");
  CHECK(mistake(std::string(65'537, ' ')) == "0:0: the script is longer than 64 KiB");
  CHECK(mistake("x = " + std::string(300, '(')) == "0:0: C stack overflow");
  std::string much = "local t = {";
  for (int i = 0; i < 20'000; ++i) much += "1,";
  CHECK(LuaScript::compile(much + "}", {.memory_max = 64 * 1024}).error().what ==
        "the script needs more than memory_max");
  CHECK_FALSE(LuaScript::compile("", {.memory_max = 1'024}).has_value());
}

}  // namespace
}  // namespace pinaflux
