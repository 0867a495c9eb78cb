// sim: runs seeds of the simulated world, in so many processes, and says which of them failed.
//
//   sim --seed 7                       one seed, its faults told
//   sim --seeds 1..10000 --jobs 2      many; exit status 1 when one failed
//   sim --seeds 1..50 --mutant NAME    a control: exit status 0 when it was caught
//   sim --calls 1..500                 the n-th call of the network breaks its connection, for each n
//
// Seeds follow one another in a process, as page faults cost a quarter of a seed that has one of its own. What one of them
// leaves there must not change the next: each that failed, and with --twice every one, is run once more, alone.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <sys/resource.h>
#include <utility>
#include <vector>

#include "platform/base/json_writer.h"
#include "platform/base/text.h"
#include "tests/sim/crash/heap.h"
#include "tests/sim/jobs.h"
#include "tests/sim/world.h"

namespace pinaflux::tests {

namespace {

// So many worlds take turns when calls of the network are counted.
constexpr std::uint64_t kWorldsOfCalls = 9;

struct Arguments {
  RunOptions run;
  const Configuration* configuration = nullptr;  // Read once, for all seeds.
  std::uint64_t first = 1, last = 1;
  std::uint64_t jobs = 1;
  bool json = false;
  bool twice = false;  // Each seed again, alone; the traces must be equal.
  bool calls = false;  // `first` to `last` are calls of the network that break.
};

constexpr const char* kUsage =
    "usage: sim [--seed N | --seeds A..B] [--minutes M] [--jobs N] [--twice] [--json] [--verbose]\n"
    "           [--dense] [--mutant NAME]\n"
    "       sim --calls A..B [--minutes M] [--jobs N] [--json]\n";

int usage() {
  std::fputs(kUsage, stderr);
  std::fputs("mutants:", stderr);
  for (const MutantName& one : kMutants) std::fprintf(stderr, " %s", one.name.data());
  std::fputs("\n", stderr);
  return 2;
}

bool parse_seeds(std::string_view text, Arguments& to) {
  const std::size_t dots = text.find("..");
  const auto first = parse_integer<std::uint64_t>(text.substr(0, dots));
  const auto last =
      dots == std::string_view::npos ? first : parse_integer<std::uint64_t>(text.substr(dots + 2));
  if (!first || !last || *last < *first) return false;
  to.first = *first;
  to.last = *last;
  return true;
}

bool parse_value(std::string_view name, std::string_view value, Arguments& to) {
  if (name == "--seed" || name == "--seeds") return parse_seeds(value, to);
  if (name == "--calls") return to.calls = parse_seeds(value, to);
  if (name == "--mutant") {
    const auto mutant = mutant_named(value);
    if (mutant) to.run.mutant = *mutant;
    return mutant.has_value();
  }
  const auto number = parse_integer<std::uint64_t>(value);
  if (!number || *number == 0 || *number > 10'000) return false;
  if (name == "--minutes") to.run.minutes = static_cast<int>(*number);
  if (name == "--jobs") to.jobs = *number;
  return name == "--minutes" || name == "--jobs";
}

bool parse(int argc, char** argv, Arguments& to) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--json") {
      to.json = true;
    } else if (name == "--twice") {
      to.twice = true;
    } else if (name == "--dense") {
      to.run.dense = true;
    } else if (name == "--verbose") {
      to.run.verbose = true;
    } else if (i + 1 == argc || !parse_value(name, argv[++i], to)) {
      return false;
    }
  }
  return true;
}

struct Sums {
  std::uint64_t seeds = 0, failed = 0;
  std::uint64_t commits = 0, faults = 0, starts = 0, sent = 0, landed = 0, lost = 0,
                redelivered = 0, thinned = 0, steps = 0, timed = 0, resolved = 0, bounded = 0,
                since_boot = 0, images = 0, clones = 0, renumbered = 0, undeliverable = 0,
                quarantined = 0, posted = 0, two_ways = 0, archived = 0, derived = 0, packed = 0;
  std::uint64_t commits_min = 0, faults_min = 0;  // Of a seed that did not fail.
  double seconds = 0, drain_max = 0;
};

std::string command_of(const Arguments& arguments, std::uint64_t seed) {
  std::string text = arguments.calls ? "sim --calls " : "sim --seed ";
  text += std::to_string(seed) + " --minutes " + std::to_string(arguments.run.minutes);
  if (arguments.run.dense) text += " --dense";
  for (const MutantName& one : kMutants) {
    if (one.mutant == arguments.run.mutant) text += " --mutant " + std::string(one.name);
  }
  return text;
}

Outcome run_seed(const Arguments& arguments, std::uint64_t seed) {
  RunOptions options = arguments.run;
  options.seed = arguments.calls ? 1 + seed % kWorldsOfCalls : seed;
  if (arguments.calls) options.break_at = seed;
  Outcome outcome = run(options, *arguments.configuration);
  outcome.seed = seed;
  return outcome;
}

// What is summed over the seeds, in the order in which one process tells the other.
struct Count {
  std::uint64_t (*of)(const Outcome&);
  std::uint64_t Sums::* sum;
};
constexpr Count kCounts[] = {
    {[](const Outcome& o) { return o.commits; }, &Sums::commits},
    {[](const Outcome& o) { return o.faults; }, &Sums::faults},
    {[](const Outcome& o) { return o.starts; }, &Sums::starts},
    {[](const Outcome& o) { return o.sent; }, &Sums::sent},
    {[](const Outcome& o) { return o.landed; }, &Sums::landed},
    {[](const Outcome& o) { return o.lost; }, &Sums::lost},
    {[](const Outcome& o) { return o.redelivered; }, &Sums::redelivered},
    {[](const Outcome& o) { return o.thinned; }, &Sums::thinned},
    {[](const Outcome& o) { return o.steps; }, &Sums::steps},
    {[](const Outcome& o) { return o.times.judged; }, &Sums::timed},
    {[](const Outcome& o) { return o.times.resolved; }, &Sums::resolved},
    {[](const Outcome& o) { return o.times.bounded; }, &Sums::bounded},
    {[](const Outcome& o) { return o.times.since_boot; }, &Sums::since_boot},
    {[](const Outcome& o) { return o.images; }, &Sums::images},
    {[](const Outcome& o) { return o.clones; }, &Sums::clones},
    {[](const Outcome& o) { return o.renumbered; }, &Sums::renumbered},
    {[](const Outcome& o) { return o.undeliverable; }, &Sums::undeliverable},
    {[](const Outcome& o) { return o.quarantined; }, &Sums::quarantined},
    {[](const Outcome& o) { return o.posted; }, &Sums::posted},
    {[](const Outcome& o) { return o.two_ways; }, &Sums::two_ways},
    {[](const Outcome& o) { return o.archived; }, &Sums::archived},
    {[](const Outcome& o) { return o.derived; }, &Sums::derived},
    {[](const Outcome& o) { return o.packed; }, &Sums::packed},
};

// As one process tells it to the other; behind it stands the first failure.
struct Told {
  std::uint64_t trace = 0;
  double seconds = 0, drain_seconds = 0;
  std::uint64_t counts[std::size(kCounts)]{};
};

std::string told_of(const Outcome& o) {
  Told told{.trace = o.trace, .seconds = o.seconds, .drain_seconds = o.drain_seconds};
  for (std::size_t i = 0; i < std::size(kCounts); ++i) told.counts[i] = kCounts[i].of(o);
  std::string bytes(reinterpret_cast<const char*>(&told), sizeof told);
  if (!o.failures.empty()) bytes += printable(o.failures[0], 2000);
  return bytes;
}

// `why` is empty if all was well.
using Take = std::function<void(std::uint64_t seed, const Told& told, const std::string& why)>;

void run_seeds(const Arguments& arguments, std::uint64_t first, std::uint64_t last,
               const Take& take) {
  const auto work = [&](std::size_t task) { return told_of(run_seed(arguments, first + task)); };
  const auto said = [&](std::size_t task, const std::string& bytes) {
    Told told;
    std::memcpy(&told, bytes.data(), sizeof told);
    take(first + task, told, bytes.substr(sizeof told));
  };
  const auto died = [&](std::size_t task, int status) {
    take(first + task, {}, "the process ended, status " + std::to_string(status));
  };
  run_jobs({.count = last - first + 1, .work = work, .take = said, .died = died}, arguments.jobs);
}

// Keeps account of the seeds.
class Account {
 public:
  explicit Account(const Arguments& arguments) : arguments_(arguments) {}

  void take(std::uint64_t seed, const Told& told, const std::string& why);
  void alone(std::uint64_t seed, const Told& told, const std::string& why);
  std::vector<std::uint64_t> again() const;
  const Sums& sums() const { return sums_; }

 private:
  void say(std::uint64_t seed, const std::string& why) const;

  // A build that fails everywhere is to say so soon.
  static constexpr std::size_t kFailedAgain = 20;

  const Arguments& arguments_;
  Sums sums_;
  std::vector<std::uint64_t> failed_;
  std::map<std::uint64_t, std::uint64_t> traces_;  // Of those that are run again, and did not fail.
};

void Account::say(std::uint64_t seed, const std::string& why) const {
  std::fprintf(arguments_.json ? stderr : stdout, "%s  # %s\n",
               command_of(arguments_, seed).c_str(), why.c_str());
}

void Account::take(std::uint64_t seed, const Told& told, const std::string& why) {
  ++sums_.seeds;
  if (!why.empty()) {
    ++sums_.failed;
    if (failed_.size() < kFailedAgain) failed_.push_back(seed);
    return say(seed, why);
  }
  if (arguments_.twice) traces_[seed] = told.trace;
  for (std::size_t i = 0; i < std::size(kCounts); ++i) sums_.*kCounts[i].sum += told.counts[i];
  const bool first = sums_.seeds == sums_.failed + 1;
  sums_.commits_min = first ? told.counts[0] : std::min(sums_.commits_min, told.counts[0]);
  sums_.faults_min = first ? told.counts[1] : std::min(sums_.faults_min, told.counts[1]);
  sums_.seconds += told.seconds;
  sums_.drain_max = std::max(sums_.drain_max, told.drain_seconds);
}

std::vector<std::uint64_t> Account::again() const {
  std::vector<std::uint64_t> seeds = failed_;
  for (const auto& [seed, trace] : traces_) seeds.push_back(seed);
  return seeds;
}

void Account::alone(std::uint64_t seed, const Told& told, const std::string& why) {
  const auto before = traces_.find(seed);
  if (before == traces_.end()) {
    if (why.empty()) say(seed, "holds alone: what fails is what others left in its process");
    return;
  }
  if (why.empty() && told.trace == before->second) return;
  ++sums_.failed;
  say(seed, why.empty() ? "alone it gave another trace" : "alone: " + why);
}

Sums run_all(const Arguments& arguments) {
  Account account(arguments);
  const auto take = std::bind_front(&Account::take, &account);
  run_seeds(arguments, arguments.first, arguments.last, take);
  const auto alone = std::bind_front(&Account::alone, &account);
  for (const std::uint64_t seed : account.again()) run_seeds(arguments, seed, seed, alone);
  return account.sums();
}

// Of all the processes that ran seeds.
double cpu_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_CHILDREN, &used);
  return static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
         static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

int conclude(const Arguments& arguments, const Sums& sums) {
  const double each =
      cpu_seconds() * 1e3 / static_cast<double>(std::max<std::uint64_t>(1, sums.seeds));
  if (arguments.json) {
    JsonWriter j;
    j.begin_object().key("schema").string("pinaflux.sim/1");
    const std::pair<const char*, std::uint64_t> counts[] = {{"seeds", sums.seeds},
                                                            {"failed", sums.failed},
                                                            {"commits", sums.commits},
                                                            {"commits_min", sums.commits_min},
                                                            {"faults", sums.faults},
                                                            {"faults_min", sums.faults_min},
                                                            {"starts", sums.starts},
                                                            {"records_sent", sums.sent},
                                                            {"landed", sums.landed},
                                                            {"declared_lost", sums.lost},
                                                            {"thinned", sums.thinned},
                                                            {"redelivered", sums.redelivered},
                                                            {"events", sums.steps},
                                                            {"times_judged", sums.timed},
                                                            {"times_by_anchor", sums.resolved},
                                                            {"times_bounded", sums.bounded},
                                                            {"since_boot", sums.since_boot},
                                                            {"images", sums.images},
                                                            {"clones", sums.clones},
                                                            {"renumbered", sums.renumbered},
                                                            {"undeliverable", sums.undeliverable},
                                                            {"quarantined", sums.quarantined},
                                                            {"posted", sums.posted},
                                                            {"two_ways", sums.two_ways},
                                                            {"archived", sums.archived},
                                                            {"derived", sums.derived},
                                                            {"packed", sums.packed}};
    for (const auto& [name, value] : counts) j.key(name).number(value);
    j.key("simulated_s").number(sums.seconds).key("drain_max_s").number(sums.drain_max);
    j.key("cpu_ms_per_seed").number(each).end_object();
    std::printf("%s\n", j.take().c_str());
  } else {
    std::printf(
        "%llu seeds, %llu failed; commits %llu (at least %llu a seed), faults %llu (at least "
        "%llu), "
        "starts %llu, records %llu, landed %llu, declared lost %llu (thinned %llu), redelivered "
        "envelopes %llu, "
        "events %llu, times judged %llu, by anchor %llu (%llu bounded), since boot %llu, images "
        "put back %llu, clones %llu, renumbered %llu, undeliverable %llu, quarantined %llu, by "
        "HTTP %llu, in two "
        "ways %llu, archives landed again %llu, made by nodes that remember %llu, sent with a "
        "dictionary %llu; %.1f "
        "simulated hours, longest drain %.0f s; %.1f ms of CPU a seed\n",
        static_cast<unsigned long long>(sums.seeds), static_cast<unsigned long long>(sums.failed),
        static_cast<unsigned long long>(sums.commits),
        static_cast<unsigned long long>(sums.commits_min),
        static_cast<unsigned long long>(sums.faults),
        static_cast<unsigned long long>(sums.faults_min),
        static_cast<unsigned long long>(sums.starts), static_cast<unsigned long long>(sums.sent),
        static_cast<unsigned long long>(sums.landed), static_cast<unsigned long long>(sums.lost),
        static_cast<unsigned long long>(sums.thinned),
        static_cast<unsigned long long>(sums.redelivered),
        static_cast<unsigned long long>(sums.steps), static_cast<unsigned long long>(sums.timed),
        static_cast<unsigned long long>(sums.resolved),
        static_cast<unsigned long long>(sums.bounded),
        static_cast<unsigned long long>(sums.since_boot),
        static_cast<unsigned long long>(sums.images), static_cast<unsigned long long>(sums.clones),
        static_cast<unsigned long long>(sums.renumbered),
        static_cast<unsigned long long>(sums.undeliverable),
        static_cast<unsigned long long>(sums.quarantined),
        static_cast<unsigned long long>(sums.posted),
        static_cast<unsigned long long>(sums.two_ways),
        static_cast<unsigned long long>(sums.archived),
        static_cast<unsigned long long>(sums.derived), static_cast<unsigned long long>(sums.packed),
        sums.seconds / 3600, sums.drain_max, each);
  }
  const bool caught = sums.failed > 0;
  return caught == (arguments.run.mutant != Mutant::none) ? 0 : 1;
}

int tell_one(const Arguments& arguments) {
  const Outcome outcome = run_seed(arguments, arguments.first);
  for (const std::string& fault : outcome.told) std::printf("%s\n", fault.c_str());
  for (const std::string& failure : outcome.failures) std::printf("FAILED %s\n", failure.c_str());
  std::printf("seed %llu: trace %016llx, %llu acknowledged\n",
              static_cast<unsigned long long>(outcome.seed),
              static_cast<unsigned long long>(outcome.trace),
              static_cast<unsigned long long>(outcome.acknowledged));
  return outcome.failures.empty() ? 0 : 1;
}

int main_of(int argc, char** argv) {
  Arguments arguments;
  if (!parse(argc, argv, arguments)) return usage();
  crash::install_heap();
  const Configuration configuration = gateway_configuration();
  arguments.configuration = &configuration;
  if (arguments.first == arguments.last && !arguments.json) {
    const int failed = tell_one(arguments);
    return arguments.run.mutant == Mutant::none ? failed : 1 - failed;
  }
  return conclude(arguments, run_all(arguments));
}

}  // namespace

}  // namespace pinaflux::tests

int main(int argc, char** argv) { return pinaflux::tests::main_of(argc, argv); }
