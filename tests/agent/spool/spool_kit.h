// SpoolFixture: a spool in a fresh directory, a clock that is moved by hand, and a far end that remembers
// what it was sent.
#pragma once

#include <bit>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <type_traits>
#include <unistd.h>
#include <vector>

#include <doctest/doctest.h>

#include "agent/data/group.h"
#include "agent/seal/envelope.h"
#include "agent/spool/spool.h"
#include "agent/spool/sqlite.h"
#include "agent/vault/vault.h"
#include "platform/linux/files.h"
#include "tests/kit/directory.h"
#include "tests/kit/hand_clock.h"

namespace pinaflux::spool_kit {

constexpr const char* kGolden = "tests/agent/spool/golden/";

using kit::HandClock;

class CountingEntropy : public Entropy {
 public:
  explicit CountingEntropy(std::uint8_t seed) : next_(seed) {}
  void fill(MutableBytes bytes) override {
    for (auto& b : bytes) b = next_++;
  }

 private:
  std::uint8_t next_;
};

// The masker is not under test here: Record has no other maker, and nothing but a Row in it.
inline Record record_of(const Row& row) {
  static_assert(sizeof(Record) == sizeof(Row) && std::is_trivially_copyable_v<Record>);
  return std::bit_cast<Record>(row);
}

class Directory {
 public:
  Directory() {
    // Kills and copies need no disk, and a busy one makes hundreds of syncs slow.
    std::string name = "/dev/shm/spool-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) {
      name = (std::filesystem::temp_directory_path() / "spool-XXXXXX").string();
      REQUIRE(::mkdtemp(name.data()) != nullptr);
    }
    path_ = name;
  }
  ~Directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

struct SpoolFixture {
  Directory directory;
  LinuxFiles files;
  HandClock clock;
  CountingEntropy entropy{1};
  Entropy* random = &entropy;
  Vault vault;
  Shapes shapes;
  SpoolOptions options;
  std::vector<std::string> findings;
  std::unique_ptr<Spool> spool;
  Group group;
  LeaseWish wish;
  std::vector<Lease> leases;
  std::uint64_t noise = 88172645463325252ull;

  SpoolFixture() {
    options.directory = directory.path() + "/spool";
    options.bytes_max = Spool::kBytesMin;
    options.gateway = "pump-7";
    options.generation = 3;
    options.lanes = {{.name = "alarm"}, {.name = "bulk"}};
    options.sources = {"boiler", "zigbee"};
    // PINAFLUX_SPOOL_KEY=1 runs every test of the spool with encryption at rest.
    if (std::getenv("PINAFLUX_SPOOL_KEY") != nullptr) {
      load_keys();
      options.key = "first";
    }
  }

  // Keys `first` and `second`.
  void load_keys() {
    std::vector<Vault::Reference> references;
    for (const std::string name : {"first", "second"}) {
      const std::string path = directory.path() + "/" + name + ".key";
      const std::string key = name + ": thirty-two characters or so";
      REQUIRE(files.replace(path, key).has_value());
      std::filesystem::permissions(path, std::filesystem::perms(0600));
      references.push_back({.id = name, .file = path, .credential = {}});
    }
    std::string which;
    REQUIRE(vault.load(files, references, which).has_value());
  }

  Status try_open() {
    spool.reset();
    findings.clear();
    auto made = Spool::open(options, files, clock, *random, findings, &vault);
    if (!made) return std::unexpected(made.error());
    spool = std::move(*made);
    return {};
  }
  void open() {
    const Status opened = try_open();
    const std::string why = opened ? "" : opened.error().what;
    const int sys_errno = opened ? 0 : opened.error().sys_errno;
    REQUIRE_MESSAGE(opened.has_value(), why, ", errno ", sys_errno);
  }

  // Records whose only field counts from `from`.
  void add(LaneIndex lane, std::int64_t from, int count) {
    static constexpr std::string_view kFields[] = {"n"};
    const Shape* shape = shapes.intern("boiler/flow", kFields);
    for (int i = 0; i < count; ++i) {
      auto cells = group.arena.array<Value>(1);
      REQUIRE(!cells.empty());
      cells[0] = Value::int64(from + i);
      group.records[lane].push_back(
          record_of({shape, cells.data(), Stamp::wall({(from + i) * 1'000'000})}));
    }
  }
  // Records that no compression makes smaller than `bytes`, their field counting from `from`.
  void add_noise(LaneIndex lane, std::int64_t from, int count, std::size_t bytes = 1000) {
    static constexpr std::string_view kFields[] = {"n", "noise"};
    const Shape* shape = shapes.intern("boiler/noise", kFields);
    for (int i = 0; i < count; ++i) {
      auto cells = group.arena.array<Value>(2);
      auto text = group.arena.array<std::uint8_t>(bytes);
      REQUIRE(!text.empty());
      for (auto& byte : text) {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        byte = static_cast<std::uint8_t>(noise >> 32);
      }
      cells[0] = Value::int64(from + i);
      cells[1] = Value::text(as_text(text));
      group.records[lane].push_back(
          record_of({shape, cells.data(), Stamp::wall({(from + i) * 1'000'000})}));
    }
  }

  Status try_commit() { return spool->commit(group, wish, Stamp::wall(clock.wall()), leases); }
  // The group, then a new one; what was leased is in `leases`.
  void commit() {
    leases.clear();
    const Status done = try_commit();
    const std::string why = done ? "" : done.error().what;
    REQUIRE_MESSAGE(done.has_value(), why);
    group.reset();
  }
  void ack(LaneIndex lane, std::uint64_t high) {
    group.acks.push_back({lane, lane_state(lane).epoch, {1, high}});
  }

  // Of the closed spool's file.
  std::int64_t number(const std::string& sql) {
    spool.reset();
    auto database =
        sqlite::Database::open({.path = options.directory + "/spool.db", .read_only = true});
    REQUIRE(database.has_value());
    return (*database)->integer(sql.c_str()).value_or(-1);
  }
  std::int64_t version() { return number("PRAGMA user_version"); }

  LaneState lane_state(LaneIndex lane) { return spool->state().lanes.at(lane); }
};

inline std::uintmax_t bytes_on_disk(const std::string& directory) {
  std::uintmax_t bytes = 0;
  for (const auto& file : std::filesystem::directory_iterator(directory)) bytes += file.file_size();
  return bytes;
}

// A lease, as a far end sees it.
struct OpenedLease {
  Shapes shapes;
  Arena arena{limits::kOpenedBytesMax * 4};
  std::vector<Row> rows;
  Header header;

  explicit OpenedLease(const Lease& lease, const Dictionaries* dictionaries = nullptr) {
    Opener opener;
    opener.look_in(dictionaries);
    auto opened = opener.open(lease.bytes, shapes, arena, rows);
    REQUIRE(opened.has_value());
    header = std::move(*opened);
  }
};

// What arrived: by seq the value of `n`, or that it was declared lost; and the chain.
struct FarEnd {
  struct Lane {
    std::map<std::uint64_t, std::int64_t> landed;
    std::map<std::uint64_t, std::string> lost;
    std::uint64_t high = 0;
    Digest chain{};
  };
  std::map<LaneIndex, Lane> lanes;
  Dictionaries dictionaries;

  void take(const std::vector<Lease>& leases) {
    for (const Lease& lease : leases) take(lease);
  }
  void take(const Lease& lease) {
    const OpenedLease opened(lease, &dictionaries);
    const auto& [shapes, arena, rows, header] = opened;
    Lane& lane = lanes[lease.lane];
    // What came before a part that could not be read any more is not always known.
    const bool damage =
        rows.empty() && as_text(lease.bytes).find(":damaged") != std::string_view::npos;
    if (!damage) CHECK(header.previous == lane.chain);
    CHECK(header.epoch == lease.epoch);
    CHECK(header.range.first == lease.range.first);
    CHECK(lease.range.first == lane.high + 1);
    CHECK(header.count == rows.size());
    CHECK(chain_end(header) == lease.hash);
    if (rows.empty()) {
      take_loss(lane, lease, header);
    } else {
      CHECK(header.range == lease.range);
      CHECK(rows.size() == lease.range.count_every(header.every));
      take_rows(lane, header, rows);
    }
    lane.high = lease.range.last;
    lane.chain = lease.hash;
  }

 private:
  static void take_rows(Lane& lane, const Header& header, const std::vector<Row>& rows) {
    for (std::uint64_t seq = header.range.first; seq <= header.range.last; ++seq) {
      if (seq % header.every != 0) lane.lost[seq] = "thinned";
    }
    for (std::size_t i = 0; i < rows.size(); ++i) {
      lane.landed[header.range.nth(i, header.every)] = rows[i].values[0].as_int64();
    }
  }
  static void take_loss(Lane& lane, const Lease& lease, const Header& header) {
    std::map<std::string, std::string> extra(header.extra.begin(), header.extra.end());
    const std::string range =
        std::to_string(lease.range.first) + "-" + std::to_string(lease.range.last) + ":";
    REQUIRE(extra["lost"].starts_with(range));
    CHECK(extra["through"] == hex(lease.hash));
    for (std::uint64_t seq = lease.range.first; seq <= lease.range.last; ++seq) {
      lane.lost[seq] = extra["lost"].substr(range.size());
    }
  }
};

// Sends, lands and acknowledges until the lane is empty.
inline void drain(SpoolFixture& f, FarEnd& far, LaneIndex lane) {
  f.wish.envelopes.fill(0);
  f.wish.envelopes[lane] = 8;
  do {
    f.commit();
    far.take(f.leases);
    f.ack(lane, far.lanes[lane].high);
  } while (!f.leases.empty());
  f.commit();
}

}  // namespace pinaflux::spool_kit
