// Nodes that make one record of several.
#include <algorithm>

#include "agent/config/build.h"
#include "agent/pipeline/key_limits.h"
#include "platform/base/text.h"

namespace pinaflux::config {

namespace {

std::string_view last_of(std::string_view stream) { return stream.substr(stream.rfind('/') + 1); }

void check_merged_streams(const Reader& r, const Merge& m, Findings& findings) {
  const Node* const list = r.node("streams");
  const auto place = [&](std::size_t i) -> Place {
    return list != nullptr && i < list->items.size() ? list->items[i].place
                                                     : r.value_place("streams");
  };
  if (m.streams.size() < 2 || m.streams.size() > kMergeStreamsMax) {
    findings.error(r.value_place("streams"), "a merge is of 2 to 16 streams",
                   "write streams: [plant/temp, plant/press]");
    return;
  }
  for (std::size_t i = 0; i < m.streams.size(); ++i) {
    const std::string& stream = m.streams[i];
    const std::string_view last = last_of(stream);
    if (stream.find_first_of("+#*") != std::string::npos) {
      findings.error(place(i), "a stream's name has no wildcards",
                     "write each stream by its name, such as plant/press");
    } else if (last.empty()) {
      findings.error(place(i), "the stream's last part is empty",
                     "its fields are named by it: rename the stream before, by a node");
    }
    for (std::size_t before = 0; before < i; ++before) {
      if (stream == m.streams[before] || last != last_of(m.streams[before])) continue;  // Said.
      findings.error(place(i), "two streams have the last part '" + printable(last, 40) + "'",
                     "their fields are named by it: rename one of the streams before, by a node");
    }
  }
}

}  // namespace

Merge build_merge(const Reader& r, Findings& findings) {
  Merge m;
  m.streams = r.texts("streams");
  m.every = r.duration("every");
  m.wait = r.duration("wait");
  m.keys = r.texts("by");
  m.stream = r.text("stream");
  m.keys_max =
      static_cast<std::size_t>(std::clamp<std::int64_t>(r.integer("keys_max"), 1, kMergeKeysMax));
  if (r.has("streams")) check_merged_streams(r, m, findings);
  if (is_own_stream(m.stream)) refuse_own_stream(r.value_place("stream"), findings);
  if (m.stream.find_first_of("+#*") != std::string::npos) {
    findings.error(r.value_place("stream"), "a stream's name has no wildcards",
                   "write a name such as plant/both");
  }
  return m;
}

}  // namespace pinaflux::config
