// crash: the power cuts that a spool may meet, enumerated. Not a part of tests/run yet: it does not know
// what salvage and a reserved disk say at the start, and calls that a failure.
//
//   crash --workloads 0..7 --states 2000      so many distinct states of each
//   crash --workloads 3 --at 63:0             one state
//   crash --workloads 0 --trouble io:32       the 32nd call of the disk fails
//   crash --workloads 0..3 --mutant NAME      exit status 0 when it was caught

#include <cstdint>
#include <cstdio>
#include <optional>
#include <string_view>

#include "platform/base/text.h"
#include "tests/sim/crash/enumerator.h"
#include "tests/sim/crash/heap.h"

namespace pinaflux::crash {
namespace {

struct Arguments {
  Subject subject;
  std::uint64_t first = 0, last = 0;
  std::uint64_t states = 2000;
  std::optional<Place> place;
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

bool take_trouble(std::string_view text, Subject& to) {
  const std::size_t colon = text.find(':');
  const auto trouble = trouble_of(text.substr(0, colon));
  if (!trouble || colon == std::string_view::npos) return false;
  to.trouble = *trouble;
  return take_number(text.substr(colon + 1), to.nth);
}

bool take(std::string_view name, std::string_view value, Arguments& to) {
  if (name == "--seed") return take_number(value, to.subject.seed);
  if (name == "--states") return take_number(value, to.states);
  if (name == "--trouble") return take_trouble(value, to.subject);
  if (name == "--workloads") {
    if (take_pair(value, "..", to.first, to.last)) return to.first <= to.last;
    const bool one = take_number(value, to.first);
    to.last = to.first;
    return one;
  }
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

Tally run_all(const Arguments& arguments) {
  Tally sum;
  for (std::uint64_t number = arguments.first; number <= arguments.last; ++number) {
    Subject subject = arguments.subject;
    subject.number = number;
    Enumerator enumerator(subject);
    sum.add(arguments.place ? enumerator.run(*arguments.place) : enumerator.run(arguments.states));
  }
  return sum;
}

int main_of(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; i += 2) {
    if (i + 1 < argc && take(argv[i], argv[i + 1], arguments)) continue;
    std::fputs(
        "usage: crash [--seed N] [--workloads A..B] [--states N] [--at OPERATION:VARIANT]\n"
        "             [--trouble NAME:N] [--mutant NAME]\n",
        stderr);
    return 64;
  }
  install_heap();
  watch_connections();
  const Tally sum = run_all(arguments);
  for (const std::string& failure : sum.failures) std::printf("%s\n", failure.c_str());
  std::printf("%llu states, %llu distinct, %llu of crashes in a recovery, %zu failures\n",
              static_cast<unsigned long long>(sum.states),
              static_cast<unsigned long long>(sum.distinct),
              static_cast<unsigned long long>(sum.compound), sum.failures.size());
  const bool caught = !sum.failures.empty();
  return caught == (arguments.subject.mutant != Mutant::none) ? 0 : 1;
}

}  // namespace
}  // namespace pinaflux::crash

int main(int argc, char** argv) { return pinaflux::crash::main_of(argc, argv); }
