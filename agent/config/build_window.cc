#include <algorithm>
#include <set>

#include "agent/config/build.h"
#include "agent/config/units.h"
#include "agent/pipeline/pipeline.h"
#include "agent/pipeline/statistics.h"
#include "agent/pipeline/window_bytes.h"
#include "platform/base/text.h"

namespace pinaflux::config {

namespace {

std::string said(std::string_view name) { return "'" + printable(name, 40) + "'"; }

void check_lengths(const Reader& r, const TimeWindow& w, Findings& findings) {
  if (r.has("gap") && (r.has("every") || r.has("length"))) {
    const auto other = r.has("every") ? "every" : "length";
    findings.error(r.key_place(other), "a session has no '" + std::string(other) + "'",
                   "remove it, or remove 'gap' for windows of one length");
    return;
  }
  if ((r.has("every") && w.every.ns <= 0) || (r.has("gap") && w.gap.ns <= 0)) return;  // Said.
  if (w.every.ns == 0 && w.gap.ns == 0) {
    findings.error(r.place(), "the window has neither 'every' nor 'gap'",
                   "add every: 1m, or gap: 30s for sessions");
    return;
  }
  if (w.length.ns > 0 && w.length.ns % w.every.ns != 0) {
    findings.error(r.value_place("length"), "'length' is no multiple of 'every'",
                   "windows that overlap are put together from pieces of 'every': write " +
                       format_duration({(w.length.ns / w.every.ns + 1) * w.every.ns}));
    return;
  }
  const std::int64_t panes = panes_open_max(w);
  if (panes <= TimeWindow::kPanesMax) return;
  const bool amends = r.has("amend_for");
  const std::string figure = std::to_string(panes) + " pieces of '" +
                             (w.gap.ns > 0 ? "gap" : "every") +
                             "' would be open at once for each key, and at most 64 may be";
  findings.error(r.value_place(amends            ? "amend_for"
                               : r.has("length") ? "length"
                                                 : "lateness"),
                 amends            ? "the time in which windows are amended is too long"
                 : r.has("length") ? "the window is too long for its 'every'"
                                   : "the lateness is too long",
                 figure + ": shorten 'lateness'" + (amends ? " or 'amend_for'" : "") +
                     (r.has("length") ? " or 'length'" : "") + ", or lengthen '" +
                     (w.gap.ns > 0 ? "gap" : "every") + "'");
}

void check_amending(const Reader& r, const TimeWindow& w, Findings& findings) {
  if (w.amend_for.ns <= 0) return;  // Said, if it is there.
  if (w.gap.ns > 0) {
    findings.error(
        r.key_place("amend_for"), "a session is not given again",
        "a late record would change its begin and end: remove 'amend_for', or say every: 1m");
  }
  if (w.by_arrival) {
    findings.error(r.key_place("amend_for"), "no record is late by its arrival",
                   "remove 'amend_for', or say time: event");
  }
  if (std::ranges::contains(w.give, "time_mean")) {
    findings.error(
        r.value_place("give"), "a time_mean is not given again",
        "a late value would change the windows behind it, too: give it by a window without "
        "'amend_for'");
  }
}

void check_statistics(const Reader& r, const TimeWindow& w, Findings& findings) {
  bool of_fields = false;
  std::set<std::string> names(w.keys.begin(), w.keys.end());
  if (w.amend_for.ns > 0 && !names.insert("revision").second) {
    findings.error(r.value_place("by"), "the window would give two fields of the same name",
                   "with 'amend_for' it gives 'revision': rename the field before");
  }
  for (const std::string& name : w.give) {
    const auto statistic = Statistic::parse(name);
    if (!statistic) {
      findings.error(r.value_place("give"), "no statistic is named " + said(name),
                     "there are mean, min, max, sum, count, first, last, stddev, distinct, "
                     "time_mean and p1 to p99");
      return;
    }
    const bool count = statistic->kind == Statistic::Kind::count;
    of_fields = of_fields || !count;
    bool twice = count && !names.insert("count").second;
    for (const std::string& field : w.of) {
      twice = twice || (!count && !names.insert(field + "_" + name).second);
    }
    if (twice) {
      findings.error(
          r.value_place("give"), "the window would give two fields of the same name",
          "one of them is of " + said(name) + ": look for doubles in 'of', 'give' and 'by'");
      return;
    }
  }
  if (w.give.empty()) return;  // Said.
  if (of_fields && w.of.empty()) {
    findings.error(r.key_place("give"), "the window has no fields to look at", "add of: FIELD");
  } else if (!of_fields && !w.of.empty()) {
    findings.error(r.key_place("of"), "count is of records, not of a field",
                   "remove 'of', or give a statistic of it");
  } else if (names.size() > TimeWindow::kFieldsMax) {
    findings.error(r.key_place("of"), "the window would give more than 1024 fields",
                   "name fewer in 'of' or 'give'");
  }
}

// Of lengths and statistics that are sound.
void check_bytes(const Reader& r, const TimeWindow& w, Findings& findings) {
  const std::size_t fit = window_keys_fit(w);
  if (w.keys_max <= fit) return;
  const std::string panes = std::to_string(panes_open_max(w));
  const std::string figures =
      std::to_string(w.keys_max) + " keys x " + panes + " panes x " +
      std::to_string(window_pane_bytes(w)) +
      " bytes; 8 MiB are the most for all, and 2 MiB for one pane of each: ";
  const std::string fewer = fit == 0 ? "" : "say keys_max: " + std::to_string(fit) + ", or ";
  findings.error(
      r.has("keys_max") ? r.value_place("keys_max") : r.place(),
      "the open windows of so many keys may take too much of the disk",
      figures + fewer +
          (w.amend_for.ns > 0 ? "lower the length, the lateness, amend_for or the number of fields"
                              : "lower the length, the lateness or the number of fields"));
}

}  // namespace

TimeWindow build_window(const Reader& r, Findings& findings) {
  TimeWindow w;
  w.every = r.duration("every");
  w.length = r.duration("length");
  w.gap = r.duration("gap");
  w.of = r.texts("of");
  w.give = r.texts("give");
  w.keys = r.texts("by");
  w.lateness = r.duration("lateness");
  w.pass_late = r.text("late") == "pass";
  w.amend_for = r.duration("amend_for");
  w.by_arrival = r.text("time") == "arrival";
  w.stream = r.text("stream");
  w.keys_max = static_cast<std::size_t>(std::clamp<std::int64_t>(r.integer("keys_max"), 1, 65'536));
  if (is_own_stream(w.stream)) refuse_own_stream(r.value_place("stream"), findings);
  if (w.by_arrival && r.has("late")) {
    findings.error(r.key_place("late"), "no record is late by its arrival",
                   "remove 'late', or say time: event");
  }
  check_lengths(r, w, findings);
  check_amending(r, w, findings);
  check_statistics(r, w, findings);
  if (!findings.failed()) check_bytes(r, w, findings);
  return w;
}

}  // namespace pinaflux::config
