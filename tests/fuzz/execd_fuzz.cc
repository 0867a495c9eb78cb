// Any bytes as what a process answers of a record of each type: no crash, no more records and fields than may be, and the same however the
// bytes are cut. What stands in the state of the node is taken back by another one.

#include <cstdint>
#include <limits>
#include <string>

#include "agent/mask/masker.h"
#include "agent/pipeline/outside.h"
#include "agent/pipeline/pipeline.h"
#include "agent/pipeline/stream_name.h"
#include "agent/seal/row_json.h"
#include "agent/vault/vault.h"
#include "platform/base/assert.h"

namespace {

using namespace pinaflux;

constexpr std::string_view kNames[] = {"a", "b", "c", "d", "e", "f.g", "text", "gone"};
constexpr std::size_t kRecordsMax = 3, kFieldsMax = 2;

PipelineOptions options() {
  const Execd execd{.command = {"/bin/x"}, .records_max = kRecordsMax, .fields_max = kFieldsMax};
  return {.sources = {"in"}, .nodes = {{"n", {"in"}, execd}}, .lanes = {{"out", {"n"}}}};
}

// What comes of the record, as one text.
std::string run(std::string_view answer, std::size_t piece) {
  Shapes shapes;
  Vault vault;
  const auto masker = std::move(*Masker::make({}, shapes, vault));
  auto pipeline = std::move(*Pipeline::make(options(), shapes));
  static Group& group = *new Group;  // Its memory is used again.
  group.reset();
  const Shape* const shape = shapes.intern("fuzz/a", kNames);
  const Value values[] = {Value::int64(std::numeric_limits<std::int64_t>::min()),
                          Value::uint64(std::numeric_limits<std::uint64_t>::max()),
                          Value::float64(-0.5),
                          Value::boolean(true),
                          Value::null(),
                          Value::bytes(as_bytes("\xff\x00z")),
                          Value::text("\xc3\xa9\n\"x\xff"),
                          Value()};
  for (int i = 0; i < 2; ++i) {
    const auto masked = masker->mask({Row{shape, values, Stamp{i, 0}}}, group.arena);
    const auto taken = pipeline->process(0, *masked.record, {}, group);
    ASSERT(taken.verdict == Pipeline::Verdict::taken);
  }
  Outside& outside = *pipeline->outsides().front().outside;
  outside.began();
  outside.wrote(outside.unwritten().size());
  const char* why = nullptr;
  for (std::size_t at = 0; at < answer.size() && why == nullptr; at += piece) {
    why = outside.answered(as_bytes(answer.substr(at, piece)));
  }
  std::string told = why != nullptr ? why : "all is well";
  told += std::to_string(outside.unanswered());

  const auto states = pipeline->snapshot();
  pipeline = std::move(*Pipeline::make(options(), shapes));
  ASSERT(pipeline->restore(states) == 0);
  ASSERT(told.ends_with(std::to_string(pipeline->outsides().front().outside->unanswered())));
  std::vector<Pipeline::Refused> refused;
  while (!pipeline->drain({}, group, refused)) {
  }
  ASSERT(group.records[0].size() + refused.size() <= 2 * kRecordsMax);
  for (const Record& record : group.records[0]) {
    ASSERT(record.shape().field_count() <= std::size(kNames) + kFieldsMax);
    ASSERT(is_stream_name(record.shape().stream()));
    JsonWriter json;
    append_json_record(json, record.row());
    told += json.text();
  }
  for (const auto& its : refused) told += its.why;
  return told;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  static constexpr std::pair<std::string_view, std::string_view> kAround[] = {
      {"", ""},
      {"{\"id\":1,\"fields\":", ""},
      {"{\"id\":1,\"fields\":{\"a\":", "}}\n{\"id\":2}\n"},
      {"{\"id\":1,\"records\":[{\"fields\":{\"a\":1,\"new\":", "}},{\"fields\":{}}]}\n"}};
  const auto& [before, behind] = kAround[data[0] % std::size(kAround)];
  const std::size_t piece = 1 + data[0] / std::size(kAround);
  std::string answer(before);
  answer.append(reinterpret_cast<const char*>(data) + 1, size - 1).append(behind);
  ASSERT(run(answer, answer.size() + 1) == run(answer, piece));
  return 0;
}
