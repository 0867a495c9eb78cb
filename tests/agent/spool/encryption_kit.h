// What the tests of encryption at rest share: an encrypted spool, and its file seen and changed behind its back.
#pragma once

#include "agent/spool/sqlite.h"
#include "platform/base/random.h"
#include "platform/crypto/crypto.h"
#include "tests/agent/spool/spool_kit.h"

namespace pinaflux::spool_kit {

namespace fs = std::filesystem;

class SeededEntropy : public Entropy {
 public:
  void fill(MutableBytes bytes) override {
    for (auto& b : bytes) b = static_cast<std::uint8_t>(random_.u64());
  }

 private:
  Random random_{7};
};

struct EncryptionFixture : SpoolFixture {
  SeededEntropy seeded;

  EncryptionFixture() {
    random = &seeded;
    load_keys();
    options.key = "first";
  }

  std::string path() const { return options.directory + "/spool.db"; }
  std::string raw(const std::string& name) const { return kit::file_text(path() + name); }
  std::string fingerprint() const { return raw("") + "|" + raw("-wal"); }

  void restore(const std::string& from) {
    spool.reset();
    fs::copy(from, options.directory,
             fs::copy_options::overwrite_existing | fs::copy_options::recursive);
  }
  void execute(const std::string& sql) {
    spool.reset();
    auto database = sqlite::Database::open({.path = path()});
    REQUIRE(database.has_value());
    REQUIRE((*database)->make_durable().has_value());
    REQUIRE((*database)->execute(sql.c_str()).has_value());
  }
  std::vector<Buffer> blobs(const std::string& sql) {
    spool.reset();
    auto database = sqlite::Database::open({.path = path(), .read_only = true});
    auto select = (*database)->prepare(sql.c_str());
    REQUIRE(select.has_value());
    std::vector<Buffer> all;
    while (select->step().value_or(false)) {
      all.emplace_back(select->blob(0).begin(), select->blob(0).end());
    }
    return all;
  }

  void add_canary() {
    static constexpr std::string_view kFields[] = {"canary_field"};
    const Shape* shape = shapes.intern("canary/stream", kFields);
    auto cells = group.arena.array<Value>(1);
    cells[0] = Value::text("canary value");
    group.records[0].push_back(record_of({shape, cells.data(), Stamp::wall({1'000'000})}));
  }
  void add_notes(std::uint8_t value) {
    group.cursors = {{0, "k", {value}, false}, {1, "k", {9}, false}};
    group.states = {{"s", {value, value}}, {"t", {7}}};
  }
  void check_notes(std::uint8_t value) {
    const auto cursors = spool->cursors();
    REQUIRE(cursors.size() == 2);
    CHECK(cursors[0].first == "boiler");
    CHECK(cursors[0].second == std::vector<std::pair<std::string, Buffer>>{{"k", {value}}});
    CHECK(cursors[1].second.at(0).second == Buffer{9});
    const auto states = spool->states();
    REQUIRE(states.size() == 2);
    CHECK(states[0].key == "s");
    CHECK(states[0].value == Buffer{value, value});
  }

  // Alarm: records 1-10 in an envelope, 11-20 in a chunk.
  void fill() {
    wish.envelopes.fill(8);
    add(0, 0, 10);
    commit();
    wish.envelopes.fill(0);
    add(0, 10, 10);
    commit();
  }
  FarEnd drain() {
    FarEnd far;
    drain(far);
    return far;
  }
  void drain(FarEnd& far) {
    wish.envelopes.fill(8);
    do {
      commit();
      far.take(leases);
      for (const auto& [lane, arrived] : far.lanes) ack(lane, arrived.high);
    } while (!leases.empty());
    commit();
  }
};

}  // namespace pinaflux::spool_kit
