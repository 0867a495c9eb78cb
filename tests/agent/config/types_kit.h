// Pipelines behind the nodes `first` and `known`, of which the latter has fields of each type: b, i, f, t, y; and `any`, no others.
#pragma once

#include <optional>
#include <string>

#include "agent/pipeline/pipeline.h"

namespace pinaflux {

// Empty: they are refused.
std::optional<PipelineOptions> pipeline_of(const std::string& nodes);

}  // namespace pinaflux
