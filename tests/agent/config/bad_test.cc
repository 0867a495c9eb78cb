// Each bad/NAME.yaml is a configuration with a fault (or a warning: warn_*); bad/NAME.txt is what an
// operator reads, byte for byte. PINAFLUX_GOLDEN=write writes them anew, to be read before they are committed.

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <doctest/doctest.h>

#include "agent/config/load.h"
#include "tests/agent/config/config_kit.h"
#include "tests/kit/directory.h"

namespace pinaflux {
namespace {

constexpr const char* kDirectory = "tests/agent/config/bad";

std::vector<std::filesystem::path> cases() {
  std::vector<std::filesystem::path> all;
  for (const auto& entry : std::filesystem::directory_iterator(kDirectory)) {
    if (entry.path().extension() == ".yaml") all.push_back(entry.path());
  }
  std::ranges::sort(all);
  return all;
}

TEST_CASE("every bad configuration is refused with the very words that help") {
  const bool write = std::getenv("PINAFLUX_GOLDEN") != nullptr;
  const auto all = cases();
  CHECK(all.size() >= 60);
  ConfigFiles files;
  for (const auto& path : all) {
    CAPTURE(path.string());
    const auto loaded = load_configuration_text(files, "pinaflux.yaml", kit::file_text(path));
    const std::string said = findings_text(loaded.findings);
    const bool warning = path.stem().string().starts_with("warn_");
    CHECK(loaded.configuration.has_value() == warning);
    CHECK(!said.empty());
    CHECK(said.find("hunter2") == std::string::npos);
    auto golden = path;
    golden.replace_extension(".txt");
    if (write) std::ofstream(golden, std::ios::binary) << said;
    CHECK(said == kit::file_text(golden));
  }
}

}  // namespace
}  // namespace pinaflux
