#include <doctest/doctest.h>

#include "agent/config/load.h"
#include "tests/agent/config/config_kit.h"

namespace pinaflux {
namespace {

class GuardedDirectory : public ConfigFiles {
 public:
  Result<std::vector<std::string>> list(const std::string&) override {
    return fail(Code::denied, "permission denied", 13);
  }
};

TEST_CASE("a conf.d that may not be read is refused: the rules of mask may be in it") {
  GuardedDirectory files;
  const auto loaded = load_configuration_text(
      files, "/etc/pinaflux/pinaflux.yaml",
      "pinaflux: 1\ngateway: {id: g}\nsources: {m: {type: system}}\nuplink: {broker: tcp://h}\n");
  CHECK(!loaded.configuration.has_value());
  CHECK(findings_text(loaded.findings) ==
        "/etc/pinaflux/conf.d: error: the file may not be read\n"
        "      = check its owner and mode\n");
}

}  // namespace
}  // namespace pinaflux
