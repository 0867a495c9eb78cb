// Mutants: bugs that are put around the spool on purpose, and that the enumerator must find.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace pinaflux::crash {

enum class Mutant : std::uint8_t {
  none,
  synchronous_normal,  // The WAL is not synced by a commit.
  lying_sync,          // The disk says that it has synced, and has not.
  report_early,        // Sources are told before the commit.
  delete_before_ack,   // What is sent is deleted, whether it has arrived or not.
  ack_off_by_one,      // The far end's ack is taken for one record more.
  tombstone_missing,   // What was evicted is forgotten.
  envelope_changed,    // An envelope is sent again with another byte in it.
  mask_after_spool,    // Records are spooled as they came.
};

struct MutantName {
  Mutant mutant;
  std::string_view name;
};
inline constexpr std::array<MutantName, 8> kMutants{{
    {Mutant::delete_before_ack, "delete_before_ack"},
    {Mutant::synchronous_normal, "synchronous_normal"},
    {Mutant::lying_sync, "lying_sync"},
    {Mutant::report_early, "report_early"},
    {Mutant::ack_off_by_one, "ack_off_by_one"},
    {Mutant::tombstone_missing, "tombstone_missing"},
    {Mutant::envelope_changed, "envelope_changed"},
    {Mutant::mask_after_spool, "mask_after_spool"},
}};

inline std::optional<Mutant> mutant_of(std::string_view name) {
  for (const MutantName& one : kMutants) {
    if (one.name == name) return one.mutant;
  }
  return std::nullopt;
}

}  // namespace pinaflux::crash
