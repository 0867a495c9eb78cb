// What lands, against a model that shares no code with the node: every record of the source has its outcome once, in order, whatever
// the process and the gateway do. One seed is one run: the process answers late, in pieces, or wrongly, and dies; groups have no room;
// commits are cut, and then the pipeline is made anew, with another command, from what was committed, and the source gives
// again what was not.

#include <algorithm>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "platform/base/random.h"
#include "tests/agent/pipeline/execd_kit.h"

namespace pinaflux {
namespace {

#if __has_feature(address_sanitizer)
constexpr std::uint64_t kSeeds = 200;
#else
constexpr std::uint64_t kSeeds = 1'000;
#endif

// What the program makes of a value, as the lines of the lane; "!" is a refusal.
std::vector<std::string> outcome_of(std::int64_t v) {
  if (v % 7 == 0) return {};
  if (v % 11 == 0) return {"!" + std::to_string(v)};
  if (v % 5 == 0) return {std::to_string(v), std::to_string(v) + "b"};
  return {std::to_string(v)};
}

std::string answer_to(const std::string& id, std::int64_t v) {
  std::string text = "{\"id\":" + id;
  const std::string value = std::to_string(v);
  if (v % 7 == 0) {
  } else if (v % 11 == 0) {
    text += ",\"error\":\"" + value + "\"";
  } else if (v % 5 == 0) {
    text += ",\"records\":[{\"fields\":{\"v\":" + value +
            "}},{\"stream\":\"more\",\"fields\":{\"v\":" + value + "}}]";
  } else {
    text += ",\"fields\":{\"v\":" + value + "}";
  }
  return text + "}\n";
}

struct ExecdRun : ExecdFixture {
  explicit ExecdRun(std::uint64_t seed) : random(seed) { restart(); }

  void restart() {
    group.reset();
    Execd o = options();
    o.records_max = 2;
    o.in_flight_max = 1 + random.below(8);
    if (random.one_in(2)) o.command = {"/usr/bin/another"};
    make(NodeKind(o));
    std::vector<StateEdit> states;
    for (const auto& [key, value] : committed) states.push_back({key, value});
    pipeline->restore(states);
    next = receipt;
    process_dies("");
  }

  void process_dies(const char* why) {
    if (*why != 0) outside().failed(why);
    outside().began();
    heard.clear();
    saying.clear();
  }

  // The process hears some bytes, and may answer the lines that it has.
  void process() {
    const std::string_view more = as_text(outside().unwritten());
    const std::size_t some = random.one_in(2) ? more.size() : random.below(more.size() + 1);
    heard += more.substr(0, some);
    outside().wrote(some);
    for (std::size_t end; (end = heard.find('\n')) != std::string::npos && !random.one_in(4);) {
      const std::string line = heard.substr(0, end);
      heard.erase(0, end + 1);
      const std::size_t v = line.find("{\"v\":") + 5;
      saying += answer_to(line.substr(6, line.find(',') - 6), std::stoll(line.substr(v)));
    }
    const std::size_t said = random.one_in(2) ? saying.size() : random.below(saying.size() + 1);
    std::string bytes = saying.substr(0, said);
    saying.erase(0, said);
    if (random.one_in(30)) bytes += random.one_in(2) ? "{\"id\":0}\n" : "nonsense\n";
    if (const char* why = outside().answered(as_bytes(bytes)); why != nullptr) process_dies(why);
    if (random.one_in(20)) process_dies("killed");
  }

  void give_some() {
    while (next < kCount && !pipeline->holds_back() && !random.one_in(3)) {
      take(boiler(static_cast<std::int64_t>(next), static_cast<std::int64_t>(next)));
      ++next;
    }
  }

  void drain() {
    if (random.one_in(4)) {  // A group that is nearly full.
      const std::size_t wanted = group.arena.bytes_max() * 3 / 4 - random.below(3) * 128;
      if (group.arena.bytes_used() < wanted)
        group.arena.allocate(wanted - group.arena.bytes_used());
    }
    std::vector<Pipeline::Refused> refused;
    const std::size_t before = group.records[0].size();
    pipeline->drain({}, group, refused);
    (void)before;
    for (const auto& its : refused) {
      REQUIRE(its.record.cells().size() == 1);
      refusals.push_back("!" + std::to_string(its.record.cells()[0].as_int64()));
    }
  }

  // All of it is on disk, or, with a crash, nothing.
  void commit(bool crash) {
    pipeline->save(group);
    if (crash) {
      refusals.clear();
      return restart();
    }
    for (const StateEdit& edit : group.states) {
      if (edit.value.empty()) {
        committed.erase(edit.key);
      } else {
        committed[edit.key] = edit.value;
      }
    }
    for (const Record& r : group.records[0]) {
      landed.push_back(std::to_string(r.cells()[0].as_int64()) +
                       (r.shape().stream() == "more" ? "b" : ""));
    }
    letters.insert(letters.end(), refusals.begin(), refusals.end());
    refusals.clear();
    receipt = next;
    group.reset();
    if (random.one_in(6)) restart();  // Just behind it.
  }

  bool over() { return receipt == kCount && committed.empty() && outside().unanswered() == 0; }

  static constexpr std::size_t kCount = 60;
  Random random;
  std::map<std::string, Buffer> committed;
  std::size_t next = 0, receipt = 0;  // Of the source.
  std::string heard, saying;          // Of the process.
  std::vector<std::string> refusals, landed, letters;
};

TEST_CASE("each record lands once, in order, whatever ends when") {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    CAPTURE(seed);
    ExecdRun run(seed);
    for (int step = 0; step < 100'000 && !run.over(); ++step) {
      if (run.random.one_in(3)) run.give_some();
      if (run.random.one_in(2)) run.process();
      if (run.random.one_in(2)) run.drain();
      if (run.random.one_in(5)) run.commit(run.random.one_in(4));
    }
    REQUIRE(run.over());
    std::vector<std::string> records, letters;
    for (std::size_t v = 0; v < ExecdRun::kCount; ++v) {
      for (const std::string& line : outcome_of(static_cast<std::int64_t>(v))) {
        (line.starts_with("!") ? letters : records).push_back(line);
      }
    }
    REQUIRE(run.landed == records);
    REQUIRE(run.letters == letters);
  }
}

}  // namespace
}  // namespace pinaflux
