#include "agent/data/replay_job.h"

#include <algorithm>

#include "platform/base/json_writer.h"

namespace pinaflux {

namespace {
constexpr std::uint8_t kFormat = 1;
}  // namespace

Buffer ReplayJob::pack() const {
  Buffer packed;
  Writer to(packed);
  to.u8(kFormat);
  to.varint(number);
  to.signed_varint(since_ns);
  to.u8(all ? 1 : 0);
  to.varint(next);
  to.varint(last);
  to.signed_varint(clock_ns);
  to.signed_varint(age_s);
  to.varint(records);
  to.varint(refused);
  to.varint(gone);
  to.varint(untimed);
  to.varint(results);
  to.u8(done ? 1 : 0);
  return packed;
}

std::optional<ReplayJob> ReplayJob::open(Bytes packed) {
  Reader from(packed);
  if (from.u8() != kFormat) return std::nullopt;
  ReplayJob job;
  job.number = from.varint();
  job.since_ns = from.signed_varint();
  job.all = from.u8() != 0;
  job.next = from.varint();
  job.last = from.varint();
  job.clock_ns = from.signed_varint();
  job.age_s = from.signed_varint();
  job.records = from.varint();
  job.refused = from.varint();
  job.gone = from.varint();
  job.untimed = from.varint();
  job.results = from.varint();
  job.done = from.u8() != 0;
  if (from.failed() || from.left() != 0 || job.next == 0) return std::nullopt;
  return job;
}

std::optional<ReplayJob> ReplayJob::last_of(const std::vector<StateEdit>& states) {
  const auto its = std::ranges::find(states, std::string_view(kKey), &StateEdit::key);
  return its == states.end() ? std::nullopt : open(its->value);
}

std::string replay_json(const ReplayJob& job) {
  JsonWriter j;
  j.begin_object().key("schema").string("pinaflux.queue.replay/1");
  j.key("correction").number(job.number);
  j.key("records").number(job.records).key("refused").number(job.refused);
  j.key("gone").number(job.gone).key("untimed").number(job.untimed);
  j.key("results").number(job.results).end_object();
  return j.take();
}

std::string replay_text(const ReplayJob& job) {
  std::string text = "replay " + std::to_string(job.number) + ": " + std::to_string(job.records) +
                     " records went through the pipeline again, " + std::to_string(job.results) +
                     " results have correction=" + std::to_string(job.number) + "\n";
  if (job.refused > 0) {
    text += std::to_string(job.refused) +
            " records were refused; they stay in the raw lane: mend the configuration, then replay "
            "again\n";
  }
  if (job.untimed > 0) {
    text += std::to_string(job.untimed) +
            " records were taken before the clock was right, so nobody knows whether they are that "
            "old: --all replays them, too\n";
  }
  if (job.gone > 0) {
    text += std::to_string(job.gone) +
            " records are not there any more: their time was over, their source is not configured, "
            "or they do not open\n";
  }
  return text;
}

}  // namespace pinaflux
