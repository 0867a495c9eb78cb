// Tables of a configuration: where they come from, where their mistakes are, and that nothing of a file is shown.

#include <doctest/doctest.h>

#include "agent/config/load.h"
#include "tests/agent/config/config_kit.h"

namespace pinaflux {
namespace {

struct LookupConfig {
  ConfigFiles files;

  Loaded load(const std::string& lookup) {
    return load_configuration_text(
        files, "pinaflux.yaml",
        "pinaflux: 1\ngateway: {id: gate}\nsources: {machine: {type: system}}\n"
        "uplink: {broker: \"tcp://10.0.0.5\"}\npipeline:\n  add:\n    from: machine\n    lookup:" +
            lookup + "\n");
  }
  Lookup read(const std::string& lookup) {
    const auto loaded = load(lookup);
    INFO(findings_text(loaded.findings));
    REQUIRE(loaded.configuration.has_value());
    return std::get<Lookup>(loaded.configuration->pipeline.nodes.front().kind);
  }
  // "FILE:LINE:COLUMN: what (how to fix it)" of the only finding.
  std::string mistake(const std::string& lookup) {
    const auto loaded = load(lookup);
    if (loaded.findings.size() != 1) return findings_text(loaded.findings);
    const Finding& f = loaded.findings.front();
    return f.file + ":" + std::to_string(f.line) + ":" + std::to_string(f.column) + ": " + f.what +
           " (" + f.fix + ")";
  }
};

constexpr const char* kOfFile = " {of: id, file: /etc/sites.csv}";

TEST_CASE_FIXTURE(LookupConfig, "a table is in the options, wherever it was read from") {
  files.put("/etc/sites.csv", "\xEF\xBB\xBFid,site\npump,Ulm\n");
  Lookup lookup = read(kOfFile);
  CHECK(lookup.table == "id,site\npump,Ulm\n");
  CHECK(lookup.of == "id");
  CHECK(lookup.column.empty());
  CHECK(lookup.give == std::vector<std::string>{"site"});
  CHECK(lookup.otherwise == Lookup::Otherwise::pass);
  files.put("/etc/sites.csv", "id,site\npump,Neu-Ulm\n");
  CHECK(read(kOfFile).table == "id,site\npump,Neu-Ulm\n");
  lookup = read(
      "\n      of: id\n      column: device\n      give: [site]\n      prefix: at.\n"
      "      else: refuse\n      text: |\n        device,site,floor\n        pump,Ulm,1\n");
  CHECK(lookup.table == "device,site,floor\npump,Ulm,1\n");
  CHECK(lookup.column == "device");
  CHECK(lookup.give == std::vector<std::string>{"site"});
  CHECK(lookup.prefix == "at.");
  CHECK(lookup.otherwise == Lookup::Otherwise::refuse);
  CHECK(read(" {of: id, file: /etc/sites.csv, else: drop}").otherwise == Lookup::Otherwise::drop);
}

TEST_CASE_FIXTURE(LookupConfig,
                  "a mistake in a file has its line and column, and nothing of the file") {
  files.put("/etc/sites.csv", "id,owner,site\npump,J\xc3\xb6rg,hun\"ter2\n");
  const auto loaded = load(kOfFile);
  REQUIRE(loaded.findings.size() == 1);
  CHECK(findings_text(loaded.findings) ==
        "/etc/sites.csv:2:14: error: a quote stands in a cell that does not begin with one\n"
        "      = a cell with a quote in it stands in quotes, where \"\" is one\n");
  files.put("/etc/sites.csv", "id,site\nhunter2,1\nhunter2,2\nx,hunter2,3\n");
  CHECK(mistake(kOfFile) ==
        "/etc/sites.csv:4:1: the line has 3 cells, the first has 2 "
        "(a cell with a comma in it stands in double quotes)");
  files.put("/etc/sites.csv", "id,site\nhunter2,1\n5,3\nhunter2,2\n5.0,4\n");
  CHECK(findings_text(load(kOfFile).findings) ==
        "/etc/sites.csv:4:1: error: the value is in line 2 of the table already\n"
        "      = keep one line for each value\n"
        "/etc/sites.csv:5:1: error: the value is in line 3 of the table already\n"
        "      = keep one line for each value\n");
  files.put("/etc/sites.csv", "id,site\nx,\xe4\n");
  CHECK(mistake(kOfFile) == "/etc/sites.csv:2:3: the table is not UTF-8 (save it as UTF-8)");
}

TEST_CASE_FIXTURE(LookupConfig,
                  "a column that is not there is told by those that are, of a *.csv") {
  files.put("/etc/sites.csv", "device,0123456789abcdef0123456789abcdef,site\n");
  CHECK(mistake(" {of: id, column: devise, file: /etc/sites.csv}") ==
        "pinaflux.yaml:8:30: the table has no column 'devise' (did you mean 'device'?)");
  CHECK(mistake(" {of: id, column: x, file: /etc/sites.csv}") ==
        "pinaflux.yaml:8:30: the table has no column 'x' (it has device, site)");
  files.put("/etc/people", "0a1b2c3d\n");
  const std::string said = mistake(" {of: id, column: x, file: /etc/people}");
  CHECK(said ==
        "pinaflux.yaml:8:30: the table has no column 'x' "
        "(a table's file should be named *.csv: then the finding names its columns)");
}

TEST_CASE_FIXTURE(LookupConfig, "what is too large is not read") {
  files.put("/etc/sites.csv", "id,site\n" + std::string(4 * 1024 * 1024, 'x'));
  CHECK(mistake(kOfFile).starts_with("pinaflux.yaml:8:28: the table cannot be read: "));
  std::string rows = "id,site\n";
  for (int i = 0; i <= 65'536; ++i) rows += std::to_string(i) + ",1\n";
  files.put("/etc/sites.csv", rows);
  CHECK(mistake(kOfFile) ==
        "/etc/sites.csv:65538:1: the table has more than 65536 lines "
        "(leave out what is not looked up)");
  files.put("/etc/sites.csv", "");
  CHECK(mistake(kOfFile).starts_with("pinaflux.yaml:8:28: the table is empty"));
}

TEST_CASE_FIXTURE(LookupConfig, "the digest is of the table's file, too") {
  const auto digest = [&](const char* text) {
    files.put("/etc/sites.csv", text);
    const auto loaded = load(kOfFile);
    REQUIRE(loaded.configuration.has_value());
    return loaded.configuration->digest;
  };
  const std::string one = digest("id,site\npump,1\n");
  CHECK(digest("id,site\npump,2\n") != one);
  CHECK(digest("id,site\npump,1\n") == one);
}

}  // namespace
}  // namespace pinaflux
