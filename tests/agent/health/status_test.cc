#include "agent/health/status.h"

#include <doctest/doctest.h>

namespace pinaflux {
namespace {

AgentStatus sample() {
  AgentStatus s;
  s.version = "1.2.3";
  s.gateway = "pump-7";
  s.configuration = "abcd";
  s.generation = 3;
  s.uptime_ms = 61'000;
  s.clock_trusted = true;
  s.resident_bytes = 4'194'304;
  s.written_bytes = 1000;
  s.sources.push_back({"zigbee", "mqtt", "working", "", 10, 20, 19, 1, 2, 0, false});
  s.lanes.push_back({"normal", "00ff", 21, 15, 5, 300, 0, 1500});
  s.refused.push_back({"malformed", 2});
  s.revisions = 3;
  s.spool = {4096, 1'048'576, 7, 1, 2, 1.5, false, ""};
  s.uplinks = {{"uplink", "tcp://127.0.0.1:1883", "working", "", 1, 4, 3, 250, 0, 0, 1, 12.5}};
  return s;
}

// The contract "pinaflux.status/1": it changes by addition only.
TEST_CASE("the status as JSON is the golden line") {
  CHECK(
      status_json(sample()) ==
      R"({"schema":"pinaflux.status/1","version":"1.2.3","healthy":true,"gateway":"pump-7",)"
      R"("configuration":"abcd","generation":3,"uptime_ms":61000,"clock_trusted":true,"clock_text":"",)"
      R"("resident_bytes":4194304,"written_bytes":1000,"sources":[{"name":"zigbee",)"
      R"("type":"mqtt","state":"working","text":"","parcels":10,"records":20,)"
      R"("records_committed":19,"duplicates":1,"refused":2,"missed":0,"held":false}],)"
      R"("lanes":[{"name":"normal","epoch":"00ff","next_seq":21,"acked":15,)"
      R"("records_queued":5,"bytes_queued":300,"records_shed":0,"oldest_age_ms":1500}],)"
      R"("refused":{"malformed":2},"revisions":3,"spool":{"bytes_used":4096,"bytes_max":1048576,)"
      R"("commits":7,"commit_failures":1,"commit_ms":1.5,"dead_letters":2,"full":false,)"
      R"("text":""},"uplink":{"name":"uplink","broker":"tcp://127.0.0.1:1883","state":"working",)"
      R"("text":"","connects":1,"envelopes_sent":4,"envelopes_acked":3,"bytes_sent":250,"resent":0,)"
      R"("acks_rejected":0,"in_flight":1,"round_trip_ms":12.5},"uplinks":[{"name":"uplink",)"
      R"("broker":"tcp://127.0.0.1:1883","state":"working","text":"","connects":1,)"
      R"("envelopes_sent":4,"envelopes_acked":3,"bytes_sent":250,"resent":0,"acks_rejected":0,)"
      R"("in_flight":1,"round_trip_ms":12.5}],"companions":[]})");
}

TEST_CASE("what is kept raw is told apart from the lanes") {
  AgentStatus s = sample();
  s.raw = LaneStatus{.name = ".raw", .records_queued = 7, .bytes_queued = 99, .oldest_age_ms = 5};
  CHECK(status_json(s).find(R"(],"raw":{"records":7,"bytes":99,"oldest_age_ms":5},"refused")") !=
        std::string::npos);
  CHECK(status_text(s).find("raw      7 records kept, ") != std::string::npos);
  CHECK(status_prometheus(s).find("pinaflux_raw_records 7\n") != std::string::npos);
}

TEST_CASE("a link that is down is healthy, a failed source or a full spool is not") {
  AgentStatus s = sample();
  s.uplinks[0].state = "waiting";
  CHECK(healthy(s));
  s.spool.full = true;
  CHECK_FALSE(healthy(s));
  s = sample();
  s.sources[0].state = "failed";
  CHECK_FALSE(healthy(s));
}

TEST_CASE("metrics name every family once and label every sample") {
  AgentStatus s = sample();
  s.sources.push_back({"a\"b\\c\n", "lines", "failed", "x", 0, 0, 0, 0, 0, 0, false});
  const std::string t = status_prometheus(s);
  CHECK(t.find("pinaflux_source_records_total{source=\"zigbee\"} 20\n") != std::string::npos);
  CHECK(t.find("pinaflux_source_up{source=\"a\\\"b\\\\c\\n\"} 0\n") != std::string::npos);
  CHECK(t.find("pinaflux_refused_total{reason=\"malformed\"} 2\n") != std::string::npos);
  CHECK(t.find("pinaflux_revisions_total 3\n") != std::string::npos);
  const auto first = t.find("# TYPE pinaflux_source_records_total");
  CHECK(first != std::string::npos);
  CHECK(t.find("# TYPE pinaflux_source_records_total", first + 1) == std::string::npos);
}

TEST_CASE("what a budget has used is in the JSON, the metrics and the text, where there is one") {
  AgentStatus s = sample();
  CHECK(status_prometheus(s).find("budget") == std::string::npos);
  s.uplinks[0].bounded = true;
  s.uplinks[0].used_today = 2048;
  s.uplinks[0].used_this_month = 5 * 1024 * 1024;
  CHECK(status_json(s).find(R"("used_today":2048,"used_this_month":5242880})") !=
        std::string::npos);
  CHECK(status_prometheus(s).find("pinaflux_uplink_budget_day_bytes 2048\n") != std::string::npos);
  CHECK(status_text(s).find("of the data plan 2.0 KiB today, 5.0 MiB this month") !=
        std::string::npos);
}

TEST_CASE("each uplink has its line, its place in the JSON and its samples") {
  AgentStatus s = sample();
  s.uplinks.push_back({"scada", "tcp://10.0.0.9:1883", "waiting", "nobody answers", 0, 7});
  CHECK(status_text(s).find("uplink   working   tcp://127.0.0.1:1883") != std::string::npos);
  CHECK(status_text(s).find("uplink   scada   waiting   tcp://10.0.0.9:1883") != std::string::npos);
  CHECK(status_text(s).find("\n  nobody answers\n") != std::string::npos);
  CHECK(status_json(s).find(R"({"name":"scada","broker":"tcp://10.0.0.9:1883",)") !=
        std::string::npos);
  const std::string t = status_prometheus(s);
  CHECK(t.find("pinaflux_uplink_up 1\npinaflux_uplink_up{uplink=\"scada\"} 0\n") !=
        std::string::npos);
  CHECK(t.find("pinaflux_uplink_envelopes_sent_total{uplink=\"scada\"} 7\n") != std::string::npos);
  CHECK(t.find("budget") == std::string::npos);
  s.uplinks[1].bounded = true;
  s.uplinks[1].used_today = 9;
  CHECK(status_prometheus(s).find("pinaflux_uplink_budget_day_bytes{uplink=\"scada\"} 9\n") !=
        std::string::npos);
  CHECK(status_prometheus(s).find("\npinaflux_uplink_budget_day_bytes ") == std::string::npos);
}

TEST_CASE("each process of a node is in the JSON, the metrics and the text, where there is one") {
  AgentStatus s = sample();
  CHECK(status_prometheus(s).find("companion") == std::string::npos);
  s.companions = {{"score", "running", "", 2, 7}};
  CHECK(healthy(s));
  CHECK(status_json(s).ends_with(
      R"("companions":[{"node":"score","state":"running","restarts":2,"unanswered":7,"text":""}]})"));
  s.companions[0].state = "restarting";
  s.companions[0].text = "exit status 1";
  CHECK_FALSE(healthy(s));
  const std::string metrics = status_prometheus(s);
  CHECK(metrics.find("pinaflux_companion_restarts_total{node=\"score\"} 2\n") != std::string::npos);
  CHECK(metrics.find("pinaflux_companion_unanswered{node=\"score\"} 7\n") != std::string::npos);
  CHECK(status_text(s).find("process  score   restarting   unanswered 7   restarts 2\n"
                            "  exit status 1\n") != std::string::npos);
}

TEST_CASE("the text names what is wrong") {
  AgentStatus s = sample();
  s.spool.text = "the disk is full: free some space";
  CHECK(status_text(s).find("the disk is full: free some space") != std::string::npos);
}

}  // namespace
}  // namespace pinaflux
