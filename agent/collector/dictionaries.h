// DictionaryStore: the dictionaries that gateways have sent, by lane: what opens the envelopes that were packed with one.
//
// Promise    Only what the lane itself has sent, and the transaction sees, is found. A dictionary changes in the transaction
//            that takes it, or not at all.
// Limits     limits::kDictionariesMax a lane, the newest; kCachedMax are in memory, 16 KiB each at most.
// Ownership  The Database must outlive it. What is in memory is by lane and id, and used only where the table has it: a
//            rollback needs no undoing here.
// Threads    Storage worker.
// Tests      tests/agent/collector/dictionaries_test.cc. Table: README.md.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/collector/supply.h"
#include "agent/seal/dictionary.h"
#include "agent/spool/sqlite.h"
#include "platform/base/result.h"

namespace pinaflux {

class DictionaryStore {
 public:
  static constexpr std::size_t kCachedMax = 256;

  // `supply` may be none, and must outlive it.
  static Result<DictionaryStore> prepare(sqlite::Database& database, Supply* supply = nullptr);

  // One that comes again is the newest.
  Status keep(std::int64_t lane, const Dictionary& dictionary);
  // It alone; nullptr: the lane has none of that id. Dies with the next keep() and find().
  Result<const Dictionaries*> find(std::int64_t lane, const std::string& id);
  // The oldest first.
  Result<std::vector<std::string>> ids(std::int64_t lane);
  std::size_t cached() const { return cache_.size(); }

 private:
  struct Cached {
    Dictionaries one;
    std::uint64_t used = 0;
  };

  explicit DictionaryStore(Supply* supply) : supply_(supply) {}
  Result<std::optional<Buffer>> content(std::int64_t lane, const std::string& id, bool cached);
  const Dictionaries* use(Cached& cached);
  void make_room();

  Supply* supply_;
  sqlite::Statement keep_, trim_, find_, ids_, drop_;
  std::map<std::pair<std::int64_t, std::string>, Cached> cache_;
  std::uint64_t uses_ = 0;
};

}  // namespace pinaflux
