// Records: what the lanes of a workload are given. Each comes raw, with a canary in every field but two, and goes
// through the Masker like those of a gateway.
//
// Promise    Everything in a record follows from its lane's name, its seq and its size, what the mask leaves of it
//            too, so that a record proves by itself that it is whole, in its place and masked.
// Ownership  The vault has the key `mask`.
// Threads    One owner; is_record: any.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "agent/data/group.h"
#include "agent/mask/masker.h"
#include "agent/vault/vault.h"
#include "platform/base/arena.h"

namespace pinaflux::crash {

class Records {
 public:
  explicit Records(const Vault& vault);

  // `noise_bytes` of it no compression makes smaller.
  void add(Group& group, LaneIndex index, std::string_view lane, std::uint64_t seq,
           std::size_t noise_bytes);
  // A mutant: the mask would come after the spool.
  void leave_raw() { masks_ = false; }

 private:
  Row raw(Arena& arena, std::string_view lane, std::uint64_t seq, std::size_t noise_bytes);

  Shapes shapes_;
  std::unique_ptr<Masker> masker_;
  Arena raw_;
  bool masks_ = true;
};

// A row is the record of that lane and seq, to the last bit, and masked.
bool is_record(const Row& row, std::string_view lane, std::uint64_t seq);

}  // namespace pinaflux::crash
