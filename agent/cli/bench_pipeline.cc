// All records are in memory before the first is timed. Each pass brings them again, later by the time that the file spans, so that
// windows go on as they would.

#include "agent/cli/bench_pipeline.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <utility>

#include "agent/cli/bench_child.h"
#include "agent/cli/bench_sealed.h"
#include "agent/cli/exit_status.h"
#include "agent/cli/table_file.h"
#include "agent/ingest/format.h"
#include "agent/mask/masker.h"
#include "agent/pipeline/pipeline.h"
#include "agent/seal/row_json.h"
#include "agent/vault/vault.h"
#include "platform/base/json_writer.h"

namespace pinaflux {

namespace {

using namespace bench;

constexpr std::size_t kRecordsMax = 100'000;  // Of the file: more would measure the memory.
constexpr double kSecondsEnough = 0.5;        // Of processor time, a run.
constexpr int kPassesMax = 200;
constexpr std::size_t kPayloadBytes = 64 * 1024;
constexpr std::int64_t kTimeMax = 8'000'000'000'000'000'000;  // Windows take what is before (2223).
constexpr std::size_t kNodesBeside = 10;                      // Whose cost is that of a node.

std::int64_t steady_ns() {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1'000'000'000 + t.tv_nsec;
}

// Columns of the file that the chains work on, by its first record.
struct Columns {
  std::vector<std::string> numbers;  // At most three.
  std::string text;
  std::string last;

  explicit Columns(const Row& row) {
    for (std::size_t i = 0; i < row.shape->field_count(); ++i) {
      const std::string name(row.shape->fields()[i]);
      if (name.find_first_of("\"\\\n") != std::string::npos) continue;  // For expressions.
      const Type type = row.values[i].type();
      if (type == Type::text && text.empty()) text = name;
      if ((type == Type::int64 || type == Type::float64) && numbers.size() < 3) {
        numbers.push_back(name);
      }
      last = name;
    }
  }
};

// How a run is set up: nodes in a row, each from the one before, unless `beside`: then all from the source.
struct Setup {
  std::string name;
  std::vector<MaskRule> mask;
  std::vector<NodeKind> nodes;
  bool beside = false;
  bool parses = false;
};

PipelineOptions pipeline_of(const Setup& setup) {
  PipelineOptions options{.sources = {"bench"}, .nodes = {}, .lanes = {{"normal", {}}}};
  std::string before = "bench";
  for (const NodeKind& kind : setup.nodes) {
    const std::string name = "n" + std::to_string(options.nodes.size());
    options.nodes.push_back({name, {before}, kind});
    if (setup.beside) options.lanes[0].from.push_back(name);
    if (!setup.beside) before = name;
  }
  if (!setup.beside) options.lanes[0].from.push_back(before);
  return options;
}

struct Figures {
  std::string name;
  double records_per_s = 0;
  double bytes_per_s = 0;          // Of NDJSON; 0: none was parsed.
  double kept = 0;                 // Records that reached the lane, of those that came.
  std::uint64_t sealed_bytes = 0;  // Of these, in envelopes.
  std::int64_t p50_ns = 0, p99_ns = 0;
};

// Mask, pipeline and group of one run.
class Line {
 public:
  Status open(const Setup& setup) {
    auto masker = Masker::make({.rules = setup.mask}, shapes_, vault_);
    if (!masker) return std::unexpected(masker.error());
    masker_ = std::move(*masker);
    auto pipeline = Pipeline::make(pipeline_of(setup), shapes_);
    if (!pipeline) return std::unexpected(pipeline.error());
    pipeline_ = std::move(*pipeline);
    return {};
  }
  Shapes& shapes() { return shapes_; }
  std::uint64_t kept() const { return kept_; }
  std::size_t waiting() const { return group_.records[0].size(); }
  // Until the end, what comes to the lane.
  void seal_to(Sealed& sealed) { sealed_ = &sealed; }
  const Status& sealing() const { return sealing_; }

  Status take(const RawRecord& raw) {
    for (int tries = 0; tries < 2; ++tries) {
      const auto masked = masker_->mask(raw, group_.arena);
      if (masked.verdict == Masker::Verdict::refused) return refused();
      if (masked.verdict == Masker::Verdict::kept) {
        const Moment moment{Instant{} + Duration::nanoseconds(raw.row.time.ns), raw.row.time};
        const auto done = pipeline_->process(0, *masked.record, moment, group_);
        if (done.verdict == Pipeline::Verdict::refused) return refused();
        if (done.verdict == Pipeline::Verdict::taken) {
          if (group_.full()) turn(moment);
          return {};
        }
      }
      turn({Instant{} + Duration::nanoseconds(raw.row.time.ns), raw.row.time});
    }
    return fail(Code::invalid, "a record has no room in a group");
  }
  void turn(const Moment& moment) {
    refused_.clear();
    for (bool all_out = false; !all_out;) {
      all_out = pipeline_->drain(moment, group_, refused_);
      pipeline_->save(group_);
      kept_ += group_.records[0].size();
      if (sealed_ != nullptr && sealing_) sealing_ = sealed_->take(group_.records[0]);
      group_.reset();
    }
  }

 private:
  static Status refused() {
    return fail(Code::invalid, "mask or pipeline refuse a record: fields or times vary too much");
  }

  Shapes shapes_;
  Vault vault_;
  std::unique_ptr<Masker> masker_;
  std::unique_ptr<Pipeline> pipeline_;
  Group group_;
  std::vector<Pipeline::Refused> refused_;
  std::uint64_t kept_ = 0;
  Sealed* sealed_ = nullptr;
  Status sealing_;
};

class PipelineBench {
 public:
  explicit PipelineBench(const BenchPipelineOptions& options) : options_(options) {}

  Status run();
  void print() const { options_.json ? print_json() : print_table(); }
  std::uint64_t line() const { return line_; }

 private:
  Status read();
  std::vector<Setup> setups() const;
  Status measure(const Setup& setup);
  Status measure_latency(const Setup& setup, Figures& figures);
  Status measure_parsing(const Setup& setup, Figures& figures);
  Status measure_sealed(const Setup& setup, Figures& figures);
  FieldChanges changes() const;
  Status node_cost();
  void write_ndjson();
  RawRecord at(std::size_t n, std::int64_t shift) const {
    RawRecord raw{rows_[n]};
    raw.row.time.ns += shift;
    return raw;
  }
  std::optional<double> pass_rate(const Setup& setup, Status& status);
  void print_json() const;
  void print_table() const;

  const BenchPipelineOptions& options_;
  std::unique_ptr<TableFile> file_;
  std::vector<Row> rows_;
  std::int64_t span_ns_ = 0;
  int passes_max_ = 1;
  std::string ndjson_;  // Payloads of whole lines, one after the other.
  std::vector<std::size_t> payload_ends_;
  std::uint64_t line_ = 0;
  std::vector<Figures> figures_;
  double node_ns_ = 0;
};

// A file without times has a record a second.
Status PipelineBench::read() {
  auto file = TableFile::open(options_.file);
  if (!file) return std::unexpected(file.error());
  file_ = std::move(*file);
  const Status done = file_->read(kRecordsMax, rows_);
  line_ = done ? 0 : file_->line();
  if (!done) return done;
  if (rows_.empty()) return fail(Code::invalid, "the file holds no records");
  if (Columns(rows_.front()).numbers.empty()) {
    return fail(Code::invalid, "the first record has no number to work on");
  }
  if (std::ranges::contains(rows_, Stamp{}, &Row::time)) {
    for (std::size_t n = 0; n < rows_.size(); ++n) {
      rows_[n].time.ns = 1'700'000'000'000'000'000 + static_cast<std::int64_t>(n) * 1'000'000'000;
    }
  }
  const auto [first, last] = std::ranges::minmax(rows_, {}, [](const Row& r) { return r.time.ns; });
  if (first.time.ns < 0 || last.time.ns > kTimeMax) {
    return fail(Code::invalid, "a record's time is not between 1970 and 2223");
  }
  span_ns_ = last.time.ns - first.time.ns + 1'000'000'000;
  passes_max_ = static_cast<int>(
      std::clamp<std::int64_t>((kTimeMax - last.time.ns) / span_ns_, 1, kPassesMax));
  return {};
}

std::vector<Setup> PipelineBench::setups() const {
  const Columns columns(rows_.front());
  const std::string& field = columns.numbers.front();
  double sum = 0, count = 0, low = 1e300, high = -1e300;
  bool declares = true;  // It holds numbers that a float takes, and nothing else.
  for (const Row& row : rows_) {
    const auto at = std::ranges::find(row.shape->fields(), std::string_view(field));
    if (at == row.shape->fields().end()) continue;
    const Value& v = row.values[at - row.shape->fields().begin()];
    const double x = v.type() == Type::float64 ? v.as_float64()
                     : v.type() == Type::int64 ? static_cast<double>(v.as_int64())
                                               : 0.0;
    declares =
        declares && (v.type() == Type::float64 || v.type() == Type::int64) && std::abs(x) <= 0x1p53;
    sum += x, ++count, low = std::min(low, x), high = std::max(high, x);
  }
  const double mean = sum / count;
  std::vector<MaskRule> mask;
  mask.push_back({.field = columns.numbers.back(), .with = MaskRule::Operator::round, .step = 0.1});
  if (!columns.text.empty()) {
    mask.push_back(
        {.field = columns.text, .with = MaskRule::Operator::replace, .replacement = "-"});
  }
  if (columns.last != columns.text && columns.last != columns.numbers.back()) {
    mask.push_back({.field = columns.last, .with = MaskRule::Operator::drop});
  }
  const Deadband band{.field = field,
                      .within = (high - low) / 100,
                      .silence_max = Duration::minutes(10),
                      .keys = {}};
  TimeWindow window;
  window.every = Duration::minutes(1);
  window.of = columns.numbers;
  window.give = {"mean", "min", "max"};
  SchemaCheck schema;
  if (declares) {
    schema.fields.push_back({.name = field,
                             .type = FieldType::real,
                             .min = low,
                             .max = high,
                             .has_min = true,
                             .has_max = true});
  }
  const std::string quoted = "\"" + field + "\"";
  const Condition where{quoted + " > " + std::to_string(mean)};
  const Derive derive{{{"computed", quoted + " * 2 + 1"}}};
  const Script script{"local x = record[\"" + field +
                      "\"]\nif x then record.computed = x * 2 + 1 end"};
  return {{.name = "pass", .nodes = {PassThrough{}}},
          {.name = "mask", .mask = mask, .nodes = {PassThrough{}}},
          {.name = "deadband", .nodes = {band}},
          {.name = "changes", .nodes = {changes()}},
          {.name = "where", .nodes = {where}},
          {.name = "derive", .nodes = {derive}},
          {.name = "window", .nodes = {window}},
          {.name = "script", .nodes = {script}},
          {.name = "schema", .nodes = {schema}},
          {.name = "chain", .mask = mask, .nodes = {band, window}, .beside = true},
          {.name = "json", .mask = mask, .nodes = {band}, .parses = true}};
}

// Every number within 2 % of what was last given; a key is what texts the first record has.
FieldChanges PipelineBench::changes() const {
  FieldChanges changes{.silence_max = Duration::hours(1)};
  const Row& row = rows_.front();
  for (std::size_t i = 0; i < row.shape->field_count(); ++i) {
    const std::string& name = row.shape->fields()[i];
    if (row.values[i].type() == Type::text) changes.keys.push_back(name);
    if (row.values[i].is_number() && changes.fields.size() < 100) {
      changes.fields.push_back({.name = name, .percent = 2});
    }
  }
  return changes;
}

// Records a second of the best pass.
std::optional<double> PipelineBench::pass_rate(const Setup& setup, Status& status) {
  Line line;
  status = line.open(setup);
  double best = 0, spent = 0;
  for (int n = 0; status && n < passes_max_ && spent < kSecondsEnough; ++n) {
    const double begin = cpu_seconds();
    for (std::size_t i = 0; status && i < rows_.size(); ++i)
      status = line.take(at(i, span_ns_ * n));
    const double took = std::max(cpu_seconds() - begin, 1e-9);
    spent += took;
    best = std::max(best, static_cast<double>(rows_.size()) / took);
  }
  return status ? std::optional(best) : std::nullopt;
}

Status PipelineBench::measure_latency(const Setup& setup, Figures& figures) {
  Line line;
  if (Status s = line.open(setup); !s) return s;
  std::vector<std::int64_t> took(rows_.size());
  for (int warm = 1; warm >= 0; --warm) {
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const RawRecord raw = at(i, warm == 0 && passes_max_ > 1 ? span_ns_ : 0);
      const std::int64_t begin = steady_ns();
      if (Status s = line.take(raw); !s) return s;
      took[i] = steady_ns() - begin;
    }
  }
  line.turn(Moment{Instant{} + Duration::nanoseconds(rows_.back().time.ns), rows_.back().time});
  figures.kept = static_cast<double>(line.kept()) / (2 * static_cast<double>(rows_.size()));
  const auto rank = [&](std::size_t percent) {
    const auto place =
        took.begin() + static_cast<std::ptrdiff_t>((took.size() - 1) * percent / 100);
    std::nth_element(took.begin(), place, took.end());
    return *place;
  };
  figures.p50_ns = rank(50);
  figures.p99_ns = rank(99);
  return {};
}

Status PipelineBench::measure_sealed(const Setup& setup, Figures& figures) {
  Line line;
  if (Status s = line.open(setup); !s) return s;
  Sealed sealed;
  line.seal_to(sealed);
  Moment moment;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    if (Status s = line.take(at(i, 0)); !s) return s;
    moment = {Instant{} + Duration::nanoseconds(rows_[i].time.ns), rows_[i].time};
    if (line.waiting() >= Sealed::kRecords) line.turn(moment);
  }
  line.turn(moment);
  figures.sealed_bytes = sealed.bytes();
  return line.sealing();
}

void PipelineBench::write_ndjson() {
  std::size_t begin = 0;
  for (const Row& row : rows_) {
    JsonWriter json;
    json.begin_object().key("_ns").number(row.time.ns);
    for (std::size_t f = 0; f < row.shape->field_count(); ++f) {
      json.key(row.shape->fields()[f]);
      append_json_value(json, row.values[f]);
    }
    json.end_object();
    ndjson_ += json.text() + "\n";
    if (ndjson_.size() - begin < kPayloadBytes) continue;
    payload_ends_.push_back(ndjson_.size());
    begin = ndjson_.size();
  }
  if (begin < ndjson_.size()) payload_ends_.push_back(ndjson_.size());
  ndjson_.append(kParsePadding, '\0');
}

Status PipelineBench::measure_parsing(const Setup& setup, Figures& figures) {
  if (ndjson_.empty()) write_ndjson();
  SourceOptions options;
  options.format = Format::ndjson;
  options.time = {"_ns", TimeField::Unit::ns};
  Line line;
  if (Status s = line.open(setup); !s) return s;
  Intake intake(line.shapes());
  Decoder decoder(options, InstallKey{});
  double best = 0, spent = 0;
  for (int n = 0; n < passes_max_ && spent < kSecondsEnough; ++n) {
    const double start = cpu_seconds();
    std::size_t begin = 0;
    for (const std::size_t end : payload_ends_) {
      Tally tally;
      intake.reset();
      decoder.begin(intake);
      const Payload payload{std::string_view(ndjson_).substr(begin, end - begin), "bench", Stamp{}};
      if (!decoder.decode(Format::ndjson, payload, tally) || tally.refused > 0) {
        return fail(Code::invalid, "a record is no JSON that a source would take");
      }
      decoder.end(1);
      for (RawRecord raw : intake.records) {
        raw.row.time.ns += span_ns_ * n;
        if (Status s = line.take(raw); !s) return s;
      }
      begin = end;
    }
    const double took = std::max(cpu_seconds() - start, 1e-9);
    spent += took;
    best = std::max(best, 1.0 / took);
  }
  figures.records_per_s = best * static_cast<double>(rows_.size());
  figures.bytes_per_s = best * static_cast<double>(ndjson_.size() - kParsePadding);
  return {};
}

Status PipelineBench::measure(const Setup& setup) {
  Figures figures;
  figures.name = setup.name;
  if (setup.parses) {
    if (Status s = measure_parsing(setup, figures); !s) return s;
  } else {
    Status status;
    const auto rate = pass_rate(setup, status);
    if (!rate) return status;
    figures.records_per_s = *rate;
  }
  if (Status s = measure_latency(setup, figures); !s) return s;
  if (Status s = measure_sealed(setup, figures); !s) return s;
  figures_.push_back(figures);
  return {};
}

// What each of ten nodes that do nothing adds to the time of a record.
Status PipelineBench::node_cost() {
  Status status;
  const auto one = pass_rate({.name = "one", .nodes = {PassThrough{}}}, status);
  if (!one) return status;
  const auto many = pass_rate(
      {.name = "many", .nodes = std::vector<NodeKind>(1 + kNodesBeside, PassThrough{})}, status);
  if (!many) return status;
  node_ns_ = std::max(0.0, (1 / *many - 1 / *one) * 1e9 / static_cast<double>(kNodesBeside));
  return {};
}

Status PipelineBench::run() {
  if (Status s = read(); !s) return s;
  const std::vector<Setup> all = setups();
  Meter progress("pipeline");
  for (const Setup& setup : all) {
    if (setup.name.find(options_.only) == std::string::npos) continue;
    if (Status s = measure(setup); !s) return s;
    progress.at(static_cast<double>(figures_.size()) / static_cast<double>(all.size() + 1));
  }
  if (figures_.empty()) return fail(Code::invalid, "no run has this in its name: leave --only out");
  return node_cost();
}

void PipelineBench::print_json() const {
  JsonWriter j;
  j.begin_object().key("schema").string("pinaflux.bench.pipeline/1");
  j.key("records").number(static_cast<std::uint64_t>(rows_.size()));
  j.key("fields").number(static_cast<std::uint64_t>(rows_.front().shape->field_count()));
  j.key("runs").begin_array();
  for (const Figures& f : figures_) {
    j.begin_object().key("name").string(f.name).key("records_per_s").number(f.records_per_s);
    if (f.bytes_per_s > 0) j.key("bytes_per_s").number(f.bytes_per_s);
    j.key("kept").number(f.kept).key("sealed_bytes").number(f.sealed_bytes);
    j.key("latency_p50_ns").number(f.p50_ns).key("latency_p99_ns").number(f.p99_ns).end_object();
  }
  j.end_array().key("node_ns").number(node_ns_).key("peak_kb").number(peak_kb()).end_object();
  std::printf("%s\n", j.text().c_str());
}

void PipelineBench::print_table() const {
  std::printf("%zu records, the first of %zu fields\n", rows_.size(),
              rows_.front().shape->field_count());
  std::printf("%-10s %14s %8s %10s %10s %10s\n", "", "records/s", "kept", "sealed", "p50", "p99");
  for (const Figures& f : figures_) {
    std::printf("%-10s %14.0f %7.1f%% %7.0f KB %7.2f us %7.2f us", f.name.c_str(), f.records_per_s,
                f.kept * 100, static_cast<double>(f.sealed_bytes) / 1e3,
                static_cast<double>(f.p50_ns) / 1e3, static_cast<double>(f.p99_ns) / 1e3);
    if (f.bytes_per_s > 0) std::printf("  %.0f MB/s of NDJSON", f.bytes_per_s / 1e6);
    std::printf("\n");
  }
  std::printf("a node that does nothing costs %.1f ns a record; peak memory %.0f KiB\n", node_ns_,
              peak_kb());
}

}  // namespace

int bench_pipeline_command(const BenchPipelineOptions& options) {
  PipelineBench bench(options);
  if (const Status done = bench.run(); !done) {
    const std::string where = bench.line() > 0 ? ":" + std::to_string(bench.line()) : "";
    std::fprintf(stderr, "pinaflux: %s%s: %s\n", options.file.c_str(), where.c_str(),
                 done.error().what);
    return exit_status(done.error());
  }
  bench.print();
  return kExitOk;
}

}  // namespace pinaflux
