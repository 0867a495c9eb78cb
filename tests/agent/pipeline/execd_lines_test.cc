// Answers of any bytes: a reason, or records that are sound. Half of them are mutants of good ones, so that the deeper ways are gone.

#include "agent/pipeline/execd_lines.h"

#include <doctest/doctest.h>

#include "platform/base/random.h"
#include "tests/agent/pipeline/pipeline_kit.h"

namespace pinaflux {
namespace {

#if __has_feature(address_sanitizer)
constexpr int kAnswers = 100'000;
#else
constexpr int kAnswers = 500'000;
#endif

TEST_CASE_FIXTURE(RecordFixture, "random bytes are no answer, or one whose records are sound") {
  static constexpr std::string_view kGood[] = {
      R"({"id":7,"fields":{"v":1,"t":"x\u00e9","o":{"p":[1,2]}}})",
      R"({"id":7,"stream":"b","time":"2026-07-25T06:14:09.123Z","records":[{"fields":{"v":-1e9}},{"stream":"c","fields":{"w":null}}]})",
      R"({"id":7,"error":"why \ud83d\ude00"})"};
  static constexpr std::string_view kBytes = "{}[]\",:\\u0123456789eE+-. tfn\n\x00\x80\xff";
  Buffer packed;
  pack_record(record("s", {{"v", Value::int64(1)}, {"t", Value::text("x\xc3\xa9")}}), 0, packed);
  ExecdAnswer answer(shapes, 2, 4);
  Random random(1);
  int answers = 0;
  for (int i = 0; i < kAnswers; ++i) {
    std::string line;
    if (random.one_in(2)) {
      for (std::size_t n = random.below(40); n > 0; --n)
        line += kBytes[random.below(kBytes.size())];
    } else {
      line = kGood[random.below(3)];
      for (std::size_t n = random.below(4); n > 0 && !line.empty(); --n) {
        const std::size_t at = random.below(line.size());
        switch (random.below(3)) {
          case 0: line[at] = kBytes[random.below(kBytes.size())]; break;
          case 1: line.erase(at, 1 + random.below(3)); break;
          default: line.insert(at, line.substr(random.below(line.size()), random.below(20)));
        }
      }
    }
    if (answer.read(line, 7, packed) != nullptr) continue;
    ++answers;
    CHECK(answer.records().size() <= 2);
    for (const Buffer& record : answer.records()) {
      PackedRecord its(record);
      while (its.next()) {
      }
      REQUIRE((!its.failed() && its.at_end()));
    }
  }
  CHECK(answers > kAnswers / 20);
}

}  // namespace
}  // namespace pinaflux
