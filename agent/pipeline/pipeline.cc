// A record walks the graph depth first. What reaches a lane is collected, and goes into the group only when the
// whole walk went well: a refusal on one path takes back the others, what steps remembered included. Steps copy
// no values (a renamed record shares them with the original), so the only thing that can run out is the group's
// count of records, and that is asked before the walk.

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

// "pipeline/a/<hash>" is of node "a", "pipeline/a/b/<hash>" is of node "a/b" only.
bool names(std::string_view prefix, std::string_view key) {
  return key.starts_with(prefix) && key.find('/', prefix.size()) == std::string_view::npos;
}

}  // namespace

struct Pipeline::State {
  Graph graph;
  std::vector<Node> nodes;
  Tap tap;

  // Of the walk that is going on.
  std::vector<Delivery> deliveries;
  std::vector<Step*> visited;
};

// One walk: through all that comes of a record.
class Pipeline::Walk final : public Flow {
 public:
  Walk(State& state, Instant now) : Flow(now), state_(state) {
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
  Walk walk(state, now);
  walk.along(state.graph.from_source[source], record);
  if (walk.refusal()) {
    walk.discard();
    return *walk.refusal();
  }
  walk.commit(group);
  return {Verdict::taken, Reason::no_lane};
}

std::size_t Pipeline::deliveries_max(SourceIndex source) const {
  return state_->graph.deliveries[source];
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
