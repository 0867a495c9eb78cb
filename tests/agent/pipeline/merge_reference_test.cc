// Merges against a reference that shares no code with them: plain maps, and one rule after the other as README.md says it. One seed is
// one run: streams, keys, boots, shuffles, late and missing records, silence, groups without room, and crashes, after which
// the pipeline is made anew from what was committed and gets again what was not.

#include <algorithm>
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

constexpr std::int64_t kSecond = 1'000'000'000;
#if __has_feature(address_sanitizer)
constexpr std::uint64_t kSeeds = 500;
#else
constexpr std::uint64_t kSeeds = 3'000;
#endif

struct MergeInput {
  std::size_t stream = 0;  // One more than there are: another one.
  int device = 0, value = 0;
  Stamp time;
  std::int64_t now = 0;
};

struct MergeReference {
  struct Key {
    std::int64_t newest = INT64_MIN, reckoned = INT64_MIN, arrived = 0;
    bool silent = false;  // Since a restart nothing came, and nobody looked.
    std::map<std::int64_t, std::map<std::size_t, MergeInput>> open;
    std::set<std::int64_t> given;
  };

  std::int64_t begin_of(std::int64_t t) const {
    std::int64_t n = t / every;
    if (n * every > t) --n;
    return n * every;
  }

  void record(const MergeInput& in, std::int64_t now) {
    if (in.stream == streams) {
      said.push_back("other " + std::to_string(in.value));
      return;
    }
    Key& k = keys[{in.time.boot, in.device}];
    const std::int64_t begin = begin_of(in.time.ns);
    if (k.given.contains(begin) ||
        (k.reckoned != INT64_MIN && begin + every + wait <= k.reckoned)) {
      ++late;
      return;
    }
    auto& parts = k.open[begin];
    const auto [at, fresh] = parts.emplace(in.stream, in);
    if (!fresh && at->second.time.ns <= in.time.ns) at->second = in;
    k.newest = std::max(k.newest, in.time.ns);
    k.reckoned = std::max(k.reckoned, k.newest);
    k.arrived = now;
    k.silent = false;
    if (parts.size() == streams) give(k, in.device, begin);
    close(k, in.device);
  }

  void look(std::int64_t now) {
    for (auto& [name, k] : keys) {
      if (k.open.empty()) continue;
      if (k.silent) k.arrived = now;
      k.silent = false;
      const std::int64_t reckoned = k.newest + (now - k.arrived);
      if (k.open.begin()->first + every + wait <= reckoned) {
        k.reckoned = std::max(k.reckoned, reckoned);
      }
      close(k, name.second);
    }
  }

  void close(Key& k, int device) {
    while (!k.open.empty() && k.open.begin()->first + every + wait <= k.reckoned) {
      give(k, device, k.open.begin()->first);
    }
  }

  void give(Key& k, int device, std::int64_t begin) {
    std::string line;
    std::int64_t time = INT64_MIN;
    for (const auto& [stream, in] : k.open[begin]) {
      line += " " + std::to_string(stream) + "=" + std::to_string(in.value);
      time = std::max(time, in.time.ns);
    }
    const std::uint64_t boot = k.open[begin].begin()->second.time.boot;
    said.push_back(std::to_string(device) + "@" + std::to_string(time) + "#" +
                   std::to_string(boot) + line);
    k.open.erase(begin);
    k.given.insert(begin);
  }

  void restart() {
    for (auto& [name, k] : keys) k.silent = true;
  }

  std::size_t streams = 0;
  std::int64_t every = 0, wait = 0;
  std::map<std::pair<std::uint64_t, int>, Key> keys;
  std::vector<std::string> said;
  std::uint64_t late = 0;
};

struct MergeRun : PipelineFixture {
  explicit MergeRun(std::uint64_t seed) : random(seed) {
    const std::size_t streams = 2 + random.below(3);
    for (std::size_t i = 0; i < streams; ++i) options.streams.push_back("p/" + std::to_string(i));
    options.every = Duration::seconds(random.between(1, 6));
    options.wait = Duration::seconds(random.between(0, 12));
    options.stream = "all";
    options.keys = {"device"};
    options.keys_max = 30;
    reference.streams = streams;
    reference.every = options.every.ns;
    reference.wait = options.wait.ns;
    kept = reference;
    crashes = random.one_in(2);
    tight = random.one_in(3);
    make(NodeKind(options));
  }

  void generate() {
    const std::size_t count = 60 + random.below(60);
    std::int64_t now = 1'000 * kSecond;
    for (std::size_t i = 0; i < count; ++i) {
      now += random.one_in(25) ? random.between(10, 40) * kSecond : random.between(0, kSecond);
      const std::int64_t spread = options.wait.ns + 2 * kSecond;
      const std::int64_t time = now - (random.one_in(2) ? 0 : random.between(0, spread));
      inputs.push_back({random.below(options.streams.size() + (random.one_in(10) ? 1 : 0)),
                        static_cast<int>(random.below(2)),
                        static_cast<int>(i),
                        {time - time % (kSecond / 2), random.one_in(8) ? 1U : 0U},
                        now});
    }
  }

  bool drain(std::int64_t now) {
    if (tight) {
      const std::size_t wanted = group.arena.bytes_max() * 3 / 4 - random.below(3) * 256;
      const std::size_t used = group.arena.bytes_used();
      if (used < wanted) group.arena.allocate(wanted - used);
    }
    std::vector<Pipeline::Refused> refused;
    const bool all_out = pipeline->drain({Instant{now}, {}}, group, refused);
    CHECK(refused.empty());
    return all_out;
  }

  static std::string text_of(const Record& record) {
    const auto fields = record.shape().fields();
    const auto cells = record.cells();
    if (record.shape().stream() == "other") return "other " + std::to_string(cells[1].as_int64());
    CHECK(record.shape().stream() == "all");
    std::string line = std::to_string(cells[0].as_int64()) + "@" +
                       std::to_string(record.time().ns) + "#" + std::to_string(record.time().boot);
    for (std::size_t i = 1; i < cells.size(); ++i) {
      line += " " + fields[i].substr(0, fields[i].find('.')) + "=" +
              std::to_string(cells[i].as_int64());
    }
    return line;
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
    for (const Record& record : group.records[0]) landed.push_back(text_of(record));
    group.reset();
    done = at;
    kept = reference;
  }

  void crash() {
    group.reset();
    make(NodeKind(options));
    std::vector<StateEdit> states;
    if (random.one_in(3)) {
      for (const auto& [key, v] : committed) states.push_back({key, v});
      pipeline->restore(states);
      states = pipeline->snapshot();  // The whole state says the same.
      make(NodeKind(options));
    } else {
      for (const auto& [key, v] : committed) states.push_back({key, v});
    }
    pipeline->restore(states);
    at = done;
    reference = kept;
    reference.restart();
  }

  void run() {
    generate();
    std::int64_t lag = 0;
    std::size_t crashes_left = crashes ? 4 : 0;
    while (at < inputs.size()) {
      const MergeInput& in = inputs[at];
      const std::int64_t now = in.now + lag;
      reference.look(now);
      if (!drain(now)) {
        commit();
        continue;
      }
      if (arena.bytes_used() > arena.bytes_max() / 2) arena.reset();
      const bool other = in.stream == options.streams.size();
      CHECK(give(record(other ? "other" : options.streams[in.stream],
                        {{"device", Value::int64(in.device)}, {"v", Value::int64(in.value)}},
                        in.time),
                 Instant{now}) == Pipeline::Verdict::taken);
      reference.record(in, now);
      ++at;
      if (random.one_in(10)) commit();
      if (crashes_left > 0 && random.one_in(15)) {
        --crashes_left;
        crash();
        lag += random.between(0, 50) * kSecond;
      }
    }
    for (std::int64_t later = 1; later < 10; ++later) {
      const std::int64_t now = inputs.back().now + lag + later * 5 * kSecond;
      reference.look(now);
      while (!drain(now)) commit();
      commit();
    }
    std::ranges::sort(landed);
    std::ranges::sort(reference.said);
  }

  Random random;
  Merge options;
  MergeReference reference, kept;
  bool crashes = false, tight = false;
  std::vector<MergeInput> inputs;
  std::size_t at = 0, done = 0;
  std::map<std::string, Buffer> committed;
  std::vector<std::string> landed;
};

TEST_CASE("merged records are those of the reference") {
  std::uint64_t records = 0, late = 0, whole = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    MergeRun run(seed);
    run.run();
    records += run.landed.size();
    late += run.reference.late;
    for (const std::string& line : run.landed) whole += std::ranges::count(line, '=') > 1;
    REQUIRE(run.landed == run.reference.said);
    if (!run.crashes) REQUIRE(run.pipeline->late() == run.reference.late);
  }
  MESSAGE(records << " records, " << whole << " of several streams, " << late << " late");
  CHECK(records > 20 * kSeeds);
  CHECK(whole > 5 * kSeeds);
  CHECK(late > kSeeds);
}

}  // namespace
}  // namespace pinaflux
