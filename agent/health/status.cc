#include "agent/health/status.h"

#include <algorithm>
#include <cstdio>
#include <functional>

#include "platform/base/json_writer.h"

namespace pinaflux {

namespace {

void write(JsonWriter& j, const SourceStatus& s) {
  j.begin_object();
  j.key("name").string(s.name).key("type").string(s.type);
  j.key("state").string(s.state).key("text").string(s.text);
  j.key("parcels").number(s.parcels).key("records").number(s.records);
  j.key("records_committed").number(s.records_committed);
  j.key("duplicates").number(s.duplicates).key("refused").number(s.refused);
  j.key("missed").number(s.missed).key("held").boolean(s.held);
  j.end_object();
}

void write(JsonWriter& j, const LaneStatus& l) {
  j.begin_object();
  j.key("name").string(l.name).key("epoch").string(l.epoch);
  j.key("next_seq").number(l.next_seq).key("acked").number(l.acked);
  j.key("records_queued").number(l.records_queued).key("bytes_queued").number(l.bytes_queued);
  j.key("records_shed").number(l.records_shed).key("oldest_age_ms").number(l.oldest_age_ms);
  j.end_object();
}

void write(JsonWriter& j, const SpoolStatus& s) {
  j.begin_object();
  j.key("bytes_used").number(s.bytes_used).key("bytes_max").number(s.bytes_max);
  j.key("commits").number(s.commits).key("commit_failures").number(s.commit_failures);
  j.key("commit_ms").number(s.commit_ms).key("dead_letters").number(s.dead_letters);
  j.key("full").boolean(s.full).key("text").string(s.text);
  j.end_object();
}

void write(JsonWriter& j, const UplinkStatus& u) {
  j.begin_object().key("name").string(u.name);
  j.key("broker").string(u.broker).key("state").string(u.state).key("text").string(u.text);
  j.key("connects").number(u.connects).key("envelopes_sent").number(u.envelopes_sent);
  j.key("envelopes_acked").number(u.envelopes_acked).key("bytes_sent").number(u.bytes_sent);
  j.key("resent").number(u.resent).key("acks_rejected").number(u.acks_rejected);
  j.key("in_flight").number(u.in_flight).key("round_trip_ms").number(u.round_trip_ms);
  if (!u.interface.empty()) j.key("interface").string(u.interface);
  if (u.bounded) {
    j.key("used_today").number(u.used_today).key("used_this_month").number(u.used_this_month);
  }
  j.end_object();
}

void write(JsonWriter& j, const CompanionStatus& c) {
  j.begin_object().key("node").string(c.node).key("state").string(c.state);
  j.key("restarts").number(c.restarts).key("unanswered").number(c.unanswered);
  j.key("text").string(c.text).end_object();
}

template <class T>
void write_all(JsonWriter& j, const char* name, const std::vector<T>& items) {
  j.key(name).begin_array();
  for (const T& item : items) write(j, item);
  j.end_array();
}

std::string human_bytes(std::uint64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double v = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (v >= 1024.0 && unit + 1 < std::size(kUnits)) {
    v /= 1024.0;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", v, kUnits[unit]);
  return text;
}

std::string human_age(std::int64_t ms) {
  const std::int64_t s = ms / 1000;
  if (s < 120) return std::to_string(s) + " s";
  if (s < 7200) return std::to_string(s / 60) + " min";
  if (s < 172'800) return std::to_string(s / 3600) + " h";
  return std::to_string(s / 86'400) + " d";
}

std::string pad(std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text + " ";
}

// One metric family of the exposition format: its head once, then its samples.
class Family {
 public:
  Family(std::string& to, const char* name, const char* type, const char* help)
      : to_(to), name_(std::string("pinaflux_") + name) {
    to_ += "# HELP " + name_ + " " + help + "\n# TYPE " + name_ + " " + type + "\n";
  }
  template <class Number>
  void sample(Number value, std::string_view label = {}, std::string_view label_value = {}) {
    to_ += name_;
    if (!label.empty()) {
      to_ += '{';
      to_ += label;
      to_ += '=';
      append_label_value(label_value);
      to_ += '}';
    }
    to_ += ' ' + std::to_string(value) + '\n';
  }

 private:
  void append_label_value(std::string_view value) {
    to_ += '"';
    for (char c : value) {
      if (c == '"' || c == '\\') to_ += '\\';
      if (c == '\n') {
        to_ += "\\n";
      } else {
        to_ += c;
      }
    }
    to_ += '"';
  }
  std::string& to_;
  std::string name_;
};

void expose_sources(std::string& t, const std::vector<SourceStatus>& sources) {
  const auto family = [&](const char* name, const char* help, auto member) {
    Family f(t, name, "counter", help);
    for (const auto& s : sources) f.sample(s.*member, "source", s.name);
  };
  family("source_records_total", "Records handed over by the source.", &SourceStatus::records);
  family("source_records_committed_total", "Records on disk, acknowledged to the source.",
         &SourceStatus::records_committed);
  family("source_duplicates_total", "Redeliveries recognised and not stored again.",
         &SourceStatus::duplicates);
  family("source_refused_total", "Records refused.", &SourceStatus::refused);
  family("source_missed_total", "Readings known to be lost before they got here.",
         &SourceStatus::missed);
  Family up(t, "source_up", "gauge", "1 when the source works.");
  for (const auto& s : sources) up.sample(s.state == "failed" ? 0 : 1, "source", s.name);
}

void expose_lanes(std::string& t, const std::vector<LaneStatus>& lanes) {
  const auto family = [&](const char* name, const char* type, const char* help, auto member) {
    Family f(t, name, type, help);
    for (const auto& l : lanes) f.sample(l.*member, "lane", l.name);
  };
  family("lane_records_queued", "gauge", "Records on disk, not acknowledged by the far end.",
         &LaneStatus::records_queued);
  family("lane_bytes_queued", "gauge", "Bytes of queued chunks and envelopes.",
         &LaneStatus::bytes_queued);
  family("lane_next_seq", "counter", "Sequence number of the next record.", &LaneStatus::next_seq);
  family("lane_acked_seq", "counter", "High-water that the far end acknowledged.",
         &LaneStatus::acked);
  family("lane_records_shed_total", "counter", "Records shed; each is declared by a tombstone.",
         &LaneStatus::records_shed);
}

// The first one's samples carry no label: they were there before there were several.
void expose_uplinks(std::string& t, const std::vector<UplinkStatus>& uplinks) {
  const auto family = [&](const char* name, const char* type, const char* help, auto value,
                          bool bounded_only = false) {
    const auto shown = [&](const UplinkStatus& u) { return u.bounded || !bounded_only; };
    if (std::ranges::none_of(uplinks, shown)) return;
    Family f(t, name, type, help);
    for (const UplinkStatus& u : uplinks) {
      if (!shown(u)) continue;
      f.sample(std::invoke(value, u), u.name == UplinkStatus::kFirst ? "" : "uplink", u.name);
    }
  };
  family("uplink_up", "gauge", "1 while connected.",
         [](const UplinkStatus& u) { return u.state == "working" ? 1 : 0; });
  family("uplink_connects_total", "counter", "Connections made.", &UplinkStatus::connects);
  family("uplink_envelopes_sent_total", "counter", "Envelopes sent.",
         &UplinkStatus::envelopes_sent);
  family("uplink_envelopes_acked_total", "counter", "Envelopes acknowledged.",
         &UplinkStatus::envelopes_acked);
  family("uplink_bytes_sent_total", "counter", "Payload bytes sent.", &UplinkStatus::bytes_sent);
  family("uplink_resent_total", "counter", "Envelopes sent again.", &UplinkStatus::resent);
  family("uplink_acks_rejected_total", "counter", "Acks that did not fit.",
         &UplinkStatus::acks_rejected);
  family("uplink_budget_day_bytes", "gauge", "Used of the data plan since 00:00 UTC.",
         &UplinkStatus::used_today, true);
  family("uplink_budget_month_bytes", "gauge", "Used of the data plan's month.",
         &UplinkStatus::used_this_month, true);
}

void expose_companions(std::string& t, const std::vector<CompanionStatus>& companions) {
  if (companions.empty()) return;
  Family restarts(t, "companion_restarts_total", "counter", "Processes of nodes started again.");
  for (const auto& c : companions) restarts.sample(c.restarts, "node", c.node);
  Family unanswered(t, "companion_unanswered", "gauge", "Records that wait for an answer.");
  for (const auto& c : companions) unanswered.sample(c.unanswered, "node", c.node);
}

void expose_one(std::string& t, const char* name, const char* type, const char* help,
                std::uint64_t value) {
  Family(t, name, type, help).sample(value);
}

void write_raw(JsonWriter& j, const LaneStatus& raw) {
  j.key("raw").begin_object().key("records").number(raw.records_queued);
  j.key("bytes").number(raw.bytes_queued);
  j.key("oldest_age_ms").number(raw.oldest_age_ms).end_object();
}

}  // namespace

bool healthy(const AgentStatus& status) {
  const bool sources_work =
      std::ranges::none_of(status.sources, [](const auto& s) { return s.state == "failed"; });
  const bool companions_run =
      std::ranges::all_of(status.companions, [](const auto& c) { return c.state == "running"; });
  return sources_work && companions_run && !status.spool.full && status.spool.text.empty();
}

std::string status_json(const AgentStatus& status) {
  JsonWriter j;
  j.begin_object();
  j.key("schema").string("pinaflux.status/1").key("version").string(status.version);
  j.key("healthy").boolean(healthy(status)).key("gateway").string(status.gateway);
  j.key("configuration").string(status.configuration);
  j.key("generation").number(status.generation).key("uptime_ms").number(status.uptime_ms);
  j.key("clock_trusted").boolean(status.clock_trusted);
  j.key("clock_text").string(status.clock_text);
  j.key("resident_bytes").number(status.resident_bytes);
  j.key("written_bytes").number(status.written_bytes);
  write_all(j, "sources", status.sources);
  write_all(j, "lanes", status.lanes);
  if (status.raw) write_raw(j, *status.raw);
  j.key("refused").begin_object();
  for (const auto& r : status.refused) j.key(r.reason).number(r.count);
  j.end_object();
  j.key("revisions").number(status.revisions);
  j.key("spool");
  write(j, status.spool);
  // The first one alone, too: it was there before there were several.
  j.key("uplink");
  write(j, status.uplinks.empty() ? UplinkStatus{} : status.uplinks.front());
  write_all(j, "uplinks", status.uplinks);
  write_all(j, "companions", status.companions);
  j.end_object();
  return j.take();
}

namespace {

std::string raw_text(const LaneStatus& raw) {
  return "raw      " + std::to_string(raw.records_queued) + " records kept, " +
         human_bytes(raw.bytes_queued) +
         (raw.records_queued == 0 ? "" : ", from " + human_age(raw.oldest_age_ms) + " ago on") +
         "\n";
}

std::string uplink_text(const UplinkStatus& u) {
  const std::string name = u.name == UplinkStatus::kFirst ? "" : u.name + "   ";
  std::string t = "uplink   " + name + u.state + "   " + u.broker + "   sent " +
                  human_bytes(u.bytes_sent) + " in " + std::to_string(u.envelopes_sent) +
                  "   in flight " + std::to_string(u.in_flight) +
                  (u.interface.empty() ? "" : "   over " + u.interface) + "\n";
  if (u.bounded) {
    t += "  of the data plan " + human_bytes(u.used_today) + " today, " +
         human_bytes(u.used_this_month) + " this month\n";
  }
  if (!u.text.empty()) t += "  " + u.text + "\n";
  return t;
}

}  // namespace

std::string status_text(const AgentStatus& s) {
  std::string t = "gateway  " + s.gateway + "   " + s.version + "   up " + human_age(s.uptime_ms) +
                  "   memory " + human_bytes(s.resident_bytes) +
                  (s.clock_trusted ? "" : "   clock not trusted") + "\n";
  if (!s.clock_text.empty()) t += "  " + s.clock_text + "\n";
  t += "\n";
  t += pad("source", 16) + pad("type", 7) + pad("state", 9) + pad("records", 12) +
       pad("on disk", 12) + pad("duplicates", 11) + "refused\n";
  for (const auto& x : s.sources) {
    t += pad(x.name, 16) + pad(x.type, 7) + pad(x.held ? "held" : x.state, 9) +
         pad(std::to_string(x.records), 12) + pad(std::to_string(x.records_committed), 12) +
         pad(std::to_string(x.duplicates), 11) + std::to_string(x.refused) + "\n";
    if (!x.text.empty()) t += "  " + x.text + "\n";
  }
  t += "\n" + pad("lane", 16) + pad("queued", 12) + pad("bytes", 12) + pad("acked", 12) +
       pad("next", 12) + pad("shed", 10) + "oldest\n";
  for (const auto& l : s.lanes) {
    t += pad(l.name, 16) + pad(std::to_string(l.records_queued), 12) +
         pad(human_bytes(l.bytes_queued), 12) + pad(std::to_string(l.acked), 12) +
         pad(std::to_string(l.next_seq), 12) + pad(std::to_string(l.records_shed), 10) +
         (l.records_queued == 0 ? "-" : human_age(l.oldest_age_ms)) + "\n";
  }
  t += "\nspool    " + human_bytes(s.spool.bytes_used) + " of " + human_bytes(s.spool.bytes_max) +
       (s.spool.full ? "   FULL" : "") + "   dead letters " + std::to_string(s.spool.dead_letters) +
       "\n";
  if (!s.spool.text.empty()) t += "  " + s.spool.text + "\n";
  if (s.raw) t += raw_text(*s.raw);
  for (const UplinkStatus& uplink : s.uplinks) t += uplink_text(uplink);
  for (const CompanionStatus& c : s.companions) {
    t += "process  " + c.node + "   " + c.state + "   unanswered " + std::to_string(c.unanswered) +
         "   restarts " + std::to_string(c.restarts) + "\n";
    if (!c.text.empty()) t += "  " + c.text + "\n";
  }
  return t;
}

std::string status_prometheus(const AgentStatus& s) {
  std::string t;
  expose_one(t, "healthy", "gauge", "1 when everything works.", healthy(s) ? 1 : 0);
  expose_one(t, "clock_trusted", "gauge", "1 when the calendar is trusted.", s.clock_trusted);
  expose_one(t, "resident_bytes", "gauge", "Resident memory.", s.resident_bytes);
  expose_one(t, "written_bytes_total", "counter", "Bytes written, by the kernel's account.",
             s.written_bytes);
  expose_sources(t, s.sources);
  expose_lanes(t, s.lanes);
  {
    Family f(t, "refused_total", "counter", "Records refused, by reason.");
    for (const auto& r : s.refused) f.sample(r.count, "reason", r.reason);
  }
  expose_one(t, "revisions_total", "counter", "Windows given again, for records that came late.",
             s.revisions);
  expose_one(t, "spool_bytes", "gauge", "Database and WAL.", s.spool.bytes_used);
  expose_one(t, "spool_bytes_max", "gauge", "Bound of database and WAL.", s.spool.bytes_max);
  expose_one(t, "spool_full", "gauge", "1 while sources are held back.", s.spool.full);
  expose_one(t, "spool_commits_total", "counter", "Transactions since start.", s.spool.commits);
  expose_one(t, "spool_commit_failures_total", "counter", "Transactions that were retried.",
             s.spool.commit_failures);
  expose_one(t, "dead_letters", "gauge", "Dead letters held.", s.spool.dead_letters);
  if (s.raw) {
    expose_one(t, "raw_records", "gauge", "Records kept as they came, for a replay.",
               s.raw->records_queued);
    expose_one(t, "raw_bytes", "gauge", "Bytes of them.", s.raw->bytes_queued);
  }
  expose_uplinks(t, s.uplinks);
  expose_companions(t, s.companions);
  return t;
}

}  // namespace pinaflux
