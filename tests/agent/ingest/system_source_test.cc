#include "agent/ingest/system_source.h"

#include <doctest/doctest.h>

#include "tests/agent/ingest/fakes.h"

namespace pinaflux {
namespace {

using Rows = std::vector<std::string>;

struct SystemFixture {
  fake::World world;
  SystemSourceOptions options;
  std::unique_ptr<SystemSource> source;

  SystemFixture() {
    options.name = "sys";
    options.root = "/fake";
  }
  void put(const std::string& path, const std::string& text) {
    world.files.put("/fake" + path, text);
  }
  void start() {
    source = std::make_unique<SystemSource>(options, world.host());
    REQUIRE(source->start());
  }
  Rows tick() {
    world.rows.clear();
    world.loop.pass(options.every);
    while (source->ready()) world.turn(*source);
    return world.rows;
  }
};

TEST_CASE_FIXTURE(SystemFixture, "the processor's share is taken between two looks") {
  options.mounts.clear();
  put("/proc/stat", "cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 1 2 3\n");
  put("/proc/loadavg", "0.50 0.25 0.00 1/100 999\n");
  start();
  put("/proc/stat", "cpu  130 10 120 820 20 0 0 0 0 0\n");
  CHECK(tick() == Rows{"sys/cpu{busy_percent=60.,user_percent=40.,system_percent=20.,"
                       "iowait_percent=20.,load_1m=0.5,load_5m=0.25,load_15m=0.}"});
}

TEST_CASE_FIXTURE(SystemFixture, "memory, disks, file systems and interfaces, one record each") {
  put("/proc/meminfo", "MemTotal:       1000 kB\nMemFree:  10 kB\nMemAvailable:    250 kB\n");
  put("/proc/diskstats",
      "   7       0 loop0 5 0 5 5 5 0 5 5 0 5 5\n"
      " 179       0 mmcblk0 10 0 80 3 20 0 160 4 0 77 7 0 0 0 0 0 0\n"
      " 179       1 mmcblk1 0 0 0 0 0 0 0 0 0 0 0\n");
  put("/proc/net/dev",
      "Inter-|   Receive |  Transmit\n face |bytes packets\n"
      "    lo: 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9\n"
      "  eth0: 100 2 0 1 0 0 0 0 300 4 0 0 0 0 0 0\n");
  start();
  CHECK(tick() == Rows{"sys/memory{total_bytes=1024000i,available_bytes=256000i,used_percent=75.,"
                       "swap_total_bytes=0i,swap_free_bytes=0i}",
                       "sys/disk{device='mmcblk0',reads=10i,read_bytes=40960i,writes=20i,"
                       "written_bytes=81920i,busy_ms=77i}",
                       "sys/filesystem{mount='/',total_bytes=1000000000i,free_bytes=250000000i,"
                       "used_percent=75.}",
                       "sys/network{interface='eth0',received_bytes=100i,received_packets=2i,"
                       "received_errors=0i,received_drops=1i,sent_bytes=300i,sent_packets=4i,"
                       "sent_errors=0i,sent_drops=0i}"});
}

TEST_CASE_FIXTURE(SystemFixture, "temperatures and sensors in the units people use") {
  options.mounts.clear();
  put("/sys/class/thermal/thermal_zone0/temp", "48312\n");
  put("/sys/class/thermal/thermal_zone0/type", "cpu-thermal\n");
  put("/sys/class/thermal/thermal_zone1/temp", "no\n");
  put("/sys/class/hwmon/hwmon0/name", "rpi_volt\n");
  put("/sys/class/hwmon/hwmon0/in0_input", "3300\n");
  put("/sys/class/hwmon/hwmon0/in0_label", "vcc\n");
  put("/sys/class/hwmon/hwmon0/fan1_input", "1200\n");
  put("/sys/class/hwmon/hwmon0/temp1_crit", "90000\n");
  start();
  CHECK(tick() == Rows{"sys/thermal{zone='thermal_zone0',type='cpu-thermal',celsius=48.312}",
                       "sys/hwmon{chip='rpi_volt',sensor='fan1',rpm=1200.}",
                       "sys/hwmon{chip='rpi_volt',sensor='vcc',volt=3.3}"});
}

TEST_CASE_FIXTURE(SystemFixture, "garbage in the kernel's files is no reading and no crash") {
  options.mounts.clear();
  for (const char* file :
       {"/proc/stat", "/proc/meminfo", "/proc/diskstats", "/proc/net/dev", "/proc/loadavg",
        "/sys/class/thermal/thermal_zone0/temp", "/sys/class/hwmon/hwmon0/temp1_input"}) {
    put(file, std::string("\0\xff:: cpu 99999999999999999999999 \n\n : :", 38));
  }
  start();
  for (const auto& row : tick()) CHECK(row.find("network") != std::string::npos);
}

TEST_CASE_FIXTURE(SystemFixture, "a machine that tells nothing is said to") {
  options.mounts.clear();
  start();
  CHECK(tick().empty());
  CHECK(source->health().state == SourceHealth::State::failed);
}

TEST_CASE_FIXTURE(SystemFixture, "readings that could not be taken are counted as missed") {
  put("/proc/meminfo", "MemTotal: 1000 kB\n");
  start();
  source->hold(Hold::full);
  world.loop.pass(options.every * 3);
  CHECK_FALSE(source->ready());
  CHECK(source->health().missed == 2);
  source->hold(Hold::none);
  CHECK(source->ready());
  world.turn(*source);
  CHECK_FALSE(source->ready());
  CHECK(source->health().parcels == 1);
}

TEST_CASE_FIXTURE(SystemFixture, "without room the reading is taken with the next intake") {
  put("/proc/meminfo", "MemTotal: 1000 kB\n");
  start();
  world.loop.pass(options.every);
  world.poll(*source, 16);
  CHECK(world.intake.parcels.empty());
  CHECK(source->ready());
  world.turn(*source);
  CHECK(source->health().parcels == 1);
}

}  // namespace
}  // namespace pinaflux
