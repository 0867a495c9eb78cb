// Windows against a reference that shares no code with them: it keeps every record of every window in plain maps
// and computes the statistics when the window closes, from all of them. One seed is one run: streams, keys, missing
// fields, odd numbers, shuffles, late records, clocks that step, boots, groups without room, and crashes, after
// which the pipeline is made anew from what was committed and gets again what was not. 14,000 seeds (`tests/run unit`); a
// quarter of them under the sanitizer, where they take ten times as long. Where windows are amended, the last revision of each is held against a batch of all
// records that were not late.

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include <doctest/doctest.h>

#include "platform/base/random.h"
#include "tests/agent/pipeline/pipeline_kit.h"

namespace pinaflux {
namespace {

constexpr std::int64_t kS = 1'000'000'000;
constexpr long double kBig = 0x1p50L;
#if __has_feature(address_sanitizer)
constexpr std::uint64_t kThousand = 250;
#else
constexpr std::uint64_t kThousand = 1'000;
#endif
__extension__ typedef __float128 Quad;  // 113 bits: what is rounded from it once is right.

struct Input {
  std::string stream, device;
  Stamp time;
  std::vector<Value> fields;  // a, b
  Instant now;
};

// Of a window: everything that it must say, as text.
struct Reference {
  explicit Reference(const TimeWindow& options) : o(options) {}

  using KeyName = std::tuple<std::string, std::uint64_t, std::string>;
  struct Session {
    std::int64_t start, last;
    std::vector<const Input*> records;
  };
  struct Key {
    std::map<std::int64_t, std::vector<const Input*>> panes;
    std::map<std::int64_t, std::vector<const Input*>>
        all;  // The same, of windows that are amended: none goes.
    std::vector<Session> sessions;
    std::vector<const Input*> in_time;  // At the watermark or newer when they came.
    std::int64_t event = INT64_MIN, closed = INT64_MIN, said = INT64_MIN;
    std::int64_t arrived = 0;
    bool silent = false;  // Since a restart nothing came, and nobody looked.
  };

  std::int64_t length() const { return o.length.ns > 0 ? o.length.ns : o.every.ns; }
  static std::int64_t floor_to(std::int64_t t, std::int64_t e) {
    std::int64_t n = t / e;
    if (n * e > t) --n;
    return n * e;
  }

  void record(const Input& in, std::int64_t now) {
    Key& k = keys[{in.stream, in.time.boot, in.device}];
    const std::int64_t t = in.time.ns;
    const bool session = o.gap.ns > 0;
    const std::int64_t end = session ? t + o.gap.ns : floor_to(t, o.every.ns) + o.every.ns;
    if (end <= k.closed - (k.closed == INT64_MIN ? 0 : o.amend_for.ns)) {
      ++late;
      return;
    }
    if (end <= k.closed) ++amended;
    if (amends()) {
      k.all[floor_to(t, o.every.ns)].push_back(&in);
    } else if (session) {
      Session mine{t, t, {&in}};
      std::erase_if(k.sessions, [&](const Session& s) {
        const bool open = s.last + o.gap.ns > k.closed;
        if (!open || s.start - t >= o.gap.ns || t - s.last >= o.gap.ns) return false;
        mine.start = std::min(mine.start, s.start);
        mine.last = std::max(mine.last, s.last);
        mine.records.insert(mine.records.end(), s.records.begin(), s.records.end());
        return true;
      });
      k.sessions.push_back(mine);
    } else {
      k.panes[floor_to(t, o.every.ns)].push_back(&in);
    }
    if (t >= k.closed) k.in_time.push_back(&in);
    k.event = std::max(k.event, t);
    k.arrived = now;
    k.silent = false;
    k.closed = std::max(k.closed, k.event - o.lateness.ns);
    if (!amends()) close({in.stream, in.time.boot, in.device}, k);
  }

  bool amends() const { return o.amend_for.ns > 0; }

  // Of windows that are amended: what the watermark reaches next of the ends of open windows, and of the times until which panes can be
  // amended; INT64_MAX: nothing.
  std::int64_t next_change(const Key& k) const {
    std::int64_t next = INT64_MAX;
    for (const auto& [start, in] : k.all) {
      const std::int64_t closed = start + length();
      if (closed > k.closed) {
        next = std::min(next, std::max(start, floor_to(k.closed, o.every.ns)) + o.every.ns);
      }
      if (closed + o.amend_for.ns > k.closed) next = std::min(next, closed + o.amend_for.ns);
    }
    return next;
  }

  // What each window must say in the end.
  void batch() {
    for (auto& [name, k] : keys) {
      std::map<std::int64_t, std::vector<const Input*>> windows;  // By their end.
      for (const auto& [start, in] : k.all) {
        for (std::int64_t end = start + o.every.ns; end <= start + length(); end += o.every.ns)
          windows[end].insert(windows[end].end(), in.begin(), in.end());
      }
      for (const auto& [end, records] : windows) say(name, end - length(), end, records);
    }
  }

  void look(std::int64_t now) {
    for (auto& [name, k] : keys) {
      if (k.event == INT64_MIN) continue;
      const std::int64_t next = amends() ? next_change(k) : 0;
      if (amends() ? next == INT64_MAX : k.panes.empty() && k.sessions.empty()) continue;
      if (k.silent) k.arrived = now;
      k.silent = false;
      const std::int64_t idle = k.event + (now - k.arrived) - o.lateness.ns;
      if ((amends() ? next : first_end(k)) <= idle) k.closed = std::max(k.closed, idle);
      if (!amends()) close(name, k);
    }
  }

  void restart() {
    for (auto& [name, k] : keys) k.silent = true;
  }

  std::int64_t first_end(const Key& k) const {
    if (o.gap.ns > 0) {
      std::int64_t end = INT64_MAX;
      for (const Session& s : k.sessions) end = std::min(end, s.last + o.gap.ns);
      return end;
    }
    for (std::int64_t end = k.panes.begin()->first + o.every.ns;; end += o.every.ns) {
      if (end > k.said) return end;
    }
  }

  void close(const KeyName& name, Key& k) {
    if (o.gap.ns > 0) {
      std::erase_if(k.sessions, [&](const Session& s) {
        if (s.last + o.gap.ns > k.closed) return false;
        say(name, s.start, s.last, s.records);
        return true;
      });
      return;
    }
    while (!k.panes.empty() && first_end(k) <= k.closed) {
      const std::int64_t end = first_end(k);
      std::vector<const Input*> records;
      for (const auto& [start, in] : k.panes) {
        if (start < end && start >= end - length())
          records.insert(records.end(), in.begin(), in.end());
      }
      say(name, end - length(), end, records);
      k.said = end;
      std::erase_if(k.panes, [&](const auto& p) { return p.first + length() <= end; });
    }
  }

  void say(const KeyName& name, std::int64_t start, std::int64_t end,
           const std::vector<const Input*>& records) {
    std::string line = std::get<0>(name) + "/" + std::get<2>(name) + "@" + std::to_string(start) +
                       "#" + std::to_string(std::get<1>(name));
    for (std::size_t f = 0; f < 2; ++f) {
      line += " d=" + std::to_string(different(f, records));
      if (!amends()) line += " t=" + time_mean(f, name, start, end);
      line += " " + field(f, records);
    }
    said.push_back(line + " n=" + std::to_string(records.size()));
  }

  // Numbers by value (all are below 2^53, or whole), true and 1 apart.
  static std::size_t different(std::size_t f, const std::vector<const Input*>& records) {
    std::set<std::pair<int, std::string>> seen;
    for (const Input* in : records) {
      const Value& v = in->fields[f];
      if (v.type() == Type::boolean) seen.insert({0, v.as_boolean() ? "yes" : "no"});
      if (v.type() == Type::text) seen.insert({1, std::string(v.as_text())});
      if (v.type() == Type::int64) seen.insert({2, std::to_string(v.as_int64())});
      if (v.type() == Type::float64 && !std::isnan(v.as_float64())) {
        seen.insert({2, number(v.as_float64())});
      }
    }
    return seen.size();
  }

  // Of all that the key ever brought in time, by time: what each value holds of the window. A session ends with its last record, which
  // no time is left for, but where it is the only one.
  std::string time_mean(std::size_t f, const KeyName& name, std::int64_t start,
                        std::int64_t end) const {
    std::map<std::int64_t, double> values;
    for (const Input* in : keys.at(name).in_time) {
      const Value& v = in->fields[f];
      const bool boolean = v.type() == Type::boolean;
      if (!boolean && v.type() != Type::int64 && v.type() != Type::float64) continue;
      const double x = boolean ? (v.as_boolean() ? 1.0 : 0.0) : v.to_double();
      if (std::isnan(x) || in->time.ns > end || (in->time.ns == end && o.gap.ns == 0)) continue;
      const auto [at, fresh] = values.emplace(in->time.ns, x);
      if (!fresh) at->second = std::max(at->second, x);
    }
    Quad area = 0, covered = 0;
    double last = NAN;
    for (auto at = values.begin(); at != values.end(); ++at) {
      const std::int64_t from = std::max(at->first, start);
      const auto next = std::next(at);
      const std::int64_t until = next == values.end() ? end : std::min(next->first, end);
      last = at->second;
      if (until <= from) continue;
      area += static_cast<Quad>(at->second) * static_cast<Quad>(until - from);
      covered += static_cast<Quad>(until - from);
    }
    if (values.empty()) return "-";
    return number(covered > 0 ? static_cast<double>(area / covered) : last);
  }

  // mean min max sum first last stddev, of exact arithmetic as far as long double goes (the values are chosen so).
  static std::string field(std::size_t f, const std::vector<const Input*>& records) {
    struct Seen {
      std::int64_t time;
      long double x;
      bool integer, boolean;
    };
    std::vector<Seen> seen;
    for (const Input* in : records) {
      const Value& v = in->fields[f];
      if (v.type() == Type::boolean)
        seen.push_back({in->time.ns, v.as_boolean() ? 1.0L : 0.0L, true, true});
      if (v.type() == Type::int64)
        seen.push_back({in->time.ns, static_cast<long double>(v.as_int64()), true, false});
      if (v.type() == Type::float64 && !std::isnan(v.as_float64()))
        seen.push_back({in->time.ns, v.as_float64(), false, false});
    }
    if (seen.empty()) return "-";
    Quad sum = 0;
    long double low = INFINITY, high = -INFINITY;
    bool integers = true, infinite = false;
    for (const Seen& s : seen) {
      sum += s.x;
      low = std::min(low, s.x);
      high = std::max(high, s.x);
      integers = integers && s.integer;
      infinite = infinite || std::isinf(s.x);
    }
    const auto n = static_cast<Quad>(seen.size());
    Quad spread = 0;
    for (const Seen& s : seen) spread += (s.x - sum / n) * (s.x - sum / n);
    const auto first = std::ranges::min(seen, [](const Seen& a, const Seen& b) {
      return std::tuple(a.time, a.x) < std::tuple(b.time, b.x);
    });
    const auto last = std::ranges::max(seen, [](const Seen& a, const Seen& b) {
      return std::tuple(a.time, a.x) < std::tuple(b.time, b.x);
    });
    std::string text = number(static_cast<double>(sum / n)) + "," + number(low) + "," +
                       number(high) + "," +
                       (integers ? "i" + number(static_cast<long double>(sum))
                                 : number(static_cast<double>(sum))) +
                       "," + number(first.x) + "," + number(last.x) + ",";
    if (n >= 2 && !infinite && low < kBig) {
      text += rounded(std::sqrt(static_cast<long double>(spread / (n - 1))));
    }
    return text;
  }

  static std::string number(long double x) {
    char text[64];
    if (std::isnan(x)) return "nan";
    if (x == std::trunc(x) && std::abs(x) < 0x1p62L) {
      std::snprintf(text, sizeof text, "%lld", static_cast<long long>(x));
    } else {
      std::snprintf(text, sizeof text, "%.17g", static_cast<double>(x));
    }
    return text;
  }
  static std::string rounded(long double x) {
    char text[64];
    std::snprintf(text, sizeof text, "%.9Lg", x);
    return text;
  }

  TimeWindow o;
  std::map<KeyName, Key> keys;
  std::vector<std::string> said;
  std::uint64_t late = 0, amended = 0;
};

// What a record of the pipeline says, in the words of the reference.
std::string text_of(const Record& record) {
  const auto cells = record.cells();
  std::string line = std::string(record.shape().stream()) + "/" + std::string(cells[0].as_text()) +
                     "@" + std::to_string(record.time().ns) + "#" +
                     std::to_string(record.time().boot);
  const auto plain = [](const Value& v) {
    if (v.type() == Type::boolean) return Reference::number(v.as_boolean() ? 1 : 0);
    if (v.type() == Type::int64) return Reference::number(static_cast<long double>(v.as_int64()));
    return Reference::number(v.as_float64());
  };
  for (std::size_t f = 0; f < 2; ++f) {
    const bool with_time = cells.size() == 20;
    const auto* c = &cells[1 + (with_time ? 9 : 8) * f];
    line += " d=" + std::to_string(c[7].as_int64());
    if (with_time)
      line += " t=" + (c[8].type() == Type::absent ? "-" : Reference::number(c[8].as_float64()));
    if (c[0].type() == Type::absent) {
      line += " -";
      continue;
    }
    line += " " + plain(c[0]) + "," + plain(c[1]) + "," + plain(c[2]) + "," +
            (c[3].type() == Type::int64 ? "i" : "") + plain(c[3]) + "," + plain(c[4]) + "," +
            plain(c[5]) + ",";
    if (c[6].type() != Type::absent && c[1].to_double() < kBig)
      line += Reference::rounded(c[6].as_float64());
  }
  return line + " n=" + std::to_string(cells[cells.size() == 20 ? 19 : 17].as_int64());
}

enum class Sort { tumbling, sliding, session, amended };

struct Run : PipelineFixture {
  Run(std::uint64_t seed, Sort sort) : random(seed) {
    options = {.of = {"a", "b"},
               .give = {"mean", "min", "max", "sum", "first", "last", "stddev", "distinct",
                        "time_mean", "count"},
               .keys = {"device"},
               .lateness = Duration::seconds(random.between(0, 20)),
               .keys_max = 60};  // 8 MiB have room for that many.
    if (sort == Sort::session) {
      options.gap = Duration::seconds(random.between(2, 15));
    } else {
      options.every = Duration::seconds(random.between(1, 12));
      if (sort == Sort::sliding || (sort == Sort::amended && random.one_in(2)))
        options.length = options.every * random.between(2, 6);
    }
    if (sort == Sort::amended) {
      std::erase(options.give, "time_mean");
      options.amend_for = Duration::seconds(random.between(1, 30));
    }
    graph = {{"in"}, {{"w", {"in"}, options}}, {{"out", {"w"}}}};
    make(graph);
    crashes = random.one_in(2);
    tight = random.one_in(4);
    steps = random.one_in(3);
  }

  Value value() {
    switch (random.below(12)) {
      case 0: return {};
      case 1: return Value::null();
      case 2: return Value::float64(NAN);
      case 3: return Value::text("x");
      case 4: return Value::boolean(random.one_in(2));
      case 5: return Value::int64((std::int64_t{1} << 54) + random.between(0, 9));
      case 6: return random.one_in(20) ? Value::float64(INFINITY) : Value::int64(7);
      case 7: return Value::float64(static_cast<double>(random.between(-4'000, 4'000)) / 8.0);
      default: return Value::int64(random.between(-50, 50));
    }
  }

  // Times rise on average, shuffled within the lateness and a bit beyond.
  void generate() {
    const std::size_t count = 40 + random.below(60);
    std::int64_t now = 1'000 * kS;
    std::int64_t offset[3] = {};
    std::uint64_t boot = 0;
    for (std::size_t i = 0; i < count; ++i) {
      now += random.one_in(25) ? random.between(20, 60) * kS : random.between(0, 2) * kS;
      if (steps && random.one_in(20)) offset[random.below(3)] = random.between(-90, 90) * kS;
      if (steps && random.one_in(30)) boot = random.below(3);
      const std::size_t device = random.below(3);
      const std::int64_t jitter =
          random.between(0, options.lateness.ns + options.amend_for.ns + kS);
      inputs.push_back({random.one_in(4) ? "s2" : "s1",
                        std::string(1, static_cast<char>('x' + device)),
                        {now + offset[device] - jitter, boot},
                        {value(), value()},
                        {now}});
    }
  }

  // Leaves what a group could not take for the next one.
  bool drain(Instant now) {
    if (tight) leave_room_for(random.below(3));
    std::vector<Pipeline::Refused> refused;
    const bool all_out = pipeline->drain({now, {}}, group, refused);
    CHECK(refused.empty());
    return all_out;
  }

  // So that the group is full after so many windows more.
  void leave_room_for(std::size_t windows) {
    const std::size_t full = group.arena.bytes_max() * 3 / 4, wanted = full - windows * 256;
    const std::size_t used = group.arena.bytes_used();
    if (used < wanted) group.arena.allocate(wanted - used);
  }

  void commit() {
    pipeline->save(group);
    for (const StateEdit& edit : group.states) {
      if (edit.value.empty()) {
        committed.erase(edit.key);
      } else {
        committed[edit.key] = edit.value;
      }
    }
    for (const Record& record : group.records[0]) {
      if (!reference->amends()) {
        landed.push_back(text_of(record));
        continue;
      }
      // The later one of a window has the higher number.
      const std::string text = text_of(record);
      const std::int64_t revision = record.cells().back().as_int64();
      auto& [highest, last] = revisions[text.substr(0, text.find(' '))];
      if (!last.empty()) CHECK(revision > highest);
      highest = revision;
      last = text;
    }
    group.reset();
    done = at;
    if (!over) kept = *reference;
  }

  // What was not committed is gone, and comes again.
  void crash() {
    group.reset();
    make(graph);
    std::vector<StateEdit> states;
    for (const auto& [key, v] : committed) states.push_back({key, v});
    pipeline->restore(states);
    at = done;
    reference = kept;
    reference->restart();
  }

  void run() {
    generate();
    reference.emplace(options);
    kept = *reference;
    std::int64_t lag = 0;  // The clock goes on while the same records come again.
    std::size_t crashes_left = crashes ? 4 : 0;
    while (at < inputs.size()) {
      const Input& in = inputs[at];
      const Instant now{in.now.ns + lag};
      reference->look(now.ns);
      if (!drain(now)) {
        commit();
        continue;
      }
      if (arena.bytes_used() > arena.bytes_max() / 2) arena.reset();
      CHECK(give(record(
                     in.stream,
                     {{"device", Value::text(in.device)}, {"a", in.fields[0]}, {"b", in.fields[1]}},
                     in.time),
                 now) == Pipeline::Verdict::taken);
      reference->record(in, now.ns);
      ++at;
      if (random.one_in(10)) commit();
      if (crashes_left > 0 && random.one_in(15)) {
        --crashes_left;
        crash();
        lag += random.between(0, 100) * kS;
      }
    }
    over = true;
    for (std::int64_t later = 1; later < 25; ++later) {
      const Instant now{inputs.back().now.ns + lag + later * 5 * kS};
      reference->look(now.ns);
      while (!drain(now)) commit();
      commit();
    }
    if (reference->amends()) reference->batch();
    for (const auto& [window, revision] : revisions) landed.push_back(revision.second);
    std::ranges::sort(landed);
    std::ranges::sort(reference->said);
  }

  Random random;
  TimeWindow options;
  PipelineOptions graph;
  bool crashes = false, tight = false, steps = false;
  bool over = false;  // Nothing more comes, and no crash.
  std::vector<Input> inputs;
  std::size_t at = 0, done = 0;
  std::optional<Reference> reference, kept;
  std::map<std::string, Buffer> committed;
  std::vector<std::string> landed;
  std::map<std::string, std::pair<std::int64_t, std::string>>
      revisions;  // By window: the last one.
};

// Both are sorted.
std::string first_difference(const std::vector<std::string>& landed,
                             const std::vector<std::string>& said) {
  for (std::size_t i = 0; i < std::max(landed.size(), said.size()); ++i) {
    const std::string a = i < landed.size() ? landed[i] : "nothing";
    const std::string b = i < said.size() ? said[i] : "nothing";
    if (a != b) return "landed " + a + ", and the reference says " + b;
  }
  return {};
}

void compare(Sort sort, std::uint64_t seeds) {
  std::uint64_t windows = 0, late = 0, amended = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    CAPTURE(seed);
    Run run(seed, sort);
    run.run();
    windows += run.landed.size();
    late += run.reference->late;
    amended += run.reference->amended;
    REQUIRE(first_difference(run.landed, run.reference->said) == "");
    if (!run.crashes) REQUIRE(run.pipeline->late() == run.reference->late);
  }
  MESSAGE(windows << " windows, " << late << " late records");
  CHECK(windows > 10 * seeds);
  CHECK(late > seeds);
  if (sort == Sort::amended) CHECK(amended > seeds);
}

TEST_CASE("tumbling windows are those of the reference") { compare(Sort::tumbling, 4 * kThousand); }
TEST_CASE("sliding windows are those of the reference") { compare(Sort::sliding, 3 * kThousand); }
TEST_CASE("the last revisions of windows that are amended are a batch of all records") {
  compare(Sort::amended, 4 * kThousand);
}
TEST_CASE("sessions are those of the reference") { compare(Sort::session, 3 * kThousand); }

}  // namespace
}  // namespace pinaflux
