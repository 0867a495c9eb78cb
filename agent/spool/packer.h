// Packer: turns the records of one lane into rows of the queue: envelopes where the uplink has a place or
// one is full, a chunk otherwise; chunks are merged into envelopes on the way.
//
// Promise    Every record is in exactly one row afterwards, in order, with the seqs that follow on.
// Limits     kEnvelopeBytesMax an envelope; kOpenedArenaBytesMax of chunks opened at a time.
// Threads    Storage worker; one take() at a time.
// Tests      tests/agent/spool/spool_test.cc, damage_test.cc
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "agent/data/anchor.h"
#include "agent/data/lease.h"
#include "agent/data/record.h"
#include "agent/seal/envelope.h"
#include "agent/spool/lane.h"
#include "agent/spool/lane_dictionaries.h"
#include "agent/spool/letters.h"
#include "agent/spool/queue.h"
#include "platform/base/arena.h"

namespace pinaflux {

class Packer {
 public:
  explicit Packer(std::uint64_t generation);

  struct Job {
    Queue& queue;
    Lane& lane;
    LaneIndex index;
    std::int64_t age;            // Seconds that the spool has lived.
    std::size_t places;          // Envelopes that may be leased at once; counted down.
    std::vector<Lease>& leases;  // They are appended here, bytes and all.
    bool sealed_only = false;    // As in LeaseWish.
    std::size_t bytes_max = limits::kEnvelopeBytesMax;  // Of an envelope.
    LaneDictionaries* dictionaries = nullptr;           // Where envelopes may leave.
    // The far end keeps dictionaries: small envelopes that leave at once may be packed with the lane's, if it has that.
    bool takes_dictionaries = false;
    std::string_view far_end_has = {};
    GivenUp* given_up = nullptr;  // None: records that fit into no envelope are declared only.
  };
  // Stores the records; what there are places for is leased, in the lane's order.
  Status take(Job& job, std::span<const Record> records);
  // Puts the lane's chunks into envelopes, as if the uplink had places for all of them; leases none.
  Status seal(Job& job);
  // What an envelope of another lane holds enters this one as if it came in now, but for the seqs (of there) that
  // are known. The lane's chunks are sealed first. How many records that were. corrupt: it does not open.
  Result<std::uint64_t> enter(Job& job, Bytes envelope, const Dictionaries& dictionaries,
                              std::span<const Range> known);
  // So many records that never had a seq of this lane are declared lost in it, with reason and times of `like`.
  Status bury(Job& job, const Entry& like, std::uint64_t count);
  // Puts a tombstone into its envelope: see tombstone.h.
  Status seal(Queue& queue, const Lane& lane, const Entry& tombstone, Buffer& bytes);
  // The last take() failed on a record that fits into no envelope, behind chunks: the next one merges
  // them first, so that the record's tombstone has its place.
  bool must_repeat() const { return merge_first_; }
  // From now on what is put into rows with a stamp of that boot gets calendar time.
  void know(const Anchor& anchor) { anchor_ = anchor; }
  // A header can carry these names.
  Status check_names(const std::string& gateway, const std::string& lane);
  // Leases what was sealed before, as long as there are places.
  Status lease(Job& job);

 private:
  static constexpr std::size_t kOpenedArenaBytesMax = 12 * 1024 * 1024;

  class Opened;

  Status pack(Job& job, std::span<const Record> records);
  Status lease_in_order(Job& job);
  Result<std::size_t> places_of_backlog(const Job& job);
  bool must_merge(const Job& job, std::size_t record_count) const;
  Status replace_damaged(Job& job, const Entry& entry);
  Status merge(Job& job);
  Status take_chunk(Job& job, const Entry& chunk);
  Status open_chunk(const Entry& chunk);
  Status seal_opened(Job& job);
  void adopt(std::span<const Record> records);
  void forget_opened();
  enum class Make { envelopes, chunks, envelopes_and_tail };
  Status seal_rows(Job& job, std::uint64_t first, Effort effort, Make make);
  Status give_up(Job& job, const Row& row, std::uint64_t seq, Make make);
  Status put_grave(Job& job, Entry& grave);
  const Dictionary* pack_with(const Job& job);
  Status put_envelope(Job& job, Header& header, Buffer&& bytes);
  Status put_chunk(Job& job, const Header& header, Bytes envelope);

  std::uint64_t generation_;
  Sealer sealer_;
  Opener opener_;
  std::unique_ptr<Shapes> shapes_;  // Of opened chunks; made anew for each merge.
  Arena arena_;
  std::vector<Row> rows_;         // Opened and new ones, in order.
  std::uint64_t rows_first_ = 0;  // Seq of rows_[0].
  std::uint64_t bytes_made_ = 0;  // By this take().
  bool merge_first_ = false;
  std::optional<Anchor> anchor_;
  Buffer body_;  // Scratch.
};

}  // namespace pinaflux
