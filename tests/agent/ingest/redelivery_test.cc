#include "agent/ingest/redelivery.h"

#include <doctest/doctest.h>

namespace pinaflux {
namespace {

using Verdict = Redelivery::Verdict;
using Ids = std::vector<std::uint16_t>;

struct RedeliveryFixture {
  Redelivery seen;
  std::vector<Cursor> rows;
  std::uint64_t serial = 0;
  Ticket ticket = 0;

  RedeliveryFixture() { seen.connected(true); }
  Verdict arrive(std::uint16_t id, std::uint64_t hash, bool duplicate = false) {
    return seen.arrived(id, hash, duplicate, ++serial);
  }
  // What arrived last under these ids goes into one parcel.
  Ticket parcel(std::initializer_list<std::pair<std::uint16_t, std::uint64_t>> messages) {
    for (const auto& [id, s] : messages) seen.in_parcel(id, s);
    std::string key;
    Buffer value;
    ++ticket;
    if (seen.row(ticket, key, value)) rows.push_back({key, value});
    return ticket;
  }
  Ids commit(Ticket t) {
    Ids acks;
    seen.committed(t, acks);
    return acks;
  }
};

TEST_CASE_FIXTURE(RedeliveryFixture, "messages are acknowledged in order after their commit") {
  CHECK(arrive(1, 10) == Verdict::fresh);
  CHECK(arrive(2, 20) == Verdict::fresh);
  CHECK(commit(parcel({{1, 1}, {2, 2}})) == Ids{1, 2});
  CHECK(commit(ticket).empty());
}

TEST_CASE_FIXTURE(RedeliveryFixture, "redelivered before its commit: acknowledged with it, here") {
  arrive(1, 10);
  const Ticket t = parcel({{1, 1}});
  seen.connected(true);
  CHECK(arrive(1, 10, true) == Verdict::pending);
  CHECK(commit(t) == Ids{1});
}

TEST_CASE_FIXTURE(RedeliveryFixture, "committed but not redelivered yet: not acknowledged here") {
  arrive(1, 10);
  const Ticket t = parcel({{1, 1}});
  seen.connected(true);
  CHECK(commit(t).empty());
  CHECK(arrive(1, 10, true) == Verdict::stored);
}

TEST_CASE_FIXTURE(RedeliveryFixture, "redelivered after a restart: known from its row") {
  arrive(1, 10);
  arrive(700, 70);
  parcel({{1, 1}, {700, 2}});
  Redelivery after;
  after.restore(rows);
  after.connected(true);
  CHECK(after.unsettled());
  CHECK(after.arrived(1, 10, true, 1) == Verdict::stored);
  CHECK(after.arrived(700, 70, true, 2) == Verdict::stored);
  CHECK(after.arrived(2, 10, true, 3) == Verdict::fresh);
}

TEST_CASE_FIXTURE(RedeliveryFixture, "what was not committed before the restart is stored") {
  arrive(1, 10);
  Redelivery after;
  after.restore({});
  after.connected(true);
  CHECK(after.arrived(1, 10, true, 1) == Verdict::fresh);
}

TEST_CASE_FIXTURE(RedeliveryFixture, "a packet id that is used again names a new message") {
  arrive(1, 10);
  commit(parcel({{1, 1}}));
  CHECK(arrive(1, 11) == Verdict::fresh);  // Another content.
  commit(parcel({{1, 2}}));
  CHECK(arrive(1, 11) == Verdict::fresh);  // The same content, sent for the first time.
  commit(parcel({{1, 3}}));
  CHECK(arrive(1, 12, true) == Verdict::fresh);  // Sent again, but never seen.
}

TEST_CASE_FIXTURE(RedeliveryFixture,
                  "without the flag, an id never acknowledged is the same message") {
  arrive(1, 10);
  seen.connected(true);
  CHECK(arrive(1, 10, false) == Verdict::pending);
}

TEST_CASE_FIXTURE(RedeliveryFixture, "without a session everything is forgotten") {
  arrive(1, 10);
  const Ticket t = parcel({{1, 1}});
  arrive(2, 20);
  commit(parcel({{2, 2}}));
  seen.connected(false);
  CHECK(commit(t).empty());
  CHECK(arrive(1, 10, true) == Verdict::fresh);
  CHECK(arrive(2, 20, true) == Verdict::fresh);
  CHECK(seen.take_proven().size() == 2);
}

TEST_CASE_FIXTURE(RedeliveryFixture,
                  "a row is erased once a PINGRESP proves its acknowledgements") {
  arrive(1, 10);
  commit(parcel({{1, 1}}));
  const std::uint64_t checkpoint = seen.checkpoint();
  arrive(2, 20);
  commit(parcel({{2, 2}}));
  CHECK(seen.unproven());
  CHECK(seen.take_proven().empty());
  seen.proven(checkpoint);
  const auto keys = seen.take_proven();
  REQUIRE(keys.size() == 1);
  CHECK(keys[0] == rows[0].key);
  CHECK(arrive(1, 10, true) == Verdict::fresh);
  CHECK(arrive(2, 20, true) == Verdict::stored);
}

TEST_CASE_FIXTURE(RedeliveryFixture, "an old proof says nothing about a later connection") {
  arrive(1, 10);
  commit(parcel({{1, 1}}));
  seen.connected(true);
  seen.proven(seen.checkpoint());
  CHECK(arrive(1, 10, true) == Verdict::stored);
  seen.proven(seen.checkpoint());
  CHECK(seen.take_proven().size() == 1);
}

TEST_CASE_FIXTURE(RedeliveryFixture, "what did not come again after settling is forgotten") {
  arrive(1, 10);
  arrive(2, 20);
  commit(parcel({{1, 1}, {2, 2}}));
  seen.connected(true);
  CHECK(arrive(2, 20, true) == Verdict::stored);
  seen.settled();
  CHECK(seen.take_proven().empty());
  CHECK_FALSE(seen.unsettled());
  seen.proven(seen.checkpoint());
  CHECK(seen.take_proven().size() == 1);
}

TEST_CASE_FIXTURE(RedeliveryFixture,
                  "a row whose every id is used again is kept until there is proof") {
  arrive(1, 10);
  arrive(2, 20);
  commit(parcel({{1, 1}, {2, 2}}));
  arrive(1, 11);
  arrive(2, 21);
  CHECK(seen.take_proven().empty());
  seen.proven(seen.checkpoint());
  CHECK(seen.take_proven() == std::vector<std::string>{rows[0].key});
}

// As Mosquitto 2.0 does with max_inflight_messages 0, against MQTT 5.0 section 2.2.1.
TEST_CASE_FIXTURE(RedeliveryFixture, "messages that wait under one id at a time are told apart") {
  arrive(7, 10);
  commit(parcel({{7, 1}}));
  arrive(7, 11);
  commit(parcel({{7, 2}}));
  Redelivery after;
  after.restore(rows);
  std::uint64_t last = 2;
  for (int connection = 0; connection < 3; ++connection) {
    after.connected(true);
    CHECK(after.arrived(7, 10, true, ++last) == Verdict::stored);
    CHECK(after.arrived(7, 11, true, ++last) == Verdict::stored);
    CHECK(after.arrived(7, 12, true, ++last) ==
          (connection == 0 ? Verdict::fresh : Verdict::pending));
  }
  after.proven(after.checkpoint());
  CHECK(after.take_proven().size() == 2);
  CHECK(after.arrived(7, 10, true, ++last) == Verdict::fresh);
}

TEST_CASE("rows that cannot be read are erased, not believed") {
  Redelivery seen;
  seen.restore({{"row/0000000000000001", {9, 9}}, {"row/x", {1}}, {"other", {}}});
  seen.connected(true);
  CHECK(seen.arrived(1, 10, true, 1) == Verdict::fresh);
  CHECK(seen.take_proven() == std::vector<std::string>{"row/0000000000000001"});
}

TEST_CASE_FIXTURE(RedeliveryFixture, "the bytes of a row are fixed for ever") {
  arrive(0x0102, 0x1112131415161718);
  parcel({{0x0102, 1}});
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].key == "row/0000000000000001");
  CHECK(rows[0].value == Buffer{1, 2, 1, 0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11});
}

}  // namespace
}  // namespace pinaflux
