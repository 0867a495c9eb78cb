// What `pinaflux bench pipeline` measures as its chain, and the nodes that a gateway has most: no record takes from the heap.

#include "tests/agent/pipeline/pipeline_kit.h"
#include "tests/kit/heap_calls.h"

namespace pinaflux {
namespace {

struct ChainFixture : PipelineFixture {
  static constexpr std::size_t kFields = 10;

  ChainFixture() {
    using Operator = MaskRule::Operator;
    std::vector<MaskRule> rules;
    rules.push_back({.field = "f1", .with = Operator::round, .step = 0.1});
    rules.push_back({.field = "who", .with = Operator::replace, .replacement = "-"});
    rules.push_back({.field = "f8", .with = Operator::drop});
    masker = std::move(*Masker::make({rules}, shapes, vault));
    const std::string* const last = names.data() + names.size();
    std::vector<std::string_view> views(names.data(), last);
    shape = shapes.intern("s", views);
  }

  // Two minutes of ten readings a second, and what heap calls they took.
  std::uint64_t run(std::int64_t begin) {
    std::uint64_t calls = 0;
    for (std::int64_t n = begin; n < begin + 1'200; ++n) {
      std::vector<Value> values;
      for (std::size_t i = 0; i + 1 < kFields; ++i) {
        values.push_back(Value::float64(static_cast<double>((n * 7 + static_cast<int>(i)) % 100)));
      }
      values.push_back(Value::text("anna"));
      const Stamp time{n * 100'000'000, 0};
      const Moment moment{Instant{time.ns}, time};
      const std::uint64_t before = heap_calls();
      const auto masked = masker->mask({Row{shape, values.data(), time}}, group.arena);
      refused.clear();
      const bool all_out = pipeline->drain(moment, group, refused);
      const auto verdict = pipeline->process(0, *masked.record, moment, group).verdict;
      calls += heap_calls() - before;
      REQUIRE((all_out && verdict == Pipeline::Verdict::taken));
      given += group.record_count();
      if (group.record_count() > 100) {
        pipeline->save(group);
        group.reset();
      }
    }
    return calls;
  }
  static std::uint64_t heap_calls() { return kit::heap_calls; }

  const std::vector<std::string> names = {"f0", "f1", "f2", "f3", "f4",
                                          "f5", "f6", "f7", "f8", "who"};
  const Shape* shape = nullptr;
  std::vector<Pipeline::Refused> refused;
  std::size_t given = 0;
};

TEST_CASE_FIXTURE(
    ChainFixture,
    "mask, deadband and window, and what stands beside them, take nothing from the heap") {
  if (heap_calls() == 0) return;  // It is not counted here.
  const Deadband band{.field = "f0", .within = 3, .silence_max = Duration::minutes(10), .keys = {}};
  TimeWindow window{
      .every = Duration::seconds(10), .of = {"f0", "f1", "f2"}, .give = {"mean", "min", "max"}};
  const Rename rename{{{"f3", "flow"}}, ""};
  PipelineOptions options;
  options.sources = {"in"};
  options.nodes = {{"band", {"in"}, band},
                   {"window", {"in"}, window},
                   {"above", {"in"}, Condition{"\"f0\" > 50"}},
                   {"twice", {"above"}, Derive{{{"computed", "\"f0\" * 2 + 1"}}}},
                   {"named", {"twice"}, rename}};
  options.lanes = {{"out", {"band", "window", "named"}}};
  make(options);
  (void)run(0);
  (void)run(1'200);
  given = 0;
  CHECK(run(2'400) == 0);
  CHECK(given > 0);
}

}  // namespace
}  // namespace pinaflux
