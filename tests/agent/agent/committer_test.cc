#include "agent/agent/committer.h"

#include <doctest/doctest.h>

#include "agent/mask/masker.h"
#include "agent/vault/vault.h"
#include "platform/base/random.h"
#include "platform/linux/clock.h"
#include "platform/linux/entropy.h"
#include "platform/linux/files.h"
#include "tests/kit/directory.h"

namespace pinaflux {
namespace {

// Runs a job when the test says so: what lies between submit and conclude can be looked at.
class HandWorker : public Worker {
 public:
  void submit(std::function<void()> job, std::function<void()> done) override {
    job_ = std::move(job);
    done_ = std::move(done);
  }
  void run() {
    job_();
    done_();
  }

 private:
  std::function<void()> job_, done_;
};

struct CommitterFixture {
  kit::TemporaryDirectory directory;
  LinuxClock clock;
  LinuxEntropy entropy;
  LinuxFiles files;
  HandWorker worker;
  Shapes shapes;
  Vault vault;
  std::unique_ptr<Masker> masker = std::move(*Masker::make({}, shapes, vault));
  std::unique_ptr<Spool> spool = open();
  int finished = 0;
  Committer committer{*spool, worker, clock, [this] { ++finished; }};
  Random random{1};
  Ticket ticket = 0;
  LeaseWish none, some;

  std::unique_ptr<Spool> open() {
    SpoolOptions options;
    options.directory = directory.path() + "/spool";
    options.bytes_max = Spool::kBytesMin;
    options.gateway = "g";
    options.lanes = {{"normal"}};
    options.sources = {"s"};
    std::vector<std::string> findings;
    return std::move(*Spool::open(options, files, clock, entropy, findings));
  }

  // Records of noise, so that a few groups fill the spool.
  void fill(int records, std::size_t bytes = 1000) {
    static constexpr std::string_view kFields[] = {"noise"};
    Group& group = committer.filling();
    for (int i = 0; i < records; ++i) {
      std::string noise;
      for (std::size_t k = 0; k < bytes; ++k) noise += static_cast<char>(random.u64());
      const Value cell = Value::text(noise);
      const auto kept =
          masker->mask({Row{shapes.intern("s", kFields), &cell, Stamp{1, 0}}}, group.arena);
      REQUIRE(kept.verdict == Masker::Verdict::kept);
      group.records[0].push_back(*kept.record);
    }
    group.receipt(0, ++ticket, static_cast<std::uint64_t>(records));
  }
  Committer::Done commit(const LeaseWish& wish) {
    committer.submit(wish, Stamp{1, 0});
    worker.run();
    auto done = committer.take_done();
    REQUIRE(done.has_value());
    return std::move(*done);
  }

  CommitterFixture() { some.envelopes[0] = 4; }
};

TEST_CASE_FIXTURE(CommitterFixture, "a receipt comes back only after the commit") {
  fill(3);
  committer.submit(none, Stamp{1, 0});
  CHECK_FALSE(committer.idle());
  CHECK_FALSE(committer.take_done().has_value());
  CHECK(finished == 0);

  worker.run();

  CHECK(finished == 1);
  const auto done = committer.take_done();
  REQUIRE(done.has_value());
  REQUIRE(done->receipts.size() == 1);
  CHECK(done->receipts[0].ticket == 1);
  CHECK(done->records[0] == 3);
  CHECK(committer.idle());
}

TEST_CASE_FIXTURE(CommitterFixture, "the other group fills while one is committed") {
  fill(3);
  committer.submit(none, Stamp{1, 0});
  fill(2);
  CHECK(committer.filling().record_count() == 2);
  worker.run();
  (void)committer.take_done();
  CHECK(committer.filling().record_count() == 2);
  const auto done = commit(none);
  CHECK(done.state.lanes[0].records_queued == 5);
}

TEST_CASE_FIXTURE(CommitterFixture, "what is asked for comes back as leases") {
  fill(3);
  const auto done = commit(some);
  REQUIRE(done.leases.size() == 1);
  CHECK(done.leases[0].range == Range{1, 3});
}

TEST_CASE_FIXTURE(CommitterFixture,
                  "a group that does not fit is kept, and goes in when an ack makes room") {
  std::vector<Lease> leased;
  Committer::Done done;
  do {
    fill(500);
    done = commit(leased.empty() ? some : none);
    for (auto& lease : done.leases) leased.push_back(std::move(lease));
  } while (done.status.has_value());
  CHECK(done.status.error().code == Code::full);
  CHECK(done.receipts.empty());
  CHECK(committer.retrying());
  const Ticket kept = ticket;
  fill(1);  // What comes in meanwhile waits behind it.

  REQUIRE_FALSE(leased.empty());
  for (std::size_t n = 0; n < 200 && committer.retrying(); ++n) {
    const Lease last = leased.back();
    committer.filling().acks.push_back({0, last.epoch, {1, last.range.last}});
    done = commit(some);
    for (auto& lease : done.leases) leased.push_back(std::move(lease));
  }

  CHECK_FALSE(committer.retrying());
  REQUIRE(done.receipts.size() == 1);
  CHECK(done.receipts[0].ticket == kept);
  CHECK(committer.filling().record_count() == 1);
}

// Counts its steps.
struct Steps : Operation {
  int left = 2;
  Result<bool> step(const Access&, Buffer& out) override {
    out.push_back('s');
    return --left > 0;
  }
};

TEST_CASE_FIXTURE(CommitterFixture,
                  "a step of an operation comes back with the state of the spool") {
  fill(3);
  commit(none);
  Steps steps;
  Buffer out;
  std::vector<bool> more;
  const auto step = [&] {
    committer.operate(steps, out, [&](Result<bool> again, SpoolState state) {
      more.push_back(again.value());
      CHECK(state.lanes[0].records_queued == 3);
    });
    CHECK(committer.operating());
    CHECK(committer.idle());
    worker.run();
    CHECK_FALSE(committer.operating());
  };

  step();
  step();

  CHECK(more == std::vector<bool>{true, false});
  CHECK(out.size() == 2);
}

}  // namespace
}  // namespace pinaflux
