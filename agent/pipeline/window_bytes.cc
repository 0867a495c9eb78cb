#include "agent/pipeline/window_bytes.h"

#include <algorithm>
#include <vector>

#include "agent/pipeline/statistics.h"

namespace pinaflux {

namespace {

std::int64_t round_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

}  // namespace

std::int64_t window_length(const TimeWindow& w) {
  return w.length.ns > 0 ? w.length.ns : w.every.ns;
}

std::int64_t panes_open_max(const TimeWindow& w) {
  if (w.gap.ns > 0) return round_up(w.lateness.ns, w.gap.ns) + 2;
  return window_length(w) / w.every.ns + round_up(w.lateness.ns, w.every.ns) +
         round_up(w.amend_for.ns, w.every.ns) + 1;
}

std::size_t window_pane_bytes(const TimeWindow& w) {
  std::vector<Statistic> give;
  for (const std::string& name : w.give) {
    if (const auto statistic = Statistic::parse(name)) give.push_back(*statistic);
  }
  const std::size_t head = w.amend_for.ns > 0 ? 58 : 48;
  // Without lateness, the newest two: the older one is settled by the next.
  const std::size_t samples = w.lateness.ns == 0 ? 2 : TimeMean::kSamplesMax;
  return head + w.of.size() * Needs(give).bytes_max(samples);
}

std::size_t window_keys_fit(const TimeWindow& w) {
  const std::size_t pane = window_pane_bytes(w);
  return std::min(kWindowCommitBytesMax / pane,
                  kWindowBytesMax / (pane * static_cast<std::size_t>(panes_open_max(w))));
}

}  // namespace pinaflux
