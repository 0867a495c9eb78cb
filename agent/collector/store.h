// CollectorStore: the collector's database: takes arrivals, lands their rows, and says what to answer.
//
// Promise    land() is one transaction: rows, state of the lanes and lengths of files become durable
//            together, or nothing does. What it says may be acknowledged is on disk. An arrival that is
//            damaged, foreign or contradictory is recorded as refused and never fails the others.
// Limits     kRowsBytesMax of memory for the rows of one envelope; kNoticesMax notices a land().
// Ownership  Files must outlive it. One process at a time has an SQLite database open for writing; several may share one of
//            PostgreSQL, each under a name of its own.
// Threads    Storage worker.
// Tests      tests/agent/collector/store_test.cc. Tables: README.md.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agent/collector/comparison.h"
#include "agent/collector/dictionaries.h"
#include "agent/collector/file_rows.h"
#include "agent/collector/home.h"
#include "agent/collector/outlets.h"
#include "agent/collector/state.h"
#include "agent/collector/timing.h"
#include "agent/collector/topic.h"
#include "agent/seal/envelope.h"
#include "agent/seal/messages.h"
#include "platform/base/arena.h"
#include "platform/base/result.h"
#include "platform/files.h"

namespace pinaflux {

struct Arrival {
  Topic::Kind kind = Topic::Kind::data;
  std::string gateway, lane;  // Of the topic.
  Buffer payload;
  std::optional<Reception> received = {};  // Of a hello, if the collector's clock can be right.
  const char* unproved = nullptr;          // Why it is not believed to be its gateway's.
};

struct Counts {
  std::uint64_t envelopes = 0, rows = 0;  // Landed.
  std::uint64_t redelivered = 0;          // Envelopes that had landed before.
  std::uint64_t declared = 0;             // Tombstones.
  std::uint64_t forks = 0, rejects = 0;   // Envelopes; rejects include the forks.
  std::uint64_t quarantined = 0;          // Rows that their table did not take.
  std::uint64_t lines_refused = 0;        // That the database for line protocol did not take.

  Counts& operator+=(const Counts& more);
};

struct Notice {
  std::string gateway, lane;
  const char* reason = "";
  Range range;
};

struct Landed {
  std::vector<AckMessage> acks;
  std::vector<Notice> notices;  // The first refusals.
  Counts counts;
  Gaps gaps;
  std::vector<std::string> findings;  // Of files that were read again.
};

class CollectorStore {
 public:
  static constexpr std::size_t kRowsBytesMax = 256 * 1024 * 1024;
  static constexpr std::size_t kNoticesMax = 16;

  struct Options {
    std::string database;                          // A file, or postgresql://...
    OutletOptions outlets;                         // Where rows go besides.
    std::string collector = "pinaflux-collector";  // Its name, where several share a database.
    // Rows land in outlets.ndjson alone, and an SQLite file keeps the state. May change from one start to the next.
    bool rows_in_files = false;
    // That was not said: where rows landed otherwise at the last start, nothing is opened.
    bool rows_as_before = false;
    std::string base = {};  // Where relative paths in the state are looked for, see FileCare.
  };

  // Errors: busy (another collector has it), invalid (another program's database, or rows_in_files without NDJSON files,
  // without SQLite, or against rows_as_before), exists (another collector writes into a folder), newer, corrupt, denied, read_only, full, io. Of a database that is refused nothing is changed.
  static Result<std::unique_ptr<CollectorStore>> open(const Options& options, Files& files,
                                                      std::vector<std::string>& findings);
  ~CollectorStore();

  // On an error nothing has changed, and the same arrivals may be landed again.
  Status land(std::span<const Arrival> arrivals, WallTime now, Landed& landed);
  // More than the error of the last land() says; empty when there is nothing.
  std::string trouble() const;
  // Rows wait for their calendar time although it is known: land() again, be it nothing.
  bool unfinished() const { return unfinished_; }

 private:
  struct Touched {
    LaneKey key;
    bool fork = false;
    std::vector<Comparison> compared;
    std::vector<RefusedEnvelope> refused;
    std::optional<HelloEcho> hello;  // To be answered.
    bool dictionaries = false;       // Its gateway is told which are here.
  };

  explicit CollectorStore(std::unique_ptr<Home> home);
  Status prepare(const Options& options, Files& files, std::vector<std::string>& findings);
  Status attempt(std::span<const Arrival> arrivals);
  Status follow_home();
  Status correct_times();
  Status land_all(std::span<const Arrival> arrivals);
  Status take(const Arrival& arrival);
  Status take_data(const Arrival& arrival);
  Status take_envelope(const Arrival& arrival, const Header& header);
  Status take_fresh(LaneEntry& lane, const Header& header);
  Status take_stand_in(const Arrival& arrival, const Header& header);
  Status land_rows(const LaneEntry& lane, const Header& header, const Range& range);
  Status take_loss(const Arrival& arrival, const Header& header);
  Status take_hello(const Arrival& arrival);
  Status answer_probe(const Arrival& arrival, const HelloMessage& hello);
  Status take_status(const Arrival& arrival);
  Status take_marks(const std::string& gateway, std::span<const LaneMark> marks, bool answer,
                    const std::optional<HelloEcho>& hello = {});
  Status take_dictionary(const Arrival& arrival);
  // What an envelope was packed with is looked up for open_envelope(). Its header, if that is not here.
  Result<std::optional<Header>> without_dictionary(Bytes payload);
  Status refuse_without_dictionary(const Arrival& arrival, const Header& header);
  Result<Header> open_envelope(Bytes payload);
  Status take_known(LaneEntry& lane, const Comparison& answer);
  Status take_unproven(LaneEntry& lane, Comparison&& answer);
  Result<bool> was_split(const Arrival& arrival, const Compared& compared);
  Status take_in_doubt(const Arrival& arrival, LaneEntry& lane, const Header& header,
                       Verdict verdict);
  Result<bool> landed_otherwise(const LaneEntry& lane, const Header& header);
  Status fork(const Arrival& arrival, LaneEntry& lane, Comparison&& answer);
  // False: the ack has no room for it.
  bool tell(const LaneKey& key, Comparison&& answer);
  Status refuse(const Arrival& arrival, const char* reason, const Range& range = {});
  // As refuse(), and its gateway is told that it need not come again as it is.
  Status refuse_for_good(const Arrival& arrival, const char* reason, const Range& range = {});
  Status answer();
  Touched& touch(const LaneKey& key, bool fork);
  void undo();
  Status undo_one();
  Status remember_rows(const Options& options, std::vector<std::string>& findings);
  Status prepare_files(const Options& options, Files& files, std::vector<std::string>& findings);
  Tables& tables() { return file_rows_ ? *file_rows_ : home_->tables(); }

  std::unique_ptr<Home> home_;
  std::unique_ptr<Ledger> ledger_;
  std::unique_ptr<DictionaryStore> dictionaries_;
  std::unique_ptr<Timing> timing_;
  std::unique_ptr<Outlets> outlets_;     // May be absent.
  std::unique_ptr<FileRows> file_rows_;  // If rows lie in files alone, or some did.
  Opener opener_;
  PackedWith packed_with_;  // The envelope that is being taken.
  std::unique_ptr<Shapes> shapes_;
  Arena arena_{kRowsBytesMax};
  std::vector<Row> rows_;
  std::vector<std::int64_t> anchors_;  // Of rows_, see Timing::resolve().
  bool unfinished_ = false;
  int rest_ = 0;  // Transactions without a correction of times.

  WallTime now_;
  std::string today_;
  Landed landed_;
  std::map<std::string, Touched> touched_;  // By a text that names the lane.
  std::uint64_t renewals_ = 0;              // Of the home, that the outlets know of.
};

}  // namespace pinaflux
