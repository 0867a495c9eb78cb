// The two ways to show a VerifyReport. The JSON is a contract: changes by addition only.

#include <cstdio>

#include "agent/collector/verify.h"
#include "agent/seal/row_json.h"
#include "platform/base/json_writer.h"
#include "platform/base/text.h"

namespace pinaflux {

namespace {

struct Totals {
  std::uint64_t landed = 0, lost = 0, earlier = 0, outstanding = 0, missing = 0, duplicates = 0;
  std::uint64_t extra = 0, redelivered = 0, forks = 0, renumbered = 0, moved = 0;
};

Totals totals(const VerifyReport& report) {
  Totals sum;
  sum.extra = report.strays;
  for (const LaneReport& lane : report.lanes) {
    sum.landed += lane.landed;
    sum.lost += lane.lost_count();
    sum.earlier += lane.earlier;
    sum.outstanding += lane.outstanding;
    sum.missing += lane.missing;
    sum.duplicates += lane.duplicates;
    sum.extra += lane.extra;
    sum.moved += lane.moved;
    sum.redelivered += lane.redelivered;
    sum.forks += lane.forks;
    sum.renumbered += lane.renumbered;
  }
  return sum;
}

std::string day_name(Day day) {
  return day ? iso_day(*day * Duration::days(1).ns) : std::string("unknown");
}

std::uint64_t lost_of(const DayReport& day) {
  std::uint64_t count = 0;
  for (const auto& [reason, records] : day.lost) count += records;
  return count;
}

void append_reasons(JsonWriter& j, const std::map<std::string, std::uint64_t>& lost) {
  j.key("lost_by_reason").begin_object();
  for (const auto& [reason, count] : lost) j.key(reason).number(count);
  j.end_object();
}

void append_days(JsonWriter& j, const LaneReport& lane) {
  j.key("days").begin_array();
  for (const auto& [day, report] : lane.days) {
    j.begin_object().key("day").string(day_name(day)).key("landed").number(report.landed);
    j.key("lost").number(lost_of(report)).key("missing").number(report.missing);
    append_reasons(j, report.lost);
    j.end_object();
  }
  j.end_array();
}

void append_days(std::string& to, const LaneReport& lane) {
  for (const auto& [day, report] : lane.days) {
    char text[160];
    std::snprintf(text, sizeof text, "  %-32s %12llu %10llu %11s %9llu\n", day_name(day).c_str(),
                  static_cast<unsigned long long>(report.landed),
                  static_cast<unsigned long long>(lost_of(report)), "",
                  static_cast<unsigned long long>(report.missing));
    to += text;
  }
}

void append_lane(JsonWriter& j, const LaneReport& lane) {
  j.begin_object().key("gateway").string(lane.gateway).key("epoch").string(lane.epoch);
  j.key("lane").string(lane.lane).key("high").number(lane.high).key("last").number(lane.last);
  j.key("landed").number(lane.landed).key("lost").number(lane.lost_count());
  append_reasons(j, lane.lost);
  j.key("earlier").number(lane.earlier).key("outstanding").number(lane.outstanding);
  j.key("missing").number(lane.missing).key("missing_ranges").begin_array();
  for (const Range& range : lane.missing_ranges) {
    j.begin_array().number(range.first).number(range.last).end_array();
  }
  j.end_array().key("duplicates").number(lane.duplicates).key("extra").number(lane.extra);
  j.key("redelivered").number(lane.redelivered).key("forks").number(lane.forks);
  j.key("renumbered").number(lane.renumbered);
  if (lane.moved > 0) j.key("moved").number(lane.moved);
  if (!lane.days.empty()) append_days(j, lane);
  j.end_object();
}

void append_ranges(std::string& to, const LaneReport& lane) {
  to += "  missing:";
  for (const Range& range : lane.missing_ranges) {
    to += " " + std::to_string(range.first) + "-" + std::to_string(range.last);
  }
  if (lane.missing_ranges.size() == VerifyReport::kRangesShown) to += " ...";
  to += '\n';
}

void append_lane(std::string& to, const LaneReport& lane) {
  char text[160];
  std::snprintf(text, sizeof text, " %12llu %10llu %11llu %9llu %10llu %7llu\n",
                static_cast<unsigned long long>(lane.landed),
                static_cast<unsigned long long>(lane.lost_count()),
                static_cast<unsigned long long>(lane.outstanding),
                static_cast<unsigned long long>(lane.missing),
                static_cast<unsigned long long>(lane.duplicates),
                static_cast<unsigned long long>(lane.extra));
  std::string name =
      printable(lane.gateway) + "/" + lane.epoch.substr(0, 8) + "/" + printable(lane.lane);
  if (name.size() < 34) name.resize(34, ' ');
  to += name + text;
  append_days(to, lane);
  for (const auto& [reason, count] : lane.lost) {
    to += "  lost (" + printable(reason) + "): " + std::to_string(count) + "\n";
  }
  if (lane.earlier > 0) {
    to += "  acknowledged before this database knew the lane: 1-" + std::to_string(lane.earlier) +
          "\n";
  }
  if (!lane.missing_ranges.empty()) append_ranges(to, lane);
  if (lane.forks > 0)
    to += "  contradictory envelopes refused: " + std::to_string(lane.forks) + "\n";
  if (lane.renumbered > 0) {
    to +=
        "  of these, records that come in another epoch: " + std::to_string(lane.renumbered) + "\n";
  }
}

// By addition: of rows in files alone.
void append_moved(JsonWriter& j, const VerifyReport& report) {
  const bool good = report.complete();
  j.key("verdict").string(!good ? "not_complete" : report.proved() ? "complete" : "not_proved");
  j.key("moved_files").begin_array();
  for (const std::string& file : report.moved_files) j.string(file);
  j.end_array();
}

void append_damaged(JsonWriter& j, const VerifyReport& report) {
  j.key("pieces_damaged").number(report.pieces_damaged).key("damaged").begin_array();
  for (const DamagedPiece& piece : report.damaged) {
    j.begin_object().key("file").string(piece.file).key("offset").number(piece.offset);
    j.key("rows").number(piece.rows).key("lines").number(piece.lines).end_object();
  }
  j.end_array();
}

void append_damaged(std::string& to, const DamagedPiece& piece) {
  to += "damaged: " + printable(piece.file) + " from byte " + std::to_string(piece.offset) + ": ";
  to += piece.rows == piece.lines ? std::to_string(piece.rows) + " lines are not as they landed"
                                  : std::to_string(piece.rows) + " lines landed, " +
                                        std::to_string(piece.lines) + " are there";
  to += "\n";
}

std::string verdict_of(const VerifyReport& report) {
  if (!report.complete()) return "NOT complete";
  if (report.proved()) return "complete: every record has landed once or was declared lost";
  return "NOT PROVED: " + std::to_string(report.moved_count()) + " records in " +
         std::to_string(report.files_moved) +
         " files that are away; every other one has landed once or was declared lost";
}

}  // namespace

std::string verify_json(const VerifyReport& report) {
  const Totals sum = totals(report);
  JsonWriter j;
  j.begin_object().key("schema").string("pinaflux.verify/1");
  j.key("complete").boolean(report.complete() && report.proved());
  j.key("landed").number(sum.landed).key("lost").number(sum.lost);
  j.key("earlier").number(sum.earlier).key("outstanding").number(sum.outstanding);
  j.key("missing").number(sum.missing).key("duplicates").number(sum.duplicates);
  j.key("extra").number(sum.extra).key("redelivered").number(sum.redelivered);
  j.key("forks").number(sum.forks).key("renumbered").number(sum.renumbered);
  if (report.files_moved > 0) {
    j.key("files_moved").number(report.files_moved).key("moved").number(sum.moved);
    append_moved(j, report);
  }
  if (report.pieces_damaged > 0) append_damaged(j, report);
  j.key("lanes").begin_array();
  for (const LaneReport& lane : report.lanes) append_lane(j, lane);
  j.end_array().end_object();
  return j.take() + "\n";
}

std::string verify_text(const VerifyReport& report) {
  const Totals sum = totals(report);
  std::string text =
      "gateway/epoch/lane                       landed       lost outstanding   missing"
      " duplicates   extra\n";
  for (const LaneReport& lane : report.lanes) append_lane(text, lane);
  if (report.files_moved > 0) {
    text += "not looked at, in files that are away (" + std::to_string(report.files_moved) +
            "): " + std::to_string(sum.moved) + "\n";
    for (const std::string& file : report.moved_files) text += "  " + printable(file) + "\n";
    if (report.moved_files.size() < report.files_moved) text += "  ...\n";
  }
  for (const DamagedPiece& piece : report.damaged) append_damaged(text, piece);
  if (report.damaged.size() < report.pieces_damaged) {
    text += "damaged, in all: " + std::to_string(report.pieces_damaged) + " pieces\n";
  }
  if (report.strays > 0) {
    text += "rows of no lane that is known: " + std::to_string(report.strays) + "\n";
  }
  text += verdict_of(report);
  if (sum.outstanding > 0) text += "; on the way: " + std::to_string(sum.outstanding);
  return text + "\n";
}

}  // namespace pinaflux
