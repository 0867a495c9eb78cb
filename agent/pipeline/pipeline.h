// Pipeline: a declared graph of nodes between mask and spool: fewer, better records, each with a lane.
//
// Promise    No I/O. A record that is refused has a reason, and is in no lane. State that must survive is
//            handed to the group as StateEdits and commits with the records that caused it. README.md has more.
// Order      Records keep their order along every path; a node sees them in arrival order. A record that
//            comes to a lane by two paths is two records of it.
// Limits     Nodes and edges are fixed by the configuration; state per key is bounded (Options). At most
//            kNodesMax nodes, and kDeliveriesMax records made of one.
// Ownership  Shapes must outlive it. Records live in the group's arena.
// Threads    Loop.
// Tests      tests/agent/pipeline/
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/data/group.h"
#include "agent/data/record.h"
#include "agent/pipeline/node_kinds.h"
#include "platform/base/result.h"
#include "platform/base/time.h"

namespace pinaflux {

class Outside;

// A node's ways out: "name", "name.late" of a window, "name.drifted" of a schema.
enum class NodePort : std::uint8_t { main, late, drifted };

struct NodeOptions {
  std::string name;
  // Sources or nodes, "NAME.late" and "NAME.drifted" of nodes that have such a port. A source name means all its streams.
  std::vector<std::string> from;
  NodeKind kind;
};

struct PipelineLane {
  std::string name;
  std::vector<std::string> from;  // As of a node.
};

struct PipelineOptions {
  std::vector<std::string> sources;  // By SourceIndex.
  std::vector<NodeOptions> nodes;    // In any order; the configuration has refused cycles.
  std::vector<PipelineLane> lanes;   // By LaneIndex.
};

class Pipeline {
 public:
  static constexpr std::size_t kNodesMax = 1'024;
  static constexpr std::size_t kDeliveriesMax = 256;

  // Errors: an unknown name, a cycle, ... (configuration reports them first, with lines).
  static Result<std::unique_ptr<Pipeline>> make(const PipelineOptions& options, Shapes& shapes);
  ~Pipeline();

  // State as committed. What nodes had that are gone is erased by the next commits, which keep records that they held as dead
  // letters; of so many pieces.
  std::size_t restore(const std::vector<StateEdit>& states);
  // Puts what comes of the record into the group's lanes. Reason::no_lane if no path leads from the source
  // to a lane; a record that a filter or a deadband dropped is taken. no_room: nothing of it was kept,
  // and it can be given again. What the record closes (a window) waits for drain().
  enum class Verdict { taken, refused, no_room };
  struct Outcome {
    Verdict verdict;
    Reason reason;
    std::string_view node = {};  // That refused it, as long as the Pipeline lives; empty: none did.
  };
  Outcome process(SourceIndex source, const Record& record, const Moment& moment, Group& group);
  // Why a node refused the last record that process() was given, where it says it; it names no values.
  const std::string& why() const;
  // The group has room for all that may come of these records, and for so many others `beside`; process() is asked for each of them.
  bool has_room(SourceIndex source, std::span<const Record> records, const Group& group,
                std::size_t beside = 0) const;
  // A record that the pipeline gave of its own accord (a window), and that a node further on refused.
  struct Refused {
    SourceIndex source;  // Of the last record that it was made from.
    Reason reason;
    Record record;
    std::string_view node;
    std::string_view
        giver;  // The node that gave it; empty: it is as the source brought it, and nothing else came of it.
    std::string why = {};  // As why().
  };
  // Puts what waits, and what silence has closed by now, into the group while it has room: until Group::full(), and
  // at least one record into a group that is empty. True: nothing waits any more.
  bool drain(const Moment& moment, Group& group, std::vector<Refused>& refused);
  // Nodes that ask a process (outside.h), as long as the Pipeline lives.
  struct Asking {
    std::string_view node;
    Outside* outside;
  };
  std::vector<Asking> outsides() const;
  // One of these has as much unanswered as it may have: nothing more is to come to process(), though it would be taken. What
  // nodes before it hold stays there in drain().
  bool holds_back() const;
  // When silence may close something; never(): not before another record comes.
  Instant next() const;
  // Sources are held back, so silence says nothing; released at `now`, it counts from then on.
  void hold(bool hold, Instant now);
  // Records that came too late for their window, since the start.
  std::uint64_t late() const;
  // Windows that were given again (`amend_for`), since the start.
  std::uint64_t revisions() const;
  // Called once before a group is committed: adds the state that changed since the last call.
  void save(Group& group);
  // The last record that a node refused since the last call, where the node says why; it names no values.
  struct Trouble {
    std::string_view node;  // As long as the Pipeline lives.
    std::string what;
  };
  std::optional<Trouble> trouble();
  // The whole state, for a Pipeline that takes over at a reload: save() the old one into a group that will
  // be committed, then restore() its snapshot into the new one.
  std::vector<StateEdit> snapshot() const;

  // Every record that reaches a lane has this number as its field kCorrection from now on, in place of one that it has. Before the
  // first record.
  static constexpr std::string_view kCorrection = "correction";
  void mark(std::int64_t correction);

  // Sees every record that reaches a lane (for `tap`); empty to stop.
  using Tap = std::function<void(LaneIndex, const Record&)>;
  void tap(Tap tap);
  // Sees every record that a node gives, as it gives it, also in a walk that is refused further on; empty to stop.
  using Watch = std::function<void(std::string_view node, NodePort port, const Record&)>;
  void watch(Watch watch);

 private:
  struct State;
  class Walk;
  explicit Pipeline(std::unique_ptr<State> state);
  void find_outsides(const PipelineOptions& options);
  bool give(std::size_t giver, const Moment& moment, Group& group, std::vector<Refused>& refused);
  std::unique_ptr<State> state_;
};

}  // namespace pinaflux
