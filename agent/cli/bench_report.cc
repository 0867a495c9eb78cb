#include "agent/cli/bench_report.h"

#include <algorithm>
#include <cstdio>

#include "agent/cli/bench_load.h"
#include "platform/base/json_writer.h"
#include "version.h"

namespace pinaflux::bench {

namespace {

using Figure = std::optional<double>;

constexpr double kColdShareMax = 0.01;  // Of the file that the kernel may still hold.
constexpr double kWholeBacklog = 10e6;

Figure get(const Numbers& numbers, const char* name) {
  const auto at = numbers.find(name);
  return at == numbers.end() ? Figure() : Figure(at->second);
}

Figure quotient(const Numbers& numbers, const char* above, const char* below, double times = 1) {
  const Figure a = get(numbers, above), b = get(numbers, below);
  return a && b && *b > 0 ? Figure(*a / *b * times) : Figure();
}

Figure worse(Figure a, Figure b) { return a && b ? Figure(std::max(*a, *b)) : Figure(); }

// What the kernel wrote; nothing where it does not count.
Figure written(const SpoolReport& r, const Numbers& n, const char* per) {
  return r.kernel_counts ? quotient(n, "written", per) : Figure();
}

struct Headlines {
  Figure steady, bulk, fsyncs, durable, drain, peak_0, peak_100k, peak_10m, start;
};

Headlines headlines_of(const SpoolReport& r) {
  Headlines h;
  h.steady = written(r, r.steady, "records");
  h.bulk = worse(written(r, r.bulk_up, "sealed"), written(r, r.bulk_down, "sealed"));
  h.fsyncs = quotient(r.steady, "syncs", "records", 1000);
  if (!r.durable.empty()) h.durable = get(r.durable.back().second, "records_per_s");
  h.drain = get(r.drain, "records_per_s");
  if (!r.peaks.empty()) h.peak_0 = get(r.peaks[0], "kb");
  if (r.peaks.size() > 1) h.peak_100k = get(r.peaks[1], "kb");
  if (r.peaks.size() > 2 && get(r.peaks[2], "records") >= kWholeBacklog) {
    h.peak_10m = get(r.peaks[2], "kb");
  }
  if (!r.quick) h.start = get(r.start, "first_ms");
  return h;
}

bool cold(const SpoolReport& r) { return get(r.start, "cached").value_or(1) <= kColdShareMax; }

class Json {
 public:
  explicit Json(const SpoolReport& report) : r_(report) {}
  std::string text();

 private:
  void figure(const char* key, Figure value) {
    w_.key(key);
    if (value)
      w_.number(*value);
    else
      w_.null();
  }
  void headlines();
  void steady(const char* key, const Numbers& n);
  void bulk(const char* key, const Numbers& n);
  void durable();
  void backlog();

  const SpoolReport& r_;
  JsonWriter w_;
};

void Json::headlines() {
  const Headlines h = headlines_of(r_);
  figure("steady_bytes_written_per_message", h.steady);
  figure("bulk_written_over_sealed", h.bulk);
  figure("fsyncs_per_1000", h.fsyncs);
  figure("durable_records_per_s", h.durable);
  figure("drain_records_per_s", h.drain);
  figure("peak_kb_0", h.peak_0);
  figure("peak_kb_100k", h.peak_100k);
  figure("peak_kb_10m", h.peak_10m);
  figure("start_ms_1gib", h.start);
}

void Json::steady(const char* key, const Numbers& n) {
  w_.key(key).begin_object();
  figure("seconds", get(n, "seconds"));
  figure("messages", get(n, "records"));
  w_.key("message_bytes").number(static_cast<std::uint64_t>(Load::kMessageBytes));
  const Figure each = written(r_, n, "records");
  figure("bytes_written_per_message", each);
  figure("bytes_written_per_raw_byte",
         each ? Figure(*each / static_cast<double>(Load::kMessageBytes)) : Figure());
  figure("bytes_handed_to_kernel_per_message", quotient(n, "handed", "records"));
  figure("sealed_bytes_per_message", quotient(n, "sealed", "records"));
  figure("fsyncs_per_1000", quotient(n, "syncs", "records", 1000));
  w_.end_object();
}

void Json::bulk(const char* key, const Numbers& n) {
  w_.key(key).begin_object();
  figure("records", get(n, "records"));
  figure("sealed_bytes_per_record", quotient(n, "sealed", "records"));
  figure("written_over_sealed", written(r_, n, "sealed"));
  figure("handed_to_kernel_over_sealed", quotient(n, "handed", "sealed"));
  figure("bytes_written_per_record", written(r_, n, "records"));
  figure("fsyncs_per_1000", quotient(n, "syncs", "records", 1000));
  w_.end_object();
}

void Json::durable() {
  w_.key("durable").begin_array();
  for (const auto& [group, n] : r_.durable) {
    w_.begin_object().key("group").number(static_cast<std::uint64_t>(group));
    figure("records_per_s", get(n, "records_per_s"));
    figure("records_per_cpu_s", quotient(n, "records", "cpu_s"));
    figure("fsyncs_per_1000", quotient(n, "syncs", "records", 1000));
    figure("bytes_written_per_record", written(r_, n, "records"));
    w_.end_object();
  }
  w_.end_array();
}

void Json::backlog() {
  w_.key("backlog").begin_object();
  figure("records", get(r_.drain, "records"));
  figure("bytes", get(r_.fill, "queued"));
  figure("fill_records_per_s", get(r_.fill, "records_per_s"));
  figure("fill_records_per_cpu_s", quotient(r_.fill, "records", "cpu_s"));
  figure("drain_records_per_s", get(r_.drain, "records_per_s"));
  figure("drain_records_per_cpu_s", quotient(r_.drain, "records", "cpu_s"));
  w_.end_object();
  w_.key("peaks").begin_array();
  for (const Numbers& n : r_.peaks) {
    w_.begin_object();
    figure("records", get(n, "records"));
    figure("kb", get(n, "kb"));
    w_.end_object();
  }
  w_.end_array();
  w_.key("start").begin_object();
  figure("bytes_queued", get(r_.start, "queued"));
  figure("ms", get(r_.start, "first_ms"));
  w_.key("cache").string(cold(r_) ? "cold" : "warm");
  figure("ms_again", get(r_.start, "second_ms"));
  figure("peak_kb", get(r_.start, "kb"));
  w_.end_object();
}

std::string Json::text() {
  w_.begin_object().key("schema").string("pinaflux.bench.spool/1").key("version").string(kVersion);
  w_.key("quick").boolean(r_.quick).key("in_memory").boolean(r_.in_memory);
  w_.key("kernel_counts_writes").boolean(r_.kernel_counts);
  headlines();
  steady("steady", r_.steady);
  steady("steady_redelivery", r_.steady_redelivery);
  bulk("bulk_link_up", r_.bulk_up);
  bulk("bulk_link_down", r_.bulk_down);
  durable();
  backlog();
  w_.key("notes").begin_array();
  for (const std::string& note : r_.notes) w_.string(note);
  w_.end_array().end_object();
  return w_.take();
}

class Table {
 public:
  std::string text() { return std::move(text_); }
  void row(const char* what, Figure value, int digits, const char* unit, Figure limit = {},
           bool at_least = false) {
    char line[200];
    if (!value) {
      std::snprintf(line, sizeof line, "%-46s %14s %s\n", what, "-", unit);
    } else if (!limit) {
      std::snprintf(line, sizeof line, "%-46s %14.*f %s\n", what, digits, *value, unit);
    } else {
      const bool met = at_least ? *value >= *limit : *value <= *limit;
      std::snprintf(line, sizeof line, "%-46s %14.*f %-12s at %s %.*f%s\n", what, digits, *value,
                    unit, at_least ? "least" : "most", *limit < 10 ? 1 : 0, *limit,
                    met ? "" : "  MISSED");
    }
    text_ += line;
  }
  void line(const std::string& text) { text_ += text + "\n"; }

 private:
  std::string text_;
};

void add_details(const SpoolReport& r, Table& t) {
  t.line("");
  t.row("steady: handed to the kernel", quotient(r.steady, "handed", "records"), 1, "B/message");
  t.row("steady: sealed", quotient(r.steady, "sealed", "records"), 1, "B/message");
  t.row("steady, with an MQTT source's message ids", written(r, r.steady_redelivery, "records"), 1,
        "B/message");
  t.row("bulk, link up: written over sealed", written(r, r.bulk_up, "sealed"), 2, "");
  t.row("bulk, link down: written over sealed", written(r, r.bulk_down, "sealed"), 2, "");
  t.row("bulk: sealed", quotient(r.bulk_up, "sealed", "records"), 2, "B/record");
  for (const auto& [group, n] : r.durable) {
    const std::string what = "durable, groups of " + std::to_string(group);
    t.row(what.c_str(), get(n, "records_per_s"), 0, "records/s");
    t.row("  of processor time", quotient(n, "records", "cpu_s"), 0, "records/s");
    t.row("  fsyncs", quotient(n, "syncs", "records", 1000), 2, "per 1,000 records");
  }
  t.row("durable, link down (backlog)", get(r.fill, "records_per_s"), 0, "records/s");
  t.row("  of processor time", quotient(r.fill, "records", "cpu_s"), 0, "records/s");
  t.row("drain, of processor time", quotient(r.drain, "records", "cpu_s"), 0, "records/s");
  for (const Numbers& n : r.peaks) {
    const std::string what =
        "peak with " + std::to_string(static_cast<long>(get(n, "records").value_or(0))) + " queued";
    t.row(what.c_str(), get(n, "kb"), 0, "kB");
  }
  t.row("start, again at once", get(r.start, "second_ms"), 1, "ms");
}

}  // namespace

std::string json_of(const SpoolReport& report) { return Json(report).text(); }

std::string table_of(const SpoolReport& r) {
  const Headlines h = headlines_of(r);
  Table t;
  t.row("steady, 200 messages/s of 64 B: written", h.steady, 1, "B/message", 64);
  t.row("bulk: written over sealed (the worse)", h.bulk, 2, "", 2.2);
  t.row("fsyncs, steady", h.fsyncs, 1, "per 1,000");
  t.row("durable ingest, 10 fields, one core", h.durable, 0, "records/s", 500'000, true);
  t.row("drain", h.drain, 0, "records/s", 5e6, true);
  t.row("peak, nothing queued", h.peak_0, 0, "kB", 12'288);
  t.row("peak, 100 thousand queued", h.peak_100k, 0, "kB", 12'288);
  t.row("peak, 10 million queued", h.peak_10m, 0, "kB", 12'288);
  t.row(cold(r) ? "start with 1 GiB queued, cold cache" : "start with 1 GiB queued, warm cache",
        h.start, 1, "ms", 300);
  add_details(r, t);
  for (const std::string& note : r.notes) t.line("note: " + note);
  return t.text();
}

}  // namespace pinaflux::bench
