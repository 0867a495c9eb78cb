#include "agent/cli/mask_preview.h"

#include <string>

#include <doctest/doctest.h>

#include "agent/vault/vault.h"
#include "tests/agent/vault/memory_files.h"

namespace pinaflux {
namespace {

using Operator = MaskRule::Operator;

constexpr std::string_view kLines =
    "{\"user\":\"ada\",\"note\":\"to ada@x.org\",\"t\":20.5}\n"
    "{\"user\":\"bob\",\"note\":\"none\",\"t\":21}\n"
    "{\"user\":\"eve\",\"ssn\":1}\n"
    "{\"user\":\n";

struct PreviewFixture {
  std::unique_ptr<MaskPreview> preview(bool raw) {
    const MaskOptions rules{
        {{.field = "user", .with = Operator::truncate, .length = 1},
         {.value = only(Detector::email), .with = Operator::replace, .replacement = "[removed]"},
         {.field = "ssn", .with = Operator::reject},
         {.field = "nothing", .with = Operator::drop}}};
    auto made = MaskPreview::make(rules, Vault(), raw);
    REQUIRE(made.has_value());
    (*made)->add_lines({.name = "gate"}, Format::ndjson, kLines,
                       Stamp{1'769'904'000'000'000'000, 0});
    return std::move(*made);
  }
};

// A contract with scripts: this text does not change without another schema.
TEST_CASE_FIXTURE(PreviewFixture,
                  "the JSON is pinaflux.mask_preview/1, and holds nothing as it came") {
  CHECK(preview(false)->json() ==
        "{\"schema\":\"pinaflux.mask_preview/1\",\"records\":3,\"refused\":1,\"unread\":1,"
        "\"rules\":[{\"rule\":1,\"changed\":3,\"refused\":0},{\"rule\":2,\"changed\":1,\"refused\":"
        "0},"
        "{\"rule\":3,\"changed\":0,\"refused\":1},{\"rule\":4,\"changed\":0,\"refused\":0}],"
        "\"shown\":["
        "{\"after\":{\"_stream\":\"gate\",\"_time\":\"2026-02-01T00:00:00.000000000Z\",\"user\":"
        "\"a\","
        "\"note\":\"to [removed]\",\"t\":20.5}},"
        "{\"after\":{\"_stream\":\"gate\",\"_time\":\"2026-02-01T00:00:00.000000000Z\",\"user\":"
        "\"b\","
        "\"note\":\"none\",\"t\":21}},"
        "{\"after\":null,\"reason\":\"unknown_field\"}]}\n");
}

TEST_CASE_FIXTURE(PreviewFixture, "records as they came are shown only where that is allowed") {
  for (const std::string& text : {preview(false)->json(), preview(false)->text()}) {
    CHECK(text.find("ada") == std::string::npos);
    CHECK(text.find("ssn") == std::string::npos);
  }
  CHECK(preview(true)->json().find("\"before\":{\"_stream\":\"gate\"") != std::string::npos);
  CHECK(preview(true)->text().find("ada@x.org") != std::string::npos);
}

TEST_CASE("more records than an intake holds are all counted") {
  auto preview = MaskPreview::make({{{.field = "a", .with = Operator::drop}}}, Vault(), false);
  REQUIRE(preview.has_value());
  std::string lines;
  for (int i = 0; i < 20'000; ++i) lines += "{\"a\":1}\n";
  lines += "{\"a\":\n";
  (*preview)->add_lines({.name = "gate"}, Format::ndjson, lines, Stamp{1, 0});
  CHECK(
      (*preview)->text().starts_with("records 20000, of them refused 0; no records 1\n"
                                     "rule 1: changed 20000, refused 0\n"));
}

TEST_CASE_FIXTURE(PreviewFixture, "the text counts by rule") {
  const std::string text = preview(false)->text();
  CHECK(
      text.starts_with("records 3, of them refused 1; no records 1\n"
                       "rule 1: changed 3, refused 0\n"));
  CHECK(text.find("\nafter  {\"_stream\":\"gate\",") != std::string::npos);
  CHECK(text.ends_with("after  refused: unknown_field\n"));
}

}  // namespace
}  // namespace pinaflux
