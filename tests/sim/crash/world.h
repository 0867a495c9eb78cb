// World: a clock that is moved by hand, entropy from a seed, and a look at the database that production
// code has open.
#pragma once

#include <cstdint>
#include <string_view>

#include "platform/base/random.h"
#include "platform/clock.h"
#include "platform/entropy.h"

struct sqlite3;

namespace pinaflux {
class Vault;
}

namespace pinaflux::crash {

class HandClock : public Clock {
 public:
  Instant now() const override { return Instant{1} + age_; }
  WallTime wall() const override { return WallTime{1'700'000'000'000'000'000} + age_; }
  bool synchronised() const override { return true; }
  std::uint64_t boot() const override { return 7; }
  void advance(Duration d) { age_ = age_ + d; }
  void set(Duration age) { age_ = age; }
  Duration age() const { return age_; }

 private:
  Duration age_{};
};

class SeedEntropy : public Entropy {
 public:
  explicit SeedEntropy(std::uint64_t seed) : random_(seed) {}
  void reseed(std::uint64_t seed) { random_ = Random(seed); }
  void fill(MutableBytes bytes) override {
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random_.u64() >> 56);
  }

 private:
  Random random_;
};

// Keys `first` and `second` of the spool, and `mask`.
Vault make_vault();

// The connection that was opened last, whoever opened it; only as long as it is open. To be called once
// before the first is opened.
void watch_connections();
sqlite3* newest_connection();

// What findings of Spool::open() may say without anything being wrong.
struct Expected {
  bool salvaged = false;    // An earlier queue came out of a damaged file, and drains.
  bool small_disk = false;  // The disk cannot hold the whole bound.
};
bool is_news(std::string_view finding, const Expected& expected);

// Of every page of that database, as it reads them now.
std::uint64_t hash_pages();
// Of every row of every table: what is left when two files differ in their layout only.
std::uint64_t hash_rows();
void execute(const char* sql);
// One row, one column.
std::int64_t number(const char* sql);

}  // namespace pinaflux::crash
