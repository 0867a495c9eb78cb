// The raw lane: the masked records of sources with `keep: raw`, as the pipeline got them, in the order in which they came.
//
// It is a lane of the spool like any other, with its chunks, envelopes, bounds and keys, but nothing of it is sent: what is beyond its
// bounds goes, the oldest first. A record's stream is "SOURCE STREAM" there.
//
// Ownership  Shapes must outlive RawShapes.
// Threads    One owner.
// Tests      tests/agent/agent/raw_replay_test.cc
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/data/identity.h"
#include "agent/data/intake.h"
#include "agent/data/shape.h"

namespace pinaflux {

// No lane of a configuration may have this name.
inline constexpr std::string_view kRawLane = ".raw";

// Who keeps, and where.
struct RawLane {
  LaneIndex lane = 0;
  std::vector<std::string> sources;  // By SourceIndex: the name; empty: it keeps nothing.

  bool keeps(SourceIndex source) const {
    return source < sources.size() && !sources[source].empty();
  }
};

class RawShapes {
 public:
  explicit RawShapes(Shapes& shapes) : shapes_(shapes) {}

  // As the lane has it. Null: there are too many shapes.
  const Shape* kept(SourceIndex source, std::string_view name, const Shape& shape);

  struct Origin {
    std::string_view source;
    const Shape* shape = nullptr;  // As the source gave it.
  };
  // Nothing: the lane has not got it from a source, or there are too many shapes.
  std::optional<Origin> origin(const Shape& kept);

 private:
  Shapes& shapes_;
  std::vector<std::vector<const Shape*>> kept_;  // By SourceIndex, by Shape::id.
  std::vector<Origin> origins_;                  // By Shape::id.
};

}  // namespace pinaflux
