// SchemaNotices: what the far end is told of the schemas of streams: each that is new or has changed, once it is on disk; after a
// start all of them, one after the other.
//
// Limits     Holds, encoded, those that were not told yet: 2 MiB of each `schema` node at most (key_limits.h).
// Threads    Loop.
// Tests      tests/agent/agent/schema_notices_test.cc
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "agent/data/group.h"
#include "agent/uplink/uplinks.h"

namespace pinaflux {

class SchemaNotices {
 public:
  explicit SchemaNotices(std::string gateway) : gateway_(std::move(gateway)) {}

  // Of what is on disk.
  void take(const std::vector<StateEdit>& states);
  // Of what is about to be committed, and was: a failed commit is repeated, so it may be late, never wrong.
  void prepare(const Group& group);
  void committed();
  // Tells one, if the uplinks take it.
  void tell(Uplinks& uplinks);

 private:
  const std::string gateway_;
  std::map<std::string, Buffer> waiting_;  // By the state's key.
  std::vector<StateEdit> prepared_;
};

}  // namespace pinaflux
