// Nodes of a configuration that holds, as the pipeline takes them.
#pragma once

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "agent/config/load.h"
#include "agent/pipeline/pipeline.h"
#include "tests/agent/config/config_kit.h"

namespace pinaflux {

struct NodesFixture {
  ConfigFiles files;

  std::vector<NodeOptions> nodes(const std::string& text) {
    const auto loaded = load_configuration_text(files, "pinaflux.yaml",
                                                "pinaflux: 1\n"
                                                "gateway: {id: gate}\n"
                                                "sources:\n"
                                                "  machine: {type: system}\n"
                                                "uplink: {broker: tcp://10.0.0.5}\n"
                                                "pipeline:\n" +
                                                    text);
    CHECK(findings_text(loaded.findings) == "");
    REQUIRE(loaded.configuration.has_value());
    Shapes shapes;
    CHECK(Pipeline::make(loaded.configuration->pipeline, shapes).has_value());
    return loaded.configuration->pipeline.nodes;
  }
};

}  // namespace pinaflux
