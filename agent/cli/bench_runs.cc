#include "agent/cli/bench_runs.h"

#include <algorithm>
#include <array>

#include "agent/cli/bench_rig.h"
#include "agent/data/limits.h"
#include "agent/uplink/uplink.h"
#include "platform/base/random.h"
#include "platform/linux/clock.h"

namespace pinaflux::bench {

namespace {

constexpr std::size_t kMessagesPerSecond = 200;
constexpr int kStatePieces = 16;
constexpr std::size_t kStatePieceBytes = 64;  // Key and value.
constexpr auto kWindow = static_cast<std::uint16_t>(UplinkOptions{}.window);
constexpr std::uint64_t kSpoolBytes = SpoolOptions{}.bytes_max;
constexpr std::uint64_t kLargeSpoolBytes = 2 * kGibibyte;

double number(auto value) { return static_cast<double>(value); }

// What was written since it was made.
class Writing {
 public:
  explicit Writing(const Rig& rig) : rig_(rig), counts_(rig.file_counts()) {}
  void tell(double records, Numbers& out) const {
    const sqlite::FileCounts now = rig_.file_counts();
    out["written"] = number(written_bytes() - written_);
    out["handed"] = number(now.bytes_written - counts_.bytes_written);
    out["syncs"] = number(now.syncs - counts_.syncs);
    out["records"] = records;
    out["sealed"] = number(rig_.sealed_bytes());
    out["envelopes"] = number(rig_.sealed_envelopes());
    out["busy_s"] = rig_.busy().seconds();
    out["cpu_s"] = rig_.cpu().seconds();
  }

 private:
  const Rig& rig_;
  sqlite::FileCounts counts_;
  std::uint64_t written_ = written_bytes();
};

Buffer random_bytes(Random& random, std::size_t count) {
  Buffer bytes(count);
  for (auto& b : bytes) b = static_cast<std::uint8_t>(random.u64());
  return bytes;
}

void add_states(Group& group, Random& random) {
  for (int i = 0; i < kStatePieces; ++i) {
    const std::string key = "pipeline/deadband/pump-" + std::to_string(10 + i);
    group.states.push_back({key, random_bytes(random, kStatePieceBytes - key.size())});
  }
}

std::string redelivery_key(int second) {
  char key[32];
  std::snprintf(key, sizeof key, "row/%016x", static_cast<unsigned>(second));
  return key;
}

void add_redelivery(Group& group, int second, Random& random) {
  group.cursors.push_back(
      {0, redelivery_key(second), random_bytes(random, 1 + kMessagesPerSecond * 10)});
  if (second > 0) group.cursors.push_back({0, redelivery_key(second - 1), {}, true});
}

Status drain_all(Rig& rig, Meter& progress) {
  const double queued = number(std::max<std::uint64_t>(rig.lane().records_queued, 1));
  while (rig.lane().records_queued > 0) {
    const std::uint64_t before = rig.lane().records_queued;
    if (Status s = rig.commit(kWindow); !s) return s;
    if (rig.group().acks.empty() && rig.lane().records_queued == before) {
      return fail(Code::internal, "the backlog does not drain");
    }
    progress.at(1 - number(rig.lane().records_queued) / queued);
  }
  return {};
}

// With a second of load between.
Status commit_some(Rig& rig, std::size_t records, std::uint16_t places) {
  rig.clock().advance(Duration::seconds(1));
  if (Status s = rig.add(records); !s) return s;
  return rig.commit(places);
}

}  // namespace

Status steady(const std::string& directory, int minutes, bool redelivery, Numbers& out,
              Meter& progress) {
  Rig rig(directory, kSpoolBytes, LoadKind::messages);
  Random random(2);
  if (Status s = rig.open(); !s) return s;
  const Writing writing(rig);
  const int seconds = minutes * 60;
  for (int second = 0; second < seconds; ++second) {
    add_states(rig.group(), random);
    rig.group().cursors.push_back({0, "position", random_bytes(random, 16)});
    if (redelivery) add_redelivery(rig.group(), second, random);
    if (Status s = commit_some(rig, kMessagesPerSecond, kWindow); !s) return s;
    progress.at(number(second) / seconds);
  }
  if (Status s = rig.commit(kWindow); !s) return s;
  rig.close();
  writing.tell(number(rig.leased_records()), out);
  out["seconds"] = seconds;
  return {};
}

Status bulk(const std::string& directory, std::size_t records, bool link, Numbers& out,
            Meter& progress) {
  Rig rig(directory, kSpoolBytes, LoadKind::meter);
  if (Status s = rig.open(); !s) return s;
  const Writing writing(rig);
  for (std::size_t done = 0; done < records; done += limits::kGroupRecordsFull) {
    const std::size_t count = std::min(limits::kGroupRecordsFull, records - done);
    if (Status s = commit_some(rig, count, link ? kWindow : 0); !s) return s;
    progress.at(number(done) / number(records));
  }
  if (Status s = drain_all(rig, progress); !s) return s;
  rig.close();
  writing.tell(number(records), out);
  return {};
}

Status durable(const std::string& directory, std::size_t group, double seconds, Numbers& out,
               Meter& progress) {
  Rig rig(directory, kSpoolBytes, LoadKind::meter);
  if (Status s = rig.open(); !s) return s;
  const Writing writing(rig);
  const LinuxClock real;
  const Instant begin = real.now();
  double records = 0;
  for (int commits = 0; commits < 4 || (real.now() - begin).seconds() < seconds; ++commits) {
    if (Status s = commit_some(rig, group, kWindow); !s) return s;
    records += number(group);
    progress.at((real.now() - begin).seconds() / seconds);
  }
  writing.tell(records, out);
  out["records_per_s"] = records / rig.busy().seconds();
  return {};
}

Status fill(const std::string& directory, LoadKind kind, std::size_t records, std::uint64_t bytes,
            Numbers& out, Meter& progress) {
  const bool large = bytes > 0;
  Rig rig(directory, large ? kLargeSpoolBytes : kSpoolBytes, kind);
  if (Status s = rig.open(); !s) return s;
  const Writing writing(rig);
  const std::size_t most = kind == LoadKind::noise ? 2'500 : limits::kGroupRecordsFull;
  std::size_t done = 0;
  while (done < records || rig.lane().bytes_queued < bytes) {
    const std::size_t count = large ? most : std::min(most, records - done);
    if (Status s = commit_some(rig, count, 0); !s) return s;
    done += count;
    progress.at(large ? number(rig.lane().bytes_queued) / number(bytes)
                      : number(done) / number(records));
  }
  const LaneState lane = rig.lane();
  rig.close();
  writing.tell(number(lane.records_queued), out);
  out["queued"] = number(lane.bytes_queued);
  out["records_per_s"] = number(lane.records_queued) / rig.busy().seconds();
  return {};
}

Status peak(const std::string& directory, Numbers& out, Meter& progress) {
  Rig rig(directory, kSpoolBytes, LoadKind::meter);
  if (Status s = rig.open(); !s) return s;
  out["records"] = number(rig.lane().records_queued);
  for (int i = 0; i < 100; ++i) {
    if (Status s = commit_some(rig, kMessagesPerSecond, 0); !s) return s;
    progress.at(number(i) / 110);
  }
  if (Status s = commit_some(rig, limits::kGroupRecordsFull, 0); !s) return s;
  for (int i = 0; i < 5; ++i) {
    if (Status s = rig.commit(kWindow); !s) return s;
    rig.drop_acks();
  }
  out["kb"] = peak_kb();
  return {};
}

Status start(const std::string& directory, Numbers& out, Meter& progress) {
  const LinuxClock real;
  out["cached"] = drop_from_cache(directory + "/spool.db");
  std::ignore = drop_from_cache(directory + "/spool.db-wal");
  for (const char* name : {"first_ms", "second_ms"}) {
    Rig rig(directory, kLargeSpoolBytes, LoadKind::messages);
    const Instant begin = real.now();
    if (Status s = rig.open(); !s) return s;
    out[name] = (real.now() - begin).seconds() * 1000;
    out["queued"] = number(rig.lane().bytes_queued);
    out["records"] = number(rig.lane().records_queued);
    rig.close();
    progress.at(0.5);
  }
  out["kb"] = peak_kb();
  return {};
}

Status drain(const std::string& directory, Numbers& out, Meter& progress) {
  Rig rig(directory, kSpoolBytes, LoadKind::meter);
  if (Status s = rig.open(); !s) return s;
  const Writing writing(rig);
  const double records = number(rig.lane().records_queued);
  if (Status s = drain_all(rig, progress); !s) return s;
  if (number(rig.leased_records()) != records) {
    return fail(Code::internal, "not every record of the backlog was leased once");
  }
  writing.tell(records, out);
  out["records_per_s"] = records / rig.busy().seconds();
  return {};
}

}  // namespace pinaflux::bench
