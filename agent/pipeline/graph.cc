// Edges are declared backwards (a node says where its records come from) and walked forwards. One depth-first
// walk counts the paths from each node to the lanes; a node that is met while its own count is still open is
// on a cycle; a node that counts none leads nowhere, and the edges to it are cut.

#include "agent/pipeline/graph.h"

#include <algorithm>
#include <map>

namespace pinaflux {

namespace {

constexpr std::size_t kTooMany = Pipeline::kDeliveriesMax + 1;

class Builder {
 public:
  explicit Builder(const PipelineOptions& options) : options_(options) {
    graph_.from_source.resize(options.sources.size());
    graph_.from_node.resize(options.nodes.size());
    counts_.resize(options.nodes.size());
  }

  Result<Graph> build() {
    if (auto s = within_limits(); !s) return std::unexpected(s.error());
    if (auto s = connect(); !s) return std::unexpected(s.error());
    for (const Graph::Edges& edges : graph_.from_source) {
      graph_.deliveries.push_back(count(edges));
      if (graph_.deliveries.back() == kTooMany) {
        return fail(Code::full,
                    "pipeline: a record would come to the lanes by more than 256 paths");
      }
    }
    // Nodes that no source reaches may still form a cycle.
    for (std::uint16_t i = 0; i < counts_.size(); ++i) count_node(i);
    if (cyclic_) return fail(Code::invalid, "pipeline: a node takes its own output, by a cycle");
    cut_dead_ends();
    return std::move(graph_);
  }

 private:
  enum class Mark : std::uint8_t { unseen, open, done };
  struct Output {
    Graph::Edges* edges = nullptr;
    NodePort port = NodePort::main;
  };
  struct Count {
    Mark mark = Mark::unseen;
    std::size_t paths = 0;
  };

  Status within_limits() const {
    if (options_.sources.size() > limits::kSourcesMax) {
      return fail(Code::full, "pipeline: too many sources");
    }
    if (options_.lanes.size() > limits::kLanesMax)
      return fail(Code::full, "pipeline: too many lanes");
    if (options_.nodes.size() > Pipeline::kNodesMax) {
      return fail(Code::full, "pipeline: too many nodes");
    }
    return {};
  }

  Status connect() {
    std::size_t names = 0;
    for (const auto& name : options_.sources) by_name_[name] = {&graph_.from_source[names++]};
    for (std::size_t i = 0; i < options_.nodes.size(); ++i) {
      const NodeOptions& node = options_.nodes[i];
      by_name_[node.name] = {&graph_.from_node[i]};
      ++names;
      if (auto side = side_port(node)) {
        by_name_[side->name] = {&graph_.from_node[i], side->port};
        ++names;
      }
    }
    if (by_name_.size() != names) {
      return fail(Code::exists, "pipeline: two sources or nodes have the same name");
    }
    for (std::uint16_t i = 0; i < options_.nodes.size(); ++i) {
      if (auto s = connect(options_.nodes[i].from, {false, i}); !s) return s;
    }
    for (std::uint16_t i = 0; i < options_.lanes.size(); ++i) {
      if (auto s = connect(options_.lanes[i].from, {true, i}); !s) return s;
    }
    return {};
  }

  Status connect(const std::vector<std::string>& from, Graph::Edge edge) {
    for (const std::string& name : from) {
      const auto it = by_name_.find(name);
      if (it == by_name_.end()) {
        return fail(Code::not_found, "pipeline: `from` names neither a source nor a node");
      }
      Graph::Edges& edges = *it->second.edges;
      edge.port = it->second.port;
      if (std::ranges::find(edges, edge) == edges.end()) edges.push_back(edge);
    }
    return {};
  }

  std::size_t count(const Graph::Edges& edges) {
    std::size_t paths = 0;
    for (const Graph::Edge& edge : edges) {
      paths = std::min(kTooMany, paths + (edge.lane ? 1 : count_node(edge.index)));
    }
    return paths;
  }

  std::size_t count_node(std::uint16_t index) {
    Count& node = counts_[index];
    if (node.mark == Mark::open) cyclic_ = true;
    if (node.mark == Mark::unseen) {
      node.mark = Mark::open;
      const NodeKind& kind = options_.nodes[index].kind;
      const auto* script = std::get_if<Script>(&kind);
      const auto* split = std::get_if<SplitArray>(&kind);
      const std::size_t made = script != nullptr  ? script->records_max
                               : split != nullptr ? split->records_max
                                                  : 1;
      node.paths = std::min(kTooMany, made * count(graph_.from_node[index]));
      node.mark = Mark::done;
    }
    return node.paths;
  }

  void cut_dead_ends() {
    const auto leads_nowhere = [&](const Graph::Edge& edge) {
      return !edge.lane && counts_[edge.index].paths == 0;
    };
    for (Graph::Edges& edges : graph_.from_source) std::erase_if(edges, leads_nowhere);
    for (Graph::Edges& edges : graph_.from_node) std::erase_if(edges, leads_nowhere);
  }

  const PipelineOptions& options_;
  Graph graph_;
  std::map<std::string, Output> by_name_;
  std::vector<Count> counts_;
  bool cyclic_ = false;
};

}  // namespace

std::optional<SidePort> side_port(const NodeOptions& node) {
  const auto* window = std::get_if<TimeWindow>(&node.kind);
  const auto* schema = std::get_if<SchemaCheck>(&node.kind);
  if (window != nullptr && window->pass_late) return SidePort{node.name + ".late", NodePort::late};
  if (schema != nullptr && schema->drift == SchemaCheck::Drift::quarantine) {
    return SidePort{node.name + ".drifted", NodePort::drifted};
  }
  return {};
}

Result<Graph> build_graph(const PipelineOptions& options) { return Builder(options).build(); }

}  // namespace pinaflux
