// Step: the work of one node, of whatever kind. Pipeline walks from step to step.
//
// Promise    What take() remembers of a record counts only after commit(): a walk that is refused further on
//            leaves no trace.
// Order      (take()+, then commit() or discard())*; save() between walks. restore() before the first take().
// Ownership  Records and Flow live as long as the call.
// Threads    Loop.
// Tests      tests/agent/pipeline/
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/data/group.h"
#include "agent/data/record.h"
#include "agent/pipeline/outside.h"
#include "agent/pipeline/pipeline.h"

namespace pinaflux {

// Where a step passes on what it makes of a record.
class Flow {
 public:
  Flow(const Moment& moment, SourceIndex source, Arena& cells, Arena& texts)
      : moment(moment), source(source), cells(cells), texts(texts) {}

  const Moment moment;
  const SourceIndex source;
  // For the values that a step makes; they live as long as the group. Room for cells was asked for (Step::computed), for texts
  // there may be none.
  Arena& cells;
  Arena& texts;
  // To everything that takes from this port of the node.
  virtual void emit(const Record& record, NodePort port = NodePort::main) = 0;
  // The record that the walk began with is refused, as a whole.
  virtual void refuse(Reason reason) = 0;

 protected:
  ~Flow() = default;
};

class Step {
 public:
  virtual ~Step() = default;

  virtual void take(const Record& record, Flow& flow) = 0;
  // What take() asks of the arena for one record.
  struct Computed {
    bool copies = false;      // It copies the record's cells,
    std::size_t fields = 0;   // and adds at most this many.
    std::size_t records = 1;  // Of one, it makes at most so many of these.
  };
  virtual Computed computed() const { return {}; }
  virtual void commit() {}
  virtual void discard() {}
  // Why take() refused a record with node_failed, without values of it; empty: it does not say.
  virtual std::string failure() const { return {}; }

  // State that changed since the last call. `prefix` begins the edits' keys.
  virtual void save(std::string_view prefix, std::vector<StateEdit>& to);
  // All of it.
  virtual void snapshot(std::string_view prefix, std::vector<StateEdit>& to) const;
  // Of an edit that was committed; a value that is damaged, or of other options, is ignored.
  virtual void restore(Bytes value);

  // The rest is of steps that give records of their own accord, between walks.

  virtual bool gives() const { return false; }
  // Silence has lasted until now: what it closes waits to be given.
  virtual void tick(Instant) {}
  // Silence counts from now on only.
  virtual void resume(Instant) {}
  // When tick() may find something; never(): not before another record comes.
  virtual Instant next() const { return Instant::never(); }
  struct Given {
    Record record;
    SourceIndex source;  // That brought the last record of its key.
    std::optional<Reason> refused =
        {};  // It goes nowhere: the node refuses it itself; failure() may say why.
  };
  virtual bool waits() { return false; }
  // The first that waits, made in the arena; nothing if that has no room. It waits until given().
  virtual std::optional<Given> give(Arena&) { return {}; }
  virtual void given() {}
  // Records that came too late, since the start.
  virtual std::uint64_t late() const { return 0; }
  // Windows that were given again, since the start.
  virtual std::uint64_t revisions() const { return 0; }

  // Of a step that asks a process.
  virtual Outside* outside() { return nullptr; }
};

// Errors: options that make no sense (each kind says which).
Result<std::unique_ptr<Step>> make_step(const NodeKind& kind, Shapes& shapes);

}  // namespace pinaflux
