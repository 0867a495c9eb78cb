#include "agent/data/anchor.h"

#include <doctest/doctest.h>

#include "tests/agent/spool/spool_kit.h"

using namespace pinaflux;
using namespace pinaflux::spool_kit;

namespace {

constexpr std::uint64_t kBoot = 0x9f;
const Anchor kAnchor{kBoot, Instant{1'000}, WallTime{1'700'000'001'000}, {}};

struct AnchorFixture : SpoolFixture {
  AnchorFixture() { open(); }

  void add_since_boot(std::int64_t ns, std::uint64_t boot = kBoot) {
    static constexpr std::string_view kFields[] = {"n"};
    const auto cells = group.arena.array<Value>(1);
    cells[0] = Value::int64(ns);
    group.records[0].push_back(
        record_of({shapes.intern("boiler/flow", kFields), cells.data(), Stamp{ns, boot}}));
  }
  void know() { wish.anchor = kAnchor; }
  // The times in what was leased by the last commit.
  std::vector<Stamp> leased() {
    std::vector<Stamp> times;
    for (const Lease& lease : leases) {
      Opener opener;
      Shapes opened;
      Arena arena{limits::kOpenedBytesMax * 3};
      std::vector<Row> rows;
      REQUIRE(opener.open(lease.bytes, opened, arena, rows).has_value());
      for (const Row& row : rows) times.push_back(row.time);
    }
    return times;
  }
};

}  // namespace

TEST_CASE_FIXTURE(AnchorFixture, "what waited in chunks of the boot is sealed with calendar time") {
  add_since_boot(300);
  commit();
  add_since_boot(400);
  add_since_boot(500, 0x9e);
  know();
  wish.envelopes[0] = 1;
  commit();
  CHECK(leased() == std::vector<Stamp>{Stamp::wall({1'700'000'000'300}),
                                       Stamp::wall({1'700'000'000'400}), Stamp{500, 0x9e}});
}

TEST_CASE_FIXTURE(AnchorFixture, "what was sealed before there was trust stays as it was") {
  add_since_boot(300);
  wish.envelopes[0] = 1;
  commit();
  REQUIRE(leased() == std::vector<Stamp>{Stamp{300, kBoot}});

  know();
  ++wish.round[0];
  commit();

  CHECK(leased() == std::vector<Stamp>{Stamp{300, kBoot}});
}
