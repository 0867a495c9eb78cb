// Graph: names become edges: what a record of each source, or out of each node, goes to next.
//
// Promise    Free of cycles and of dead ends: every edge leads to a lane in the end.
// Tests      tests/agent/pipeline/graph_test.cc
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/pipeline/pipeline.h"

namespace pinaflux {

struct Graph {
  struct Edge {
    bool lane;  // Otherwise a node.
    std::uint16_t index;
    NodePort port = NodePort::main;  // Of the node that it leaves.
    friend bool operator==(const Edge&, const Edge&) = default;
  };
  using Edges = std::vector<Edge>;

  std::vector<Edges> from_source;       // By SourceIndex.
  std::vector<Edges> from_node;         // By position in the options.
  std::vector<std::size_t> deliveries;  // By SourceIndex: records that one may become; 0: no lane.
};

// Its other way out, and that one's name, if the node has one.
struct SidePort {
  std::string name;
  NodePort port;
};
std::optional<SidePort> side_port(const NodeOptions& node);
// Errors: not_found (an unknown name), exists (a name twice), invalid (a cycle), full (Pipeline's limits).
Result<Graph> build_graph(const PipelineOptions& options);

}  // namespace pinaflux
