// A record walks the graph depth first. What reaches a lane is collected, and goes into the group only when the
// whole walk went well: a refusal on one path takes back the others, deadbands included. Nodes copy no values
// (a renamed record shares them with the original), so the only thing that can run out is the group's count of
// records, and that is asked before the walk.

#include "agent/pipeline/pipeline.h"

#include <utility>

#include "agent/pipeline/deadband.h"
#include "agent/pipeline/filter.h"
#include "agent/pipeline/graph.h"
#include "agent/pipeline/rename.h"

namespace pinaflux {

namespace {

constexpr std::string_view kPrefix = "pipeline/";

struct Pass {};

struct Node {
  std::string prefix;  // Of its states' keys: "pipeline/<name>/".

  std::string_view name() const {
    return std::string_view(prefix).substr(kPrefix.size(), prefix.size() - kPrefix.size() - 1);
  }
  std::variant<Pass, Filter, Renamer, DeadbandNode> work;
};

struct Delivery {
  LaneIndex lane;
  Record record;
};

Result<decltype(Node::work)> make_work(const NodeKind& kind, Shapes& shapes) {
  if (const auto* filter = std::get_if<FieldFilter>(&kind)) return Filter::make(*filter);
  if (const auto* rename = std::get_if<Rename>(&kind)) return Renamer::make(*rename, shapes);
  if (const auto* deadband = std::get_if<Deadband>(&kind)) return DeadbandNode::make(*deadband);
  return Pass{};
}

// "pipeline/a/<hash>" is of node "a", "pipeline/a/b/<hash>" is of node "a/b" only.
bool names(std::string_view prefix, std::string_view key) {
  return key.starts_with(prefix) && key.find('/', prefix.size()) == std::string_view::npos;
}

}  // namespace

struct Pipeline::State {
  enum class Walk { on, refused };

  Walk walk(const Graph::Edges& edges, const Record& record) {
    for (const Graph::Edge& edge : edges) {
      if (edge.lane) {
        deliveries.push_back({static_cast<LaneIndex>(edge.index), record});
      } else if (visit(edge.index, record) == Walk::refused) {
        return Walk::refused;
      }
    }
    return Walk::on;
  }

  Walk visit(std::uint16_t index, const Record& record) {
    const Graph::Edges& edges = graph.from_node[index];
    auto& work = nodes[index].work;
    if (auto* filter = std::get_if<Filter>(&work)) {
      return filter->keeps(record) ? walk(edges, record) : Walk::on;
    }
    if (auto* renamer = std::get_if<Renamer>(&work)) {
      const auto renamed = renamer->rename(record);
      if (renamed) return walk(edges, *renamed);
      reason = renamed.error();
      refused_by = nodes[index].name();
      return Walk::refused;
    }
    if (auto* deadband = std::get_if<DeadbandNode>(&work)) {
      if (!deadband->keeps(record, now)) return Walk::on;
      touched.push_back(deadband);
    }
    return walk(edges, record);
  }

  void discard() {
    for (DeadbandNode* deadband : touched) deadband->discard();
  }

  void commit(Group& group) {
    for (DeadbandNode* deadband : touched) deadband->commit();
    for (const Delivery& delivery : deliveries) {
      group.records[delivery.lane].push_back(delivery.record);
      if (tap) tap(delivery.lane, delivery.record);
    }
  }

  Graph graph;
  std::vector<Node> nodes;
  Tap tap;

  // Of the walk that is going on.
  Instant now;
  std::vector<Delivery> deliveries;
  std::vector<DeadbandNode*> touched;
  Reason reason = Reason::node_failed;
  std::string_view refused_by;
};

Result<std::unique_ptr<Pipeline>> Pipeline::make(const PipelineOptions& options, Shapes& shapes) {
  auto graph = build_graph(options);
  if (!graph) return std::unexpected(graph.error());
  auto state = std::make_unique<State>();
  state->graph = std::move(*graph);
  state->nodes.reserve(options.nodes.size());
  for (const NodeOptions& node : options.nodes) {
    auto work = make_work(node.kind, shapes);
    if (!work) return std::unexpected(work.error());
    state->nodes.push_back({std::string(kPrefix) + node.name + "/", std::move(*work)});
  }
  state->deliveries.reserve(kDeliveriesMax);
  return std::unique_ptr<Pipeline>(new Pipeline(std::move(state)));
}

Pipeline::Pipeline(std::unique_ptr<State> state) : state_(std::move(state)) {}
Pipeline::~Pipeline() = default;

void Pipeline::restore(const std::vector<StateEdit>& states) {
  for (const StateEdit& edit : states) {
    for (Node& node : state_->nodes) {
      auto* deadband = std::get_if<DeadbandNode>(&node.work);
      if (deadband != nullptr && names(node.prefix, edit.key)) deadband->restore(edit.value);
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
  state.now = now;
  state.deliveries.clear();
  state.touched.clear();
  state.refused_by = {};
  if (state.walk(state.graph.from_source[source], record) == State::Walk::refused) {
    state.discard();
    return {Verdict::refused, state.reason, state.refused_by};
  }
  state.commit(group);
  return {Verdict::taken, Reason::no_lane};
}

std::size_t Pipeline::deliveries_max(SourceIndex source) const {
  return state_->graph.deliveries[source];
}

void Pipeline::save(Group& group) {
  for (Node& node : state_->nodes) {
    if (auto* deadband = std::get_if<DeadbandNode>(&node.work))
      deadband->save(node.prefix, group.states);
  }
}

std::vector<StateEdit> Pipeline::snapshot() const {
  std::vector<StateEdit> states;
  for (const Node& node : state_->nodes) {
    if (const auto* deadband = std::get_if<DeadbandNode>(&node.work)) {
      deadband->snapshot(node.prefix, states);
    }
  }
  return states;
}

void Pipeline::tap(Tap tap) { state_->tap = std::move(tap); }

}  // namespace pinaflux
