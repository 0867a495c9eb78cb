// Both queues are WaitingQueues. Their entries begin with a mark that no packed record has (its source would be above 65,535), so a
// node that becomes one of another kind, or was one, takes nothing of it for its own:
//
//   asked     u32 kAsked    | packed record
//   waiting   u32 kRecord   | packed record
//             u32 kRefusal  | text why | packed record that was asked
//
// A record that is answered before the commit of its group is in no state at all: in steady state nothing of it is written but what it
// became.

#include "agent/pipeline/execd.h"

#include <algorithm>

#include "agent/pipeline/band_table.h"
#include "platform/base/text.h"

namespace pinaflux {

namespace {

constexpr std::uint32_t kAsked = 0xfffffff1, kRecord = 0xfffffff2, kRefusal = 0xfffffff3;
constexpr std::size_t kMarkBytes = 4;
constexpr std::size_t kWhyBytesMax = 200;
constexpr std::size_t kValueTextMax =
    48;  // Of a value that is no view, with what stands around it.

std::size_t line_bytes_max(const Record& record) {
  std::size_t bytes = record.shape().stream().size() * kQuestionGrowth;
  for (std::size_t i = 0; i < record.cells().size(); ++i) {
    const Value& cell = record.cells()[i];
    const std::size_t text = cell.is_view() ? cell.as_text().size() : 0;
    bytes += (record.shape().fields()[i].size() + text) * kQuestionGrowth + kValueTextMax;
  }
  return bytes;
}

bool is_sound(Bytes packed) {
  PackedRecord record(packed);
  while (record.next()) {
  }
  return !record.failed() && record.at_end();
}

std::uint64_t hash_of_shape(Bytes packed) {
  PackedRecord record(packed);
  std::string text(record.stream());
  while (record.next()) (text += '\0') += record.name();
  return stable_hash(text);
}

}  // namespace

Result<std::unique_ptr<Step>> ExecdStep::make(const Execd& options, Shapes& shapes) {
  if (options.command.empty() || !options.command.front().starts_with('/')) {
    return fail(Code::invalid, "execd: a command is an absolute path and its arguments");
  }
  if (options.in_flight_max == 0 || options.records_max == 0 || options.answer_within.ns <= 0) {
    return fail(Code::invalid, "execd: it has room for a record, and time for an answer");
  }
  if (options.in_flight_max > Execd::kInFlightMax) {
    return fail(Code::full, "execd: at most 4096 records are in flight");
  }
  return std::unique_ptr<Step>(new ExecdStep(options, shapes));
}

ExecdStep::ExecdStep(const Execd& options, Shapes& shapes)
    : options_(options),
      shapes_(shapes),
      reading_(shapes, options.records_max, options.fields_max) {}

void ExecdStep::take(const Record& record, Flow& flow) {
  if (line_bytes_max(record) > kLineBytesMax) return flow.refuse(Reason::too_large);
  pending_.push_back({record, flow.source});
}

void ExecdStep::commit() {
  for (const Pending& pending : pending_) {
    packed_.clear();
    Writer(packed_).u32(kAsked);
    pack_record(pending.record, pending.source, packed_);
    asked_.add(packed_);
    asked_bytes_ += packed_.size();
  }
  pending_.clear();
}

bool ExecdStep::holds_back() const {
  return asked_.count() >= options_.in_flight_max || asked_bytes_ >= kAskedBytes;
}

Bytes ExecdStep::record_of(Bytes entry) { return entry.subspan(kMarkBytes); }

// ---- the process

void ExecdStep::began() {
  oldest_id_ += sent_;
  sent_ = 0;
  lines_.clear();
  written_ = 0;
  line_.clear();
}

void ExecdStep::failed(std::string_view why) {
  const bool was_asked = sent_ > 0;
  began();
  if (!was_asked || ++failures_ < options_.refuse_after || options_.refuse_after == 0) return;
  wait_refusal(joined({"the process ended ", std::to_string(failures_), " times with it: ", why}));
  close_oldest();
}

void ExecdStep::refuse_all(std::string_view why) {
  began();
  while (asked_.count() > 0) {
    wait_refusal(why);
    close_oldest();
  }
}

Bytes ExecdStep::unwritten() {
  if (written_ == lines_.size()) {
    lines_.clear();
    written_ = 0;
    while (sent_ < asked_.count() && lines_.size() < kQuestionBytes) {
      append_question(oldest_id_ + sent_, record_of(asked_.at(sent_)), lines_);
      ++sent_;
    }
  }
  return as_bytes(std::string_view(lines_).substr(written_));
}

const char* ExecdStep::answered(Bytes bytes) {
  std::string_view rest = as_text(bytes);
  while (true) {
    const std::size_t end = rest.find('\n');
    const std::string_view piece = rest.substr(0, end);
    if (line_.size() + piece.size() > kAnswerBytesMax) return "a line has more than 1 MiB";
    if (end == std::string_view::npos) {
      line_ += piece;
      return nullptr;
    }
    const bool whole = line_.empty();
    if (!whole) line_ += piece;
    if (const char* why = answer(whole ? piece : std::string_view(line_))) return why;
    line_.clear();
    rest.remove_prefix(end + 1);
  }
}

const char* ExecdStep::answer(std::string_view line) {
  if (sent_ == 0) return "it answers what it was not asked";
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (const char* why = reading_.read(line, oldest_id_, oldest())) return why;
  const auto records = reading_.records();
  if (reading_.refusal()) {
    wait_refusal(*reading_.refusal());
  } else if (!std::ranges::all_of(records, [&](const Buffer& its) { return shapes_allow(its); })) {
    wait_refusal("there are more than 256 streams and lists of fields of its answers");
  } else {
    for (const Buffer& packed : records) wait_record(packed);
  }
  close_oldest();
  ++oldest_id_;
  --sent_;
  ++answers_;
  return nullptr;
}

void ExecdStep::wait_record(Bytes packed) {
  packed_.clear();
  Writer(packed_).u32(kRecord);
  append(packed_, packed);
  waiting_.add(packed_);
}

void ExecdStep::wait_refusal(std::string_view why) {
  packed_.clear();
  Writer to(packed_);
  to.u32(kRefusal);
  to.text(printable(why, kWhyBytesMax));
  to.raw(oldest());
  waiting_.add(packed_);
}

void ExecdStep::close_oldest() {
  asked_bytes_ -= asked_.front().size();
  asked_.given();
  failures_ = 0;
}

// That of the record asked, one that was given before, or one of those that there may be more.
bool ExecdStep::shapes_allow(Bytes packed) {
  const std::uint64_t hash = hash_of_shape(packed);
  const bool known = std::ranges::contains(shapes_more_, hash);
  if (!known && hash != hash_of_shape(oldest())) {
    if (shapes_more_.size() == kShapesMoreMax) return false;
    shapes_more_.push_back(hash);
  }
  return is_packed_record(packed, shapes_);
}

// ---- what waits, and the state

std::optional<Step::Given> ExecdStep::give(Arena& arena) {
  Reader from(waiting_.front());
  const bool refused = from.u32() == kRefusal;
  if (refused) refusal_ = from.text();
  auto given = unpack_record(from.raw(from.left()), shapes_, arena);
  if (given && refused) given->refused = Reason::node_failed;
  return given;
}

Bytes ExecdStep::held_in(Bytes entry) {
  Reader from(entry);
  const std::uint32_t mark = from.u32();
  if (mark != kAsked && mark != kRecord && mark != kRefusal) return entry;
  if (mark == kRefusal) (void)from.text();
  return from.raw(from.left());
}

void ExecdStep::save(std::string_view prefix, std::vector<StateEdit>& to) {
  asked_.save(std::string(prefix) + "a", to);
  waiting_.save(prefix, to);
}

void ExecdStep::snapshot(std::string_view prefix, std::vector<StateEdit>& to) const {
  asked_.snapshot(std::string(prefix) + "a", to);
  waiting_.snapshot(prefix, to);
}

void ExecdStep::restore(Bytes value) {
  const auto mark_of = [](Bytes entry) { return Reader(entry).u32(); };
  const auto is_asked = [&](Bytes entry) {
    return mark_of(entry) == kAsked && is_sound(record_of(entry));
  };
  const auto is_waiting = [&](Bytes entry) {
    Reader from(entry);
    const std::uint32_t mark = from.u32();
    if (mark == kRefusal) (void)from.text();
    if (from.failed() || (mark != kRecord && mark != kRefusal)) return false;
    return is_packed_record(from.raw(from.left()), shapes_);
  };
  const bool asked = mark_of(WaitingQueue::entry_of(value)) == kAsked;
  const std::size_t before = asked_.count();
  if (!asked) return void(waiting_.restore(value, is_waiting));
  if (asked_.restore(value, is_asked) && asked_.count() > before) {
    asked_bytes_ += asked_.at(before).size();
  }
}

}  // namespace pinaflux
