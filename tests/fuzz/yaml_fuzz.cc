// Any bytes as a configuration: no crash, no exception; either it loads or a finding says why not.

#include <cstdint>

#include "agent/config/load.h"
#include "platform/base/assert.h"
#include "tests/agent/config/config_kit.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pinaflux;
  static ConfigFiles files;
  const auto loaded = load_configuration_text(files, "pinaflux.yaml", as_text(Bytes(data, size)));
  ASSERT(loaded.configuration.has_value() == !has_errors(loaded.findings));
  ASSERT(findings_text(loaded.findings).empty() == loaded.findings.empty());
  findings_json(loaded.findings);
  return 0;
}
