#include "agent/spool/raw_operations.h"

#include <algorithm>

#include "agent/data/raw_lane.h"
#include "agent/spool/inspect.h"
#include "agent/spool/store.h"

namespace pinaflux {

namespace {

constexpr std::int64_t kJobBytes = 4096;

const Lane* raw_lane(const Store& store) {
  const auto lane = std::ranges::find(store.lanes, kRawLane, &Lane::name);
  return lane == store.lanes.end() ? nullptr : &*lane;
}

Result<std::optional<ReplayJob>> last_job(const Access& access) {
  const auto states = access.store.notes->states();
  if (!states) return std::unexpected(states.error());
  return ReplayJob::last_of(*states);
}

}  // namespace

std::int64_t BeginReplay::bytes_written(const Access&) const { return begun_ ? 0 : kJobBytes; }

Result<bool> BeginReplay::step(const Access& access, Buffer& out) {
  if (!begun_) {
    if (Status s = begin(access); !s) return std::unexpected(s.error());
    return begun_ = true;
  }
  const auto job = last_job(access);
  if (!job) return std::unexpected(job.error());
  if (!*job || !(*job)->done) {
    return fail(Code::unsupported, "no agent runs here: it replays when it starts");
  }
  reported_ = true;
  append(out, form_ == Form::json ? replay_json(**job) + "\n" : replay_text(**job));
  return false;
}

Status BeginReplay::begin(const Access& access) {
  const Lane* const lane = raw_lane(access.store);
  if (lane == nullptr) {
    return fail(Code::not_found,
                "no source keeps its records: say `keep: raw` of those that are to be replayed");
  }
  const auto before = last_job(access);
  if (!before) return std::unexpected(before.error());
  if (*before && !(*before)->done) {
    return fail(Code::busy, "a replay is going on: wait until it has ended");
  }
  job_.number = *before ? (*before)->number + 1 : 1;
  job_.since_ns = since_ns_.value_or(0);
  job_.all = !since_ns_;
  job_.next = lane->at.acked + 1;
  job_.last = lane->at.next_seq - 1;
  return access.store.notes->put({Note::Kind::state, "", ReplayJob::kKey, job_.pack()});
}

Result<bool> ReadRaw::step(const Access& access, Buffer& out) {
  const Lane* const lane = raw_lane(access.store);
  range_ = {job_.next, job_.next - 1};
  for (std::size_t i = 0; i < kStepEntries && range_.last < job_.last; ++i) {
    const std::uint64_t next = range_.last + 1;
    const auto entry = lane == nullptr ? Result<std::optional<Entry>>(std::nullopt)
                                       : covering(*access.store.queue, lane->id, next);
    if (!entry) return std::unexpected(entry.error());
    if (!*entry || (*entry)->range.first > job_.last) {
      range_ = {next, job_.last};
      gone_ += range_.count();
      return false;
    }
    range_ = (*entry)->range;
    const std::uint64_t left = std::min(range_.last, job_.last) - std::max(range_.first, next) + 1;
    if (!job_.all && (*entry)->boot == 0 && (*entry)->time_last < job_.since_ns) continue;
    if ((*entry)->kind == Kind::tombstone) {
      gone_ += left;
      continue;
    }
    chunk_ = (*entry)->kind == Kind::chunk;
    age_s_ = (*entry)->age;
    if (Status s = access.store.queue->body_or_nothing(**entry, out); !s) {
      return std::unexpected(s.error());
    }
    if (!out.empty()) return false;
    gone_ += left;
  }
  return false;
}

}  // namespace pinaflux
