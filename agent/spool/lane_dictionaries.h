// Lane dictionaries: what the small envelopes of each lane are packed with. One is made of what the lane sends, tried on what it
// sends next, kept if it pays, told to the far end, and used once that has it.
//
// Promise    No envelope is packed with a dictionary that is not on disk. It stays there for as long as something that is
//            queued may need it, and is never changed. Of a lane that keeps its records for a time, it is used for no longer.
// Limits     limits::kDictionariesMax a lane; another is made kRest envelopes after the last one, at the earliest.
// Store      A state of the spool each ("dictionary/NUMBER": a dictionary message, encrypted where states are).
// Threads    Storage worker.
// Tests      tests/agent/spool/lane_dictionaries_test.cc. Format: FORMAT.md.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/data/lease.h"
#include "agent/seal/dictionary.h"
#include "agent/spool/lane.h"
#include "agent/spool/notes.h"
#include "platform/base/result.h"

namespace pinaflux {

class LaneDictionaries {
 public:
  static constexpr std::size_t kRest = 1'024;  // Envelopes.
  static constexpr std::size_t kMissesMax =
      64;  // In a row: then the lane sends something else now.
  static constexpr std::size_t kPaysWithin = 512;

  // A state that is kept here.
  static bool is_key(std::string_view key);

  // Of what is damaged nothing is said here: an envelope that needs it is.
  void load(Notes& notes, const std::vector<Lane>& lanes);
  // In the running transaction: forgets those that nothing needs. Of lanes that are `wanted` the newest stays.
  Status tidy(Notes& notes, const std::vector<Lane>& lanes,
              const std::function<bool(const Lane&)>& wanted);
  bool any() const { return !kept_.empty(); }
  const Dictionaries& all() const { return all_; }

  // One that is lost here has no message: the far end may still have it.
  std::shared_ptr<const SentDictionary> sent(LaneId lane, const std::string& id) const;
  // Null: there is none.
  std::shared_ptr<const SentDictionary> current(const Lane& lane) const;
  // To pack the lane's next envelope with, if it is what the far end has; else null.
  const Dictionary* usable(const Lane& lane, std::string_view far_end_has) const;

  // An envelope of the lane was sealed that leaves at once: its body before it was packed, what it could have been
  // packed with, and whether it was.
  void sealed(const Lane& lane, Bytes plain_body, const Dictionary* usable, bool packed);

  // That write() will write.
  std::int64_t bytes_due() const;
  // In the running transaction, at that age of the spool: those that have proved good, and away with those that are used no more and
  // that nothing needs; settle(): whether it was committed.
  Status write(Notes& notes, const std::vector<Lane>& lanes, std::int64_t age);
  Status expire(Notes& notes, const std::vector<Lane>& lanes, std::int64_t age);
  void settle(bool committed);
  // One that comes with envelopes of another spool, in the running transaction of one that nobody has open. What is here
  // already stays as it is.
  Status adopt(Notes& notes, Bytes message);

 private:
  struct Kept {
    LaneId lane = 0;
    std::uint64_t number = 0;
    std::uint64_t until = 0;                     // Nothing above that seq was packed with it.
    std::optional<std::int64_t> since;           // Age of the spool; none: from before this start.
    std::shared_ptr<const SentDictionary> sent;  // Null: it is damaged, or of no lane.
  };
  struct Making {
    LaneId lane = 0;
    DictionaryMaker maker;
    std::optional<Dictionary> candidate;  // The next body decides.
    std::optional<Dictionary> due;        // It pays;
    std::optional<Kept> written;  // and is kept as this, if the running transaction is committed,
    std::uint64_t retired = 0;    // Up to this number none is used any more.
    std::size_t rest = 0;         // Envelopes until the next is made.
    std::size_t misses = 0;
  };

  Making& making(const Lane& lane);
  void keep(Kept kept, const Dictionary* dictionary);
  void forget(std::uint64_t number);
  void collect(Making& making, Bytes plain_body);
  void begin_again(Making& making);
  Status write(Notes& notes, const Lane& lane, Making& making, std::int64_t age);
  const Kept* newest(LaneId lane) const;
  std::uint64_t next_number() const;

  Dictionaries all_;
  std::list<Kept> kept_;  // By number.
  std::list<Making> making_;
  std::vector<std::uint64_t> gone_;  // Their numbers, if the running transaction is committed.
};

}  // namespace pinaflux
