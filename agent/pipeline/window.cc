// A key has a watermark, the highest event time less the lateness: a pane that ends there or before takes nothing
// more. So what is closed is decided by the records alone, and a closed pane can wait until a group has room.
//
//   every = 1 m, length = 3 m, lateness = 10 s, the key's highest event time is 12:04:15:
//
//   panes    12:01   12:02   12:03   12:04          closed up to 12:04:00, watermark 12:04:05
//   windows  [12:01 ............ 12:04)             ends at 12:04: given
//                    [12:02 ............ 12:05)     waits
//
// Once the window is given, 12:01 is in no window to come, and goes.

#include "agent/pipeline/window.h"

#include <algorithm>
#include <set>

#include "agent/pipeline/band_table.h"

namespace pinaflux {

namespace {

// Times and their sums with any length stay within 64 bits.
constexpr std::int64_t kTimeMax = INT64_MAX - (std::int64_t{1} << 58);
constexpr std::int64_t kDurationMax = std::int64_t{1} << 56;
// What a time may be off the turn's, beside the lateness.
constexpr std::int64_t kOffMax = 24 * 3'600 * std::int64_t{1'000'000'000};
constexpr std::int64_t kWatermarkMax = kTimeMax + kDurationMax;

std::int64_t floor_to(std::int64_t time, std::int64_t every) {
  const std::int64_t rest = time % every;
  return time - (rest < 0 ? rest + every : rest);
}

Status check_times(const TimeWindow& w) {
  for (const Duration d : {w.every, w.length, w.gap, w.lateness, w.amend_for}) {
    if (d.ns < 0 || d.ns > kDurationMax) return fail(Code::invalid, "a window's time is too long");
  }
  if ((w.every.ns > 0) == (w.gap.ns > 0) || (w.gap.ns > 0 && w.length.ns > 0)) {
    return fail(Code::invalid, "a window has `every`, or a session `gap`");
  }
  if (w.gap.ns == 0 && (window_length(w) < w.every.ns || window_length(w) % w.every.ns != 0)) {
    return fail(Code::invalid, "a window's length is a multiple of `every`");
  }
  if (panes_open_max(w) > TimeWindow::kPanesMax) {
    return fail(Code::full, "a window has more than 64 open panes");
  }
  if (w.amend_for.ns > 0 && (w.gap.ns > 0 || w.by_arrival)) {
    return fail(Code::invalid, "a session, or a window by arrival, is not given again");
  }
  return {};
}

// What stored panes mean.
std::uint64_t meaning(const TimeWindow& w, const Needs& needs) {
  std::string text = w.by_arrival ? "arrival" : "event";
  for (const Duration d : {w.every, Duration{window_length(w)}, w.gap}) {
    text += ' ' + std::to_string(d.ns);
  }
  text += ' ' + std::to_string(needs.bits());
  for (const std::string& field : w.of) (text += '\0') += field;
  text += '\1';
  for (const std::string& key : w.keys) (text += '\0') += key;
  return stable_hash(text);
}

std::vector<std::string> names_of(const TimeWindow& w) {
  std::vector<std::string> names = w.keys;
  bool counts = false;
  for (const std::string& field : w.of) {
    for (const std::string& statistic : w.give) {
      if (statistic != "count") names.push_back(field + "_" + statistic);
    }
  }
  for (const std::string& statistic : w.give) counts = counts || statistic == "count";
  if (counts) names.emplace_back("count");
  if (w.amend_for.ns > 0) names.emplace_back("revision");
  return names;
}

}  // namespace

Result<std::unique_ptr<Step>> WindowStep::make(const TimeWindow& options, Shapes& shapes) {
  if (auto s = check_times(options); !s) return std::unexpected(s.error());
  std::vector<Statistic> give;
  bool of_fields = false;
  for (const std::string& name : options.give) {
    const auto statistic = Statistic::parse(name);
    if (!statistic) return fail(Code::invalid, "a window gives an unknown statistic");
    of_fields = of_fields || statistic->kind != Statistic::Kind::count;
    give.push_back(*statistic);
  }
  if (give.empty()) return fail(Code::invalid, "a window gives a statistic");
  if (of_fields != !options.of.empty()) {
    return fail(Code::invalid, "a window has fields, and statistics of them");
  }
  if (options.amend_for.ns > 0 && Needs(give).time) {
    return fail(Code::invalid, "a mean over time is not given again");
  }
  if (options.keys_max == 0 || options.keys_max > 65'536) {
    return fail(Code::invalid, "a window has 1 to 65536 keys");
  }
  if (options.keys_max > window_keys_fit(options)) {
    return fail(Code::full, "a window's state may be more than 8 MiB, or 2 MiB in one commit");
  }
  const auto names = names_of(options);
  if (names.size() > TimeWindow::kFieldsMax)
    return fail(Code::full, "a window gives too many fields");
  if (std::set<std::string_view>(names.begin(), names.end()).size() != names.size()) {
    return fail(Code::invalid, "a window would give two fields of the same name");
  }
  return std::unique_ptr<Step>(new WindowStep(options, std::move(give), shapes));
}

WindowStep::WindowStep(const TimeWindow& options, std::vector<Statistic> give, Shapes& shapes)
    : options_(options),
      needs_(give),
      signature_(meaning(options, needs_)),
      shapes_(shapes),
      names_(names_of(options)),
      table_(options.of.size(), options.keys_max),
      merged_(options.of.size()) {
  counts_ = std::erase_if(give, [](Statistic s) { return s.kind == Statistic::Kind::count; }) > 0;
  give_ = std::move(give);
  options_.length = Duration{window_length(options)};
  for (const std::string& field : options.of) of_.emplace_back(field);
  for (const std::string& key : options.keys) keys_.emplace_back(key);
}

const Shape* WindowStep::shape_for(std::string_view stream) {
  const std::vector<std::string_view> names(names_.begin(), names_.end());
  return shapes_.intern(options_.stream.empty() ? stream : options_.stream, names);
}

const Shape* WindowStep::shape_of(const Shape& input) {
  const std::size_t id = input.id();
  if (id >= by_shape_.size()) by_shape_.resize(id + 1);
  if (by_shape_[id] == nullptr) by_shape_[id] = shape_for(input.stream());
  return by_shape_[id];
}

// Empty when it is too long.
std::string_view WindowStep::key_of(const Record& record, std::uint64_t boot) {
  KeyWriter key(scratch_);
  key.text(Type::text, record.shape().stream());
  key.number(Type::uint64, boot);
  for (Column& column : keys_) key.value(column.of(record));
  return key.full() ? std::string_view() : key.result();
}

std::int64_t WindowStep::off_max() const { return options_.lateness.ns + kOffMax; }

bool WindowStep::late(const Key& key, std::int64_t time) const {
  const std::int64_t closed = key.closing ? std::max(key.watermark, key.emitted) : key.watermark;
  if (session()) return time + options_.gap.ns <= closed;
  const std::int64_t end = floor_to(time, options_.every.ns) + options_.every.ns;
  return end + options_.amend_for.ns <= closed;
}

void WindowStep::take(const Record& record, Flow& flow) {
  const Stamp time = options_.by_arrival ? flow.moment.stamp : record.time();
  if (time.ns > kTimeMax || time.ns < -kTimeMax) return flow.refuse(Reason::bad_time);
  // Its key would be late until then.
  const Stamp turn = flow.moment.stamp;
  if (time.boot == 0 && turn.boot == 0 && time.ns - off_max() > std::min(turn.ns, kTimeMax)) {
    return flow.refuse(Reason::bad_time);
  }
  const Shape* shape = shape_of(record.shape());
  if (shape == nullptr) return flow.refuse(Reason::shapes_exhausted);
  const std::string_view key = key_of(record, time.boot);
  if (key.empty()) return flow.refuse(Reason::node_failed);
  const std::uint64_t hash = stable_hash(key);
  const Index known = table_.find(key, hash);
  if (known == WindowTable::kNone && !table_.has_room(pending_count_ + 1)) {
    return flow.refuse(Reason::node_failed);
  }
  if (known != WindowTable::kNone && !options_.by_arrival && late(table_[known], time.ns)) {
    if (options_.pass_late) return flow.emit(record, NodePort::late);
    ++pending_late_;
    return;
  }
  if (pending_count_ == pending_.size()) pending_.emplace_back();
  Pending& pending = pending_[pending_count_++];
  pending.key = key;
  pending.hash = hash;
  pending.record = record;
  pending.time = time.ns;
  pending.shape = shape;
  pending.source = flow.source;
  pending.now = flow.moment.now;
}

void WindowStep::commit() {
  for (std::size_t i = 0; i < pending_count_; ++i) absorb(pending_[i]);
  // No sooner: what was not late when it was taken finds the others of its window.
  for (std::size_t i = 0; amends() && i < pending_count_; ++i) {
    const Index key = table_.find(pending_[i].key, pending_[i].hash);
    if (key != WindowTable::kNone) drop_given(key);
  }
  late_ += pending_late_;
  discard();
}

void WindowStep::discard() {
  pending_count_ = 0;
  pending_late_ = 0;
}

void WindowStep::absorb(const Pending& pending) {
  Index index = key_for(pending);
  if (options_.by_arrival && table_[index].watermark > pending.time + off_max()) {
    index = begin_anew(index, pending);
  }
  Key& key = table_[index];
  // Arrival is never late: where the clock was set back a bit, the pane that is open takes the record.
  const std::int64_t time =
      options_.by_arrival ? std::max(pending.time, key.watermark) : pending.time;
  const bool fresh = key.watermark == WindowTable::kNever;
  key.event = fresh ? time : std::max(key.event, time);
  key.arrival = pending.now;
  key.source = pending.source;
  key.shape = pending.shape;
  const Index at = pane_for(index, time);
  Pane& pane = table_.pane(at);
  ++pane.records;
  pane.last = std::max(pane.last, time);
  const auto fields = table_.fields(at);
  for (std::size_t i = 0; i < fields.size(); ++i) {
    fields[i].add(of_[i].of(*pending.record), time, needs_, key.watermark);
  }
  key.watermark = std::max(key.watermark, key.event - options_.lateness.ns);
  if (amends()) amend(key, at);
  table_.change(index);
  table_.change_pane(at);
  if (due(key)) make_ready(index);
  due_ = std::min(due_, silent_until(key));
}

WindowStep::Index WindowStep::key_for(const Pending& pending) {
  Index index = table_.find(pending.key, pending.hash);
  if (index == WindowTable::kNone) index = table_.put(pending.key, pending.hash);
  ASSERT(index != WindowTable::kNone);
  Key& key = table_[index];
  if (key.closing) {
    key.closing = false;
    key.watermark = std::max(key.watermark, key.emitted);
  }
  table_.touch(index);
  while (table_.listed() > options_.keys_max) evict();
  return index;
}

// The clock was set back far: what the key has is given as it is, by a key that nobody finds, and it begins anew.
WindowStep::Index WindowStep::begin_anew(Index index, const Pending& pending) {
  if (!table_.has_room(1)) return index;
  table_.hide(index);
  close(index);
  index = table_.put(pending.key, pending.hash);
  ASSERT(index != WindowTable::kNone);
  table_.touch(index);
  return index;
}

void WindowStep::evict() { close(table_.least_recent()); }

void WindowStep::close(Index index) {
  table_.set_aside(index);
  Key& key = table_[index];
  key.closing = true;
  if (!due(key)) return forget(index);
  table_.change(index);
  make_ready(index);
}

// What is left of its panes was given.
void WindowStep::forget(Index index) {
  while (table_[index].oldest != WindowTable::kNone) drop_oldest(index);
  table_.remove(index);
}

WindowStep::Index WindowStep::pane_for(Index key, std::int64_t time) {
  return session() ? session_for(key, time) : fixed_pane_for(key, time);
}

WindowStep::Index WindowStep::fixed_pane_for(Index key, std::int64_t time) {
  const std::int64_t start = floor_to(time, options_.every.ns);
  Index at = table_[key].newest;
  while (at != WindowTable::kNone && table_.pane(at).start > start) at = table_.pane(at).older;
  if (at != WindowTable::kNone && table_.pane(at).start == start) return at;
  return table_.add(key, at, start);
}

// A record joins a session that it is nearer to than `gap`, and may join two of them.
WindowStep::Index WindowStep::session_for(Index key, std::int64_t time) {
  const std::int64_t gap = options_.gap.ns;
  const std::int64_t closed = table_[key].watermark;
  const auto open = [&](Index p) {
    return p != WindowTable::kNone &&
           (closed == WindowTable::kNever || table_.pane(p).last + gap > closed);
  };
  Index at = table_[key].newest;
  while (at != WindowTable::kNone && table_.pane(at).start > time) at = table_.pane(at).older;
  const Index next = at == WindowTable::kNone ? table_[key].oldest : table_.pane(at).newer;
  const bool joins_next = open(next) && table_.pane(next).start - time < gap;
  if (open(at) && time - table_.pane(at).last < gap) {
    if (joins_next) join(key, at, next);
    return at;
  }
  if (!joins_next) return table_.add(key, at, time);
  table_.pane(next).start = time;
  return next;
}

void WindowStep::join(Index key, Index pane, Index next) {
  Pane& to = table_.pane(pane);
  const Pane& from = table_.pane(next);
  to.last = std::max(to.last, from.last);
  to.records += from.records;
  for (std::size_t i = 0; i < of_.size(); ++i) {
    table_.fields(pane)[i].merge(table_.fields(next)[i], needs_);
  }
  table_.remove_pane(key, next);
}

// The first pane with a window that was not given; kNone if there is none. Those before it are kept to amend what was.
WindowStep::Index WindowStep::first_to_come(const Key& key) const {
  Index at = key.oldest;
  while (amends() && at != WindowTable::kNone &&
         table_.pane(at).start + options_.length.ns <= key.emitted) {
    at = table_.pane(at).newer;
  }
  return at;
}

// Of the windows that are to be given. Only where there is such a pane.
std::int64_t WindowStep::earliest_end(const Key& key) const {
  const Pane& pane = table_.pane(first_to_come(key));
  if (session()) return pane.last + options_.gap.ns;
  const std::int64_t end = pane.start + options_.every.ns;
  return key.emitted == WindowTable::kNever ? end : std::max(end, key.emitted + options_.every.ns);
}

bool WindowStep::due(const Key& key) const {
  if (amended_end(key) != WindowTable::kNever) return true;
  return first_to_come(key) != WindowTable::kNone &&
         (key.closing || earliest_end(key) <= key.watermark);
}

// Of the first window that still takes records, whatever waits to be given; kNever if there is none. Many panes may wait:
// those that are open are the newest.
std::int64_t WindowStep::open_end(const Key& key) const {
  const std::int64_t span = session() ? options_.gap.ns : options_.length.ns;
  const auto open = [&](Index at) {
    const Pane& pane = table_.pane(at);
    return (session() ? pane.last : pane.start) + span > key.watermark;
  };
  Index first = WindowTable::kNone;
  for (Index at = key.newest; at != WindowTable::kNone && open(at); at = table_.pane(at).older) {
    first = at;
  }
  if (first == WindowTable::kNone) return WindowTable::kNever;
  const Pane& pane = table_.pane(first);
  if (session()) return pane.last + span;
  const std::int64_t every = options_.every.ns;
  return std::max(pane.start, floor_to(key.watermark, every)) + every;
}

// What the watermark reaches next that matters; kNever: nothing.
std::int64_t WindowStep::next_change(const Key& key) const {
  const std::int64_t end = open_end(key), kept = kept_end(key);
  if (end == WindowTable::kNever || kept == WindowTable::kNever) return std::max(end, kept);
  return std::min(end, kept);
}

// When the next window closes, or is amended no more, if no record comes.
Instant WindowStep::silent_until(const Key& key) const {
  const std::int64_t end = next_change(key);
  if (end == WindowTable::kNever || key.arrival == Instant::never()) return Instant::never();
  return key.arrival + Duration{end - (key.event - options_.lateness.ns)};
}

void WindowStep::make_ready(Index index) {
  if (std::exchange(table_[index].ready, true)) return;
  ready_.push_back(index);
}

void WindowStep::next_ready() {
  table_[ready_[ready_begin_]].ready = false;
  if (++ready_begin_ < ready_.size()) return;
  ready_.clear();
  ready_begin_ = 0;
}

// A key that was to be closed, and came back before that, is due no more.
bool WindowStep::waits() {
  while (ready_begin_ < ready_.size() && !due(table_[ready_[ready_begin_]])) next_ready();
  return ready_begin_ < ready_.size();
}

void WindowStep::tick(Instant now) {
  if (now < due_) return;
  due_ = Instant::never();
  for (Index i = 0; i < table_.slots(); ++i) {
    Key& key = table_[i];
    if (key.used && key.closing && !due(key)) forget(i);  // Damage.
    if (!key.used || key.closing || key.oldest == WindowTable::kNone) continue;
    if (key.arrival == Instant::never()) key.arrival = now;
    if (now >= silent_until(key)) {
      const std::int64_t silence = std::min((now - key.arrival).ns, kWatermarkMax - key.event);
      key.watermark = std::max(key.watermark, key.event + silence - options_.lateness.ns);
      table_.change(i);
      if (amends()) drop_given(i);
      if (due(key)) make_ready(i);
      if (!amends() || silent_until(key) <= now) continue;
    }
    due_ = std::min(due_, silent_until(key));
  }
}

void WindowStep::resume(Instant now) {
  for (Index i = 0; i < table_.slots(); ++i) {
    if (table_[i].used) table_[i].arrival = now;
  }
  due_ = now;
}

}  // namespace pinaflux
