// Scripts of a configuration: where their texts come from, and where their mistakes are.

#include <doctest/doctest.h>

#include "agent/config/load.h"
#include "tests/agent/config/config_kit.h"

namespace pinaflux {
namespace {

struct ScriptConfig {
  ConfigFiles files;

  Loaded load(const std::string& script) {
    return load_configuration_text(
        files, "pinaflux.yaml",
        "pinaflux: 1\ngateway: {id: gate}\nsources: {machine: {type: system}}\n"
        "uplink: {broker: \"tcp://10.0.0.5\"}\npipeline:\n  calc:\n"
        "    from: machine\n" +
            script);
  }
  // "FILE:LINE:COLUMN: what" of the only finding.
  std::string mistake(const std::string& script) {
    const auto loaded = load(script);
    if (loaded.findings.size() != 1) return findings_text(loaded.findings);
    const Finding& f = loaded.findings.front();
    return f.file + ":" + std::to_string(f.line) + ":" + std::to_string(f.column) + ": " + f.what;
  }
};

TEST_CASE_FIXTURE(ScriptConfig, "a script's text is in the options, wherever it was read from") {
  files.put("/etc/calc.lua", "record.a = 1\n");
  const auto script_of = [&](const std::string& text) {
    const auto loaded = load(text);
    INFO(findings_text(loaded.findings));
    REQUIRE(loaded.configuration.has_value());
    return std::get<Script>(loaded.configuration->pipeline.nodes.front().kind);
  };
  CHECK(script_of("    script: {file: /etc/calc.lua}\n").text == "record.a = 1\n");
  files.put("/etc/calc.lua", "record.a = 2\n");
  CHECK(script_of("    script: {file: /etc/calc.lua}\n").text == "record.a = 2\n");
  const Script script = script_of(
      "    script: {text: record.a = 3, memory_max: 1MiB, steps_max: 5000, records_max: 4, "
      "fields_max: 0}\n");
  CHECK(script.text == "record.a = 3");
  CHECK(script.memory_max == 1024 * 1024);
  CHECK(script.steps_max == 5'000);
  CHECK(script.records_max == 4);
  CHECK(script.fields_max == 0);
}

TEST_CASE_FIXTURE(ScriptConfig, "a mistake is shown where it stands") {
  const std::string what = ": the script cannot be run: ";
  CHECK(mistake("    script: {text: \"record.a = = 1\"}\n") ==
        "pinaflux.yaml:8:32" + what + "unexpected symbol near '='");
  CHECK(mistake("    script:\n      text: |\n        record.a = 1\n\n        record.b = = 1\n") ==
        "pinaflux.yaml:12:20" + what + "unexpected symbol near '='");
  CHECK(mistake("    script:\n      text: >\n        record.a = 1\n        record.b = = 1\n")
            .starts_with("pinaflux.yaml:9:"));
  CHECK(mistake("    script: {text: \"record.a = 'x\\n\"}\n")
            .starts_with("pinaflux.yaml:8:20" + what));
  files.put("/etc/calc.lua", "record.a = 1\nrecord.b = = 1\n");
  CHECK(mistake("    script: {file: /etc/calc.lua}\n") ==
        "/etc/calc.lua:2:12" + what + "unexpected symbol near '='");
  files.put("/etc/calc.lua", std::string(65'537, ' '));
  CHECK(mistake("    script: {file: /etc/calc.lua}\n")
            .starts_with("pinaflux.yaml:8:20: the script cannot be read"));
  files.put("/etc/calc.lua", std::string("\x1bLua\x54\0", 6));
  CHECK(mistake("    script: {file: /etc/calc.lua}\n").starts_with("pinaflux.yaml:8:20" + what));
}

TEST_CASE_FIXTURE(ScriptConfig, "of a file that is no *.lua nothing is shown") {
  files.put("/etc/people", "\n0a1b2c3d\n");
  const auto loaded = load("    script: {file: /etc/people}\n");
  REQUIRE(loaded.findings.size() == 1);
  const Finding& f = loaded.findings.front();
  CHECK(f.file == "/etc/people");
  CHECK(f.line == 2);
  CHECK(f.text.empty());
  CHECK_FALSE(findings_text(loaded.findings).contains("0a1b"));
  files.put("/etc/people.lua", "\n0a1b2c3d\n");
  CHECK(findings_text(load("    script: {file: /etc/people.lua}\n").findings).contains("0a1b"));
}

TEST_CASE_FIXTURE(ScriptConfig, "the digest is of the script's file, too") {
  const auto digest = [&](const char* text) {
    files.put("/etc/calc.lua", text);
    const auto loaded = load("    script: {file: /etc/calc.lua}\n");
    REQUIRE(loaded.configuration.has_value());
    return loaded.configuration->digest;
  };
  const std::string one = digest("record.a = 1\n");
  CHECK(digest("record.a = 2\n") != one);
  CHECK(digest("record.a = 1\n") == one);
}

}  // namespace
}  // namespace pinaflux
