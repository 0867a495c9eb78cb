#include <cstdio>
#include <cstdlib>

#include "tests/sim/crash/enumerator.h"
#include "tests/sim/crash/heap.h"
using namespace pinaflux;
int main(int argc, char** argv) {
  crash::install_heap();
  crash::watch_connections();
  std::uint64_t a = argc > 1 ? strtoull(argv[1], 0, 10) : 0,
                b = argc > 2 ? strtoull(argv[2], 0, 10) : a,
                n = argc > 3 ? strtoull(argv[3], 0, 10) : 2000;
  crash::Mutant m =
      argc > 4 ? crash::mutant_of(argv[4]).value_or(crash::Mutant::none) : crash::Mutant::none;
  crash::Trouble tr =
      argc > 4 ? crash::trouble_of(argv[4]).value_or(crash::Trouble::none) : crash::Trouble::none;
  for (auto w = a; w <= b; ++w) {
    std::uint64_t from = argc > 5 ? strtoull(argv[5], 0, 10) : 1;
    for (std::uint64_t nth = from;; nth += 1) {
      crash::Enumerator e({1, w, m, tr, tr == crash::Trouble::none ? 0 : nth});
      auto t = e.run(n);
      if (tr == crash::Trouble::none || nth % 20 == 1 || !t.failures.empty())
        std::printf(
            "w%lu nth %lu happened %d ops %lu moments %lu states %lu distinct %lu compound %lu "
            "proved %lu\n",
            w, nth, e.happened(), t.operations, t.moments, t.states, t.distinct, t.compound,
            t.proved);
      for (auto& f : t.failures) std::printf("  %s\n", f.c_str());
      fflush(stdout);
      if (tr == crash::Trouble::none || !e.happened()) break;
      if (argc > 6 && nth >= strtoull(argv[6], 0, 10)) break;
    }
  }
}
