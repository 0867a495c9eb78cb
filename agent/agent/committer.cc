#include "agent/agent/committer.h"

#include <utility>

namespace pinaflux {

Committer::Committer(Spool& spool, Worker& worker, const Clock& clock,
                     std::function<void()> finished)
    : spool_(spool), worker_(worker), clock_(clock), finished_(std::move(finished)) {}

Committer::~Committer() { ASSERT(!in_flight_ && steps_.empty()); }

void Committer::submit(const LeaseWish& wish, Stamp now) {
  ASSERT(!in_flight_ && !done_);
  if (retrying_) {
    auto& acks = filling_->acks;
    committing_->acks.insert(committing_->acks.end(), acks.begin(), acks.end());
    acks.clear();
  } else {
    std::swap(filling_, committing_);
  }
  job_ = Done{};
  job_.wish = wish;
  in_flight_ = true;
  worker_.submit([this, now] { commit(now); }, [this] { conclude(); });
}

// On the storage worker: the only place that touches the spool while the agent runs.
void Committer::commit(Stamp now) {
  const Instant begin = clock_.now();
  job_.status = spool_.commit(*committing_, job_.wish, now, job_.leases);
  job_.took = clock_.now() - begin;
  job_.state = spool_.state();
}

void Committer::conclude() {
  in_flight_ = false;
  retrying_ = !job_.status.has_value();
  if (!retrying_) {
    job_.receipts = committing_->receipts;
    job_.replayed = committing_->replayed;
    for (const auto& lane : committing_->records) job_.records.push_back(lane.size());
    committing_->reset();
  }
  done_ = std::move(job_);
  finished_();
}

void Committer::operate(Operation& operation, Buffer& out, StepDone done) {
  steps_.push_back(std::make_unique<Step>());
  Step* step = steps_.back().get();
  step->done = std::move(done);
  worker_.submit(
      [this, &operation, &out, step] {
        step->more = spool_.operate(operation, out);
        step->state = spool_.state();
      },
      [this] {
        const std::unique_ptr<Step> first = std::move(steps_.front());
        steps_.pop_front();
        first->done(first->more, std::move(first->state));
      });
}

std::optional<Committer::Done> Committer::take_done() { return std::exchange(done_, std::nullopt); }

}  // namespace pinaflux
