#include "agent/collector/status.h"

#include "platform/base/json_writer.h"
#include "platform/base/text.h"

namespace pinaflux {

namespace {

const char* link_name(CollectorStatus::Link link) {
  switch (link) {
    case CollectorStatus::Link::connecting: return "connecting";
    case CollectorStatus::Link::working: return "working";
    case CollectorStatus::Link::waiting: return "waiting";
  }
  return "unknown";
}

struct Metric {
  const char* name;
  const char* type;
  const char* help;
  double value;
};

void append(std::string& to, const Metric& metric) {
  const std::string name = std::string("pinaflux_collector_") + metric.name;
  to += "# HELP " + name + " " + metric.help + "\n# TYPE " + name + " " + metric.type + "\n";
  to += name + " " + format_double(metric.value) + "\n";
}

double number(std::uint64_t count) { return static_cast<double>(count); }

}  // namespace

bool healthy(const CollectorStatus& status) { return status.storage_text.empty(); }

std::string collector_prometheus(const CollectorStatus& status) {
  const Counts& c = status.counts;
  const Metric all[] = {
      {"link_up", "gauge", "1 while messages can arrive.",
       status.link == CollectorStatus::Link::working ? 1.0 : 0.0},
      {"storage_up", "gauge", "1 while commits succeed.", healthy(status) ? 1.0 : 0.0},
      {"rows_total", "counter", "Rows landed.", number(c.rows)},
      {"envelopes_total", "counter", "Envelopes landed.", number(c.envelopes)},
      {"redelivered_total", "counter", "Envelopes that had landed before.", number(c.redelivered)},
      {"tombstones_total", "counter", "Declarations of loss.", number(c.declared)},
      {"forks_total", "counter", "Envelopes that contradict what has landed.", number(c.forks)},
      {"rejects_total", "counter", "Messages refused, forks included.", number(c.rejects)},
      {"quarantined_total", "counter", "Rows that their table did not take.",
       number(c.quarantined)},
      {"lines_refused_total", "counter", "Lines that the database for line protocol did not take.",
       number(c.lines_refused)},
      {"gaps", "gauge", "Lanes with records missing between others.", number(status.gaps)},
      {"oldest_gap_seconds", "gauge", "Age of the oldest such gap.", status.oldest_gap.seconds()},
      {"messages_total", "counter", "Messages received.", number(status.messages)},
      {"connects_total", "counter", "Connections to the broker.", number(status.connects)},
      {"commits_total", "counter", "Transactions committed.", number(status.commits)},
      {"commit_failures_total", "counter", "Transactions that failed.",
       number(status.commit_failures)},
      {"acks_total", "counter", "Acks sent to gateways.", number(status.acks_sent)},
      {"pending_messages", "gauge", "Messages that wait for a commit.", number(status.pending)},
      {"pending_bytes", "gauge", "Bytes that wait for a commit.", number(status.pending_bytes)},
      {"commit_seconds", "gauge", "Duration of the last commit.", status.commit_ms / 1'000.0},
  };
  std::string text;
  for (const Metric& metric : all) append(text, metric);
  return text;
}

std::string collector_text(const CollectorStatus& status) {
  const Counts& c = status.counts;
  const auto count = [](std::uint64_t n, const char* what) {
    return n == 0 ? std::string() : ", " + std::to_string(n) + " " + what;
  };
  std::string text = std::string("link       ") + link_name(status.link);
  if (!status.link_text.empty()) text += ": " + status.link_text;
  text += "\nstorage    " + (healthy(status) ? std::string("working") : status.storage_text);
  text += "\nlanded     " + std::to_string(c.rows) + " rows in " + std::to_string(c.envelopes) +
          " envelopes since it was started" + count(c.redelivered, "that had landed before") +
          count(c.declared, "declarations of loss");
  text += "\nwaiting    " + std::to_string(status.pending) + " messages";
  if (c.rejects + c.quarantined + c.lines_refused > 0) {
    text += "\nrefused    " + std::to_string(c.rejects) + " messages" +
            count(c.forks, "of them contradict what has landed") +
            count(c.quarantined, "rows in pinaflux_quarantine") +
            count(c.lines_refused, "lines in --lines-refused");
  }
  if (status.gaps > 0) {
    text += "\ngaps       " + std::to_string(status.gaps) +
            " lanes have records missing between others: pinaflux-collector gateways";
  }
  return text + "\n";
}

std::string collector_json(const CollectorStatus& status) {
  JsonWriter j;
  j.begin_object().key("schema").string("pinaflux.collector/1");
  j.key("healthy").boolean(healthy(status));
  j.key("link").string(link_name(status.link)).key("link_text").string(status.link_text);
  j.key("storage_text").string(status.storage_text);
  j.key("rows").number(status.counts.rows).key("envelopes").number(status.counts.envelopes);
  j.key("redelivered").number(status.counts.redelivered);
  j.key("tombstones").number(status.counts.declared);
  j.key("forks").number(status.counts.forks).key("rejects").number(status.counts.rejects);
  j.key("quarantined").number(status.counts.quarantined);
  j.key("lines_refused").number(status.counts.lines_refused);
  j.key("gaps").number(status.gaps).key("oldest_gap_s").number(status.oldest_gap.seconds());
  j.key("commits").number(status.commits).key("commit_failures").number(status.commit_failures);
  j.key("pending").number(status.pending).key("commit_ms").number(status.commit_ms);
  j.end_object();
  return j.take();
}

}  // namespace pinaflux
