#include "tests/sim/programs.h"

#include <utility>

#include "platform/http/link.h"
#include "platform/mqtt/session.h"
#include "platform/sim/mqtt_client.h"
#include "tests/sim/ledger.h"

namespace pinaflux::tests {

// ---- gateway

class Gateway::Running final : public Program {
 public:
  Running(Gateway& gateway, Life& life) : hasty_(life.worker, life.loop, gateway.disk()) {
    const bool hasty = gateway.mutant_ == Mutant::ack_before_commit;
    Worker& worker = hasty ? static_cast<Worker&>(hasty_) : life.worker;
    MqttClientMaker maker =
        with_http(make_sim_mqtt_client_maker(life.loop, life.network), life.network, life.loop);
    if (gateway.mutant_ == Mutant::forged_ack) maker = forging(std::move(maker));
    if (gateway.mutant_ == Mutant::duplicate_by_range) maker = careless(std::move(maker));
    auto started =
        Agent::start(gateway.configuration_,
                     {life.loop, worker, gateway.clock(), life.entropy, life.files, life.network,
                      life.http, life.process, std::move(maker), life.log});
    if (started) agent_ = std::move(*started);
    if (!started) {
      life.log.failed(Log::Level::error, "agent.start", started.error().error,
                      {{"at", started.error().which}});
    }
  }
  bool turn() override { return agent_->turn(); }
  bool ended() const override { return agent_->stopped(); }
  Agent* agent() { return agent_.get(); }

 private:
  HastyWorker hasty_;
  std::unique_ptr<Agent> agent_;
};

Gateway::Gateway(Stage& stage, std::string name, std::uint32_t id, Configuration configuration,
                 Mutant mutant, const sim::SimDisk::Options& disk)
    : Machine(stage, std::move(name), id, disk),
      configuration_(std::move(configuration)),
      mutant_(mutant),
      clock_random_(disk.seed ^ 0xc10c),
      time_service_(stage.director.timer([this] { synchronise_clock(); })) {}

void Gateway::step_clock(Duration by) {
  if (clock().synchronised()) clock_honest_ = false;
  clock().step(by);
}

void Gateway::synchronise_clock() {
  time_service_->stop();
  clock().step(stage().truth() - clock().wall());
  if (mutant_ == Mutant::wrong_time_service) clock().step(Duration::seconds(10));
  clock().synchronise(true);
}

// A battery that kept the time, an empty one, or one that kept it badly; a time service that is quick, slow or
// absent.
void Gateway::begin_boot() {
  if (std::exchange(clock_boot_, clock().boot()) == clock().boot()) return;
  clock().synchronise(false);
  const std::uint64_t battery = clock_random_.below(3);
  if (battery == 1) clock().step(WallTime{1} - clock().wall());
  if (battery == 2) {
    clock().step(clock_random_.between(Duration{} - Duration::days(2), Duration::days(2)));
  }
  time_service_->stop();
  if (clock_random_.one_in(4)) return;
  time_service_->start(
      clock_random_.between({}, Duration::seconds(clock_random_.one_in(2) ? 10 : 150)));
}

std::unique_ptr<Program> Gateway::make(Life& life) {
  begin_boot();
  auto running = std::make_unique<Running>(*this, life);
  if (running->agent() == nullptr) return nullptr;
  return running;
}

Agent* Gateway::agent() {
  auto* running = static_cast<Running*>(program());
  return running == nullptr ? nullptr : running->agent();
}

void Gateway::terminate() {
  if (alive() && agent() != nullptr) agent()->stop();
}

std::optional<AgentStatus> Gateway::status() {
  if (!alive() || agent() == nullptr) return std::nullopt;
  return agent()->status();
}

void Gateway::buried() {
  const SpoolStatus spool = agent()->status().spool;
  commits_before_ += spool.commits;
  failures_before_ += spool.commit_failures;
}

std::uint64_t Gateway::commits() {
  const auto now = status();
  return commits_before_ + (now ? now->spool.commits : 0);
}

std::uint64_t Gateway::commit_failures() {
  const auto now = status();
  return failures_before_ + (now ? now->spool.commit_failures : 0);
}

// The bound holds at every sync: a power cut could come then.
void Gateway::synced() {
  std::uint64_t used = 0;
  const sim::Image& image = disk().image();
  for (const auto& entry : image.entries()) {
    if (entry.name.starts_with("spool.db")) used += image.bytes_allocated(entry.inode);
  }
  if (used > configuration_.spool.bytes_max)
    stage().witness.accuse("the spool is beyond its bound");
}

// ---- collector

// Dies between the job and the word that it is done.
class Cloud::DoomedWorker final : public Worker {
 public:
  DoomedWorker(Cloud& cloud, Worker& worker) : cloud_(cloud), worker_(worker) {}
  void submit(std::function<void()> job, std::function<void()> done) override {
    worker_.submit(
        [this, job = std::move(job)] {
          job();
          if (cloud_.doomed_ && cloud_.alive()) {
            cloud_.die(Death::kill, sim::Survival::all, *std::exchange(cloud_.doomed_, {}));
          }
        },
        std::move(done));
  }

 private:
  Cloud& cloud_;
  Worker& worker_;
};

// A database that cannot be opened, or written, now is poisoned at a later start.
void poison(Files& files, Refused refused) {
  auto database = sqlite::Database::open(
      {.path = Cloud::kDatabase, .page_bytes = 4096, .shared = true, .vfs = files.sqlite_vfs()});
  if (!database || !(*database)->make_durable()) return;
  auto streams =
      (*database)->prepare("SELECT name FROM pinaflux_stream WHERE name NOT LIKE 'pinaflux/%'");
  std::vector<std::string> names;
  while (streams && streams->step().value_or(false)) names.emplace_back(streams->text(0));
  streams = sqlite::Statement();
  for (const std::string& name : names) {
    const std::string rule =
        "CREATE TRIGGER IF NOT EXISTS \"rule " + name + "\" BEFORE INSERT ON \"" + name +
        "\" WHEN NEW.n%" + std::to_string(Ledger::kPoisonOneIn) + "=" +
        std::to_string(Ledger::kPoisonRest) + " BEGIN SELECT RAISE(ABORT,'poison'); END";
    if (!(*database)->execute(rule.c_str())) return;
  }
  if (refused != Refused::by_quarantine_too) return;
  std::ignore = (*database)->execute(
      "CREATE TRIGGER IF NOT EXISTS \"rule of quarantine\" BEFORE INSERT ON pinaflux_quarantine"
      " BEGIN SELECT RAISE(ABORT,'poison'); END");
}

// As if its state had been set up anew: what is on its way cannot be opened.
void lose_dictionaries(Files& files) {
  auto database = sqlite::Database::open(
      {.path = Cloud::kDatabase, .page_bytes = 4096, .shared = true, .vfs = files.sqlite_vfs()});
  if (database && (*database)->make_durable())
    std::ignore = (*database)->execute("DELETE FROM pinaflux_dictionary");
}

class Cloud::Running final : public Program {
 public:
  Running(Cloud& cloud, Life& life) : worker_(cloud, life.worker) {
    if (cloud.options_.refused != Refused::nothing) poison(life.files, cloud.options_.refused);
    if (cloud.options_.loses_dictionaries) lose_dictionaries(life.files);
    std::vector<std::string> findings;
    auto store = CollectorStore::open(
        {.database = kDatabase,
         .outlets = {.ndjson = {}, .archive = cloud.options_.archives ? kArchive : ""}},
        life.files, findings);
    for (const std::string& finding : findings) life.log.warning("collector.store", finding);
    if (!store) {
      life.log.failed(Log::Level::error, "collector.store", store.error());
      return;
    }
    store_ = std::move(*store);
    if (cloud.options_.proof != ProofKind::none && !load_keys(cloud.options_.proof, life)) return;
    CollectorOptions options;
    options.broker = "tcp://cloud:1883";
    options.back_off_max = Duration::seconds(20);
    options.http = "tcp://0.0.0.0:8080";
    collector_ = std::make_unique<Collector>(
        options,
        Collector::World{.loop = life.loop,
                         .worker = worker_,
                         .clock = cloud.clock(),
                         .store = *store_,
                         .log = life.log,
                         .make_session =
                             [&life](const mqtt::Options& to, mqtt::Session::Events& events) {
                               return mqtt::Session::connect(life.network, life.loop, to, events);
                             },
                         .http = &life.http,
                         .seed = life.entropy.u64(),
                         .keys = keys_ ? &*keys_ : nullptr});
    const Status started = collector_->start();
    ASSERT(started.has_value());
  }
  bool turn() override { return collector_->turn(); }
  Collector* collector() { return collector_.get(); }

 private:
  // False: the power went while it started.
  bool load_keys(ProofKind proof, Life& life) {
    std::string which;
    auto keys = GatewayKeys::load(life.files, kKeys, false, which);
    if (!keys) return false;
    keys_ = std::move(*keys);
    if (proof != ProofKind::signature) return true;
    const auto random = [&entropy = life.entropy](MutableBytes bytes) { entropy.fill(bytes); };
    return keys_->sign_by(life.files, kSignKey, random).has_value();
  }

  DoomedWorker worker_;
  std::unique_ptr<CollectorStore> store_;
  std::optional<GatewayKeys> keys_;
  std::unique_ptr<Collector> collector_;
};

Cloud::Cloud(Stage& stage, const sim::SimDisk::Options& disk, const Options& options)
    : Machine(stage, "collector", 2, disk), options_(options) {}

std::unique_ptr<Program> Cloud::make(Life& life) {
  auto running = std::make_unique<Running>(*this, life);
  if (running->collector() == nullptr) return nullptr;
  return running;
}

std::optional<CollectorStatus> Cloud::status() {
  if (!alive() || program() == nullptr) return std::nullopt;
  return static_cast<Running*>(program())->collector()->status();
}

void Cloud::stop() { stop_living(); }

// ---- broker

class Broker::Running final : public Program {
 public:
  Running(Broker& broker, Life& life, std::uint64_t seed)
      : broker_(life.loop, life.network, broker.memory_, seed, broker.options_) {
    broker_.faults(broker.faults_);
    const Status started = broker_.start();
    ASSERT(started.has_value());
  }
  SimBroker& broker() { return broker_; }

 private:
  SimBroker broker_;
};

Broker::Broker(Stage& stage, std::string name, std::uint32_t id, const SimBroker::Options& options)
    : Machine(stage, std::move(name), id, {.seed = id, .cuttable = false}), options_(options) {}

std::unique_ptr<Program> Broker::make(Life& life) {
  return std::make_unique<Running>(*this, life, life.entropy.u64());
}

void Broker::restart(bool forgets, Duration down) {
  if (forgets) memory_.clear();
  die(Death::kill, sim::Survival::all, down);
}

void Broker::faults(const SimBroker::Faults& faults) {
  faults_ = faults;
  if (alive()) static_cast<Running*>(program())->broker().faults(faults);
}

}  // namespace pinaflux::tests
