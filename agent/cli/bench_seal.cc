// The file is read in batches; each is sealed, opened and compared before the next one is read, so that the
// peak of memory is that of one batch. How fast they open is measured on several in a row, as a collector opens them.
// Passes are repeated until there is enough to measure; the first, with a sealer that knows nothing yet, is the one
// whose bytes count.

#include "agent/cli/bench_seal.h"

#include <algorithm>
#include <cstdio>

#include "agent/cli/bench_child.h"
#include "agent/cli/exit_status.h"
#include "agent/cli/table_file.h"
#include "agent/data/limits.h"
#include "agent/seal/envelope.h"
#include "platform/base/json_writer.h"

namespace pinaflux {

namespace {

using namespace bench;

constexpr double kSealingSeconds = 0.5;  // Of sealing.
constexpr int kSealingPassesMax = 25;
constexpr std::size_t kRowBytes = 128 << 10;  // Of envelopes that are opened in a row.
constexpr std::size_t kOpenedArenaMax = std::size_t{10}
                                        << 20;  // What envelope.h promises to be enough.

struct Pass {
  std::uint64_t records = 0, values = 0, envelopes = 0, bytes = 0, header_bytes = 0, json_bytes = 0;
  std::uint64_t with_dictionary = 0;  // Envelopes.
  double sealing = 0, opening = 0;
};

bool same(const Row& a, const Row& b) {
  if (a.shape->stream() != b.shape->stream() || !(a.time == b.time)) return false;
  return std::ranges::equal(a.shape->fields(), b.shape->fields()) &&
         std::ranges::equal(a.cells(), b.cells(),
                            [](const Value& x, const Value& y) { return identical(x, y); });
}

class SealBench {
 public:
  SealBench(const BenchSealOptions& options, Effort effort) : options_(options), effort_(effort) {
    header_.gateway = "bench";
    header_.lane = "normal";
    header_.generation = 1;
    in_a_row_.reserve(kRowBytes);
    for (const std::string& name : options.without) {
      if (const auto part = part_of(name)) sealer_.do_without(*part);
    }
  }

  Status run();
  bool lossless() const { return lossless_; }
  std::uint64_t line() const { return line_; }
  void print() const;

 private:
  Status pass(Pass& p);
  Status batch(std::span<const Row> rows, Pass& p);
  Result<std::size_t> seal(std::span<const Row> rows, Pass& p);
  Status compare(std::span<const Row> rows);
  Status open_in_a_row(Pass& p);
  Status keep();
  Status learn();
  void print_json() const;

  const BenchSealOptions& options_;
  Effort effort_;
  Header header_;
  Sealer sealer_;
  Opener opener_;
  DictionaryMaker maker_;
  Dictionaries dictionaries_;
  const Dictionary* dictionary_ = nullptr;
  bool kept_ = false;
  Buffer envelope_;
  Buffer in_a_row_;
  std::vector<std::size_t> ends_;  // In it.
  Shapes shapes_;
  Arena arena_{kOpenedArenaMax};
  std::vector<Row> opened_;
  std::uint64_t line_ = 0;
  bool lossless_ = true;
  Pass first_;
  std::uint64_t passes_ = 0;
  double sealed_per_s_ = 0, opened_per_s_ = 0;
};

Result<std::size_t> SealBench::seal(std::span<const Row> rows, Pass& p) {
  std::size_t taken = 0;
  envelope_.clear();
  header_.range.first = p.records + 1;
  header_.floor = header_.range.first > 1000 ? header_.range.first - 1000 : 1;
  const double begin = cpu_seconds();
  Status sealed = sealer_.seal(rows, effort_, limits::kEnvelopeBytesMax, header_, envelope_, taken);
  p.sealing += cpu_seconds() - begin;
  if (!sealed) return std::unexpected(sealed.error());
  header_.previous = header_.hash;
  ++p.envelopes;
  p.bytes += envelope_.size();
  p.header_bytes += static_cast<std::uint64_t>(std::ranges::find(envelope_, std::uint8_t{'\n'}) -
                                               envelope_.begin() + 1);
  p.records += taken;
  return taken;
}

Status SealBench::compare(std::span<const Row> rows) {
  arena_.reset();
  opened_.clear();
  if (const auto header = opener_.open(envelope_, shapes_, arena_, opened_); !header)
    return std::unexpected(header.error());
  lossless_ = lossless_ && std::ranges::equal(rows, opened_, same);
  return {};
}

Status SealBench::open_in_a_row(Pass& p) {
  const double begin = cpu_seconds();
  std::size_t from = 0;
  for (const std::size_t end : ends_) {
    arena_.reset();
    opened_.clear();
    const Bytes envelope = Bytes(in_a_row_).subspan(from, end - from);
    if (const auto header = opener_.open(envelope, shapes_, arena_, opened_); !header)
      return std::unexpected(header.error());
    from = end;
  }
  p.opening += cpu_seconds() - begin;
  in_a_row_.clear();
  ends_.clear();
  return {};
}

Status write_file(const std::string& path, Bytes bytes) {
  constexpr const char* kNotWritten = "an envelope or the dictionary cannot be written";
  std::FILE* const file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) return fail(Code::denied, kNotWritten);
  const bool written = std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
  return std::fclose(file) == 0 && written ? Status() : fail(Code::io, kNotWritten);
}

Status SealBench::keep() {
  kept_ = true;
  return write_file(options_.keep, envelope_);
}

// Of the first envelopes; those behind them are sealed with it.
Status SealBench::learn() {
  if (dictionary_ != nullptr) return {};
  maker_.take(sealer_.plain_body());
  if (!maker_.ready()) return {};
  auto made = maker_.make();
  if (!made) return std::unexpected(made.error());
  dictionary_ = &dictionaries_.add(std::move(*made));
  sealer_.use(dictionary_);
  opener_.look_in(&dictionaries_);
  // Later passes know more, and may make another: what is kept belongs to the first.
  return passes_ == 0 ? write_file(options_.dictionary, dictionary_->bytes()) : Status();
}

Status SealBench::batch(std::span<const Row> rows, Pass& p) {
  while (!rows.empty()) {
    const auto taken = seal(rows, p);
    if (!taken) return std::unexpected(taken.error());
    const bool with_dictionary = !header_.dictionary.empty();
    p.with_dictionary += with_dictionary ? 1 : 0;
    if (!kept_ && !options_.keep.empty() && with_dictionary == !options_.dictionary.empty()) {
      if (Status s = keep(); !s) return s;
    }
    if (!options_.dictionary.empty()) {
      if (Status s = learn(); !s) return s;
    }
    if (Status s = compare(rows.first(*taken)); !s) return s;
    if (in_a_row_.size() + envelope_.size() > kRowBytes) {
      if (Status s = open_in_a_row(p); !s) return s;
    }
    in_a_row_.insert(in_a_row_.end(), envelope_.begin(), envelope_.end());
    ends_.push_back(in_a_row_.size());
    rows = rows.subspan(*taken);
  }
  return {};
}

Status SealBench::pass(Pass& p) {
  auto file = TableFile::open(options_.file);
  if (!file) return std::unexpected(file.error());
  header_.previous = kNoDigest;
  maker_ = {};
  dictionary_ = nullptr;
  sealer_.use(nullptr);
  std::vector<Row> rows;
  do {
    const Status read = (*file)->read(options_.batch, rows);
    line_ = (*file)->line();
    if (!read) return read;
    if (Status s = batch(rows, p); !s) return s;
  } while (!rows.empty());
  if (Status s = open_in_a_row(p); !s) return s;
  p.values = (*file)->values();
  p.json_bytes = (*file)->json_bytes();
  line_ = 0;
  return {};
}

Status SealBench::run() {
  Meter progress("sealing");
  double sealing = 0;
  for (int n = 0; n < kSealingPassesMax && (n == 0 || sealing < kSealingSeconds); ++n) {
    Pass p;
    if (Status s = pass(p); !s) return s;
    if (n == 0) first_ = p;
    ++passes_;
    sealing += std::max(p.sealing, 1e-9);
    sealed_per_s_ =
        std::max(sealed_per_s_, static_cast<double>(p.values) / std::max(p.sealing, 1e-9));
    opened_per_s_ =
        std::max(opened_per_s_, static_cast<double>(p.values) / std::max(p.opening, 1e-9));
    progress.at(sealing / kSealingSeconds);
  }
  if (first_.records == 0) return fail(Code::invalid, "the file holds no records");
  if (!options_.dictionary.empty() && dictionary_ == nullptr) {
    return fail(Code::invalid, "a dictionary is made of eight envelopes: give a smaller --batch");
  }
  if (!options_.keep.empty() && !kept_) {
    return fail(Code::invalid, "no envelope was packed with the dictionary: it saves nothing here");
  }
  return {};
}

void SealBench::print_json() const {
  const auto records = static_cast<double>(first_.records);
  JsonWriter j;
  j.begin_object().key("schema").string("pinaflux.bench.seal/1");
  j.key("records").number(first_.records).key("values").number(first_.values);
  j.key("batch").number(static_cast<std::uint64_t>(options_.batch));
  j.key("effort").string(options_.effort).key("bytes").number(first_.bytes);
  j.key("bytes_per_record").number(static_cast<double>(first_.bytes) / records);
  j.key("json_bytes").number(first_.json_bytes);
  j.key("seal_values_per_s").number(sealed_per_s_).key("open_values_per_s").number(opened_per_s_);
  j.key("peak_kb").number(peak_kb()).key("lossless").boolean(lossless_);
  j.key("envelopes").number(first_.envelopes).key("header_bytes").number(first_.header_bytes);
  j.key("passes").number(passes_);
  if (dictionary_ != nullptr) {
    j.key("dictionary_bytes").number(static_cast<std::uint64_t>(dictionary_->bytes().size()));
    j.key("with_dictionary").number(first_.with_dictionary);
  }
  j.end_object();
  std::printf("%s\n", j.text().c_str());
}

void SealBench::print() const {
  if (options_.json) return print_json();
  const auto records = static_cast<double>(first_.records);
  const auto of = [records](std::uint64_t n) { return static_cast<double>(n) / records; };
  std::printf("%llu records, %llu values, %llu envelopes of at most %zu records, effort %s\n",
              static_cast<unsigned long long>(first_.records),
              static_cast<unsigned long long>(first_.values),
              static_cast<unsigned long long>(first_.envelopes), options_.batch,
              options_.effort.c_str());
  std::printf("bytes a record    %10.3f   (headers %.3f; as JSON %.1f)\n", of(first_.bytes),
              of(first_.header_bytes), of(first_.json_bytes));
  if (dictionary_ != nullptr) {
    std::printf(
        "with a dictionary %10llu   of them; it has %zu bytes, and was made of the first %zu\n",
        static_cast<unsigned long long>(first_.with_dictionary), dictionary_->bytes().size(),
        DictionaryMaker::kBodies);
  }
  std::printf("sealed            %10.2f   million values a second\n", sealed_per_s_ / 1e6);
  std::printf("opened            %10.2f   million values a second\n", opened_per_s_ / 1e6);
  std::printf("peak memory       %10.0f   KiB\n", peak_kb());
  std::printf("%s\n", lossless_ ? "lossless: all came back bit by bit" : "NOT LOSSLESS");
}

}  // namespace

int bench_seal_command(const BenchSealOptions& options) {
  const Effort effort = options.effort == "fast"  ? Effort::fast
                        : options.effort == "max" ? Effort::max
                                                  : Effort::standard;
  SealBench bench(options, effort);
  if (const Status done = bench.run(); !done) {
    const std::string where = bench.line() > 0 ? ":" + std::to_string(bench.line()) : "";
    std::fprintf(stderr, "pinaflux: %s%s: %s\n", options.file.c_str(), where.c_str(),
                 done.error().what);
    return exit_status(done.error());
  }
  bench.print();
  return bench.lossless() ? kExitOk : kExitSoftware;
}

}  // namespace pinaflux
