// A run: faults while the plant produces; then everything is mended, the plant falls silent, and what
// waits must drain; then the oracle counts.

#include "tests/sim/world.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "agent/collector/verify.h"
#include "tests/kit/es256_keys.h"
#include "tests/sim/derived.h"
#include "tests/sim/director.h"
#include "tests/sim/landed.h"
#include "tests/sim/producers.h"
#include "tests/sim/replayed.h"

namespace pinaflux::tests {

namespace {

constexpr std::uint64_t kStepsMax = 50'000'000;
constexpr Duration kLook = Duration::seconds(5);
constexpr Duration kLonger = Duration::minutes(20);   // For the commits that are wanted.
constexpr Duration kDrainMax = Duration::minutes(5);  // Oracle: bounded.
constexpr Duration kDrainLook = Duration::seconds(1);
constexpr Duration kQuiet = Duration::seconds(4);
constexpr std::uint64_t kFatOneIn = 512;
constexpr std::uint64_t kDenseOneIn = 8;
constexpr std::uint64_t kImageOneIn = 4;
constexpr std::uint64_t kProvedOneIn = 4;
constexpr std::uint64_t kPoisonedOneIn = 8;
constexpr std::uint64_t kPostedOneIn = 16;
constexpr std::uint64_t kArchivedOneIn = 8;
constexpr std::uint64_t kSignedOneIn = 512;
constexpr std::uint64_t kDerivedOneIn = 8;
constexpr std::uint64_t kRawOneIn = 8;

constexpr const char* kYaml = R"(
pinaflux: 1
gateway: {id: gw}
spool: {path: /spool, size_max: 16MiB, commit_every: 3s}
keys: {people: {file: /people.key}}
sources:
  hub: {type: mqtt, broker: "tcp://hub:1883", topics: ["plant/#"], format: json}
  noise: {type: mqtt, broker: "tcp://hub:1883", topics: ["noise/#"], format: json}
  press: {type: lines, from: "tcp://0.0.0.0:7000", format: ndjson, ack: count}
  http: {type: http, listen: "tcp://0.0.0.0:8086"}
mask:
  - {stream: "**", field: secret, with: drop}
  - {stream: "**", field: user, with: hmac, key: people}
  - {stream: "**", field: "site.*", with: replace, text: "-"}
lanes:
  alarm: {from: press}
  normal: {from: [hub, http, summed, late, swung, turned]}
  bulk: {from: noise, keep: 1m, when_full: evict}
uplink: {type: mqtt, broker: "tcp://cloud:1883", ack: collector, batch_age: 9s, back_off_max: 20s,
         keep_alive: 15s, window: 8}
control: {socket: "", listen: ""}
)";

class World {
 public:
  World(const RunOptions& options, Configuration configuration);
  Outcome run();

 private:
  void install_keys();
  void build_plant();
  void produce(std::unique_ptr<Producer> producer) { plant_.push_back(std::move(producer)); }
  void pass(Duration time);
  void look();
  bool quiet();
  void drain();
  void fall_silent();
  void take_image();
  void put_image_back();
  void start_clone();
  void cut_power_thrice();
  void judge();
  void judge_archive(Files& files, const VerifyReport& report);
  void judge_lanes(const AgentStatus& status, const VerifyReport& report);
  void judge_epochs(std::size_t lanes, const VerifyReport& report);
  void judge_records(const VerifyReport& report);
  void judge_poison(std::uint64_t undeliverable);
  void judge_derived(const DerivedCounts& derived);
  void accuse(std::string what) { stage_.witness.accuse(std::move(what)); }

  const RunOptions options_;
  const bool dense_;
  const Refused refused_;
  const char* const far_;  // As in Cast.
  Stage stage_;
  const bool fat_;
  Ledger ledger_;
  Broker hub_, cloud_;
  Cloud collector_;
  Gateway gateway_;
  Director director_;
  SimLoop plant_loop_;
  SimNetwork plant_network_;
  std::vector<std::unique_ptr<Producer>> plant_;
  std::uint32_t press_ = 0, noise_ = 0;
  // Of the seeds in which the gateway's disk is copied one day, and put back in the end. They draw from dice of
  // their own: the others are as they were.
  Random image_random_;
  std::optional<Instant> image_due_;
  std::optional<sim::Image> image_;
  std::unique_ptr<Gateway> clone_;
  std::unique_ptr<Producer> clones_press_;
  Outcome outcome_;
};

sim::SimDisk::Options disk_options(std::uint64_t seed, bool lying) {
  sim::SimDisk::Options options;
  options.seed = seed;
  options.lying_sync = lying;
  return options;
}

// A commit costs the same for one record as for five, and it is commits, cuts and lost links that find faults. So
// most plants give about as many records as there must be commits, and are committed sooner.
bool is_dense(const RunOptions& options) {
  return options.dense || options.seed % kDenseOneIn == 1;
}

// By what gateway and collector prove what they say. Mutants forge, which would be caught by that.
ProofKind proof_of(const RunOptions& options) {
  if (options.mutant != Mutant::none || options.seed % kProvedOneIn != 2) return ProofKind::none;
  return options.seed % kSignedOneIn == 2 ? ProofKind::signature : ProofKind::mac;
}

void prove(Configuration& configuration, ProofKind by) {
  if (by == ProofKind::mac) configuration.uplinks[0].keys.mac = "people";
  if (by != ProofKind::signature) return;
  configuration.keys.push_back({"gate", "/gate.pem", ""});
  configuration.keys.push_back({"cloud", "/cloud.pub", ""});
  configuration.uplinks[0].keys.sign = "gate";
  configuration.uplinks[0].keys.acks_by = {"cloud"};
}

// What the collector's database refuses would be said to be lost by a mutant's oracle.
Refused refused_by(const RunOptions& options) {
  if (options.mutant != Mutant::none || options.break_at != 0) return Refused::nothing;
  if (options.seed % kPoisonedOneIn != 5) return Refused::nothing;
  return options.seed / kPoisonedOneIn % 2 == 0 ? Refused::by_its_table
                                                : Refused::by_quarantine_too;
}

// The gateway sends by HTTP, to the collector itself.
bool is_posted(const RunOptions& options) {
  return options.mutant == Mutant::none && options.break_at == 0 &&
         options.seed % kPostedOneIn == 11;
}

// The collector keeps what lands, to be landed again in the end.
bool is_archived(const RunOptions& options) { return options.seed % kArchivedOneIn == 3; }

// Small envelopes are packed with dictionaries, in every kind of world; and a collector may lose those that it has.
bool packs(const RunOptions& options) { return options.seed / 3 % 3 == 1; }
bool loses_dictionaries(const RunOptions& options) {
  return packs(options) && options.seed % 2 == 0;
}

// Alarms leave by HTTP, and all else by MQTT: to one collector, which tells each uplink of its own lanes.
bool goes_two_ways(const RunOptions& options) {
  return options.mutant == Mutant::none && options.break_at == 0 &&
         options.seed % kPostedOneIn == 7;
}

// Beside the records' own way, nodes that remember make others of them.
bool derives(const RunOptions& options) { return options.seed % kDerivedOneIn == 4; }

// What comes by HTTP is kept as it came, too: masked, within its bound, and nothing of it is sent.
void keep_raw(Configuration& configuration) {
  RawLane raw{.lane = static_cast<LaneIndex>(configuration.spool.lanes.size()), .sources = {}};
  for (const std::string& name : configuration.pipeline.sources) {
    raw.sources.push_back(name == "http" ? name : "");
  }
  configuration.spool.lanes.push_back({.name = std::string(kRawLane),
                                       .when_full = LaneOptions::WhenFull::evict,
                                       .bytes_max = 8 * 1024});
  configuration.raw_lane = std::move(raw);
}

void part_ways(std::vector<UplinkOptions>& uplinks) {
  UplinkOptions posted = uplinks.front();
  posted.name = "posted";
  posted.broker = "http://collector:8080/{topic}";
  posted.lanes = {uplinks.front().lanes.front()};
  std::erase_if(uplinks.front().lanes,
                [&](const auto& lane) { return lane.name == posted.lanes[0].name; });
  uplinks.push_back(std::move(posted));
}

// Lanes take turns in what they send first (27 seeds meet every combination), and bulk in whether it is thinned or
// loses what is old.
Configuration varied(Configuration configuration, const RunOptions& options) {
  if (options.mutant == Mutant::mask_left_out) configuration.mask = {};
  if (!derives(options)) leave_out_derived(configuration.pipeline);
  prove(configuration, proof_of(options));
  if (is_posted(options)) configuration.uplinks[0].broker = "http://collector:8080/{topic}";
  configuration.uplinks[0].dictionaries = configuration.spool.dictionaries = packs(options);
  if (goes_two_ways(options)) part_ways(configuration.uplinks);
  if (!is_dense(options)) configuration.commit_every = Duration::seconds(1);
  std::uint64_t turn = options.seed;
  for (LaneOptions& lane : configuration.spool.lanes) {
    lane.order = static_cast<LaneOptions::Order>(turn % 3);
    turn /= 3;
  }
  LaneOptions& bulk = configuration.spool.lanes.back();
  if (turn % 2 == 1) {
    bulk.when_full = LaneOptions::WhenFull::thin;
    bulk.keep = Duration::max();
  }
  if (options.seed % kRawOneIn == 5) keep_raw(configuration);
  return configuration;
}

World::World(const RunOptions& options, Configuration configuration)
    : options_(options),
      dense_(is_dense(options)),
      refused_(refused_by(options)),
      far_(is_posted(options) ? "collector" : "cloud"),
      stage_(options.seed),
      fat_(stage_.random.one_in(kFatOneIn)),
      hub_(stage_, "hub", 3, {}),
      cloud_(stage_, "cloud", 4, {}),
      collector_(stage_,
                 disk_options(stage_.random.u64(), options.mutant == Mutant::collector_lies),
                 {.proof = proof_of(options),
                  .refused = refused_by(options),
                  .archives = is_archived(options),
                  .loses_dictionaries = loses_dictionaries(options)}),
      gateway_(stage_, "gateway", 1, varied(std::move(configuration), options), options.mutant,
               disk_options(stage_.random.u64(), options.mutant == Mutant::lying_sync)),
      director_({stage_, gateway_, collector_, hub_, cloud_, far_}, Duration::seconds(40)),
      plant_loop_(stage_.scheduler, 5),
      plant_network_(stage_.fabric, plant_loop_, "plant"),
      image_random_(options.seed ^ 0x1a6e) {
  if (image_random_.one_in(kImageOneIn)) {
    image_due_ = Instant{} +
                 image_random_.between(Duration::seconds(30), Duration::minutes(options.minutes));
  }
  stage_.verbose = options.verbose;
  if (packs(options)) stage_.witness.count("pinaflux-env/2 ");
  ledger_.clock([this] { return stage_.scheduler.now(); });
  stage_.fabric.break_at(options.break_at);
  for (const auto& [from, to] :
       {std::pair{"plant", "hub"}, {"hub", "gateway"}, {"plant", "gateway"}}) {
    stage_.witness.allow(from, to);
  }
  if (options.mutant == Mutant::puback_on_receipt) hub_.faults({.acked_by_sending = true});
  build_plant();
}

void World::build_plant() {
  const auto seed = [this] { return stage_.random.u64(); };
  const auto every = [this](std::int64_t dense, std::int64_t sparse) {
    return Duration::milliseconds(dense_ ? dense : sparse);
  };
  const auto mqtt = [&](const char* topic, Duration period, std::size_t padding) {
    produce(std::make_unique<MqttProducer>(plant_loop_, plant_network_, ledger_, topic, seed(),
                                           period, padding));
  };
  mqtt("plant/a", every(2'000, 6'000), 0);
  mqtt("plant/b", every(4'000, 9'000), 0);
  press_ = ledger_.producers();
  produce(std::make_unique<LinesProducer>(plant_loop_, plant_network_, ledger_, "gateway", seed(),
                                          every(4'000, 7'000)));
  produce(std::make_unique<HttpProducer>(plant_loop_, plant_network_, ledger_, seed(),
                                         every(9'000, 14'000)));
  noise_ = ledger_.producers();
  mqtt("noise/a", fat_ ? Duration::milliseconds(100) : every(4'000, 8'000), fat_ ? 8'000 : 20);
}

void World::install_keys() {
  sim::SimFiles files(gateway_.disk());
  const std::string key(32, 'k');
  ASSERT(files.replace("/people.key", key).has_value());
  ASSERT(files.replace("/gate.pem", kit::kSampleSec1).has_value());
  ASSERT(files.replace("/cloud.pub", kit::kJwsPublic).has_value());
  sim::SimFiles collectors(collector_.disk());
  const std::string folder = std::string(Cloud::kKeys) + "/gw";
  ASSERT(collectors.make_directory(folder, 0700).has_value());
  ASSERT(collectors.replace(folder + "/people", key).has_value());
  ASSERT(collectors.replace(folder + "/gate", kit::kSamplePublic).has_value());
  ASSERT(collectors.replace(Cloud::kSignKey, kit::kJwsPkcs8).has_value());
}

void World::pass(Duration time) {
  if (!stage_.scheduler.run_until(stage_.scheduler.now() + time, kStepsMax)) {
    accuse("the world runs in a circle: too many events");
  }
}

void World::look() {
  const auto status = gateway_.status();
  if (!status) return;
  if (status->uplinks[0].in_flight > gateway_.configuration().uplinks[0].window) {
    accuse("more envelopes are in flight than the window allows");
  }
  for (const RefusedCount& refused : status->refused) {
    accuse("good records were refused: " + refused.reason);
  }
}

Outcome World::run() {
  install_keys();
  for (Machine* machine : {static_cast<Machine*>(&hub_), static_cast<Machine*>(&cloud_),
                           static_cast<Machine*>(&collector_), static_cast<Machine*>(&gateway_)}) {
    machine->start();
  }
  pass(Duration::seconds(2));  // The gateway subscribes before anybody publishes.
  for (auto& producer : plant_) producer->start();
  pass(Duration::seconds(10));
  if (refused_ != Refused::nothing) {
    collector_.die_after_commit(Duration::seconds(2));
    pass(Duration::seconds(15));
  }
  if (fat_) stage_.fabric.link("gateway", far_).cut();
  director_.begin();
  const Instant end = Instant{} + Duration::minutes(options_.minutes);
  const auto enough = [&] {
    return stage_.scheduler.now() >= end && gateway_.commits() >= options_.commits_min &&
           director_.count() >= options_.faults_min;
  };
  while (!enough() && stage_.scheduler.now() < end + kLonger &&
         stage_.witness.accusations().empty()) {
    pass(kLook);
    look();
    take_image();
  }
  fall_silent();
  drain();
  if (image_ && stage_.witness.accusations().empty()) {
    image_random_.one_in(2) ? start_clone() : put_image_back();
  }
  judge();
  return std::move(outcome_);
}

void World::fall_silent() {
  director_.heal();
  // A gateway that has begun anew gives nothing up before something was taken.
  if (refused_ == Refused::by_quarantine_too) pass(Duration::seconds(40));
  for (auto& producer : plant_) producer->stop();
  if (clones_press_) clones_press_->stop();
}

void World::take_image() {
  if (!image_due_ || stage_.scheduler.now() < *image_due_) return;
  image_due_.reset();
  image_ = gateway_.disk().image();
}

// Everything has landed, so nothing is lost with the disk that is taken out. What comes now gets numbers that have
// been used, and on the way to others the power may go.
void World::put_image_back() {
  outcome_.images = 1;
  gateway_.put_back(std::move(*image_), Duration::seconds(5));
  for (auto& producer : plant_) producer->start();
  if (image_random_.one_in(2)) stage_.fabric.link("gateway", far_).cut();
  pass(image_random_.between(Duration::seconds(10), Duration::seconds(60)));
  stage_.fabric.link("gateway", far_).mend();
  cut_power_thrice();
  fall_silent();
  drain();
}

// Somebody has put the image into a second gateway, in another plant, and both live on: they count from the same
// numbers, have the same name, and each hears what the collector says to the other.
void World::start_clone() {
  outcome_.clones = 1;
  Configuration configuration = gateway_.configuration();
  if (image_random_.one_in(2)) configuration.uplinks[0].client_id = "clone";
  clone_ = std::make_unique<Gateway>(stage_, "clone", 6, std::move(configuration), Mutant::none,
                                     disk_options(image_random_.u64(), false));
  clone_->disk().insert(std::move(*image_));
  stage_.fabric.link("clone", "hub").cut();
  stage_.witness.allow("plant", "clone");
  clones_press_ = std::make_unique<LinesProducer>(plant_loop_, plant_network_, ledger_, "clone",
                                                  image_random_.u64(), Duration::seconds(3));
  clone_->start();
  clones_press_->start();
  for (auto& producer : plant_) producer->start();
  for (const char* one : {"gateway", "clone"}) {
    if (image_random_.one_in(3)) stage_.fabric.link(one, far_).cut();
  }
  pass(image_random_.between(Duration::seconds(10), Duration::seconds(60)));
  for (const char* one : {"gateway", "clone"}) stage_.fabric.link(one, far_).mend();
  cut_power_thrice();
  fall_silent();
  drain();
}

void World::cut_power_thrice() {
  for (int cut = 0; cut < 3; ++cut) {
    const bool collectors = image_random_.one_in(3);
    const bool clones = clone_ && image_random_.one_in(2);
    Machine& machine = collectors ? static_cast<Machine&>(collector_) : clones ? *clone_ : gateway_;
    machine.die_at_change(1 + image_random_.below(80), Machine::Death::power,
                          static_cast<sim::Survival>(image_random_.below(sim::kSurvivalCount)),
                          Duration::seconds(3));
    pass(image_random_.between(Duration::seconds(5), Duration::seconds(25)));
    look();
  }
}

bool World::quiet() {
  const auto collector = collector_.status();
  if (!collector || collector->pending > 0 || hub_.memory().queued() > 0) return false;
  const auto empty = [](Gateway& gateway) {
    const auto status = gateway.status();
    return status && std::ranges::all_of(status->lanes, [](const LaneStatus& l) {
             return l.records_queued == 0 && l.acked + 1 == l.next_seq;
           });
  };
  return std::ranges::all_of(plant_, [](const auto& one) { return one->settled(); }) &&
         empty(gateway_) && (!clone_ || empty(*clone_));
}

void World::drain() {
  const Instant begin = stage_.scheduler.now();
  const Instant end = begin + (fat_ ? kDrainMax * 2 : kDrainMax);
  const Duration quiet_enough = derives(options_) ? kDerivedWithin : kQuiet;
  Duration quiet_for;
  while (quiet_for < quiet_enough && stage_.scheduler.now() < end) {
    pass(kDrainLook);
    look();
    quiet_for = quiet() ? quiet_for + kDrainLook : Duration{};
  }
  outcome_.drain_seconds = (stage_.scheduler.now() - begin - quiet_for).seconds();
  if (quiet_for < quiet_enough) accuse("what waits does not drain after the faults are over");
}

void World::judge() {
  const auto status = gateway_.status();
  outcome_.seed = options_.seed;
  outcome_.posted = is_posted(options_);
  outcome_.two_ways = goes_two_ways(options_);
  outcome_.commits = gateway_.commits();
  outcome_.commit_failures = gateway_.commit_failures();
  outcome_.starts = gateway_.starts() + collector_.starts();
  outcome_.faults = director_.count();
  outcome_.told = director_.told();
  outcome_.seconds = Duration{stage_.scheduler.now().ns}.seconds();
  outcome_.trace = stage_.scheduler.trace();
  outcome_.steps = stage_.scheduler.steps();
  if (options_.verbose && status) std::fprintf(stderr, "%s\n", status_json(*status).c_str());
  if (options_.break_at > stage_.fabric.calls()) accuse("the call that was to break never came");
  if (outcome_.commits < options_.commits_min) accuse("the gateway committed too seldom");
  collector_.stop();
  collector_.disk().power_on();
  sim::SimFiles files(collector_.disk(), 99);
  const auto report = verify(Cloud::kDatabase, files.sqlite_vfs());
  if (!report) {
    accuse(std::string("the collector's database cannot be read: ") + report.error().what);
  } else if (const auto read = read_landed(files, Cloud::kDatabase, gateway_.clock_honest(),
                                           ledger_, stage_.witness);
             !read) {
    accuse(std::string("the collector's tables cannot be read: ") + read.error().what);
  } else if (const auto derived = read_derived(files, Cloud::kDatabase, ledger_); !derived) {
    accuse(std::string("what the pipeline made cannot be read: ") + derived.error().what);
  } else {
    if (!report->complete()) accuse("the collector's proof fails: " + verify_json(*report));
    if (status) judge_lanes(*status, *report);
    if (clone_) {
      if (const auto its = clone_->status()) judge_lanes(*its, *report);
    }
    if (status) judge_epochs(status->lanes.size(), *report);
    if (is_archived(options_)) judge_archive(files, *report);
    outcome_.times = *read;
    outcome_.derived = derived->rows;
    judge_records(*report);
    if (derives(options_)) judge_derived(*derived);
  }
  outcome_.sent = ledger_.sent();
  outcome_.acknowledged = ledger_.acknowledged();
  outcome_.landed = ledger_.landed();
  outcome_.packed = stage_.witness.counted();
  outcome_.failures = stage_.witness.accusations();
}

void World::judge_archive(Files& files, const VerifyReport& report) {
  const auto replayed = replay_archive(files, Cloud::kArchive, "/again.db");
  if (!replayed) {
    accuse(std::string("the archive does not land again: ") + replayed.error().what);
  } else if (const std::string wrong = difference(report, *replayed); !wrong.empty()) {
    accuse("the archive, landed again: " + wrong);
  }
  outcome_.archived = 1;
}

// Every seq of a lane landed or was declared. But an image that was put back, and a clone, count where others have
// counted: what they sent there is in another epoch.
void World::judge_lanes(const AgentStatus& status, const VerifyReport& report) {
  for (const LaneStatus& lane : status.lanes) {
    const auto at = std::ranges::find(report.lanes, lane.epoch + lane.name,
                                      [](const LaneReport& l) { return l.epoch + l.lane; });
    const std::uint64_t committed = lane.next_seq - 1;
    if (at == report.lanes.end()) {
      if (committed > 0) accuse("lane " + lane.name + " is not known to the collector");
      continue;
    }
    const std::uint64_t known = at->landed + at->lost_count();
    outcome_.redelivered += at->redelivered;
    if (known == committed && at->forks == 0) continue;
    const bool counted = at->outstanding == 0 && known + at->renumbered >= committed;
    if (outcome_.images + outcome_.clones > 0 && counted) continue;
    accuse("lane " + lane.name + ": " + std::to_string(committed) + " committed, " +
           std::to_string(at->landed) + " landed, " + std::to_string(at->lost_count()) +
           " declared lost, " + std::to_string(at->forks) + " forks");
  }
}

// One, and one more for each that learns that its numbers are used: an image, or a clone and its original.
void World::judge_epochs(std::size_t lanes, const VerifyReport& report) {
  for (const LaneReport& lane : report.lanes) outcome_.renumbered += lane.renumbered;
  const std::size_t epochs = 1 + outcome_.images + 2 * outcome_.clones;
  if (report.lanes.size() > epochs * lanes) accuse("the spool began a new epoch");
}

void World::judge_records(const VerifyReport& report) {
  std::uint64_t lost_of_bulk = 0, landed = 0, undeliverable = 0;
  for (const LaneReport& lane : report.lanes) {
    landed += lane.landed;
    outcome_.lost += lane.lost_count();
    if (const auto thinned = lane.lost.find("thinned"); thinned != lane.lost.end()) {
      outcome_.thinned += thinned->second;
    }
    if (lane.lane == "bulk") lost_of_bulk += lane.lost_count();
    const auto refused = lane.lost.find("undeliverable");
    const std::uint64_t its_undeliverable = refused == lane.lost.end() ? 0 : refused->second;
    outcome_.undeliverable += its_undeliverable;
    if (lane.lane != "bulk") undeliverable += its_undeliverable;
    if (lane.lane != "bulk" && lane.lost_count() > its_undeliverable) {
      accuse("lane " + lane.lane + " lost records, and may not");
    }
  }
  outcome_.quarantined = outcome_.times.quarantined;
  if (landed != ledger_.landed() + outcome_.times.anchors + outcome_.derived)
    accuse("the tables and the proof count different rows");
  for (std::uint32_t producer = 0; producer < ledger_.producers(); ++producer) {
    std::string which;
    const std::uint64_t missing =
        ledger_.missing(producer, refused_ == Refused::by_quarantine_too, which);
    if (missing <= (producer == noise_ ? lost_of_bulk : 0)) continue;
    accuse(std::to_string(missing) + " acknowledged records of " + ledger_.name(producer) +
           " neither landed nor were declared lost:" + which);
  }
  judge_poison(undeliverable);
}

// Of what the collector never takes all is declared, and nothing else. In bulk it may have been evicted before, and a
// thinned envelope is given up with what it has declared. An image that is put back declares once more.
void World::judge_poison(std::uint64_t undeliverable) {
  Ledger::Poison poison;
  for (std::uint32_t producer = 0; producer < ledger_.producers(); ++producer) {
    if (producer == noise_) continue;
    const Ledger::Poison its = ledger_.missing_poison(producer);
    poison.acknowledged += its.acknowledged;
    poison.sent += its.sent;
  }
  const std::uint64_t most = (1 + outcome_.images + outcome_.clones) * poison.sent;
  const bool fits = poison.acknowledged <= undeliverable && undeliverable <= most;
  if (refused_ == Refused::by_quarantine_too ? fits : outcome_.undeliverable == 0) return;
  accuse(std::to_string(undeliverable) + " records are declared undeliverable, of " +
         std::to_string(poison.acknowledged) + " to " + std::to_string(poison.sent));
}

// Producers before the press are the hub's, and all but the noise has a way to the windows. What an image or a clone
// remembers they have remembered before.
void World::judge_derived(const DerivedCounts& derived) {
  if (outcome_.images + outcome_.clones > 0) return;
  if (!derived.wrong.empty()) accuse("the pipeline: " + derived.wrong);
  const Ledger::Tally all = ledger_.landed_of(0, noise_), hub = ledger_.landed_of(0, press_);
  if (derived.summed + derived.late != all.count || derived.sum != all.numbers) {
    accuse("windows have " + std::to_string(derived.summed) + " records, " +
           std::to_string(derived.late) + " came late, and " + std::to_string(all.count) +
           " landed; their numbers come to " + std::to_string(derived.sum) + ", not " +
           std::to_string(all.numbers));
  }
  if (derived.turned != hub.count) {
    accuse("a script counted " + std::to_string(derived.turned) + " records, and " +
           std::to_string(hub.count) + " landed");
  }
  const Ledger::Tally press = ledger_.landed_of(press_, press_ + 1);
  if (derived.swung != press.count) {
    accuse("a swinging door gave " + std::to_string(derived.swung) + " records, and " +
           std::to_string(press.count) + " landed");
  }
}

}  // namespace

Configuration gateway_configuration() {
  const SimScheduler scheduler;
  const SimClock clock(scheduler, WallTime{1}, 1);
  sim::SimDisk disk(clock, {});
  sim::SimFiles files(disk);
  Loaded loaded =
      load_configuration_text(files, "/gateway.yaml", std::string(kYaml) + kDerivedYaml);
  for (const Finding& finding : loaded.findings)
    ASSERT(finding.severity == Finding::Severity::warning);
  ASSERT(loaded.configuration.has_value());
  return std::move(*loaded.configuration);
}

Outcome run(const RunOptions& options, const Configuration& configuration) {
  return World(options, configuration).run();
}

}  // namespace pinaflux::tests
