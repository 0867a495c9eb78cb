#include "agent/collector/collector.h"

#include <deque>

#include "agent/collector/status.h"
#include "agent/collector/verify.h"
#include "platform/linux/files.h"
#include "tests/agent/collector/packed.h"

using namespace pinaflux;
using namespace pinaflux::collector_kit;

namespace {

struct HandClock final : Clock {
  Instant now() const override { return now_; }
  WallTime wall() const override { return {kNoon}; }
  bool synchronised() const override { return synchronised_; }
  std::uint64_t boot() const override { return 7; }
  Instant now_{1};
  bool synchronised_ = true;
};

// Timers that fire when the test says so.
class HandLoop final : public Loop {
 public:
  std::unique_ptr<Timer> timer(std::function<void()> fired) override {
    return std::make_unique<HandTimer>(*this, std::move(fired));
  }
  void post(std::function<void()> function) override { function(); }
  void run(std::function<bool()> turn) override { (void)turn(); }
  void stop() override {}
  // Every timer that was started.
  void fire() {
    const auto due = std::exchange(armed_, {});
    for (auto* timer : due) timer->fired();
  }
  std::size_t armed() const { return armed_.size(); }

 private:
  class HandTimer final : public Timer {
   public:
    HandTimer(HandLoop& loop, std::function<void()> fired)
        : loop_(loop), fired_(std::move(fired)) {}
    ~HandTimer() override { stop(); }
    void start(Duration) override {
      stop();
      loop_.armed_.push_back(this);
    }
    void stop() override { std::erase(loop_.armed_, this); }
    void fired() { fired_(); }

   private:
    HandLoop& loop_;
    std::function<void()> fired_;
  };
  std::vector<HandTimer*> armed_;
};

// Jobs that run when the test says so.
struct HandWorker final : Worker {
  void submit(std::function<void()> job, std::function<void()> done) override {
    jobs.emplace_back(std::move(job), std::move(done));
  }
  bool work() {
    if (jobs.empty()) return false;
    auto [job, done] = std::move(jobs.front());
    jobs.pop_front();
    job();
    done();
    return true;
  }
  std::deque<std::pair<std::function<void()>, std::function<void()>>> jobs;
};

struct Wire {
  std::vector<std::uint16_t> acked;
  std::vector<std::pair<std::string, AckMessage>> published;
  std::vector<std::string> filters;
  bool full = false, paused = false, disconnected = false;
  int version = 0;
  mqtt::Session::Events* events = nullptr;
};

class HandSession final : public mqtt::Session {
 public:
  explicit HandSession(Wire& wire) : wire_(wire) {}
  void subscribe(std::string_view filter, int, int) override { wire_.filters.emplace_back(filter); }
  void ack(std::uint16_t packet_id) override { wire_.acked.push_back(packet_id); }
  Result<std::uint16_t> publish(std::string_view topic, Bytes payload, bool) override {
    if (wire_.full) return fail(Code::full, "full");
    auto ack = parse_ack(as_text(payload));
    REQUIRE(ack.has_value());
    wire_.published.emplace_back(topic, std::move(*ack));
    return std::uint16_t{1};
  }
  std::uint64_t mark() override { return 1; }
  void pause(bool paused) override { wire_.paused = paused; }
  void disconnect() override { wire_.disconnected = true; }

 private:
  Wire& wire_;
};

struct CollectorFixture {
  kit::TemporaryDirectory directory;
  LinuxFiles files;
  std::vector<std::string> findings;
  std::string path = directory / "landed.db";
  std::unique_ptr<CollectorStore> store =
      std::move(*CollectorStore::open({path, {}}, files, findings));
  HandLoop loop;
  HandWorker worker;
  HandClock clock;
  std::string lines;
  Log log{Log::Level::info, [] { return Instant{1}; }, [this](std::string_view l) { lines += l; }};
  Wire wire;
  std::unique_ptr<Collector> collector;
  std::uint16_t next_id = 1;
  WallTime built{};

  CollectorFixture() { start(); }
  void start() {
    collector = std::make_unique<Collector>(
        CollectorOptions{}, Collector::World{.loop = loop,
                                             .worker = worker,
                                             .clock = clock,
                                             .store = *store,
                                             .log = log,
                                             .make_session = [this](const mqtt::Options& options,
                                                                    mqtt::Session::Events& events)
                                                 -> Result<std::unique_ptr<mqtt::Session>> {
                                               wire = Wire{};
                                               wire.version = options.version;
                                               wire.events = &events;
                                               return std::make_unique<HandSession>(wire);
                                             },
                                             .seed = 1,
                                             .built = built});
    REQUIRE(collector->start().has_value());
    open();
  }
  void open() {
    next_id = 1;
    wire.events->connected({.version = 5});
    for (const std::string& filter : std::vector(wire.filters)) wire.events->subscribed(filter, 1);
  }
  void deliver(const Arrival& arrival) {
    std::string topic = "pinaflux/" + arrival.gateway;
    switch (arrival.kind) {
      case Topic::Kind::data: topic += "/data/" + arrival.lane; break;
      case Topic::Kind::hello: topic += "/hello"; break;
      case Topic::Kind::status: topic += "/status"; break;
    }
    wire.events->message({.topic = topic, .payload = arrival.payload, .packet_id = next_id++});
  }
  void settle() {
    do {
      (void)collector->turn();
    } while (worker.work());
  }
};

}  // namespace

TEST_CASE_FIXTURE(CollectorFixture, "nothing is acknowledged before the commit, all of it after") {
  Gateway gateway;
  deliver(gateway.send(10));
  deliver(gateway.send(10));
  (void)collector->turn();
  CHECK(wire.acked.empty());
  CHECK(wire.published.empty());
  REQUIRE(worker.work());
  CHECK(wire.acked == std::vector<std::uint16_t>{1, 2});
  REQUIRE(wire.published.size() == 1);
  CHECK(wire.published[0].first == "pinaflux/pump/ack");
  CHECK(wire.published[0].second.high == 20);
}

TEST_CASE_FIXTURE(CollectorFixture, "what arrives during a commit is the next batch") {
  Gateway gateway;
  deliver(gateway.send(1));
  (void)collector->turn();
  for (int i = 0; i < 9; ++i) deliver(gateway.send(1));
  (void)collector->turn();
  CHECK(worker.jobs.size() == 1);
  settle();
  CHECK(collector->status().commits == 2);
  CHECK(collector->status().counts.rows == 10);
  CHECK(wire.acked.size() == 10);
}

TEST_CASE_FIXTURE(CollectorFixture,
                  "killed between commit and ack, what is redelivered lands once") {
  Gateway gateway;
  const Arrival one = gateway.send(10), two = gateway.send(10);
  deliver(one);
  deliver(two);
  (void)collector->turn();
  worker.jobs.front().first();  // The commit; its end never reaches the loop.
  worker.jobs.clear();
  collector.reset();
  store.reset();
  store = std::move(*CollectorStore::open({path, {}}, files, findings));
  start();
  CHECK(wire.acked.empty());
  deliver(one);
  deliver(two);
  settle();
  CHECK(wire.acked == std::vector<std::uint16_t>{1, 2});
  CHECK(wire.published.at(0).second.high == 20);
  CHECK(collector->status().counts.redelivered == 2);
  const auto report = verify(path);
  REQUIRE(report.has_value());
  CHECK(report->complete());
  CHECK(report->lanes[0].landed == 20);
}

TEST_CASE_FIXTURE(CollectorFixture,
                  "a link lost before the ack: acknowledged on the next one only") {
  Gateway gateway;
  const Arrival one = gateway.send(10);
  deliver(one);
  (void)collector->turn();
  wire.events->closed({Code::closed, 0, "gone"}, 0);
  REQUIRE(worker.work());
  CHECK(wire.acked.empty());
  CHECK(wire.published.empty());
  loop.fire();
  open();
  CHECK(wire.published.size() == 1);  // The gateway's ack waited for the link.
  deliver(one);
  settle();
  CHECK(wire.acked == std::vector<std::uint16_t>{1});
  CHECK(collector->status().counts.redelivered == 1);
}

TEST_CASE_FIXTURE(CollectorFixture,
                  "refused messages are acknowledged to the broker, not to gateways") {
  Gateway gateway;
  deliver(gateway.say(Topic::Kind::data, "garbage"));
  deliver(gateway.say(Topic::Kind::hello, "garbage"));
  wire.events->message({.topic = "pinaflux/x/other", .payload = {}, .packet_id = 3});
  settle();
  CHECK(wire.acked == std::vector<std::uint16_t>{1, 2, 3});
  CHECK(wire.published.empty());
  CHECK(collector->status().counts.rejects == 3);
  CHECK(lines.find("a message was refused") != std::string::npos);
}

TEST_CASE_FIXTURE(CollectorFixture,
                  "acks that the broker has no place for wait, the newest of a lane only") {
  Gateway gateway;
  wire.full = true;
  deliver(gateway.send(10));
  settle();
  deliver(gateway.send(10));
  settle();
  CHECK(wire.published.empty());
  wire.full = false;
  wire.events->published(1, 0);
  REQUIRE(wire.published.size() == 1);
  CHECK(wire.published[0].second.high == 20);
}

TEST_CASE_FIXTURE(CollectorFixture,
                  "which dictionaries are here is said also by an ack that had to wait") {
  Gateway gateway;
  const Dictionary dictionary = dictionary_of(1);
  wire.full = true;
  deliver(gateway.tell(dictionary));
  settle();
  deliver(send_packed(gateway, dictionary));
  settle();
  wire.full = false;
  wire.events->published(1, 0);
  REQUIRE(wire.published.size() == 1);
  CHECK(wire.published[0].second.high == 10);
  CHECK(wire.published[0].second.dictionaries == std::vector{dictionary.id()});
  deliver(gateway.send(5));
  settle();
  REQUIRE(wire.published.size() == 2);
  CHECK_FALSE(wire.published[1].second.dictionaries.has_value());
}

TEST_CASE_FIXTURE(CollectorFixture, "a broker without MQTT 5 is asked again with 3.1.1") {
  wire.events->closed({Code::unsupported, 0, "unsupported version"}, 0x84);
  loop.fire();
  CHECK(wire.version == 4);
}

TEST_CASE_FIXTURE(CollectorFixture, "a lost link is tried again, and said") {
  wire.events->closed({Code::refused, 0, "nobody listens there"}, 0);
  CHECK(collector->status().link == CollectorStatus::Link::waiting);
  CHECK(collector->status().link_text == "nobody listens there");
  CHECK(healthy(collector->status()));
  CHECK(loop.armed() == 1);
  loop.fire();
  CHECK(wire.filters.empty());
  open();
  CHECK(collector->status().link == CollectorStatus::Link::working);
}

TEST_CASE_FIXTURE(CollectorFixture,
                  "storage that fails: nothing acknowledged, said, and tried again") {
  Gateway gateway;
  // Another writer holds the database, as a full disk would: the commit fails as a whole.
  auto writer = open_database(path);
  REQUIRE(writer->execute("BEGIN IMMEDIATE").has_value());
  deliver(gateway.send(10));
  settle();
  CHECK(wire.acked.empty());
  CHECK(wire.published.empty());
  CHECK_FALSE(healthy(collector->status()));
  CHECK(collector->status().commit_failures == 1);
  CHECK(lines.find("collector.storage") != std::string::npos);
  writer->rollback();
  loop.fire();
  settle();
  CHECK(wire.acked == std::vector<std::uint16_t>{1});
  CHECK(healthy(collector->status()));
  CHECK(lines.find("landing works again") != std::string::npos);
}

TEST_CASE_FIXTURE(CollectorFixture,
                  "stopping lands what has arrived, acknowledges it and says goodbye") {
  Gateway gateway;
  deliver(gateway.send(10));
  collector->stop();
  settle();
  CHECK(wire.acked == std::vector<std::uint16_t>{1});
  CHECK_FALSE(collector->stopped());
  wire.events->mark_reached(1);
  CHECK(wire.disconnected);
  wire.events->closed({Code::closed, 0, "disconnected"}, 0);
  CHECK(collector->stopped());
}

TEST_CASE_FIXTURE(CollectorFixture,
                  "a hello of an untrusted clock is an anchor by our clock, and answered by name") {
  Gateway gateway;
  clock.synchronised_ = false;
  deliver(gateway.hello("normal", HelloClock{0x9f, Instant{1'000}, false}));
  settle();
  auto database = open_database(path);
  CHECK(query(*database, "SELECT wall||'|'||monotonic||'|'||synchronised FROM pinaflux_anchor") ==
        std::to_string(kNoon) + "|1000|0\n");
  REQUIRE(wire.published.size() == 1);
  CHECK(wire.published[0].second.hello == HelloEcho{Instant{1'000}, WallTime{kNoon}});
}

TEST_CASE_FIXTURE(CollectorFixture, "a clock from before the build gives no anchor") {
  built = WallTime{kNoon + 1};
  start();
  deliver(Gateway().hello("normal", HelloClock{0x9f, Instant{1'000}, false}));
  settle();
  auto database = open_database(path);
  CHECK(query(*database, "SELECT count(*) FROM pinaflux_anchor") == "0\n");
}

TEST_CASE_FIXTURE(
    CollectorFixture,
    "the answer to a hello is not lost when a newer ack of the lane takes its place") {
  Gateway gateway;
  wire.full = true;
  deliver(gateway.hello("normal", HelloClock{0x9f, Instant{1'000}, false}));
  settle();
  deliver(gateway.send(10));
  settle();
  wire.full = false;
  wire.events->published(1, 0);
  REQUIRE(wire.published.size() == 1);
  CHECK(wire.published[0].second.high == 10);
  CHECK(wire.published[0].second.hello == HelloEcho{Instant{1'000}, WallTime{kNoon}});
}

TEST_CASE_FIXTURE(CollectorFixture,
                  "rows that wait for their time are corrected although nothing arrives") {
  Gateway gateway;
  for (std::int64_t i = 0; i < 3; ++i) {
    Rows rows;
    for (std::int64_t n = 0; n < 4'096; ++n) {
      rows.add("boiler", {"value"}, {Value::int64(n)}, Stamp{i * 5'000 + n, 0x9f});
    }
    deliver(gateway.send(rows));
  }
  settle();
  deliver(gateway.hello("normal", HelloClock{0x9f, Instant{1'000'000}, false}));
  settle();
  CHECK_FALSE(store->unfinished());
  auto database = open_database(path);
  CHECK(
      query(*database, "SELECT count(*) FROM boiler WHERE _boot IS NULL AND _anchor IS NOT NULL") ==
      "12288\n");
}

TEST_CASE_FIXTURE(CollectorFixture, "stopping without a link ends at once") {
  wire.events->closed({Code::closed, 0, "gone"}, 0);
  collector->stop();
  settle();
  CHECK(collector->stopped());
}

TEST_CASE_FIXTURE(CollectorFixture, "more than fits in memory is not read") {
  Arrival large = Gateway().say(Topic::Kind::data, std::string(1 << 20, 'x'));
  for (std::size_t i = 0; i <= Collector::kPendingBytesMax >> 20; ++i) deliver(large);
  CHECK(wire.paused);
  settle();
  CHECK_FALSE(wire.paused);
}

TEST_CASE_FIXTURE(CollectorFixture, "a subscription that is refused is said, and tried again") {
  wire.events->subscribed("pinaflux/+/data/+", 0x87);
  CHECK(wire.disconnected);
  CHECK(lines.find("access list") != std::string::npos);
}

TEST_CASE_FIXTURE(CollectorFixture, "the metrics name what landed") {
  Gateway gateway;
  deliver(gateway.send(10));
  settle();
  const std::string text = collector_prometheus(collector->status());
  CHECK(text.find("\npinaflux_collector_rows_total 10\n") != std::string::npos);
  CHECK(text.find("\npinaflux_collector_link_up 1\n") != std::string::npos);
  CHECK(collector_json(collector->status()).find(R"("healthy":true,"link":"working")") !=
        std::string::npos);
}
