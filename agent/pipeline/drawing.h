// Drawing: a pipeline for people and tools: from sources through nodes to lanes.
//
// Use        `pinaflux graph`. Text is indented by the way of a record, a node's outputs below it; mermaid and dot are what those
//            tools draw; JSON is {"schema":"pinaflux.graph/1","sources":[..],"nodes":[{"name","kind","what","from"}],
//            "lanes":[{"name","from"}]}.
// Threads    Pure; any.
// Tests      tests/agent/pipeline/drawing_test.cc
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/pipeline/pipeline.h"

namespace pinaflux {

enum class Drawing { text, mermaid, dot, json };

std::optional<Drawing> drawing_of(std::string_view name);
// With a newline at its end.
std::string draw(const PipelineOptions& options, Drawing as);

}  // namespace pinaflux
