// Windows that are given again. With `amend_for` the panes of a window stay that much longer than until it is given. A record that comes for one of
// them marks its pane with the end of the first window that holds it and was given; the mark moves on from window to window until it is behind
// the last that was given, and each of these is given again:
//
//   every = 1 m, length = 3 m, amend_for = 10 m, given up to 12:06, and a record of 12:03:20 comes:
//
//   pane 12:03   amend = 12:04   [12:01 ... 12:04) again, 12:05   [12:02 ... 12:05) again, 12:06   [12:03 ... 12:06) again, and the mark goes
//
// The mark is part of the pane's state, so a crash between them neither leaves one out nor repeats one. Marks of several panes move
// together: a window that several records changed is given once.
//
// A pane goes when every window that it is in was given, and is closed for `amend_for`: no record may come for such a window any more.

#include <algorithm>

#include "agent/pipeline/window.h"

namespace pinaflux {

// When the first of the panes that can still be amended, or are open, no longer can be; kNever: there is none, or nothing is amended. As
// with open windows, it does not matter what waits to be given.
std::int64_t WindowStep::kept_end(const Key& key) const {
  const std::int64_t span = options_.length.ns + options_.amend_for.ns;
  std::int64_t end = WindowTable::kNever;
  if (!amends()) return end;
  for (Index at = key.newest; at != WindowTable::kNone; at = table_.pane(at).older) {
    if (table_.pane(at).start + span <= key.watermark) break;
    end = table_.pane(at).start + span;
  }
  return end;
}

// Of the first window that is to be given again; kNever: none is.
std::int64_t WindowStep::amended_end(const Key& key) const {
  std::int64_t first = WindowTable::kNever;
  if (!amends()) return first;
  for (Index at = key.oldest; at != WindowTable::kNone; at = table_.pane(at).newer) {
    const std::int64_t end = table_.pane(at).amend;
    if (end != WindowTable::kNever && (first == WindowTable::kNever || end < first)) first = end;
  }
  return first;
}

void WindowStep::amend(const Key& key, Index at) {
  Pane& pane = table_.pane(at);
  const std::int64_t end = pane.start + options_.every.ns;
  if (end <= key.emitted) pane.amend = end;
}

// The window that ends there was given again.
void WindowStep::amended(Index index, std::int64_t end) {
  Key& key = table_[index];
  ++key.revision;
  ++revisions_;
  for (Index at = key.oldest; at != WindowTable::kNone; at = table_.pane(at).newer) {
    Pane& pane = table_.pane(at);
    if (pane.amend != end) continue;
    const std::int64_t next = end + options_.every.ns;
    const std::int64_t last = std::min(pane.start + options_.length.ns, key.emitted);
    pane.amend = next <= last ? next : WindowTable::kNever;
    table_.change_pane(at);
  }
}

// The panes of which nothing is given any more.
void WindowStep::drop_given(Index index) {
  Key& key = table_[index];
  if (amended_end(key) != WindowTable::kNever) return;
  while (key.oldest != WindowTable::kNone) {
    const std::int64_t end = table_.pane(key.oldest).start + options_.length.ns;
    if (end > key.emitted || (amends() && end + options_.amend_for.ns > key.watermark)) return;
    drop_oldest(index);
  }
}

}  // namespace pinaflux
