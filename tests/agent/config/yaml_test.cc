#include "agent/config/yaml.h"

#include <doctest/doctest.h>

namespace pinaflux::config {
namespace {

struct Read {
  explicit Read(std::string content) : text("f.yaml", std::move(content), 0) {
    ok = parse_yaml(text, root, findings);
    said = findings_text(findings.take());
  }
  ConfigText text;
  Findings findings;
  Node root;
  bool ok = false;
  std::string said;
};

TEST_CASE("a tree keeps the order of its entries, their texts and their places") {
  const Read r("b: 1\na:\n  - x\n  - 'y z'\n");
  REQUIRE(r.ok);
  CHECK(r.said == "");
  REQUIRE(r.root.entries.size() == 2);
  CHECK(r.root.entries[0].key == "b");
  const Node& list = r.root.entries[1].value;
  REQUIRE(list.items.size() == 2);
  CHECK((list.items[1].text == "y z" && list.items[1].quoted && !list.items[0].quoted));
  CHECK((list.items[1].place.line == 4 && list.items[1].place.column == 5));
}

TEST_CASE("columns count characters, not bytes") {
  const Read r("\xC3\xA4: {\xC3\xB6: *x}\n");
  CHECK(r.said.starts_with("f.yaml:1:8: error: aliases"));
}

TEST_CASE("a tab in the indentation is shown where it stands, in JSON it may stand") {
  CHECK(Read("a:\n\tb: 1\n").said ==
        "f.yaml:2:1: error: a tab in the indentation\n"
        "    2 |  b: 1\n"
        "      | ^\n"
        "      = indent with spaces\n");
  CHECK(Read("{\n\t\"b\": 1}\n").said == "");
}

TEST_CASE("what is too deep, too many or too large is refused") {
  CHECK(Read(std::string(100, '[') + std::string(100, ']')).said.find("nested more than 32") !=
        std::string::npos);
  std::string many = "[";
  for (int i = 0; i < 30'000; ++i) many += "1,";
  CHECK(Read(many + "1]").said.find("more than 20000 values") != std::string::npos);
  CHECK(Read(std::string(kTextBytesMax + 1, '#')).said.find("larger than 1 MiB") !=
        std::string::npos);
}

TEST_CASE("control characters, bytes that are no text and keys that are no names are refused") {
  CHECK(Read("a: \x1b[31m\n").said.find("a control character") != std::string::npos);
  CHECK(Read("a: \xff\n").said.find("not UTF-8") != std::string::npos);
  CHECK(Read("{[a]: 1}\n").said.find("a key must be a name") != std::string::npos);
  CHECK(Read("? a\n: 1\n").ok);
}

TEST_CASE("a line that holds a secret is shown without it, whatever is wrong with it") {
  for (const char* text :
       {"password: hunter2\npassword: hunter2\n", "a: {token: hunter2, token: hunter2}\n",
        "pasword: [hunter2\n", "password: &x hunter2\n", "password:\n  hunter2: *x\n",
        "broker: *tcp://u:hunter2@h\n", "password: |\n  hunter2\n  *hunter2\nb: *x\n"}) {
    CAPTURE(text);
    const Read r(text);
    CHECK(r.said != "");
    CHECK(r.said.find("hunter2") == std::string::npos);
  }
}

TEST_CASE("findings for machines are JSON with counts") {
  ConfigText text("f.yaml", "a: 1\n", 0);
  Findings findings;
  findings.warning(Place::at(text, 1, 3), "a \"quote\"", "do");
  findings.error(Place::at(text, 1, 0), "first");
  CHECK(findings_json(findings.take()) ==
        "{\"schema\":\"pinaflux.findings/1\",\"errors\":1,\"warnings\":1,\"findings\":["
        "{\"severity\":\"error\",\"file\":\"f.yaml\",\"line\":1,\"column\":1,\"what\":\"first\","
        "\"fix\":\"\","
        "\"text\":\"a: 1\"},"
        "{\"severity\":\"warning\",\"file\":\"f.yaml\",\"line\":1,\"column\":4,\"what\":\"a "
        "\\\"quote\\\"\","
        "\"fix\":\"do\",\"text\":\"a: 1\"}]}\n");
}

TEST_CASE("a long line is shown around the fault") {
  ConfigText text("f.yaml", std::string(500, 'a') + "!" + std::string(500, 'b'), 0);
  Findings findings;
  findings.error(Place::at(text, 1, 500), "here");
  const auto all = findings.take();
  REQUIRE(all.size() == 1);
  CHECK(all[0].text.size() <= kLineShownMax);
  CHECK(all[0].text.at(all[0].caret) == '!');
}

}  // namespace
}  // namespace pinaflux::config
