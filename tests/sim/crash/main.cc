// crash: the power cuts that a spool may meet, enumerated. What it does and how: ../README.md
//
//   crash --workloads 0..63 --states 20000 --jobs 2     so many distinct states of each
//   crash --workloads 3 --at 63:0                       one state: what a failure prints
//   crash --workloads 0 --trouble io:32                 the 32nd call of the disk fails
//   crash --workloads 0 --trouble io:1..4000            each of them in turn, to the end of the workload
//   crash --workloads 0..7 --mutant NAME                a control: exit status 0 when it was caught

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "platform/base/json_writer.h"
#include "platform/base/text.h"
#include "tests/sim/crash/enumerator.h"
#include "tests/sim/crash/heap.h"
#include "tests/sim/crash/outcome.h"
#include "tests/sim/jobs.h"

namespace pinaflux::crash {
namespace {

constexpr std::size_t kTroublesPerTask = 16;

struct Arguments {
  Subject subject;
  std::uint64_t first = 0, last = 0;
  std::uint64_t states = 2000;
  std::uint64_t jobs = 1;
  std::uint64_t nth_last = 0;
  std::optional<Place> place;
  bool json = false;
};

struct Sums {
  Tally tally;
  std::vector<std::uint64_t> hashes;
  std::uint64_t failed = 0;  // Workloads, or workloads with their trouble.
};

bool take_number(std::string_view text, std::uint64_t& to) {
  const auto number = parse_integer<std::uint64_t>(text);
  if (number) to = *number;
  return number.has_value();
}

bool take_pair(std::string_view text, std::string_view between, std::uint64_t& a,
               std::uint64_t& b) {
  const std::size_t at = text.find(between);
  if (at == std::string_view::npos) return false;
  return take_number(text.substr(0, at), a) && take_number(text.substr(at + between.size()), b);
}

// "A..B", or "A" alone.
bool take_range(std::string_view text, std::uint64_t& first, std::uint64_t& last) {
  if (take_pair(text, "..", first, last)) return first <= last;
  const bool one = take_number(text, first);
  last = first;
  return one;
}

bool take_trouble(std::string_view text, Arguments& to) {
  const std::size_t colon = text.find(':');
  const auto trouble = trouble_of(text.substr(0, colon));
  if (!trouble || colon == std::string_view::npos) return false;
  to.subject.trouble = *trouble;
  return take_range(text.substr(colon + 1), to.subject.nth, to.nth_last) && to.subject.nth > 0;
}

bool take(std::string_view name, std::string_view value, Arguments& to) {
  if (name == "--seed") return take_number(value, to.subject.seed);
  if (name == "--states") return take_number(value, to.states);
  if (name == "--jobs") return take_number(value, to.jobs) && to.jobs > 0;
  if (name == "--trouble") return take_trouble(value, to);
  if (name == "--workloads") return take_range(value, to.first, to.last);
  if (name == "--at") {
    std::uint64_t operation = 0, variant = 0;
    if (!take_pair(value, ":", operation, variant)) return false;
    to.place = Place{static_cast<std::size_t>(operation), variant};
    return true;
  }
  const auto mutant = mutant_of(value);
  if (name != "--mutant" || !mutant) return false;
  to.subject.mutant = *mutant;
  return true;
}

bool parse(int argc, char** argv, Arguments& to) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--json") {
      to.json = true;
    } else if (i + 1 == argc || !take(name, argv[++i], to)) {
      return false;
    }
  }
  return true;
}

int usage() {
  std::fputs(
      "usage: crash [--seed N] [--workloads A..B] [--states N] [--jobs N] [--json]\n"
      "             [--at OPERATION:VARIANT] [--trouble NAME:A..B] [--mutant NAME]\ntroubles:",
      stderr);
  for (const TroubleName& one : kTroubles) std::fprintf(stderr, " %s", one.name.data());
  std::fputs("\nmutants:", stderr);
  for (const MutantName& one : kMutants) std::fprintf(stderr, " %s", one.name.data());
  std::fputs("\n", stderr);
  return 64;
}

// ---- tasks: a workload, or a workload with a few of the troubles

class Plan {
 public:
  explicit Plan(const Arguments& arguments) : a_(arguments) {}

  std::size_t count() const { return (a_.last - a_.first + 1) * troubles(); }
  Outcome work(std::size_t task);
  std::string command(std::size_t task) const { return subject(task).command(); }

 private:
  bool troubled() const { return a_.subject.trouble != Trouble::none; }
  std::size_t troubles() const {
    return troubled() ? (a_.nth_last - a_.subject.nth) / kTroublesPerTask + 1 : 1;
  }
  Subject subject(std::size_t task) const;

  const Arguments& a_;
  std::map<std::uint64_t, std::uint64_t>
      ends_;  // By workload: the first n that is beyond its calls.
};

Subject Plan::subject(std::size_t task) const {
  Subject subject = a_.subject;
  subject.number = a_.first + task / troubles();
  subject.nth += task % troubles() * kTroublesPerTask;
  return subject;
}

Outcome Plan::work(std::size_t task) {
  Outcome outcome;
  Subject subject = this->subject(task);
  const auto end = ends_.find(subject.number);
  if (end != ends_.end() && subject.nth >= end->second) return outcome;
  const std::uint64_t last = std::min(subject.nth + kTroublesPerTask - 1, a_.nth_last);
  do {
    Enumerator enumerator(subject);
    const Tally tally = a_.place ? enumerator.run(*a_.place) : enumerator.run(a_.states);
    outcome.tally.add(tally);
    for (const auto& [hash, bound] : enumerator.seen()) outcome.hashes.push_back(hash);
    if (troubled() && tally.counts.happened == 0) {  // The workload is over before it gets there.
      ends_[subject.number] = subject.nth;
      break;
    }
  } while (troubled() && ++subject.nth <= last);
  return outcome;
}

Sums run_all(const Arguments& arguments) {
  Sums sums;
  Plan plan(arguments);
  const auto tell = [&](const std::string& failure) {
    if (!arguments.json) std::printf("%s\n", failure.c_str());
  };
  const auto take = [&](std::size_t, const std::string& said) {
    const Outcome outcome = outcome_of(said);
    sums.tally.add(outcome.tally);
    sums.hashes.insert(sums.hashes.end(), outcome.hashes.begin(), outcome.hashes.end());
    std::ranges::for_each(outcome.tally.failures, tell);
    if (!outcome.tally.failures.empty()) ++sums.failed;
  };
  const auto died = [&](std::size_t task, int status) {
    sums.tally.failures.push_back(plan.command(task) + "  # the process ended, status " +
                                  std::to_string(status));
    tell(sums.tally.failures.back());
    ++sums.failed;
  };
  tests::run_jobs({.count = plan.count(),
                   .work = [&](std::size_t task) { return bytes_of(plan.work(task)); },
                   .take = take,
                   .died = died},
                  arguments.jobs);
  std::ranges::sort(sums.hashes);
  const auto again = std::ranges::unique(sums.hashes);
  sums.hashes.erase(again.begin(), again.end());
  sums.tally.counts.distinct = sums.hashes.size();
  return sums;
}

void print_json(const Arguments& arguments, const Sums& sums, double seconds) {
  const Tally::Counts& counts = sums.tally.counts;
  const std::pair<const char*, std::uint64_t> numbers[] = {
      {"workloads", arguments.last - arguments.first + 1},
      {"states", counts.states},
      {"distinct", counts.distinct},
      {"opened", counts.opened},
      {"in_recovery", counts.in_recovery},
      {"proved", counts.proved},
      {"operations", counts.operations},
      {"moments", counts.moments},
      {"troubles", counts.happened},
      {"sealed", counts.covered.sealed},
      {"merged", counts.covered.merged},
      {"evicted", counts.covered.evicted},
      {"expired", counts.covered.expired},
      {"thinned", counts.covered.thinned},
      {"encrypted", counts.covered.encrypted},
      {"checkpoints", counts.covered.checkpoints},
      {"salvages", counts.covered.salvages},
      {"unordered", counts.covered.unordered},
      {"split", counts.covered.split},
      {"failed", sums.failed}};
  JsonWriter j;
  j.begin_object().key("schema").string("pinaflux.crash/1");
  for (const auto& [name, value] : numbers) j.key(name).number(value);
  j.key("seconds").number(seconds).key("failures").begin_array();
  for (const std::string& failure : sums.tally.failures) j.string(failure);
  j.end_array().end_object();
  std::printf("%s\n", j.take().c_str());
}

void print(const Arguments& arguments, const Sums& sums, double seconds) {
  const auto number = [](std::uint64_t n) { return static_cast<unsigned long long>(n); };
  const Tally::Counts& counts = sums.tally.counts;
  if (counts.happened > 0) std::printf("%llu troubles; ", number(counts.happened));
  std::printf(
      "%llu workloads, %llu states, %llu distinct, %llu opened, %llu of crashes in a recovery, ",
      number(arguments.last - arguments.first + 1), number(counts.states), number(counts.distinct),
      number(counts.opened), number(counts.in_recovery));
  std::printf(
      "%llu failed; sealed %llu, merged %llu, evicted %llu, expired %llu, thinned %llu, split "
      "%llu, ",
      number(sums.failed), number(counts.covered.sealed), number(counts.covered.merged),
      number(counts.covered.evicted), number(counts.covered.expired),
      number(counts.covered.thinned), number(counts.covered.split));
  std::printf("checkpoints %llu, salvages %llu; %.1f s, %.0f states/s\n",
              number(counts.covered.checkpoints), number(counts.covered.salvages), seconds,
              static_cast<double>(counts.distinct) / std::max(seconds, 1e-3));
}

int main_of(int argc, char** argv) {
  Arguments arguments;
  if (!parse(argc, argv, arguments)) return usage();
  install_heap();
  watch_connections();
  const auto begin = std::chrono::steady_clock::now();
  const Sums sums = run_all(arguments);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  (arguments.json ? print_json : print)(arguments, sums, took.count());
  return (sums.failed > 0) == (arguments.subject.mutant != Mutant::none) ? 0 : 1;
}

}  // namespace
}  // namespace pinaflux::crash

int main(int argc, char** argv) { return pinaflux::crash::main_of(argc, argv); }
