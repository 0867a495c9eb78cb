// parse, split, cast and schema in a row, with options from the first bytes and a record of each text that follows: every record is taken
// or refused, a refused one leaves no state behind, what comes out has the types that the schema says, and stays what it was when the
// nodes are gone. JSON is what SQLite takes for it.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "agent/mask/masker.h"
#include "agent/pipeline/exact_value.h"
#include "agent/pipeline/expression.h"
#include "agent/pipeline/json_text.h"
#include "agent/pipeline/pipeline.h"
#include "agent/pipeline/stream_schema.h"
#include "platform/base/assert.h"
#include "platform/base/text.h"

namespace {

using namespace pinaflux;

constexpr std::size_t kHead = 8;
constexpr char kBetween = '\x1e';
constexpr std::string_view kNames[] = {"n", "line"};

// Of the first bytes.
PipelineOptions options_of(const std::uint8_t* head) {
  constexpr char kSeparators[] = {' ', ';', ',', '\t'};
  using Drift = SchemaCheck::Drift;
  constexpr Drift kDrifts[] = {Drift::evolve, Drift::coerce, Drift::quarantine, Drift::reject};
  const auto bit = [&](std::size_t byte, unsigned at) { return (head[byte] >> at & 1) != 0; };
  const auto type = [&](std::size_t byte, unsigned at) {
    return static_cast<FieldType>(1 + (head[byte] >> at & 3));
  };
  const auto otherwise = [&](std::size_t byte) {
    return static_cast<TypeCast::Otherwise>((head[byte] & 0xf) % 3);
  };
  const Parse parse{.of = "line",
                    .as = static_cast<Parse::As>(head[0] % 4),
                    .separator = kSeparators[head[1] & 3],
                    .equals = bit(1, 2) ? ':' : '=',
                    .names = {"a", "list", "b"},
                    .pattern = "(?<a>\\d+)(?<list>\\[.*?\\])?(?:.(?<b>.+?))??$",
                    .prefix = bit(1, 3) ? "" : "list",
                    .keep = bit(1, 4),
                    .all_text = bit(1, 5),
                    .pass = bit(1, 6),
                    .fields_max = 1 + head[2] % 16u};
  const SplitArray split{.of = "list",
                         .as = bit(3, 0) ? "v" : "",
                         .every = Duration{bit(3, 1) ? 366 * Duration::days(1).ns : 0},
                         .pass = bit(3, 2),
                         .records_max = 1 + head[2] / 16u,
                         .fields_max = 1 + head[3] / 32u};
  const TypeCast cast{{{"a", type(4, 4), otherwise(4)},
                       {"v", type(4, 6), otherwise(5)},
                       {"list.x", type(5, 4), otherwise(6)}}};
  SchemaCheck schema{.drift = kDrifts[head[6] >> 4 & 3],
                     .streams_max = 1 + head[7] % 3u,
                     .fields_max = 4 + head[7] / 8u};
  if (bit(6, 6)) schema.fields.push_back({.name = "a", .type = type(5, 6), .required = bit(6, 7)});
  if (bit(7, 2)) schema.fields.push_back({.name = "b", .type = FieldType::text, .one_of = {"1"}});
  PipelineOptions options{{"in"},
                          {{"parse", {"in"}, parse},
                           {"split", {"parse"}, split},
                           {"cast", {"split"}, cast},
                           {"schema", {"cast"}, schema}},
                          {{"out", {"schema"}}}};
  if (schema.drift == Drift::quarantine) options.lanes.push_back({"aside", {"schema.drifted"}});
  return options;
}

std::string told(const Record& record) {
  std::string text(record.shape().stream());
  ASSERT(record.cells().size() == record.shape().field_count());
  text += std::to_string(record.time().ns);
  for (std::size_t i = 0; i < record.cells().size(); ++i) {
    const Value& value = record.cells()[i];
    text += record.shape().fields()[i] + type_name(value.type());
    text += value.is_view() ? std::string(value.as_text()) : std::to_string(value.as_uint64());
  }
  return text;
}

std::vector<std::string> told(const std::vector<Record>& records) {
  std::vector<std::string> all;
  for (const Record& record : records) all.push_back(told(record));
  return all;
}

// In the order of their keys.
std::vector<StateEdit> sorted(std::vector<StateEdit> states) {
  std::ranges::sort(states, {}, &StateEdit::key);
  return states;
}

bool same(const std::vector<StateEdit>& a, const std::vector<StateEdit>& b) {
  return std::ranges::equal(a, b,
                            [](auto& x, auto& y) { return x.key == y.key && x.value == y.value; });
}

// Every field is in the stream's schema, with its type.
void check_types(const Record& record, const std::vector<StateEdit>& states) {
  std::optional<StreamSchema> schema;
  for (const StateEdit& edit : states) {
    schema = StreamSchema::decode(edit.value);
    ASSERT(schema.has_value());
    if (schema->stream == record.shape().stream()) break;
  }
  ASSERT(schema && schema->stream == record.shape().stream());
  for (std::size_t i = 0; i < record.cells().size(); ++i) {
    const Type type = record.cells()[i].type();
    if (type == Type::absent) continue;
    const std::uint32_t at = schema->find(record.shape().fields()[i]);
    ASSERT(at != StreamSchema::kNone);
    ASSERT(type == Type::null || schema->fields[at].type == field_type(type));
  }
}

// What SQLite cannot tell: numbers beyond a double, halves of pairs of surrogates, and what is no text to it.
bool is_plain(std::string_view text) {
  return utf8_valid(text) && text.size() < 300 &&
         text.find_first_of(std::string_view("eEuU\0", 5)) == std::string_view::npos;
}

void check_json(const Record& record) {
  static Expression* const valid =
      new Expression(std::move(*Expression::compile("json_valid(line)")));
  const std::string_view text = record.cells()[1].as_text();
  Shapes shapes;
  MadeFields made(shapes, 256);
  Arena texts(1024 * 1024);
  JsonText json(text, texts);
  const char* const why = json.document({}, made);
  const auto says = valid->evaluate(record);
  const bool taken = says && says->type() == Type::int64 && says->as_int64() == 1;
  if (why == nullptr) ASSERT(taken || text.find('\0') != std::string_view::npos);
  if (why == JsonText::kNoJson && is_plain(text)) ASSERT(!taken);
}

struct Line {
  Line(const PipelineOptions& options, Shapes& shapes) {
    auto made = Pipeline::make(options, shapes);
    ASSERT(made.has_value());
    pipeline = std::move(*made);
  }
  std::vector<StateEdit> states() const { return sorted(pipeline->snapshot()); }

  std::unique_ptr<Pipeline> pipeline;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < kHead) return 0;
  static Shapes* const given = new Shapes;  // Of what comes; those that are made go with `shapes`.
  static const Shape* const plain = given->intern("plain", kNames);
  static Group* const group = new Group;
  group->reset();
  Shapes shapes;
  const Shape* const streams[] = {shapes.intern("s", kNames), shapes.intern("t", kNames)};
  const PipelineOptions options = options_of(data);
  Line line(options, shapes), other(options, shapes);
  const std::string_view rest(reinterpret_cast<const char*>(data) + kHead, size - kHead);
  // Each text in memory of its own, so that the sanitizer sees one byte too many.
  std::vector<std::vector<char>> texts;
  std::vector<std::string> kept;
  bool refused = false;
  for (const std::string_view piece : split(rest, kBetween)) {
    if (texts.size() == 16) break;
    const auto number = static_cast<std::int64_t>(texts.size());
    const std::vector<char>& text = texts.emplace_back(piece.begin(), piece.end());
    const Value cells[] = {Value::int64(number), Value::text({text.data(), text.size()})};
    check_json(Masker::own(Row{plain, cells, {}}));
    const auto copies = group->arena.array<Value>(2);
    std::ranges::copy(cells, copies.begin());
    const Stamp time{INT64_MAX - Duration::days(1'000).ns, 0};
    const Record record = Masker::own(Row{streams[number % 2], copies.data(), time});
    const std::size_t before = group->records[0].size();
    const auto outcome = line.pipeline->process(0, record, Moment{{}, Stamp{number, 0}}, *group);
    ASSERT(outcome.verdict != Pipeline::Verdict::no_room);
    group->states.clear();
    line.pipeline->save(*group);
    if (outcome.verdict == Pipeline::Verdict::refused) {
      ASSERT(group->states.empty());
      ASSERT(group->records[0].size() == before);
      const auto trouble = line.pipeline->trouble();
      ASSERT(outcome.reason != Reason::node_failed || (trouble && !trouble->what.empty()));
      refused = true;
      continue;
    }
    const std::vector<StateEdit> states = line.states();
    for (std::size_t i = before; i < group->records[0].size(); ++i) {
      if (i + 1 == group->records[0].size()) check_types(group->records[0][i], states);
      kept.push_back(told(group->records[0][i]));
    }
    // It takes what the first has taken, and nothing else.
    static Group* const beside = new Group;
    beside->reset();
    const auto again = other.pipeline->process(0, record, Moment{{}, Stamp{number, 0}}, *beside);
    ASSERT(again.verdict == Pipeline::Verdict::taken);
  }
  const std::vector<StateEdit> states = line.states();
  // Which of more streams than it has room for is forgotten, refused records tell, too.
  const auto& schema = std::get<SchemaCheck>(options.nodes.back().kind);
  if (!refused || schema.streams_max > 1) ASSERT(same(states, other.states()));
  Line next(options, shapes);
  next.pipeline->restore(states);
  ASSERT(same(states, next.states()));
  next.pipeline->restore({{"pipeline/schema/x", Buffer(data + kHead, data + size)}});
  line.pipeline.reset();
  ASSERT(told(group->records[0]) == kept);
  return 0;
}
