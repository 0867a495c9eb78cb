#include "tests/sim/machine.h"

#include <cstdio>
#include <utility>

#include <sqlite3.h>

namespace pinaflux::tests {

namespace {

constexpr Duration kStartAgain = Duration::seconds(5);

}  // namespace

Stage::Stage(std::uint64_t seed)
    : fabric(scheduler, seed ^ 0xfab), director(scheduler, 0), random(seed ^ 0xd1c) {
  fabric.tap(&witness);
  // The only random numbers that a process shares: SQLite's.
  sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, static_cast<int>(seed | 1), nullptr);
}

Life::Life(Stage& stage, Machine& machine, std::uint32_t id, std::uint64_t seed)
    : loop(stage.scheduler, id),
      network(stage.fabric, loop, machine.name()),
      files(machine.disk(), static_cast<long>(id)),
      worker(loop, seed),
      entropy(seed + 1),
      process(loop, machine.name(), static_cast<int>(id)),
      http(network, loop),
      log(
          Log::Level::info, [&loop_ = loop] { return loop_.now(); },
          [&stage, name = machine.name()](std::string_view line) {
            stage.witness.logged(name, line);
            if (!stage.verbose) return;
            std::fprintf(stderr, "%10.3f %s %.*s", Duration{stage.scheduler.now().ns}.seconds(),
                         name.c_str(), static_cast<int>(line.size()), line.data());
          }) {}

Machine::Machine(Stage& stage, std::string name, std::uint32_t id,
                 const sim::SimDisk::Options& disk)
    : stage_(stage),
      name_(std::move(name)),
      id_(id),
      world_clock_(stage.scheduler, Stage::kBegin, 1),
      clock_(stage.scheduler, Stage::kBegin, id + 1),
      disk_(world_clock_, disk),
      random_(disk.seed ^ id),
      burial_(
          stage.director, SimKind::posted, [](void* self) { static_cast<Machine*>(self)->bury(); },
          this),
      boot_(
          stage.director, SimKind::posted, [](void* self) { static_cast<Machine*>(self)->boot(); },
          this) {
  disk_.before_change = [this](const sim::Operation& operation) { changing(operation); };
  disk_.after_sync = [this](const sim::Operation&) { synced(); };
}

Machine::~Machine() = default;

void Machine::start() { boot(); }

void Machine::boot() {
  disk_.power_on();
  if (std::exchange(powerless_, false)) {
    stage_.fabric.power(name_, true);
    clock_.reboot(random_.u64() | 1);
  }
  ++starts_;
  life_ = std::make_unique<Life>(stage_, *this, id_, random_.u64());
  program_ = make(*life_);
  if (!life_->loop.alive()) return;  // It died while it started.
  if (program_ == nullptr) return die(Death::kill, sim::Survival::all, kStartAgain);
  life_->loop.serve([this] {
    const bool more = program_->turn();
    if (program_->ended() && alive()) die(Death::kill, sim::Survival::all, kStartAgain);
    return more;
  });
}

void Machine::die(Death death, sim::Survival survival, Duration down) {
  if (!alive()) return;
  const bool power = death == Death::power;
  doom_ = {};
  down_ = down;
  powerless_ = power;
  life_->loop.kill();
  life_->network.die(power ? SimNetwork::Death::power : SimNetwork::Death::kill);
  if (power) stage_.fabric.power(name_, false);
  if (power) disk_.cut_power(survival);
  if (!power) disk_.kill();
  burial_.in({});
}

void Machine::die_at_change(std::uint64_t changes, Death death, sim::Survival survival,
                            Duration down) {
  doom_ = {changes, death, survival, down};
}

void Machine::put_back(sim::Image image, Duration down) {
  image_ = std::move(image);
  die(Death::power, sim::Survival::all, down);
}

void Machine::changing(const sim::Operation& operation) {
  stage_.witness.written(name_, operation);
  if (doom_.changes == 0 || --doom_.changes > 0) return;
  const Doom doom = doom_;
  die(doom.death, doom.survival, doom.down);
}

void Machine::bury() {
  stop_living();
  if (image_) disk_.insert(std::move(*image_));
  image_.reset();
  boot_.in(down_);
}

void Machine::stop_living() {
  if (life_ == nullptr) return;
  if (alive()) {
    life_->loop.kill();
    life_->network.die(SimNetwork::Death::kill);
    disk_.kill();
  }
  life_->worker.bury();
  if (program_ != nullptr) buried();
  program_.reset();
  life_.reset();
}

}  // namespace pinaflux::tests
