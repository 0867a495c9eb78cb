#include "agent/config/redact.h"

#include <doctest/doctest.h>

#include "agent/config/finding.h"
#include "agent/config/load.h"
#include "tests/agent/config/config_kit.h"

namespace pinaflux::config {
namespace {

std::string shown(const std::string& text) {
  const ConfigText lines("f.yaml", text, 0);
  std::string out;
  for (std::uint32_t n = 1; n <= lines.line_count(); ++n) out += lines.shown_line(n) + '\n';
  return out;
}

TEST_CASE("what follows a secret's name is hidden, whatever it is written like") {
  CHECK(shown("password: hunter2") == "password: ***\n");
  CHECK(shown("{user: me, \"password\": \"hunter2\", qos: 1}") == "{user: me, \"password\": ***\n");
  CHECK(shown("pasword : hunter2") == "pasword : ***\n");
  CHECK(shown("password=hunter2") == "password=***\n");
  CHECK(shown("password:hunter2") == "password:***\n");
  CHECK(shown("token: {hunter2}") == "token: ***\n");
}

TEST_CASE("a secret on the lines below its name is hidden, and no line after it") {
  CHECK(shown("password: |\n  hunter2\n\n  hunter3\nqos: 1") ==
        "password: ***\n  ***\n\n  ***\nqos: 1\n");
  CHECK(shown("password:\n- hunter2\n- hunter3\nqos: 1") == "password:\n***\n***\nqos: 1\n");
  CHECK(shown("{\"password\":\n\"hunter2\",\n\"qos\": 1}") == "{\"password\":\n***\n\"qos\": 1}\n");
}

TEST_CASE("references are shown") {
  CHECK(shown("password: {file: /etc/secret}") == "password: {file: /etc/secret}\n");
  CHECK(shown("password:\n  credential: broker\nqos: 1") ==
        "password:\n  credential: broker\nqos: 1\n");
  CHECK(shown("p: {from: a, pass: {}}") == "p: {from: a, pass: {}}\n");
}

TEST_CASE("below keys every name is a secret's") {
  CHECK(shown("keys:\n  people: hunter2\n  bed: {file: /k}\n  ward:\n    file: /w\nspool: {}") ==
        "keys:\n  people: ***\n  bed: {file: /k}\n  ward:\n    file: /w\nspool: {}\n");
  CHECK(shown("keys:\n- hunter2\nspool: {}") == "keys:\n***\nspool: {}\n");
  CHECK(shown("keys: {\n  hunter2\n}") == "keys: {\n  ***\n}\n");
  CHECK(shown("keys: hunter2\nspool: {}") == "keys: ***\nspool: {}\n");
  CHECK(shown("keys: {people: hunter2}") == "keys: {people: ***\n");
  CHECK(shown("{\"keys\": {\"p\": {\"file\": \"/k\"}}, \"spool\": {\"path\": \"/s\"}}") ==
        "{\"keys\": {\"p\": {\"file\": \"/k\"}}, \"spool\": {\"path\": \"/s\"}}\n");
  CHECK(
      shown("{\n  \"keys\": {\n    \"p\": \"hunter2\"\n  },\n  \"spool\": {\"path\": \"/s\"}\n}") ==
      "{\n  \"keys\": {\n    \"p\": ***\n  },\n  \"spool\": {\"path\": \"/s\"}\n}\n");
}

TEST_CASE("users and passwords inside addresses are hidden, with any sign in them") {
  CHECK(shown("broker: tcp://me:hunter2@10.0.0.5:1883") == "broker: tcp://***@10.0.0.5:1883\n");
  CHECK(shown("broker: \"tcp://me:hun/t@er2@h\"") == "broker: \"tcp://***@h\"\n");
  CHECK(shown("broker: me:hunter2@h") == "broker: ***@h\n");
  CHECK(shown("broker: tcp://h, topics: [a/+, b@c]") == "broker: tcp://h, topics: [a/+, b@c]\n");
}

TEST_CASE("no message repeats a secret that stands where a name belongs") {
  const std::string head = "pinaflux: 1\ngateway: {id: g}\nuplink: {broker: tcp://h}\n";
  const std::string source = "sources:\n  m: {type: mqtt, broker: tcp://b, topics: a, user: u, ";
  ConfigFiles files;
  for (const std::string& body :
       {source + "password: {hunter2}}\n", source + "password: {hunter2: }}\n",
        source + "password:hunter2}\n", source + "password=hunter2}\n",
        source + "password: {? [hunter2]}}\n", source + "password: *hunter2}\n",
        source + "password: \"hunter2}\n", source + "password: [hunter2]}\n",
        std::string("sources: {m: {type: system}}\nkeys: {k: hunter2}\n"),
        std::string("sources: {m: {type: system}}\nkeys: {k: {hunter2}}\n"),
        std::string("sources: {m: {type: system}}\nkeys: [hunter2]\n"),
        std::string("sources: {m: {type: system}}\nkeys: hunter2\n"),
        std::string("sources: {m: {type: system}}\nkeys:\n  k: [hunter2]\n"),
        std::string("sources: {m: {type: system}}\nkeys:\n  - hunter2\n")}) {
    CAPTURE(body);
    const auto loaded = load_configuration_text(files, "f.yaml", head + body);
    CHECK(!loaded.configuration.has_value());
    CHECK(findings_text(loaded.findings).find("hunter2") == std::string::npos);
    CHECK(findings_json(loaded.findings).find("hunter2") == std::string::npos);
  }
}

}  // namespace
}  // namespace pinaflux::config
