// A letter's record was masked once; it comes in again as a RawRecord, as if a source had brought it, because the
// rules may have been tightened since. Two operators who replay the same letter: the second finds it in
// entered_ until the first one's commit is done, and after that finds no letter.
//
// Bytes that a source could not read are read as that source would (its format may have been mended since), whole or
// not at all: a letter that is half readable stays.

#include "agent/agent/reentry.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "agent/agent/edited_record.h"
#include "agent/ingest/format.h"

namespace pinaflux {

namespace {

constexpr std::size_t kRecordArenaBytes = 4 * 1024 * 1024;  // Of one record, opened.

// True: it need not wait.
bool stay(Replay& replay, const char* why) {
  replay.outcome = Replay::Outcome::stays;
  replay.why = why;
  return true;
}

// What kParsePadding readable bytes follow. Overwritten when it goes.
class PaddedBytes {
 public:
  explicit PaddedBytes(Bytes text) : size_(text.size()) {
    bytes_.reserve(size_ + kParsePadding);
    append(bytes_, text);
    bytes_.resize(size_ + kParsePadding);
  }
  ~PaddedBytes() { wipe(bytes_); }
  PaddedBytes(const PaddedBytes&) = delete;
  PaddedBytes& operator=(const PaddedBytes&) = delete;
  std::string_view text() const { return as_text(bytes_).substr(0, size_); }

 private:
  Buffer bytes_;
  std::size_t size_;
};

// Editors end a file with a newline, which a record's text does not need.
std::string_view without_end(std::string_view text) {
  while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

// Raw values: overwritten when it goes.
struct WipedIntake {
  explicit WipedIntake(Shapes& shapes) : intake(shapes) {}
  ~WipedIntake() { intake.reset(); }
  WipedIntake(const WipedIntake&) = delete;
  WipedIntake& operator=(const WipedIntake&) = delete;
  Intake intake;
};

const char* why_masked(Reason reason) {
  if (reason == Reason::unknown_field) return "a mask rule rejects it";
  if (reason == Reason::too_large) return "it is too large";
  if (reason == Reason::shapes_exhausted) return "there are too many sorts of records already";
  return "a mask rule cannot be applied to it";
}

const char* why_unreadable(Reason reason) {
  switch (reason) {
    case Reason::malformed: return "it still cannot be read: malformed";
    case Reason::bad_time: return "it still cannot be read: bad_time";
    case Reason::bad_type: return "it still cannot be read: bad_type";
    case Reason::duplicate_field: return "it still cannot be read: duplicate_field";
    default: return "it still cannot be read: too large, too deep, or of too many fields";
  }
}

}  // namespace

void Reentry::take(std::span<Replay> replays, Done done) {
  requests_.push_back({replays, std::move(done)});
  if (stopped_) stop();
}

void Reentry::enter(Group& group, const Moment& moment) {
  for (Request& request : requests_) {
    while (request.next < request.replays.size()) {
      if (!enter(request.replays[request.next], group, moment)) break;
      ++request.next;
    }
    if (request.next < request.replays.size()) break;
  }
  conclude();
}

// False: it waits for the next group.
bool Reentry::enter(Replay& replay, Group& group, const Moment& moment) {
  const auto source = std::ranges::find(sources_, replay.source, &SourceOptions::name);
  if (source == sources_.end()) return stay(replay, "its source is not configured any more");
  if (entered_.contains(replay.letter)) return stay(replay, "it is being replayed already");
  const auto index = static_cast<SourceIndex>(source - sources_.begin());
  return replay.raw ? enter_bytes(replay, *source, group, moment)
                    : enter_record(replay, index, group, moment);
}

bool Reentry::enter_record(Replay& replay, SourceIndex source, Group& group, const Moment& moment) {
  Opener opener;
  Arena arena(kRecordArenaBytes);
  std::vector<Row> rows;
  if (!opener.open_body(replay.body, shapes_, arena, rows) || rows.size() != 1) {
    return stay(replay, "its record is damaged");
  }
  RawRecord raw{rows[0]};
  std::optional<EditedRecord> edited;
  if (!replay.edited.empty()) {
    const auto read = edited.emplace().read(replay.edited, rows[0], shapes_);
    if (!read) return stay(replay, read.error().what);
    raw = *read;
  }
  return settle(replay, gatherer_.enter({&raw, 1}, source, replay.letter, Masker::Origin::letter,
                                        group, moment));
}

bool Reentry::enter_bytes(Replay& replay, const SourceOptions& source, Group& group,
                          const Moment& moment) {
  const auto refused = RefusedBytes::open(replay.body);
  if (!refused || refused->format > static_cast<std::uint8_t>(Format::raw)) {
    return stay(replay, "its bytes are damaged");
  }
  const PaddedBytes text(replay.edited.empty() ? refused->bytes
                                               : as_bytes(without_end(replay.edited)));
  WipedIntake read(shapes_);
  Decoder decoder(source, InstallKey{});
  Tally tally;
  decoder.begin(read.intake);
  const Payload payload{text.text(), refused->stream, refused->arrival, refused->ns_per_tick};
  const bool fits = decoder.decode(static_cast<Format>(refused->format), payload, tally);
  decoder.end(1);
  if (!fits || tally.refused > 0) return stay(replay, why_unreadable(tally.fault));
  if (read.intake.records.empty()) return stay(replay, "there is no record in it");
  return settle(replay, gatherer_.enter(read.intake.records, source.index, replay.letter,
                                        Masker::Origin::source, group, moment));
}

bool Reentry::settle(Replay& replay, const Gatherer::Entry& entry) {
  if (entry.outcome == Replay::Outcome::waits) return false;
  if (entry.outcome == Replay::Outcome::stays) return stay(replay, why_masked(entry.reason));
  replay.outcome = entry.outcome;
  replay.reason = entry.reason;
  entered_.insert(replay.letter);
  return true;
}

void Reentry::committed(std::span<const LetterId> letters) {
  for (const LetterId letter : letters) entered_.erase(letter);
  conclude();
}

void Reentry::stop() {
  stopped_ = true;
  for (Request& request : requests_) {
    for (; request.next < request.replays.size(); ++request.next) {
      stay(request.replays[request.next], "the agent is restarting: try again");
    }
  }
  conclude();
}

void Reentry::abandon(const Error& error) {
  entered_.clear();
  for (auto& request : std::exchange(requests_, {})) request.done(std::unexpected(error));
}

bool Reentry::over(const Request& request) const {
  return request.next == request.replays.size() &&
         std::ranges::none_of(request.replays, [this](const Replay& replay) {
           return replay.outcome != Replay::Outcome::stays && entered_.contains(replay.letter);
         });
}

// `done` may take() again.
void Reentry::conclude() {
  for (std::size_t i = 0; i < requests_.size();) {
    if (!over(requests_[i])) {
      ++i;
      continue;
    }
    const Done done = std::move(requests_[i].done);
    requests_.erase(requests_.begin() + static_cast<std::ptrdiff_t>(i));
    done({});
    i = 0;
  }
}

}  // namespace pinaflux
