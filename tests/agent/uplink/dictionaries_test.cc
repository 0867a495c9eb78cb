#include <doctest/doctest.h>

#include "agent/uplink/far_dictionaries.h"
#include "tests/agent/uplink/fixture.h"

namespace pinaflux::tests {
namespace {

constexpr const char* kId = "AAAAAAAA";
constexpr const char* kOther = "BBBBBBBB";

// A lane, `normal`, that packs with a dictionary, and a collector that says what it has.
struct DictionariesFixture : UplinkFixture {
  using Ids = std::vector<std::string>;

  DictionariesFixture() { options.dictionaries = true; }
  static std::shared_ptr<const SentDictionary> dictionary(const std::string& id = kId) {
    SentDictionary made{.id = id, .message = {}};
    append(made.message, "pinaflux-dictionary/1 d=" + id);
    return std::make_shared<const SentDictionary>(std::move(made));
  }
  void offer(std::shared_ptr<const SentDictionary> its) {
    uplink->committed(1, epoch, 1000, 0, std::move(its));
  }
  void has(const Ids& ids, std::uint64_t high = 0) {
    AckMessage message = ack_of("normal", high);
    message.dictionaries = ids;
    say(message);
  }
  void open_with(const Ids& ids) {
    start();
    offer(dictionary());
    up();
    has(ids);
    ack("alarm", 0);
  }
  Lease packed(std::uint64_t first, const std::string& id = kId) const {
    Lease made = lease(1, first, first + 9);
    made.dictionary = dictionary(id);
    return made;
  }
  std::size_t sent_dictionaries() {
    const auto all = sent();
    return static_cast<std::size_t>(std::ranges::count_if(
        all, [](const std::string& text) { return text.starts_with("pinaflux-dictionary/"); }));
  }
  std::string used() const { return uplink->wish().dictionary[1]; }
};

TEST_CASE_FIXTURE(DictionariesFixture,
                  "a collector that says nothing of dictionaries is sent none") {
  start();
  offer(dictionary());
  up();
  ack("normal", 0);
  CHECK(sent_dictionaries() == 0);
  CHECK_FALSE(uplink->wish().takes_dictionaries[1]);
  CHECK(used().empty());
}

TEST_CASE_FIXTURE(DictionariesFixture, "one is told of the lane's, and it is used once it has it") {
  open_with({});
  CHECK(uplink->wish().takes_dictionaries[1]);
  CHECK(used().empty());
  REQUIRE(sent_dictionaries() == 1);
  has({kId});
  CHECK(used() == kId);
  CHECK(sent_dictionaries() == 0);
  offer(dictionary(kOther));
  CHECK(used().empty());
  has({kId});
  CHECK(sent_dictionaries() == 1);
}

TEST_CASE_FIXTURE(DictionariesFixture,
                  "what it has is not sent again, and is asked for on each connection") {
  open_with({kOther, kId});
  CHECK(used() == kId);
  CHECK(sent_dictionaries() == 0);
  down();
  CHECK(used().empty());
  wait(Duration::minutes(6));
  up();
  CHECK(used().empty());
  CHECK_FALSE(uplink->wish().takes_dictionaries[1]);
}

TEST_CASE_FIXTURE(DictionariesFixture, "nothing of them where it is not configured") {
  options.dictionaries = false;
  open_with({});
  CHECK_FALSE(uplink->wish().takes_dictionaries[1]);
  CHECK(sent_dictionaries() == 0);
  send(packed(1));  // Of before.
  CHECK(sent() == std::vector<std::string>{"pinaflux-dictionary/1 d=AAAAAAAA"});
  has({kId});
  CHECK(sent() == std::vector<std::string>{"envelope of 1-10"});
}

TEST_CASE_FIXTURE(DictionariesFixture,
                  "an envelope waits until the collector has what it was packed with") {
  open_with({});
  sent();
  send(packed(1));
  CHECK(sent().empty());
  send(lease(1, 11, 20));  // Order holds.
  CHECK(sent().empty());
  has({kId});
  CHECK(sent() == std::vector<std::string>{"envelope of 1-10", "envelope of 11-20"});
}

TEST_CASE_FIXTURE(DictionariesFixture,
                  "one that was lost on its way is sent again, ever more rarely") {
  open_with({});
  CHECK(sent_dictionaries() == 1);
  send(packed(1));
  Duration waited{};
  std::vector<std::int64_t> at;
  for (int i = 0; i < 40; ++i) {
    wait(Duration::seconds(10));
    waited = waited + Duration::seconds(10);
    if (sent_dictionaries() > 0) at.push_back(waited.ns / Duration::seconds(1).ns);
  }
  REQUIRE(at.size() >= 3);
  CHECK(at.size() <= 5);
  CHECK(at[1] - at[0] > at[0]);
  CHECK(at[2] - at[1] > at[1] - at[0]);
  CHECK(uplink->health().text.find("does not keep") != std::string::npos);
}

TEST_CASE_FIXTURE(DictionariesFixture,
                  "a collector that has lost one gets it again, and then what needs it") {
  open_with({kId});
  send(packed(1));
  CHECK(sent() == std::vector<std::string>{"envelope of 1-10"});
  has({});
  CHECK(uplink->take_lost() == std::vector<LaneIndex>{1});
  REQUIRE(sent_dictionaries() == 1);
  send(packed(1));
  CHECK(sent().empty());
  has({kId});
  CHECK(sent() == std::vector<std::string>{"envelope of 1-10"});
  ack("normal", 10);
  CHECK(highs() == std::vector<std::uint64_t>{10});
}

TEST_CASE_FIXTURE(DictionariesFixture, "what a clone's lane has says nothing of ours") {
  open_with({kId});
  AckMessage other = ack_of("normal", 0);
  other.epoch = {9};
  other.dictionaries.emplace();
  say(other);
  CHECK(used() == kId);
  CHECK(sent_dictionaries() == 0);
}

TEST_CASE_FIXTURE(DictionariesFixture,
                  "a collector that takes one and forgets it, again and again, gets it rarely") {
  open_with({});
  std::size_t count = sent_dictionaries();
  for (int i = 0; i < 100; ++i) {
    has({kId});
    has({});
    count += sent_dictionaries();
  }
  CHECK(count == 1);
  wait(options.ack_timeout);
  has({});
  CHECK(sent_dictionaries() == 1);
}

TEST_CASE_FIXTURE(DictionariesFixture,
                  "a hello that is not answered does not keep what is packed waiting") {
  start();
  up();
  send(packed(1));
  CHECK(sent().empty());
  wait(options.ack_timeout);
  const auto all = sent();
  CHECK(std::ranges::contains(all, "envelope of 1-10"));
}

TEST_CASE_FIXTURE(DictionariesFixture,
                  "a broker that acknowledges gets the dictionary before what needs it, once") {
  options.ack = UplinkOptions::Ack::broker;
  options.dictionaries = false;
  open();
  send(packed(1));
  send(packed(11));
  CHECK(sent() == std::vector<std::string>{"pinaflux-dictionary/1 d=AAAAAAAA", "envelope of 1-10",
                                           "envelope of 11-20"});
}

TEST_CASE_FIXTURE(DictionariesFixture,
                  "it is paid for out of the budget, and waits where that is used up") {
  options.budget.day = 100'000;
  open_with({});
  const std::uint64_t before = uplink->health().used_today;
  offer(dictionary(kOther));
  has({});
  CHECK(uplink->health().used_today > before + dictionary()->message.size());
}

TEST_CASE_FIXTURE(DictionariesFixture, "one that is too large for the broker is not sent") {
  start();
  offer(dictionary());
  up({.packet_bytes_max = 40});
  has({});
  CHECK(sent_dictionaries() == 0);
}

TEST_CASE_FIXTURE(
    DictionariesFixture,
    "one whose bytes are lost is not sent, and holds up nothing where the far end has it") {
  open_with({kOther});
  sent();
  Lease made = packed(1, kOther);
  made.dictionary = std::make_shared<const SentDictionary>(kOther, Buffer());
  send(std::move(made));
  CHECK(sent() == std::vector<std::string>{"envelope of 1-10"});
}

TEST_CASE_FIXTURE(DictionariesFixture, "one that is lost on both sides is said") {
  open_with({});
  Lease made = packed(1, kOther);
  made.dictionary = std::make_shared<const SentDictionary>(kOther, Buffer());
  send(std::move(made));
  CHECK(sent_dictionaries() == 1);  // The lane's own.
  CHECK(uplink->health().text.find("dictionary that is lost") != std::string::npos);
}

}  // namespace
}  // namespace pinaflux::tests
