// Workload: a life of a spool from one seed, on a simulated disk that writes down everything it is told.
//
// Promise    One seed, one life. Themes turn by number: steady, backlog, evict (or thin), expire, notes, reopen,
//            checkpoint, damage; all of them do a little of everything.
// Ownership  A Recording is a value: what happened on the disk, and what was promised when.
// Threads    One owner.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "agent/spool/spool.h"
#include "agent/vault/vault.h"
#include "platform/sim/disk.h"
#include "platform/sim/files.h"
#include "tests/sim/crash/mutant.h"
#include "tests/sim/crash/reader.h"
#include "tests/sim/crash/records.h"
#include "tests/sim/crash/truth.h"
#include "tests/sim/crash/world.h"

namespace pinaflux::crash {

enum class Theme : std::uint8_t {
  steady,
  backlog,
  evict,
  expire,
  notes,
  reopen,
  checkpoint,
  damage,
};
inline constexpr std::uint64_t kThemeCount = 8;
const char* theme_name(Theme theme);

// A promise: from `reported` on the disk must never hold less than this.
struct Mark {
  std::size_t reported = 0;  // Operations of the disk when it was made...
  std::size_t settled = 0;   // ...and when it had come true. A mutant promises early.
  std::shared_ptr<const Truth> truth;
  std::shared_ptr<const SpoolOptions> options;
  Duration age{};        // The clock's.
  bool damaged = false;  // From here to the next mark bytes are spoiled and salvaged.
};

// An envelope that left the gateway: when it is sent again it must have the same bytes.
struct Sent {
  Range range;
  std::uint64_t hash = 0;
  std::uint64_t every = 1;  // See thinness().
  std::size_t mark = 0;     // Marks made before it.
};

// What a workload came by: a gate that has lost its subject must say so.
struct Coverage {
  std::uint64_t sealed = 0;       // Envelopes.
  std::uint64_t merged = 0;       // Commits that made envelopes of chunks while the link was down.
  std::uint64_t evicted = 0;      // Records.
  std::uint64_t expired = 0;      // Records.
  std::uint64_t thinned = 0;      // Commits that thinned.
  std::uint64_t encrypted = 0;    // Commits that wrote encrypted rows.
  std::uint64_t checkpoints = 0;  // After which the WAL began anew.
  std::uint64_t salvages = 0;     // Of files that were set aside.
  std::uint64_t unordered = 0;    // Commits that took acks out of order.
  std::uint64_t split = 0;        // Commits that split what was refused.
};

struct Recording {
  Theme theme = Theme::steady;
  sim::Medium::Options medium;
  std::uint64_t medium_seed = 1;  // Of what failed syncs have lost.
  sim::Image initial;
  std::vector<std::shared_ptr<const sim::Operation>> history;
  std::vector<Mark> marks;
  std::map<std::pair<std::string, std::uint64_t>, std::vector<Sent>>
      sent;  // By lane and first seq.
  std::map<std::pair<std::string, std::uint64_t>, Digest>
      chains;  // Of the far end, by lane and seq.
  std::set<std::tuple<std::string, std::uint64_t, std::uint64_t>> refused;  // Lane, first, last.
  std::string wrong;  // Seen while it ran; empty: nothing.
  Coverage covered;

  // What is wrong with sending this after `mark` marks; empty: nothing.
  std::string wrong_with_resend(const std::string& lane, const Lease& lease, std::uint64_t every,
                                std::size_t mark) const;
  // `seq` is within what was refused: a part may end there that was never sent, because the far end had the whole and
  // said so of all before its end.
  bool was_split(const std::string& lane, std::uint64_t seq) const;
};

class Workload {
 public:
  Workload(std::uint64_t seed, std::uint64_t number, Mutant mutant);
  ~Workload();

  // Once.
  Recording run();

  // What is to go wrong is set up here, before run(). A fault that lasts for ever ends the run.
  sim::SimDisk& disk() { return disk_; }
  // That it will: life is short then, and no calls of the disk are spent on counting what is covered.
  void expect_trouble(std::uint64_t steps) {
    steps_max_ = steps;
    troubled_ = true;
  }

 private:
  void configure(std::uint64_t number);
  void step();
  bool open();
  void close();
  void shrink();
  void reopen();
  void change_key();
  void reconfigure();
  void damage();
  void take_stock(const std::vector<std::string>& findings);
  struct Contents {
    std::size_t operations = 0;
    std::int64_t envelopes = 0, chunks = 0, unordered = 0, thinned = 0, split = 0, encrypted = 0;
    std::uint64_t shed = 0;
  };
  Contents contents_now() const;
  void cover(const Contents& before);
  void fill();
  void fill_records(LaneIndex index);
  void fill_notes();
  void add_acks();
  void add_ack(LaneIndex index);
  void add_acks_above(LaneIndex index);
  bool in_order(LaneIndex index) const;
  void commit();
  void settle(const Truth& next, bool kept);
  void deliver();
  void deliver(Lease& lease);
  bool refuses(const Lease& lease);
  void refuse(const Lease& lease, const std::string& key);
  void drop_link();
  void mark(std::size_t reported);
  void complain(const std::string& wrong);  // The first counts; an empty one is none.
  LaneTruth& truth_of(LaneIndex index);
  bool rarely(std::uint64_t n) { return random_.one_in(n); }

  static constexpr std::uint64_t kRefusedOneIn = 12;

  Random random_;
  Random refusals_;  // Dice of their own.
  Mutant mutant_;
  HandClock clock_;
  SeedEntropy entropy_;
  sim::SimDisk disk_;
  sim::SimFiles files_;
  Vault vault_ = make_vault();
  SpoolOptions options_;
  std::unique_ptr<Spool> spool_;
  Records records_{vault_};
  Group group_;
  LeaseWish wish_;
  std::vector<Lease> leases_;
  Reader reader_;
  Truth truth_;
  std::vector<LaneAck> deleted_;  // A mutant's.
  std::vector<LaneAck> refused_;  // To be said with the next commit.
  std::map<std::string, std::vector<std::uint64_t>> boundaries_;  // By lane: ends of what landed.
  Recording recording_;
  std::size_t record_bytes_max_ = 40;
  std::uint64_t bytes_usual_ = 0;
  std::uint64_t steps_max_ = 40;
  std::size_t errors_in_a_row_ = 0;
  bool link_ = true;
  bool troubled_ = false;
  bool thins_ = false;
};

}  // namespace pinaflux::crash
