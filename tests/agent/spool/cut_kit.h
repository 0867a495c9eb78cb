// CutFixture: a spool on a simulated disk whose power can fail before any change.
#pragma once

#include <functional>
#include <memory>

#include "platform/sim/disk.h"
#include "platform/sim/files.h"
#include "tests/agent/spool/spool_kit.h"

namespace pinaflux::spool_kit {

// `Base` is SpoolFixture, or a kit made of it.
template <class Base>
struct CutFixture : Base {
  std::unique_ptr<sim::SimDisk> disk;
  std::unique_ptr<sim::SimFiles> sim_files;

  CutFixture() { this->options.directory = "/var/lib/pinaflux"; }
  ~CutFixture() { this->spool.reset(); }

  void new_disk(std::uint64_t seed) {
    this->spool.reset();
    sim_files.reset();
    disk = std::make_unique<sim::SimDisk>(this->clock, sim::SimDisk::Options{.seed = seed});
    sim_files = std::make_unique<sim::SimFiles>(*disk);
  }
  // False: the disk does not let it.
  bool start() {
    this->spool.reset();
    this->findings.clear();
    auto made = Spool::open(this->options, *sim_files, this->clock, *this->random, this->findings,
                            &this->vault);
    if (made) this->spool = std::move(*made);
    return made.has_value();
  }
  // Before the n-th change from now on. False: there were fewer.
  bool cut_before(std::uint64_t n, const std::function<void()>& work) {
    bool cut = false;
    disk->before_change = [&, n](const sim::Operation&) mutable {
      if (n-- > 0 || cut) return;
      cut = true;
      disk->cut_power();
    };
    work();
    disk->before_change = nullptr;
    return cut;
  }
};

}  // namespace pinaflux::spool_kit
