// Gatherer: brings what the sources have through mask and pipeline into a group, fairly.
//
// Promise    A parcel goes into a group whole. Its raw values are wiped before gather() returns, unless
//            the group is full, or the pipeline holds back: then the rest waits in the intake. What a source keeps raw goes into
//            the group whatever the pipeline says of it.
// Order      Parcels of one source in the order of their tickets. The source that begins changes every
//            time, so that none lives on what another leaves.
// Ownership  Everything handed in must outlive it.
// Threads    Loop.
// Tests      tests/agent/agent/gatherer_test.cc
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "agent/data/group.h"
#include "agent/data/intake.h"
#include "agent/data/raw_lane.h"
#include "agent/data/replay.h"
#include "agent/health/status.h"
#include "agent/ingest/source.h"
#include "agent/mask/masker.h"
#include "agent/pipeline/pipeline.h"

namespace pinaflux {

class Gatherer {
 public:
  Gatherer(const std::vector<std::unique_ptr<Source>>& sources, Masker& masker, Pipeline& pipeline,
           Shapes& shapes, std::optional<RawLane> raw = {});

  enum class Outcome {
    idle,  // Nothing more waits, but for what the pipeline holds back.
    more,  // Something waits, and the group has room: come again after the other events.
    full,  // Something waits, and the group must be committed first.
  };
  Outcome gather(Group& group, const Moment& moment);
  // A source has something, and the pipeline would take it.
  bool waits() const;

  // A dead letter's records (of bytes, there may be several), not of a parcel. taken or refused (one of them, at
  // least): its letter goes with the group. stays: mask refused one, nothing was changed. waits: another group will
  // have room, or the pipeline holds back.
  struct Entry {
    Replay::Outcome outcome = Replay::Outcome::waits;
    Reason reason = Reason::node_failed;
  };
  Entry enter(std::span<const RawRecord> raw, SourceIndex source, LetterId letter,
              Masker::Origin origin, Group& group, const Moment& moment);

  // Records refused since start, by Reason.
  std::uint64_t refused(Reason reason) const { return refused_[static_cast<std::size_t>(reason)]; }
  std::vector<RefusedCount> refused() const;  // Of each reason that there was.

 private:
  void poll(Group& group);
  bool take(const Parcel& parcel, Group& group, const Moment& moment);
  bool drain(Group& group, const Moment& moment);
  bool mask(const Parcel& parcel, Group& group);
  bool keep(SourceIndex source, const Record& record, Group& group);
  void refuse(Group& group, const Refusal& refusal);
  void refuse_bytes(const Parcel& parcel, std::string_view peer, Group& group);
  std::string_view why_of(const Pipeline::Outcome& outcome) const;
  // Of a record that was masked: it is kept with the refusal, if it is among the first.
  void refuse(Group& group, const Refusal& refusal, const Record& record, std::string_view node,
              std::string_view why);

  const std::vector<std::unique_ptr<Source>>& sources_;
  Masker& masker_;
  Pipeline& pipeline_;
  const std::optional<RawLane> raw_;
  RawShapes raw_shapes_;
  Intake intake_;
  std::size_t next_parcel_ = 0;  // In the intake; those before it are in a group.
  bool waited_ = false;          // The next parcel found no room in the last group.
  std::size_t first_source_ = 0;
  std::vector<Record> masked_;              // Of the parcel at hand.
  std::vector<Reason> unmasked_;            // Why records of the parcel at hand are not in masked_.
  std::vector<Pipeline::Refused> drained_;  // Of what the pipeline gave of its own accord.
  std::array<std::uint64_t, 32> refused_{};
};

}  // namespace pinaflux
