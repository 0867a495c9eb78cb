#include "agent/cli/bench_rig.h"

#include <algorithm>
#include <ctime>
#include <utility>

namespace pinaflux::bench {

class Rig::Stopwatch {
 public:
  explicit Stopwatch(Rig& rig) : rig_(rig), begin_(rig.real_.now()), cpu_(cpu_used()) {}
  ~Stopwatch() {
    rig_.busy_ = rig_.busy_ + (rig_.real_.now() - begin_);
    rig_.cpu_ = rig_.cpu_ + (cpu_used() - cpu_);
  }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  static Duration cpu_used() {
    timespec t{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return Duration::seconds(t.tv_sec) + Duration::nanoseconds(t.tv_nsec);
  }

  Rig& rig_;
  Instant begin_;
  Duration cpu_;
};

Rig::Rig(const std::string& directory, std::uint64_t bytes_max, LoadKind load)
    : load_(load, shapes_) {
  options_.directory = directory;
  options_.bytes_max = bytes_max;
  options_.gateway = "bench";
  options_.lanes = {{.name = "normal"}};
  options_.sources = {"bench"};
}

Status Rig::open() {
  if (!masker_) {
    auto made = Masker::make({}, shapes_, vault_);
    if (!made) return std::unexpected(made.error());
    masker_ = std::move(*made);
  }
  std::vector<std::string> findings;
  auto opened = Spool::open(options_, files_, clock_, entropy_, findings);
  if (!opened) return std::unexpected(opened.error());
  if (!findings.empty()) return fail(Code::corrupt, "the spool was not found as it was left");
  spool_ = std::move(*opened);
  return {};
}

Status Rig::add(std::size_t count) {
  while (count > 0) {
    const std::size_t some = std::min(count, Load::kMakeMax);
    const auto raw = load_.make(some);
    const Stopwatch stopwatch(*this);
    for (const RawRecord& record : raw) {
      auto outcome = masker_->mask(record, group_.arena);
      if (!outcome.record) return fail(Code::full, "the group has no room for its records");
      group_.records[kLane].push_back(*outcome.record);
    }
    count -= some;
  }
  return {};
}

Status Rig::commit(std::uint16_t places) {
  LeaseWish wish;
  wish.envelopes[kLane] = places;
  leases_.clear();
  {
    const Stopwatch stopwatch(*this);
    Status done = spool_->commit(group_, wish, Stamp::wall(clock_.wall()), leases_);
    if (!done) return done;
  }
  group_.reset();
  for (const Lease& lease : leases_) {
    sealed_bytes_ += lease.bytes.size();
    leased_records_ += lease.range.count();
  }
  sealed_envelopes_ += leases_.size();
  if (!leases_.empty()) {
    group_.acks.push_back({kLane, leases_.back().epoch, {1, leases_.back().range.last}});
  }
  return {};
}

}  // namespace pinaflux::bench
