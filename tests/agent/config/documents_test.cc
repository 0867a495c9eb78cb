// What is committed beside the example is what the table says: PINAFLUX_GOLDEN=write writes it anew.

#include <cstdlib>
#include <fstream>
#include <iterator>

#include <doctest/doctest.h>

#include "agent/config/explain.h"
#include "agent/config/init.h"
#include "agent/config/keys.h"
#include "agent/config/load.h"
#include "agent/config/schema.h"
#include "tests/agent/config/config_kit.h"
#include "tests/kit/directory.h"

namespace pinaflux {
namespace {

void check_committed(const std::string& path, const std::string& text) {
  if (std::getenv("PINAFLUX_GOLDEN") != nullptr) std::ofstream(path, std::ios::binary) << text;
  CHECK(kit::file_text(path) == text);
}

TEST_CASE("the committed reference and schema are those of the table") {
  check_committed("config/REFERENCE.md", config::reference());
  check_committed("config/pinaflux.schema.json", configuration_schema());
}

TEST_CASE("every key of the table is in the schema, in the reference and can be explained") {
  const std::string schema = configuration_schema(), reference = config::reference();
  for (const auto& key : config::all_keys()) {
    CAPTURE(std::string(key.path));
    CHECK(!key.doc.empty());
    const std::string name(config::last_step(key.path));
    CHECK(schema.find('"' + name + "\": ") != std::string::npos);
    CHECK((reference.find(name + "` |") != std::string::npos ||
           reference.find("## " + name) != std::string::npos));
    bool known = false;
    CHECK(explain(key.path, &known).find(std::string(key.doc)) != std::string::npos);
    CHECK(known);
  }
}

TEST_CASE("a default is a value that its key takes") {
  for (const auto& key : config::all_keys()) {
    CAPTURE(std::string(key.path));
    CHECK((!key.required || key.fallback.empty()));
    if (!key.choices.empty() && !key.fallback.empty())
      CHECK(config::is_one_of(key.fallback, key.choices));
    if (!key.when.key.empty()) {
      const std::string path(key.path.substr(0, key.path.rfind('.') + 1));
      const auto* selector = config::find_key(path + std::string(key.when.key));
      REQUIRE(selector != nullptr);
      CHECK(config::is_one_of(key.when.values.substr(0, key.when.values.find('|')),
                              selector->choices));
    }
  }
}

TEST_CASE("explain knows a name that the operator chose, and suggests for one that nobody knows") {
  CHECK(explain("spool.size_max").find("16MiB") != std::string::npos);
  CHECK(explain("sources.zigbee.every") == explain("sources.*.every"));
  CHECK(explain("mask.0.with").find("hmac") != std::string::npos);
  CHECK(explain("").find("uplink") != std::string::npos);
  bool known = true;
  CHECK(explain("spol.size_max", &known).find("  spool.size_max\n") != std::string::npos);
  CHECK(!known);
  CHECK(explain("colour", &known).find("lists them") != std::string::npos);
}

TEST_CASE("the example loads without a word") {
  ConfigFiles files;
  const auto loaded =
      load_configuration_text(files, "example.yaml", kit::file_text("config/example.yaml"));
  CHECK(findings_text(loaded.findings) == "");
  REQUIRE(loaded.configuration.has_value());
  CHECK(loaded.configuration->sources.size() == 5);
  CHECK(loaded.configuration->spool.lanes.size() == 3);
}

TEST_CASE("what init writes loads without a word, whatever the host is called") {
  ConfigFiles files;
  for (const char* name :
       {"raspberrypi", "7", "a b/c", "", "-.-", "host.example.", "\xC3\xA4\"\n: x"}) {
    CAPTURE(std::string(name));
    const std::string text = initial_configuration({.host_name = name});
    const auto loaded = load_configuration_text(files, "pinaflux.yaml", text);
    CHECK(findings_text(loaded.findings) == "");
    REQUIRE(loaded.configuration.has_value());
    CHECK(loaded.configuration->gateway == gateway_id(name));
  }
  CHECK(gateway_id("host.example.") == "host.example");
  CHECK(gateway_id("") == "gateway");
}

}  // namespace
}  // namespace pinaflux
