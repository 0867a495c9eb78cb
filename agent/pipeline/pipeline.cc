// A record walks the graph depth first. What reaches a lane is collected, and goes into the group only when the
// whole walk went well: a refusal on one path takes back the others, what steps remembered included. What can run out is asked
// before the walk: the group's count of records, and its arena for what steps compute (a renamed record shares its values with
// the original). A text that comes out longer than was thought refuses its record (too_large).
//
// A walk never makes a record out of many: what it closes waits in its step until drain() finds room for it, and
// begins a walk of its own there. So any group takes any record, and a window that does not fit comes in the next.

#include "agent/pipeline/pipeline.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "agent/pipeline/execd.h"
#include "agent/pipeline/graph.h"
#include "agent/pipeline/held_record.h"
#include "agent/pipeline/packed_record.h"
#include "agent/pipeline/step.h"
#include "agent/pipeline/waiting_queue.h"

namespace pinaflux {

namespace {

constexpr std::string_view kPrefix = "pipeline/";
constexpr std::size_t kForgottenEach = 1'024;  // Of a commit.

struct Node {
  std::string prefix;  // Of its states' keys: "pipeline/<name>/".
  std::unique_ptr<Step> step;

  std::string_view name() const {
    return std::string_view(prefix).substr(kPrefix.size(), prefix.size() - kPrefix.size() - 1);
  }
};

struct Delivery {
  LaneIndex lane;
  Record record;
};

// What all paths of a record ask of a group at once: places in lanes, and of the arena cells for `copies` times its fields
// and for `cells` more.
struct Wanted {
  std::size_t deliveries = 0, copies = 0, cells = 0;

  std::size_t bytes(const Record& record) const {
    return (copies * record.shape().field_count() + cells) * sizeof(Value) +
           copies * alignof(std::max_align_t);
  }
};

// Adds Pipeline::kCorrection.
class Marker {
 public:
  Marker(Shapes& shapes, std::int64_t correction) : shapes_(shapes), correction_(correction) {}

  // Nothing: there are too many shapes.
  std::optional<Record> mark(const Record& record, Arena& arena) {
    const Shape& from = record.shape();
    if (from.id() >= marked_.size()) marked_.resize(from.id() + 1);
    const Shape*& shape = marked_[from.id()];
    if (shape == nullptr) {
      names_.assign(from.fields().begin(), from.fields().end());
      if (from.find(Pipeline::kCorrection) < 0) names_.push_back(Pipeline::kCorrection);
      shape = shapes_.intern(from.stream(), names_);
    }
    const auto cells = arena.array<Value>(from.field_count() + 1);
    if (shape == nullptr || cells.data() == nullptr) return std::nullopt;
    std::ranges::copy(record.cells(), cells.begin());
    cells[static_cast<std::size_t>(shape->find(Pipeline::kCorrection))] = Value::int64(correction_);
    return Record::derived(record, Row{shape, cells.data(), record.time()});
  }

 private:
  Shapes& shapes_;
  const std::int64_t correction_;
  std::vector<const Shape*> marked_;  // By Shape::id.
  std::vector<std::string_view> names_;
};

// "pipeline/a/<hash>" is of node "a", "pipeline/a/b/<hash>" is of node "a/b" only.
bool names(std::string_view prefix, std::string_view key) {
  return key.starts_with(prefix) && key.find('/', prefix.size()) == std::string_view::npos;
}

// Not what waited in a node of another kind that had this one's name.
bool is_its(Step& step, Bytes state) {
  const Bytes entry = WaitingQueue::entry_of(state);
  if (entry.empty()) return true;
  const bool of_execd = ExecdStep::held_in(entry).size() < entry.size();
  return step.gives() && of_execd == (step.outside() != nullptr);
}

// A state that no node has any more.
struct Forgotten {
  std::string key;
  Buffer held;  // The record that its node held, packed; empty: it held none.
};

// For its record, unpacked; a group that holds nothing has all the room there is.
bool fits(const Forgotten& its, const Group& group) {
  constexpr std::size_t kGrowth = 32;  // A cell for each of the shortest fields.
  const std::size_t used = group.arena.bytes_used();
  return used == 0 || group.arena.bytes_max() - used >= kGrowth * its.held.size();
}

}  // namespace

struct Pipeline::State {
  // Its source has been told that it is kept: it becomes a dead letter in the commit that erases it.
  void declare(const Forgotten& its, Group& group) const {
    const auto given = unpack_record(its.held, *shapes, group.arena);
    const SourceIndex source =
        given && given->source < graph.from_source.size() ? given->source : 0;
    if (given) {
      const std::string_view name = std::string_view(its.key).substr(kPrefix.size());
      const std::string node(name.substr(0, name.find('/')));
      const std::string by = node + std::string(KeptRecord::kGivenBy) + node;
      group.kept.push_back(
          {group.refusals.size(), given->record, by,
           "the configuration has no such node any more, and it held this record"});
    }
    group.refusals.push_back({.source = source, .reason = Reason::node_failed});
  }

  // `added`: fields that the record has got on its way here; `times`: records that it has become. No way goes on behind a node that
  // gives of its own accord, but from its other port.
  void add_wanted(const Graph::Edges& edges, std::size_t added, Wanted& to, bool main = true,
                  std::size_t times = 1) const {
    for (const Graph::Edge& edge : edges) {
      if (!main && edge.port == NodePort::main) continue;
      if (edge.lane) {
        to.deliveries += times;
        if (marker) {
          to.copies += times;
          to.cells += times * (added + 1);
        }
        continue;
      }
      const Step::Computed its = nodes[edge.index].step->computed();
      const std::size_t made = times * its.records;
      if (its.copies) {
        to.copies += made;
        to.cells += made * (added + its.fields);
      }
      add_wanted(graph.from_node[edge.index], added + its.fields, to,
                 !std::ranges::contains(givers, edge.index), made);
    }
  }

  // Of the processes that a record asks along these edges.
  void add_outsides(const Graph::Edges& edges, std::vector<Outside*>& to, bool main = true) const {
    for (const Graph::Edge& edge : edges) {
      if (edge.lane || (!main && edge.port == NodePort::main)) continue;
      if (Outside* const outside = nodes[edge.index].step->outside()) to.push_back(outside);
      add_outsides(graph.from_node[edge.index], to, !std::ranges::contains(givers, edge.index));
    }
  }

  void note_failure(std::uint16_t node) {
    why = nodes[node].step->failure();
    if (!why.empty()) trouble = {nodes[node].name(), why};
  }

  void refuse_given(std::uint16_t node, SourceIndex source, const Step::Given& given,
                    std::vector<Refused>& refused) {
    const std::string_view name = nodes[node].name();
    note_failure(node);
    refused.push_back({source, *given.refused, given.record, name, origins[node], why});
  }

  void plan() {
    wanted.clear();
    given_wants.clear();
    for (const Graph::Edges& edges : graph.from_source) {
      add_wanted(edges, 0, wanted.emplace_back());
    }
    for (const std::uint16_t i : givers) {
      add_wanted(graph.from_node[i], 0, given_wants.emplace_back());
    }
  }

  Graph graph;
  std::vector<Node> nodes;
  Shapes* shapes = nullptr;
  std::optional<Marker> marker;
  std::vector<Wanted> wanted;         // By SourceIndex.
  std::vector<Wanted> given_wants;    // By place in `givers`.
  std::vector<std::uint16_t> givers;  // Nodes that give records of their own accord.
  std::vector<Asking> outsides;
  std::vector<std::vector<Outside*>> outsides_behind;  // By place in `givers`.
  std::vector<std::string>
      origins;  // By node: Refused::giver of what it refuses of its own accord.
  std::vector<Forgotten> forgotten;  // Of states that no node has any more, to be erased.
  std::optional<Trouble> trouble;
  std::string why;  // Of the last refusal.
  Tap tap;
  Watch watch;
  bool held = false;

  // Of the walk that is going on.
  std::vector<Delivery> deliveries;
  std::vector<Step*> visited;
};

// One walk: through all that comes of a record.
class Pipeline::Walk final : public Flow {
 public:
  Walk(State& state, const Moment& moment, SourceIndex source, Group& group)
      : Flow(moment, source, group.computed, group.arena), state_(state) {
    state_.deliveries.clear();
    state_.visited.clear();
  }

  void along(const Graph::Edges& edges, const Record& record, NodePort port = NodePort::main) {
    for (const Graph::Edge& edge : edges) {
      if (refusal_) return;
      if (edge.port != port) continue;
      if (edge.lane) {
        deliver(static_cast<LaneIndex>(edge.index), record);
      } else {
        visit(edge.index, record);
      }
    }
  }

  // Set once the walk is over for good.
  const std::optional<Outcome>& refusal() const { return refusal_; }

  void commit(Group& group) {
    for (Step* step : state_.visited) step->commit();
    for (const Delivery& delivery : state_.deliveries) {
      group.records[delivery.lane].push_back(delivery.record);
      if (state_.tap) state_.tap(delivery.lane, delivery.record);
    }
  }

  void discard() {
    for (Step* step : state_.visited) step->discard();
  }

 private:
  void deliver(LaneIndex lane, const Record& record) {
    if (!state_.marker) return state_.deliveries.push_back({lane, record});
    const auto marked = state_.marker->mark(record, cells);
    if (!marked) {
      refusal_ = {Verdict::refused, Reason::shapes_exhausted};
      state_.why.clear();
      return;
    }
    state_.deliveries.push_back({lane, *marked});
  }

  void visit(std::uint16_t node, const Record& record) {
    Step& step = *state_.nodes[node].step;
    const std::uint16_t before = std::exchange(at_, node);
    state_.visited.push_back(&step);
    step.take(record, *this);
    at_ = before;
  }

  void emit(const Record& record, NodePort port) override {
    if (state_.watch) state_.watch(state_.nodes[at_].name(), port, record);
    along(state_.graph.from_node[at_], record, port);
  }
  void refuse(Reason reason) override {
    if (refusal_) return;
    const Node& node = state_.nodes[at_];
    refusal_ = {Verdict::refused, reason, node.name()};
    state_.why.clear();
    if (reason == Reason::node_failed) state_.note_failure(at_);
  }

  State& state_;
  std::uint16_t at_ = 0;
  std::optional<Outcome> refusal_;
};

Result<std::unique_ptr<Pipeline>> Pipeline::make(const PipelineOptions& options, Shapes& shapes) {
  auto graph = build_graph(options);
  if (!graph) return std::unexpected(graph.error());
  auto state = std::make_unique<State>();
  state->graph = std::move(*graph);
  state->nodes.reserve(options.nodes.size());
  for (const NodeOptions& node : options.nodes) {
    auto step = make_step(node.kind, shapes);
    if (!step) return std::unexpected(step.error());
    if ((*step)->gives()) {
      state->givers.push_back(static_cast<std::uint16_t>(state->nodes.size()));
    }
    state->nodes.push_back({std::string(kPrefix) + node.name + "/", std::move(*step)});
  }
  state->plan();
  state->shapes = &shapes;
  state->deliveries.reserve(kDeliveriesMax);
  std::unique_ptr<Pipeline> pipeline(new Pipeline(std::move(state)));
  pipeline->find_outsides(options);
  return pipeline;
}

void Pipeline::find_outsides(const PipelineOptions& options) {
  State& state = *state_;
  state.origins.resize(state.nodes.size());
  for (const std::uint16_t i : state.givers) {
    state.add_outsides(state.graph.from_node[i], state.outsides_behind.emplace_back());
    Outside* const outside = state.nodes[i].step->outside();
    if (outside == nullptr) continue;
    state.outsides.push_back({state.nodes[i].name(), outside});
    // What it refuses can be replayed if nothing was done to it before, and nothing else came of it.
    for (const std::string& from : options.nodes[i].from) {
      const auto source = std::ranges::find(options.sources, from);
      const auto index = static_cast<std::size_t>(source - options.sources.begin());
      const bool alone =
          source != options.sources.end() && state.graph.from_source[index].size() == 1;
      if (!alone) state.origins[i] = from;
    }
  }
}

Pipeline::Pipeline(std::unique_ptr<State> state) : state_(std::move(state)) {}
Pipeline::~Pipeline() = default;

std::size_t Pipeline::restore(const std::vector<StateEdit>& states) {
  for (const StateEdit& edit : states) {
    if (!edit.key.starts_with(kPrefix)) continue;
    const auto its = [&](const Node& node) { return names(node.prefix, edit.key); };
    const auto node = std::ranges::find_if(state_->nodes, its);
    if (node != state_->nodes.end() && is_its(*node->step, edit.value)) {
      node->step->restore(edit.value);
    } else if (!edit.value.empty()) {
      const Bytes held = held_record(edit.value);
      state_->forgotten.push_back({edit.key, Buffer(held.begin(), held.end())});
    }
  }
  std::ranges::reverse(state_->forgotten);  // The oldest is erased first.
  return state_->forgotten.size();
}

Pipeline::Outcome Pipeline::process(SourceIndex source, const Record& record, const Moment& moment,
                                    Group& group) {
  State& state = *state_;
  ASSERT(source < state.graph.from_source.size());
  if (state.graph.deliveries[source] == 0) return {Verdict::refused, Reason::no_lane};
  if (group.record_count() + state.wanted[source].deliveries > limits::kGroupRecordsMax) {
    return {Verdict::no_room, Reason::no_lane};
  }
  Walk walk(state, moment, source, group);
  walk.along(state.graph.from_source[source], record);
  if (walk.refusal()) {
    walk.discard();
    return *walk.refusal();
  }
  walk.commit(group);
  return {Verdict::taken, Reason::no_lane};
}

bool Pipeline::has_room(SourceIndex source, std::span<const Record> records, const Group& group,
                        std::size_t beside) const {
  const std::size_t deliveries = beside + records.size() * state_->wanted[source].deliveries;
  if (group.record_count() + deliveries > limits::kGroupRecordsMax) return false;
  const Wanted& wanted = state_->wanted[source];
  if (wanted.copies == 0) return true;
  std::size_t bytes = group.computed.bytes_used();
  for (const Record& record : records) bytes += wanted.bytes(record);
  return bytes <= group.computed.bytes_max();
}

bool Pipeline::drain(const Moment& moment, Group& group, std::vector<Refused>& refused) {
  for (const std::uint16_t i : state_->givers) {
    if (!state_->held) state_->nodes[i].step->tick(moment.now);
  }
  const auto waits = [&](std::size_t giver) {
    const auto held = [](const Outside* outside) { return outside->holds_back(); };
    return state_->nodes[state_->givers[giver]].step->waits() &&
           std::ranges::none_of(state_->outsides_behind[giver], held);
  };
  bool all_out = true;
  // What one gives, another may take, and have something to give then.
  for (bool gave = true; gave;) {
    gave = false;
    all_out = true;
    for (std::size_t giver = 0; giver < state_->givers.size(); ++giver) {
      while (waits(giver) && give(giver, moment, group, refused)) gave = true;
      all_out = all_out && !waits(giver);
    }
  }
  return all_out;
}

// False: there was no room for it.
bool Pipeline::give(std::size_t giver, const Moment& moment, Group& group,
                    std::vector<Refused>& refused) {
  State& state = *state_;
  const std::uint16_t node = state.givers[giver];
  Step& step = *state.nodes[node].step;
  const std::size_t deliveries = state.given_wants[giver].deliveries;
  if (group.full() || group.record_count() + deliveries > limits::kGroupRecordsMax) return false;
  const auto given = step.give(group.arena);
  if (!given) return false;
  const std::size_t wanted = state.given_wants[giver].bytes(given->record);
  const bool room = group.computed.bytes_used() + wanted <= group.computed.bytes_max();
  if (!room && !group.empty()) return false;
  const SourceIndex source = given->source < state.graph.from_source.size() ? given->source : 0;
  if (given->refused) {
    step.given();
    state.refuse_given(node, source, *given, refused);
    return true;
  }
  Walk walk(state, moment, source, group);
  if (state.watch) state.watch(state.nodes[node].name(), NodePort::main, given->record);
  walk.along(state.graph.from_node[node], given->record);
  step.given();
  if (walk.refusal()) {
    walk.discard();
    refused.push_back({source, walk.refusal()->reason, given->record, walk.refusal()->node,
                       state.nodes[node].name(), state.why});
  } else {
    walk.commit(group);
  }
  return true;
}

std::vector<Pipeline::Asking> Pipeline::outsides() const { return state_->outsides; }

bool Pipeline::holds_back() const {
  return std::ranges::any_of(state_->outsides,
                             [](const Asking& its) { return its.outside->holds_back(); });
}

Instant Pipeline::next() const {
  Instant next = Instant::never();
  if (state_->held) return next;
  for (const std::uint16_t i : state_->givers) {
    next = std::min(next, state_->nodes[i].step->next());
  }
  return next;
}

void Pipeline::hold(bool hold, Instant now) {
  if (!std::exchange(state_->held, hold) || hold) return;
  for (const std::uint16_t i : state_->givers) state_->nodes[i].step->resume(now);
}

std::uint64_t Pipeline::late() const {
  std::uint64_t late = 0;
  for (const Node& node : state_->nodes) late += node.step->late();
  return late;
}

std::uint64_t Pipeline::revisions() const {
  std::uint64_t revisions = 0;
  for (const Node& node : state_->nodes) revisions += node.step->revisions();
  return revisions;
}

void Pipeline::save(Group& group) {
  for (Node& node : state_->nodes) node.step->save(node.prefix, group.states);
  std::size_t declared = 0;
  for (std::size_t i = 0; i < kForgottenEach && !state_->forgotten.empty(); ++i) {
    Forgotten& last = state_->forgotten.back();
    if (!last.held.empty()) {
      if (++declared > Group::kKeptEach || !fits(last, group)) break;  // The next commit's.
      state_->declare(last, group);
    }
    group.states.push_back({std::move(last.key), {}});
    state_->forgotten.pop_back();
  }
}

std::vector<StateEdit> Pipeline::snapshot() const {
  std::vector<StateEdit> states;
  for (const Node& node : state_->nodes) node.step->snapshot(node.prefix, states);
  return states;
}

const std::string& Pipeline::why() const { return state_->why; }

std::optional<Pipeline::Trouble> Pipeline::trouble() {
  return std::exchange(state_->trouble, std::nullopt);
}

void Pipeline::mark(std::int64_t correction) {
  state_->marker.emplace(*state_->shapes, correction);
  state_->plan();
}

void Pipeline::tap(Tap tap) { state_->tap = std::move(tap); }
void Pipeline::watch(Watch watch) { state_->watch = std::move(watch); }

}  // namespace pinaflux
