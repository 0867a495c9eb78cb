// sim: runs seeds of the simulated world, in so many processes, and says which of them failed.
//
//   sim --seed 7                       one seed, its faults told
//   sim --seeds 1..10000 --jobs 2      many; exit status 1 when one failed
//   sim --seeds 1..50 --mutant NAME    a control: exit status 0 when it was caught
//   sim --calls 1..500                 the n-th call of the network breaks its connection, for each n
//
// A worker process writes a line before each seed and one after it, so that a seed that ends its process
// is known, too; another process goes on behind it.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <poll.h>
#include <string>
#include <string_view>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "platform/base/json_writer.h"
#include "platform/base/text.h"
#include "tests/sim/crash/heap.h"
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
  bool twice = false;  // Each seed again; the traces must be equal.
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
                quarantined = 0, posted = 0, two_ways = 0, archived = 0, derived = 0;
  std::uint64_t commits_min = UINT64_MAX, faults_min = UINT64_MAX;
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
};

// One line, numbers first; the first failure to the end of the line.
std::string line_of(const Outcome& o) {
  std::string text = "done " + std::to_string(o.trace) + " " + std::to_string(o.seed) + " " +
                     std::to_string(o.seconds) + " " + std::to_string(o.drain_seconds) + " " +
                     std::to_string(o.failures.size()) + " ";
  for (const Count& count : kCounts) text += std::to_string(count.of(o)) + " ";
  return text + (o.failures.empty() ? "-" : printable(o.failures[0], 2000)) + "\n";
}

// What no job has begun yet.
struct Waiting {
  std::uint64_t first, last;
  std::optional<std::uint64_t> take() {
    return first > last ? std::nullopt : std::optional(first++);
  }
};

// A seed has a process of its own, so that what ran before it changes nothing.
class Job {
 public:
  Job(const Arguments& arguments, std::uint64_t first, Waiting& waiting)
      : arguments_(arguments), waiting_(waiting) {
    start(first);
  }
  ~Job() {
    if (from_ != nullptr) std::fclose(from_);
  }
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  int descriptor() const { return ::fileno(from_); }
  // Something can be read. False: no seed is left for it.
  bool step(Sums& sums);

 private:
  void start(std::uint64_t seed);
  bool next();
  void take(const char* line, Sums& sums);
  void fail(std::uint64_t seed, const std::string& why, Sums& sums);

  const Arguments& arguments_;
  Waiting& waiting_;
  pid_t child_ = 0;
  std::FILE* from_ = nullptr;
  std::uint64_t seed_ = 0;
  bool told_ = false;                        // How it came out.
  std::optional<unsigned long long> trace_;  // Of its first run, while it is run again.
};

void Job::start(std::uint64_t seed) {
  seed_ = seed;
  told_ = false;
  int ends[2];
  if (::pipe(ends) != 0) std::abort();
  std::fflush(stdout);
  child_ = ::fork();
  if (child_ == 0) {
    ::close(ends[0]);
    const std::string line = line_of(run_seed(arguments_, seed));
    (void)!::write(ends[1], line.data(), line.size());
    ::_exit(0);
  }
  ::close(ends[1]);
  from_ = ::fdopen(ends[0], "r");
}

bool Job::step(Sums& sums) {
  char line[4096];
  if (std::fgets(line, sizeof line, from_) != nullptr) {
    take(line, sums);
    return true;
  }
  std::fclose(std::exchange(from_, nullptr));
  int status = 0;
  ::waitpid(child_, &status, 0);
  if (!told_) fail(seed_, "the process ended, status " + std::to_string(status), sums);
  return next();
}

bool Job::next() {
  if (trace_) {
    start(seed_);
    return true;
  }
  const auto seed = waiting_.take();
  if (seed) start(*seed);
  return seed.has_value();
}

void Job::fail(std::uint64_t seed, const std::string& why, Sums& sums) {
  ++sums.seeds;
  ++sums.failed;
  std::fprintf(arguments_.json ? stderr : stdout, "%s  # %s\n",
               command_of(arguments_, seed).c_str(), why.c_str());
}

void Job::take(const char* line, Sums& sums) {
  unsigned long long trace = 0, seed = 0, n[std::size(kCounts)]{};
  double seconds = 0, drain = 0;
  std::size_t failures = 0;
  int end = 0;
  bool whole = std::sscanf(line, "done %llu %llu %lf %lf %zu %n", &trace, &seed, &seconds, &drain,
                           &failures, &end) == 5;
  for (unsigned long long& each : n) {
    line += end;
    whole = whole && std::sscanf(line, "%llu %n", &each, &end) == 1;
  }
  if (!whole || seed != seed_) return;
  told_ = true;
  if (arguments_.twice && !trace_ && failures == 0) {
    trace_ = trace;
    return;
  }
  const auto before = std::exchange(trace_, std::nullopt);
  if (before && *before != trace) return fail(seed, "the same seed gave another trace", sums);
  for (std::size_t i = 0; i < std::size(kCounts); ++i) sums.*kCounts[i].sum += n[i];
  sums.commits_min = std::min<std::uint64_t>(sums.commits_min, n[0]);
  sums.faults_min = std::min<std::uint64_t>(sums.faults_min, n[1]);
  sums.seconds += seconds;
  sums.drain_max = std::max(sums.drain_max, drain);
  std::string why = line + end;
  if (why.ends_with('\n')) why.pop_back();
  if (failures > 0) return fail(seed, why, sums);
  ++sums.seeds;
}

Sums run_all(const Arguments& arguments) {
  Sums sums;
  Waiting waiting{arguments.first, arguments.last};
  std::vector<std::unique_ptr<Job>> jobs;
  for (std::uint64_t i = 0; i < arguments.jobs; ++i) {
    if (const auto seed = waiting.take()) {
      jobs.push_back(std::make_unique<Job>(arguments, *seed, waiting));
    }
  }
  while (!jobs.empty()) {
    std::vector<pollfd> waits;
    waits.reserve(jobs.size());
    for (const auto& job : jobs) waits.push_back({job->descriptor(), POLLIN, 0});
    ::poll(waits.data(), waits.size(), -1);
    for (std::size_t i = waits.size(); i-- > 0;) {
      if (waits[i].revents == 0 || jobs[i]->step(sums)) continue;
      jobs.erase(jobs.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  return sums;
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
                                                            {"derived", sums.derived}};
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
        "ways %llu, archives landed again %llu, made by nodes that remember %llu; %.1f "
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
        static_cast<unsigned long long>(sums.derived), sums.seconds / 3600, sums.drain_max, each);
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
