// A record walks the graph depth first. What reaches a lane is collected, and goes into the group only when the
// whole walk went well: a refusal on one path takes back the others, what steps remembered included. What can run out is asked
// before the walk: the group's count of records, and its arena for what steps compute (a renamed record shares its values with
// the original). A text that comes out longer than was thought refuses its record (too_large).

#include "agent/pipeline/pipeline.h"

#include <optional>
#include <utility>

#include "agent/pipeline/graph.h"
#include "agent/pipeline/step.h"

namespace pinaflux {

namespace {

constexpr std::string_view kPrefix = "pipeline/";

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

// What all paths of a record ask of the arena: cells for `copies` times its fields and for `cells` more, and `bytes`.
struct Wanted {
  std::size_t copies = 0, cells = 0, bytes = 0;

  std::size_t for_record(const Record& record) const {
    return (copies * record.shape().field_count() + cells) * sizeof(Value) + bytes;
  }
};

// "pipeline/a/<hash>" is of node "a", "pipeline/a/b/<hash>" is of node "a/b" only.
bool names(std::string_view prefix, std::string_view key) {
  return key.starts_with(prefix) && key.find('/', prefix.size()) == std::string_view::npos;
}

}  // namespace

struct Pipeline::State {
  // `added`: fields that the record has got on its way here.
  void add_wanted(const Graph::Edges& edges, std::size_t added, Wanted& to) const {
    for (const Graph::Edge& edge : edges) {
      if (edge.lane) continue;
      const Step::Computed its = nodes[edge.index].step->computed();
      if (its.copies) {
        ++to.copies;
        to.cells += added + its.fields;
        to.bytes += its.bytes + alignof(Value);
      }
      add_wanted(graph.from_node[edge.index], added + its.fields, to);
    }
  }

  Graph graph;
  std::vector<Node> nodes;
  std::vector<Wanted> wanted;  // By SourceIndex.
  Tap tap;

  // Of the walk that is going on.
  std::vector<Delivery> deliveries;
  std::vector<Step*> visited;
};

// One walk: through all that comes of a record.
class Pipeline::Walk final : public Flow {
 public:
  Walk(State& state, Instant now, Arena& arena) : Flow(now, arena), state_(state) {
    state_.deliveries.clear();
    state_.visited.clear();
  }

  void along(const Graph::Edges& edges, const Record& record) {
    for (const Graph::Edge& edge : edges) {
      if (refusal_) return;
      if (edge.lane) {
        state_.deliveries.push_back({static_cast<LaneIndex>(edge.index), record});
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
  void visit(std::uint16_t node, const Record& record) {
    Step& step = *state_.nodes[node].step;
    const std::uint16_t before = std::exchange(at_, node);
    state_.visited.push_back(&step);
    step.take(record, *this);
    at_ = before;
  }

  void emit(const Record& record) override { along(state_.graph.from_node[at_], record); }
  void refuse(Reason reason) override {
    refusal_ = {Verdict::refused, reason, state_.nodes[at_].name()};
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
    state->nodes.push_back({std::string(kPrefix) + node.name + "/", std::move(*step)});
  }
  for (const Graph::Edges& edges : state->graph.from_source) {
    state->add_wanted(edges, 0, state->wanted.emplace_back());
  }
  state->deliveries.reserve(kDeliveriesMax);
  return std::unique_ptr<Pipeline>(new Pipeline(std::move(state)));
}

Pipeline::Pipeline(std::unique_ptr<State> state) : state_(std::move(state)) {}
Pipeline::~Pipeline() = default;

void Pipeline::restore(const std::vector<StateEdit>& states) {
  for (const StateEdit& edit : states) {
    for (Node& node : state_->nodes) {
      if (names(node.prefix, edit.key)) node.step->restore(edit.value);
    }
  }
}

Pipeline::Outcome Pipeline::process(SourceIndex source, const Record& record, Instant now,
                                    Group& group) {
  State& state = *state_;
  ASSERT(source < state.graph.from_source.size());
  const std::size_t deliveries_max = state.graph.deliveries[source];
  if (deliveries_max == 0) return {Verdict::refused, Reason::no_lane};
  if (group.record_count() + deliveries_max > limits::kGroupRecordsMax) {
    return {Verdict::no_room, Reason::no_lane};
  }
  Walk walk(state, now, group.computed);
  walk.along(state.graph.from_source[source], record);
  if (walk.refusal()) {
    walk.discard();
    return *walk.refusal();
  }
  walk.commit(group);
  return {Verdict::taken, Reason::no_lane};
}

bool Pipeline::has_room(SourceIndex source, std::span<const Record> records,
                        const Group& group) const {
  const std::size_t deliveries = records.size() * state_->graph.deliveries[source];
  if (group.record_count() + deliveries > limits::kGroupRecordsMax) return false;
  const Wanted& wanted = state_->wanted[source];
  if (wanted.copies == 0) return true;
  std::size_t bytes = group.computed.bytes_used();
  for (const Record& record : records) bytes += wanted.for_record(record);
  return bytes <= group.computed.bytes_max();
}

void Pipeline::save(Group& group) {
  for (Node& node : state_->nodes) node.step->save(node.prefix, group.states);
}

std::vector<StateEdit> Pipeline::snapshot() const {
  std::vector<StateEdit> states;
  for (const Node& node : state_->nodes) node.step->snapshot(node.prefix, states);
  return states;
}

void Pipeline::tap(Tap tap) { state_->tap = std::move(tap); }

}  // namespace pinaflux
