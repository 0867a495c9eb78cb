#include "agent/spool/purge.h"

#include "agent/spool/audit.h"
#include "tests/agent/spool/queue_kit.h"

namespace pinaflux::spool_kit {

namespace {

struct PurgeFixture : SpoolFixture {
  FarEnd far;

  // Envelopes of 10 in lane 0, times rising by a millisecond a record; then a chunk of 5.
  PurgeFixture() {
    open();
    for (int i = 0; i < 5; ++i) {
      add(0, i * 10, 10);
      wish.envelopes[0] = 1;
      commit();
      if (i < 2) far.take(leases);
    }
    ++wish.round[0];
    wish.envelopes[0] = 0;
    add(0, 50, 5);
    commit();
  }
  std::string purge(std::optional<std::int64_t> before_ns = std::nullopt) {
    Purge operation("alarm", before_ns, Purge::Form::json);
    return answer(*spool, operation);
  }
  // Sends all that is not acknowledged.
  void drain() {
    ++wish.round[0];
    far = FarEnd{};
    wish.envelopes.fill(8);
    do {
      commit();
      far.take(leases);
    } while (!leases.empty());
  }
};

}  // namespace

TEST_CASE("what was purged as JSON is the golden line") {
  CHECK(purge_json("bulk", 120, 3) ==
        R"({"schema":"pinaflux.queue.purge/1","lane":"bulk","records_purged":120,"envelopes":3})");
}

TEST_CASE_FIXTURE(PurgeFixture, "what is purged is declared lost, with its reason") {
  const std::string text = purge();
  CHECK(text.find(R"("records_purged":55)") != std::string::npos);
  CHECK(lane_state(0).records_queued == 0);
  CHECK(lane_state(0).records_shed == 55);

  drain();

  CHECK(far.lanes[0].landed.empty());
  CHECK(far.lanes[0].lost.size() == 55);
  CHECK(far.lanes[0].lost.at(55) == "purged");
}

TEST_CASE_FIXTURE(PurgeFixture, "what comes after a purge follows on, and the queue is sound") {
  purge();
  add(0, 55, 10);
  commit();
  drain();
  CHECK(far.lanes[0].lost.size() == 55);
  CHECK(far.lanes[0].landed.size() == 10);
  Audit audit(Audit::Form::none);
  answer(*spool, audit);
  CHECK(audit.report().intact());
  open();
  CHECK(findings.empty());
}

TEST_CASE_FIXTURE(PurgeFixture, "before a time only what is wholly older goes") {
  purge(25 * 1'000'000);
  drain();
  CHECK(far.lanes[0].lost.size() == 20);
  CHECK(far.lanes[0].landed.size() == 35);
  CHECK(far.lanes[0].landed.at(21) == 20);
}

TEST_CASE_FIXTURE(PurgeFixture, "a purge before everything does nothing") {
  CHECK(purge(0).find(R"("records_purged":0)") != std::string::npos);
  drain();
  CHECK(far.lanes[0].landed.size() == 55);
}

TEST_CASE_FIXTURE(PurgeFixture, "an ack for what was in flight is taken as it comes") {
  wish.envelopes[0] = 2;
  commit();
  REQUIRE(leases.size() == 2);
  const auto last = leases[1].range.last;
  purge();

  ack(0, last);
  wish.envelopes.fill(8);
  commit();

  CHECK(lane_state(0).acked == last);
  REQUIRE(leases.size() == 1);
  CHECK(leases[0].range == Range{last + 1, 55});
}

TEST_CASE_FIXTURE(PurgeFixture, "other lanes keep what they have") {
  add(1, 0, 7);
  commit();
  purge();
  CHECK(lane_state(1).records_queued == 7);
  Purge none("nosuch", std::nullopt, Purge::Form::text);
  Buffer out;
  CHECK(spool->operate(none, out).error().code == Code::not_found);
}

}  // namespace pinaflux::spool_kit
