// DiskFixture: a simulated disk with a file on it, and a clock that is moved by hand.
#pragma once

#include <memory>
#include <string>

#include <doctest/doctest.h>

#include "platform/sim/disk.h"
#include "platform/sim/files.h"
#include "tests/kit/hand_clock.h"

namespace pinaflux::sim {

using kit::HandClock;

struct DiskFixture {
  HandClock clock;
  std::unique_ptr<SimDisk> disk;
  std::unique_ptr<SimFiles> files;
  std::unique_ptr<File> file;

  DiskFixture() { make({}); }

  // An empty disk with the directory /d.
  void make(const SimDisk::Options& options) {
    file.reset();
    files.reset();
    disk = std::make_unique<SimDisk>(clock, options);
    files = std::make_unique<SimFiles>(*disk);
    REQUIRE(files->make_directory("/d", 0700).has_value());
    REQUIRE(files->sync_directory("/").has_value());
  }
  // /d/a, its name and `text` durable.
  void begin(const std::string& text) {
    file = std::move(files->open("/d/a", Files::Mode::create).value());
    write(0, text);
    REQUIRE(file->sync().has_value());
    REQUIRE(files->sync_directory("/d").has_value());
  }
  void write(std::uint64_t offset, const std::string& text) {
    REQUIRE(file->write_at(offset, as_bytes(text)).has_value());
  }
  void reboot(Survival survival) {
    disk->cut_power(survival);
    file.reset();
    disk->power_on();
  }
  std::string text(const std::string& path = "/d/a") {
    return files->read_text(path, 1 << 20).value_or("(none)");
  }
};

}  // namespace pinaflux::sim
