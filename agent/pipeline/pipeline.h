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
#include <variant>
#include <vector>

#include "agent/data/group.h"
#include "agent/data/record.h"
#include "platform/base/result.h"
#include "platform/base/time.h"

namespace pinaflux {

// A node's ways out: "name" and "name.late".
enum class NodePort : std::uint8_t { main, late };

struct PassThrough {};
// Keeps records for which the comparison holds. Numbers compare by value whatever their types, text and bytes
// by their bytes, false before true. Between other types nothing is equal, less or greater, as with NaN.
struct FieldFilter {
  enum class Compare { equal, not_equal, less, less_equal, greater, greater_equal, exists };
  std::string field;
  Compare compare = Compare::exists;
  std::variant<std::monostate, bool, std::int64_t, double, std::string> with;
  bool keep_missing = false;  // What to do with records that lack the field, or have null there.
};
// Field names (all at once: two may swap), and the stream's name if `stream` is set. A name that the record
// has already refuses it (node_failed).
struct Rename {
  std::vector<std::pair<std::string, std::string>> fields;
  std::string stream;
};
// Drops a record while `field` stays within the band of the last kept. Kept always: a record without the
// field, one whose type changed (numbers are one type), a latecomer (came_late() in band_step.h; the last kept one
// stays that), and what is too long to remember (text beyond 64 bytes, keys beyond 1,024). Values that are no
// numbers are within the band when they are identical.
//
// Silence is over when either clock says so: the record's time is `silence_max` or more after the time of the last
// kept one (so a replayed backlog is thinned by its own time); or the last kept one arrived that long ago. Record
// times of different boots cannot be compared: then arrival decides, and after a restart the first such record is
// kept.
//
// With `swing` a swinging door instead (swing.h): it keeps the records between which a straight line is within
// `swing` of all that were dropped, and holds the last one back until the next shows whether it is needed.
struct Deadband {
  std::string field;
  double within = 0.0;     // Absolute.
  double percent = 0.0;    // Of the last kept value; the wider of both counts.
  double swing = 0.0;      // Above 0: a swinging door, with `silence_max`, without the above.
  Duration silence_max{};  // Keep one at least this often; 0: no bound.
  std::vector<std::string> keys;  // One band per distinct values of these fields (and per stream).
  // Least recently used is forgotten (its next record is kept). With `swing` at most kSwingKeysMax (key_limits.h).
  std::size_t keys_max = 4096;
};
// Drops a record whose key was kept less than `within` ago: by the records' times; by arrival between boots.
struct Dedupe {
  Duration within{};
  std::vector<std::string> keys;  // Without: the same values in all fields. And per stream.
  std::size_t keys_max = 4096;
};
// Passes the first record of each interval of `every` since 1970 (or since the boot), or one in so many.
struct Sample {
  Duration every{};
  std::uint64_t one_in = 0;  // Instead of it.
  std::vector<std::string> keys;
  std::size_t keys_max = 4096;
};
// Passes at most `rate` records in `per` on average, and so many at once; drops what is beyond. By arrival.
struct RateLimit {
  std::uint64_t rate = 0;
  Duration per{};
  std::vector<std::string> keys;
  std::size_t keys_max = 4096;
};
// Adds to a record by how much fields changed since the last one of its key: `<field>_rate`, in `per`; README.md
// says exactly what that means.
struct ChangeRate {
  std::vector<std::string> of;
  Duration per = Duration::seconds(1);
  bool counter = false;   // A fall is a reset to 0,
  double wraps_at = 0.0;  // or a wrap, where it is more than half of this.
  bool total = false;     // `<field>_total` too: of a counter, as if it had never been reset.
  std::vector<std::string> keys;
  std::size_t keys_max = 4096;  // Times fields, at most kChangeRateKeysMax.
};
// Keeps records for which an expression (expression.h) holds.
struct Condition {
  std::string where;
};
// Fields computed of the record's others, by expressions (expression.h), which all see the record as it came. A name that it has
// gets the new value, in its place; others are added, in this order.
struct Derive {
  std::vector<std::pair<std::string, std::string>> fields;  // Name, expression.
};
// Of a record's fields these, or all others. One that has none of them goes nowhere.
struct Select {
  std::vector<std::string> fields;
  bool drop = false;  // All others.
};
// What a Lua script makes of each record; README.md says exactly what that means.
struct Script {
  std::string text;
  std::size_t memory_max = 256 * 1024;
  std::uint64_t steps_max = 100'000;
  std::size_t records_max = 1;  // Made of one.
  std::size_t fields_max = 8;   // That each of them has more than the one.
};
// Statistics of records by time, one record for each window of each key. README.md says exactly what that means.
struct TimeWindow {
  static constexpr std::int64_t kPanesMax = 64;     // Open at once, per key.
  static constexpr std::size_t kFieldsMax = 1'024;  // Of a record that it gives.

  Duration every{};   // A window ends (and begins) at each multiple of it since 1970.
  Duration length{};  // A multiple of `every`; 0: `every`.
  Duration gap{};     // Above 0: a session, which such a silence ends; then neither of the above.
  std::vector<std::string> of;
  std::vector<std::string> give;  // Statistic::parse
  std::vector<std::string>
      keys;  // One window per distinct values of these fields (and per stream).
  Duration lateness{};
  bool pass_late = false;       // To those that take from "<name>.late".
  bool by_arrival = false;      // The turn's time counts, not the record's.
  std::string stream;           // Of what it gives; empty: the input's.
  std::size_t keys_max = 4096;  // Least recently used is closed early.
};
// Panes of a key that may be open at once. `every` or `gap` is above 0.
std::int64_t panes_open_max(const TimeWindow& window);
using NodeKind = std::variant<PassThrough, FieldFilter, Rename, Deadband, Condition, Derive, Select,
                              TimeWindow, Dedupe, Sample, RateLimit, ChangeRate, Script>;

struct NodeOptions {
  std::string name;
  // Sources or nodes, "NAME.late" of a window that passes late records. A source name means all its streams.
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

  // State as committed. What nodes had that are gone is erased by the next commits; of so many pieces.
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
  // The group has room for all that may come of these records; process() is asked for each of them.
  bool has_room(SourceIndex source, std::span<const Record> records, const Group& group) const;
  // A record that the pipeline gave of its own accord (a window), and that a node further on refused.
  struct Refused {
    SourceIndex source;  // Of the last record that it was made from.
    Reason reason;
    Record record;
    std::string_view node;
    std::string_view giver;  // The node that gave it.
  };
  // Puts what waits, and what silence has closed by now, into the group while it has room: until Group::full(), and
  // at least one record into a group that is empty. True: nothing waits any more.
  bool drain(const Moment& moment, Group& group, std::vector<Refused>& refused);
  // When silence may close something; never(): not before another record comes.
  Instant next() const;
  // Sources are held back, so silence says nothing; released at `now`, it counts from then on.
  void hold(bool hold, Instant now);
  // Records that came too late for their window, since the start.
  std::uint64_t late() const;
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

  // Sees every record that reaches a lane (for `tap`); empty to stop.
  using Tap = std::function<void(LaneIndex, const Record&)>;
  void tap(Tap tap);

 private:
  struct State;
  class Walk;
  explicit Pipeline(std::unique_ptr<State> state);
  bool give(std::size_t giver, const Moment& moment, Group& group, std::vector<Refused>& refused);
  std::unique_ptr<State> state_;
};

}  // namespace pinaflux
