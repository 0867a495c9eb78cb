#include "agent/spool/lane_dictionaries.h"

#include <algorithm>
#include <fstream>
#include <iterator>

#include "agent/spool/adopt.h"
#include "agent/spool/audit.h"
#include "agent/spool/export.h"
#include "agent/spool/inspect.h"
#include "agent/spool/schema.h"
#include "tests/agent/spool/dictionary_kit.h"
#include "tests/agent/spool/queue_kit.h"

namespace pinaflux::spool_kit {

namespace {

struct LaneFixture : DictionaryFixture {
  LaneFixture() { keep_dictionaries(); }
  std::int64_t dictionaries_on_disk() {
    return number("SELECT count(*) FROM states WHERE key LIKE 'dictionary/%'");
  }
  std::string give() {
    Export operation({.gateway = "", .lane = "", .version = "1", .made_s = 1});
    return answer(*spool, operation);
  }
  void check_sound() {
    Audit audit(Audit::Form::none);
    answer(*view(*this), audit);
    for (const auto& finding : audit.report().findings) FAIL_CHECK(finding.what);
  }
};

}  // namespace

TEST_CASE_FIXTURE(LaneFixture, "a far end that keeps none is sent none") {
  wish.takes_dictionaries[0] = false;
  open();
  for (int i = 0; i < 30; ++i) CHECK(send().version == 1);
  CHECK_FALSE(offered());
  CHECK(version() < schema::kVersionDictionaries);
}

TEST_CASE_FIXTURE(LaneFixture, "one is made of what leaves, and used once the far end has it") {
  open();
  tells = false;
  learn();
  const auto sent = offered();
  std::size_t alone = 0;
  for (int i = 0; i < 5; ++i) {
    CHECK(send().version == 1);
    CHECK_FALSE(leases[0].dictionary);
    alone = leases[0].bytes.size();
  }
  tells = true;
  for (int i = 0; i < 5; ++i) {
    const Header header = send();
    CHECK(header.version == 2);
    CHECK(header.dictionary == sent->id);
    CHECK(leases[0].bytes.size() < alone);
    REQUIRE(leases[0].dictionary);
    CHECK(leases[0].dictionary->id == sent->id);
    CHECK(leases[0].dictionary->message == sent->message);
  }
  CHECK(offered() == sent);
  CHECK(far.lanes[0].landed.size() == static_cast<std::size_t>(n));
  CHECK(version() == schema::kVersionDictionaries);
}

TEST_CASE_FIXTURE(LaneFixture, "another than the far end has is not used") {
  open();
  learn();
  wish.dictionary[0] = "AAAAAAAA";
  tells = false;
  CHECK(send().version == 1);
  wish.dictionary[0] = offered()->id;
  wish.takes_dictionaries[0] = false;
  CHECK(send().version == 1);
}

TEST_CASE_FIXTURE(LaneFixture, "what waits while the link is down stands alone") {
  open();
  learn();
  tell();
  wish.envelopes[0] = 0;
  for (int i = 0; i < 20; ++i) {
    add_batch();
    commit();
  }
  wish.envelopes[0] = 1;
  wish.sealed_only[0] = true;
  commit();
  REQUIRE(leases.size() == 1);
  CHECK(Opener::header(leases[0].bytes)->version == 1);
  far.take(leases);
}

TEST_CASE_FIXTURE(LaneFixture, "what is queued opens after a restart, and goes again as it was") {
  open();
  const std::vector<Lease> sent = wait_with_it();
  const auto dictionary = offered();
  SUBCASE("they are wanted") {}
  SUBCASE("they are not wanted any more") { options.dictionaries = false; }
  open();
  CHECK(findings.empty());
  REQUIRE(offered());
  CHECK(offered()->message == dictionary->message);
  wish.envelopes[0] = 8;
  wish.takes_dictionaries[0] = false;  // It has not said yet.
  wish.dictionary[0].clear();
  commit();
  REQUIRE(leases.size() == sent.size());
  for (std::size_t i = 0; i < sent.size(); ++i) {
    CHECK(leases[i].bytes == sent[i].bytes);
    REQUIRE(leases[i].dictionary);
    CHECK(leases[i].dictionary->message == dictionary->message);
  }
  check_sound();
  Peek peek("", 100);
  const std::string peeked = answer(*view(*this), peek);
  CHECK(std::ranges::count(peeked, '\n') == 3 * kBatch);
}

TEST_CASE_FIXTURE(LaneFixture,
                  "the newest stays where it is wanted, and goes where nothing needs it") {
  open();
  learn();
  const std::string id = offered()->id;
  commit();  // The last ack.
  REQUIRE(lane_state(0).records_queued == 0);
  SUBCASE("wanted") {
    open();
    REQUIRE(offered());
    CHECK(offered()->id == id);
    tell();
    CHECK(send().dictionary == id);
    CHECK(version() == schema::kVersionDictionaries);
  }
  SUBCASE("not wanted") {
    options.dictionaries = false;
    open();
    CHECK_FALSE(offered());
    CHECK(dictionaries_on_disk() == 0);
    CHECK(version() < schema::kVersionDictionaries);
  }
  SUBCASE("its lane is gone") {
    options.lanes = {{.name = "bulk"}};
    open();
    CHECK(dictionaries_on_disk() == 0);
  }
}

TEST_CASE_FIXTURE(LaneFixture, "noise makes no dictionary that pays") {
  open();
  for (int i = 0; i < 30; ++i) {
    add_noise(0, n, 10, 100);
    n += 10;
    commit();
    far.take(leases);
    ack(0, far.lanes[0].high);
  }
  CHECK_FALSE(offered());
}

TEST_CASE_FIXTURE(LaneFixture, "a lane that sends something else gets another, in time") {
  open();
  learn();
  const std::string first = offered()->id;
  for (std::size_t i = 0; i < LaneDictionaries::kRest * 2 && offered() && offered()->id == first;
       ++i)
    send(true, "water");
  CHECK_FALSE(offered());
  for (std::size_t i = 0; i < LaneDictionaries::kRest * 2 && !offered(); ++i)
    CHECK(send(true, "water").version == 1);
  REQUIRE(offered());
  CHECK(offered()->id != first);
  CHECK(send(true, "water").dictionary == offered()->id);
}

TEST_CASE_FIXTURE(LaneFixture, "one is used for no longer than the lane keeps its records") {
  options.lanes[0].keep = Duration::hours(1);
  open();
  learn();
  const std::string first = offered()->id;
  clock.advance(Duration::minutes(59));
  CHECK(send().dictionary == first);
  clock.advance(Duration::minutes(2));
  send();
  CHECK_FALSE(offered());
  CHECK(send().version == 1);
  for (std::size_t i = 0; i < LaneDictionaries::kRest * 2 && !offered(); ++i) send();
  REQUIRE(offered());
  CHECK(offered()->id != first);
  CHECK(send().dictionary == offered()->id);
}

TEST_CASE_FIXTURE(LaneFixture,
                  "one that is too old stays while something that is queued needs it") {
  options.lanes[0].keep = Duration::hours(1);
  open();
  wait_with_it();
  clock.advance(Duration::minutes(61));
  commit();
  CHECK_FALSE(offered());
  bool needed = true;
  SUBCASE("they wait") {}
  SUBCASE("they have landed") {
    ack(0, far.lanes[0].high);
    commit();
    needed = false;
  }
  CHECK(dictionaries_on_disk() == (needed ? 1 : 0));
  check_sound();
}

TEST_CASE_FIXTURE(LaneFixture, "after a start, nobody knows how old it is") {
  options.lanes[0].keep = Duration::hours(1);
  open();
  learn();
  open();
  commit();
  CHECK_FALSE(offered());
  CHECK(dictionaries_on_disk() == 0);
}

TEST_CASE_FIXTURE(LaneFixture, "an envelope that is refused is split into some that stand alone") {
  open();
  const std::vector<Lease> sent = wait_with_it(1);
  group.acks.push_back({.lane = 0,
                        .epoch = sent[0].epoch,
                        .range = sent[0].range,
                        .unproved = sent[0].hash,
                        .refused = "too_large"});
  ++wish.round[0];
  wish.envelopes[0] = 4;
  commit();
  REQUIRE(leases.size() == 2);
  for (const Lease& part : leases) {
    CHECK_FALSE(part.dictionary);
    CHECK(OpenedLease(part).rows.size() == kBatch / 2);
  }
}

TEST_CASE_FIXTURE(LaneFixture,
                  "an export begins with what its envelopes need, and another spool takes it") {
  open();
  const std::vector<Lease> sent = wait_with_it();
  const std::string stick = directory.path() + "/a.export";
  REQUIRE(files.replace(stick, give()).has_value());
  auto reader = ExportReader::open(files, stick);
  REQUIRE(reader.has_value());
  std::vector<Buffer> entries;
  for (Buffer one; (*reader)->next(one).value();) entries.push_back(one);
  REQUIRE(entries.size() == sent.size() + 1);
  CHECK(is_dictionary_message(entries[0]));
  CHECK(entries[1] == sent[0].bytes);

  spool.reset();
  options.directory = directory.path() + "/new";
  open();
  Adopt operation(std::move(*ExportReader::open(files, stick)));
  Buffer out;
  for (Result<bool> more = true; *more;) {
    more = spool->operate(operation, out);
    REQUIRE(more.has_value());
  }
  Adopt again(std::move(*ExportReader::open(files, stick)));
  for (Result<bool> more = true; *more;) {
    more = spool->operate(again, out);
    REQUIRE(more.has_value());
  }
  open();
  wish.envelopes.fill(8);
  wish.dictionary[0].clear();
  commit();
  REQUIRE(leases.size() == sent.size());
  CHECK(leases[0].bytes == sent[0].bytes);
  REQUIRE(leases[0].dictionary);
  CHECK(leases[0].dictionary->message == entries[0]);
  check_sound();
  if (options.key.empty()) CHECK(dictionaries_on_disk() == 1);
}

TEST_CASE_FIXTURE(LaneFixture, "a salvage brings dictionaries over") {
  open();
  const std::vector<Lease> sent = wait_with_it();
  spool.reset();
  execute(*this, "UPDATE lanes SET next_seq=next_seq+1");  // The queue's end is missing.
  open();
  CHECK_FALSE(findings.empty());
  wish.envelopes.fill(8);
  commit();
  REQUIRE(leases.size() >= sent.size());
  CHECK(leases[0].bytes == sent[0].bytes);
  REQUIRE(leases[0].dictionary);
  CHECK(leases[0].dictionary->message == sent[0].dictionary->message);
}

TEST_CASE_FIXTURE(LaneFixture, "an encrypted spool has nothing of them in plain text") {
  load_keys();
  options.key = "first";
  open();
  wait_with_it();
  spool.reset();
  for (const char* name : {"/spool.db", "/spool.db-wal"}) {
    std::ifstream file(options.directory + name, std::ios::binary);
    const std::string bytes(std::istreambuf_iterator<char>(file), {});
    CHECK(bytes.find("pinaflux-dictionary") == std::string::npos);
    CHECK(bytes.find("inlet_temperature") == std::string::npos);
  }
  SUBCASE("the same key") {}
  SUBCASE("another key") {
    options.key_previous = "first";
    options.key = "second";
  }
  open();
  CHECK(offered());
  check_sound();
}

namespace {

// The room alone, in plain text.
struct RoomFixture : SpoolFixture {
  LaneDictionaries room;
  std::unique_ptr<sqlite::Database> database;
  Roots roots;
  std::unique_ptr<Encryption> encryption;
  std::optional<Notes> notes;
  std::vector<Lane> lanes{Lane{.id = 1, .gateway = "pump-7", .name = "alarm"}};

  RoomFixture() {
    options.key.clear();
    open();
    spool.reset();
    auto opened = sqlite::Database::open({.path = options.directory + "/spool.db"});
    REQUIRE(opened.has_value());
    database = std::move(*opened);
    auto recognised = Encryption::recognise(*database, roots, random, 1'000, findings);
    REQUIRE(recognised.has_value());
    encryption = std::move(*recognised);
    notes.emplace(*database, *encryption);
  }
  Buffer body(std::uint64_t kind) {
    std::string text;
    for (int i = 0; i < 20; ++i)
      text += "field" + std::to_string(kind * 7919 + i * kind * 31) + ",";
    return {text.begin(), text.end()};
  }
  void make(std::uint64_t kind) {
    for (std::size_t i = 0; i < LaneDictionaries::kRest + 2 * DictionaryMaker::kBodies; ++i)
      room.sealed(lanes[0], body(kind), nullptr, false);
    REQUIRE(room.bytes_due() > 0);
  }
};

}  // namespace

TEST_CASE_FIXTURE(RoomFixture, "one that was not committed is not there, and is written again") {
  make(1);
  REQUIRE(database->begin().has_value());
  REQUIRE(room.write(*notes, lanes, 0).has_value());
  CHECK_FALSE(room.current(lanes[0]));
  database->rollback();
  room.settle(false);
  CHECK_FALSE(room.current(lanes[0]));
  CHECK(room.bytes_due() > 0);
  CHECK(notes->states()->empty());
  REQUIRE(room.write(*notes, lanes, 0).has_value());
  room.settle(true);
  REQUIRE(room.current(lanes[0]));
  CHECK(room.bytes_due() == 0);
  CHECK(notes->states()->size() == 1);
}

TEST_CASE_FIXTURE(RoomFixture,
                  "the oldest goes for a new one, unless something that is queued needs it") {
  std::vector<std::string> ids;
  const auto next = [&](std::uint64_t kind) {
    make(kind);
    REQUIRE(room.write(*notes, lanes, 0).has_value());
    room.settle(true);
  };
  const auto use_and_retire = [&] {
    const auto its = room.current(lanes[0]);
    REQUIRE(its);
    ids.push_back(its->id);
    const Dictionary* usable = room.usable(lanes[0], its->id);
    REQUIRE(usable != nullptr);
    lanes[0].at.sealed_last += 10;
    room.sealed(lanes[0], body(0), usable, true);
    for (std::size_t i = 0; i < LaneDictionaries::kMissesMax; ++i)
      room.sealed(lanes[0], body(0), usable, false);
    CHECK_FALSE(room.current(lanes[0]));
  };
  for (std::uint64_t kind = 1; kind <= limits::kDictionariesMax; ++kind) {
    next(kind);
    use_and_retire();
  }
  next(9);
  CHECK_FALSE(room.current(lanes[0]));  // The first is still needed.
  CHECK_FALSE(room.sent(lanes[0].id, ids[0])->message.empty());
  lanes[0].at.acked = 10;
  next(10);
  REQUIRE(room.current(lanes[0]));
  CHECK(room.sent(lanes[0].id, ids[0])->message.empty());
  CHECK_FALSE(room.sent(lanes[0].id, ids[1])->message.empty());
  CHECK(notes->states()->size() == limits::kDictionariesMax);
}

}  // namespace pinaflux::spool_kit
