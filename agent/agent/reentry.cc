// A letter's record was masked once; it comes in again as a RawRecord, as if a source had brought it, because the
// rules may have been tightened since. Two operators who replay the same letter: the second finds it in
// entered_ until the first one's commit is done, and after that finds no letter.

#include "agent/agent/reentry.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "agent/agent/edited_record.h"

namespace pinaflux {

namespace {

constexpr std::size_t kRecordArenaBytes = 4 * 1024 * 1024;  // Of one record, opened.

// True: it need not wait.
bool stay(Replay& replay, const char* why) {
  replay.outcome = Replay::Outcome::stays;
  replay.why = why;
  return true;
}

const char* why_masked(Reason reason) {
  if (reason == Reason::unknown_field) return "a mask rule rejects it";
  if (reason == Reason::too_large) return "it is too large";
  if (reason == Reason::shapes_exhausted) return "there are too many sorts of records already";
  return "a mask rule cannot be applied to it";
}

}  // namespace

void Reentry::take(std::span<Replay> replays, Done done) {
  requests_.push_back({replays, std::move(done)});
  if (stopped_) stop();
}

void Reentry::enter(Group& group, Instant now) {
  for (Request& request : requests_) {
    while (request.next < request.replays.size()) {
      if (!enter(request.replays[request.next], group, now)) break;
      ++request.next;
    }
    if (request.next < request.replays.size()) break;
  }
  conclude();
}

// False: it waits for the next group.
bool Reentry::enter(Replay& replay, Group& group, Instant now) {
  const auto source = std::ranges::find(sources_, replay.source);
  if (source == sources_.end()) return stay(replay, "its source is not configured any more");
  if (entered_.contains(replay.letter)) return stay(replay, "it is being replayed already");
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
  const auto index = static_cast<SourceIndex>(source - sources_.begin());
  const auto entry = gatherer_.enter(raw, index, replay.letter, group, now);
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
