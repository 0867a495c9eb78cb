// Pipeline: a declared graph of nodes between mask and spool: fewer, better records, each with a lane.
//
// Promise    No I/O. A record that is refused has a reason. State that must survive is handed to the
//            group as StateEdits and commits with the records that caused it.
// Order      Records keep their order along every path; a node sees them in arrival order.
// Limits     Nodes and edges are fixed by the configuration; state per key is bounded (Options).
// Ownership  Shapes must outlive it. Records live in the group's arena.
// Threads    Loop.
// Tests      tests/agent/pipeline/
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "agent/data/group.h"
#include "agent/data/record.h"
#include "platform/base/result.h"
#include "platform/base/time.h"

namespace pinaflux {

struct PassThrough {};
struct FieldFilter {                 // Keeps records for which the comparison holds.
  enum class Compare { equal, not_equal, less, less_equal, greater, greater_equal, exists };
  std::string field;
  Compare compare = Compare::exists;
  std::variant<std::monostate, bool, std::int64_t, double, std::string> with;
  bool keep_missing = false;         // What to do with records that lack the field.
};
struct Rename {                      // Field names, and the stream's name if `stream` is set.
  std::vector<std::pair<std::string, std::string>> fields;
  std::string stream;
};
struct Deadband {                    // Drops a record while `field` stays within the band of the last kept.
  std::string field;
  double within = 0.0;               // Absolute.
  Duration silence_max{};            // Keep one at least this often; 0: no bound.
  std::vector<std::string> keys;     // One band per distinct values of these fields (and per stream).
  std::size_t keys_max = 4096;       // Least recently used is forgotten (its next record is kept).
};
using NodeKind = std::variant<PassThrough, FieldFilter, Rename, Deadband>;

struct NodeOptions {
  std::string name;
  std::vector<std::string> from;     // Sources or nodes. A source name means all its streams.
  NodeKind kind;
};

struct PipelineLane {
  std::string name;
  std::vector<std::string> from;     // Sources or nodes.
};

struct PipelineOptions {
  std::vector<std::string> sources;  // By SourceIndex.
  std::vector<NodeOptions> nodes;    // In any order; the configuration has refused cycles.
  std::vector<PipelineLane> lanes;   // By LaneIndex.
};

class Pipeline {
 public:
  // Errors: an unknown name, a cycle (configuration reports them first, with lines).
  static Result<std::unique_ptr<Pipeline>> make(const PipelineOptions& options, Shapes& shapes);
  ~Pipeline();

  // State as committed; keys of nodes that are gone or changed kind are ignored.
  void restore(const std::vector<StateEdit>& states);
  // Puts what comes of the record into the group's lanes. Reason::no_lane if no lane wants the source.
  // `now` bounds silence by the monotonic clock.
  enum class Verdict { taken, refused, no_room };
  struct Outcome {
    Verdict verdict;
    Reason reason;
  };
  Outcome process(SourceIndex source, const Record& record, Instant now, Group& group);
  // Called once before a group is committed: adds the state that changed since the last call.
  void save(Group& group);

  // Sees every record that reaches a lane (for `tap`); empty to stop.
  using Tap = std::function<void(LaneIndex, const Record&)>;
  void tap(Tap tap);

 private:
  struct State;
  explicit Pipeline(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace pinaflux
