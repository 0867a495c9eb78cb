// State list: what nodes of the pipeline have on disk, of one kind.
//
// Gives      For each state: its key and its value, each as a varint length and bytes; by key.
// Threads    As Operation.
// Tests      tests/agent/spool/state_list_test.cc
#pragma once

#include <string>
#include <vector>

#include "agent/data/group.h"
#include "agent/spool/operation.h"

namespace pinaflux {

class ListStates : public Operation {
 public:
  // States of the keys that begin with `prefix`, and whose values begin with `mark`.
  ListStates(std::string prefix, std::string mark)
      : prefix_(std::move(prefix)), mark_(std::move(mark)) {}
  Result<bool> step(const Access& access, Buffer& out) override;

 private:
  std::string prefix_, mark_;
  bool begun_ = false;
  std::vector<StateEdit> left_;  // The last one first.
};

}  // namespace pinaflux
