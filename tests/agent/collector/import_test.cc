#include "agent/collector/import.h"

#include "agent/collector/import_folder.h"
#include "agent/collector/verify.h"
#include "platform/linux/files.h"
#include "tests/agent/collector/packed.h"

using namespace pinaflux;
using namespace pinaflux::collector_kit;

namespace {

struct ImportFixture {
  kit::TemporaryDirectory directory;
  LinuxFiles files;
  std::vector<std::string> findings;
  std::unique_ptr<CollectorStore> store =
      std::move(*CollectorStore::open({directory / "landed.db", {}}, files, findings));
  Gateway gateway;
  std::vector<AckMessage> acks;

  std::string text_of(const std::vector<Arrival>& arrivals) {
    ExportWriter writer;
    Buffer bytes;
    writer.begin({.gateway = "pump", .lane = "", .version = "1", .made_s = 1}, bytes);
    for (const Arrival& arrival : arrivals) writer.add(arrival.payload, bytes);
    writer.end(bytes);
    return std::string(as_text(bytes));
  }
  std::string write(const std::string& text, const std::string& name = "a.export") {
    REQUIRE(files.replace(directory / name, text).has_value());
    return directory / name;
  }
  ImportReport import(const std::string& path) {
    Import import(files, path);
    for (Result<bool> more = true; *more;) {
      more = import.step(*store, {kNoon}, acks);
      REQUIRE(more.has_value());
    }
    return import.report();
  }
  Landed land(const std::vector<Arrival>& arrivals) {
    Landed landed;
    REQUIRE(store->land(arrivals, {kNoon}, landed).has_value());
    return landed;
  }
  VerifyReport proof() { return *verify(directory / "landed.db"); }
};

}  // namespace

TEST_CASE("the reports as JSON are the golden line") {
  ImportReport report{.file = "a.export", .gateway = "pump", .envelopes = 7};
  report.counts = {.envelopes = 3, .rows = 300, .redelivered = 2, .declared = 1, .rejects = 1};
  report.text = "some of it was refused: see pinaflux_reject";
  CHECK(import_json({&report, 1}) ==
        R"({"schema":"pinaflux.import/1","files":[{"file":"a.export","gateway":"pump",)"
        R"("complete":false,"text":"some of it was refused: see pinaflux_reject",)"
        R"("envelopes":7,"landed":3,"rows":300,"redelivered":2,"tombstones":1,"rejects":1,)"
        R"("forks":0,"lines_refused":0}]})");
}

TEST_CASE_FIXTURE(ImportFixture, "imported, then delivered by MQTT: landed once") {
  const std::vector<Arrival> all = {gateway.send(10), gateway.lose(5), gateway.send(10)};
  const ImportReport report = import(write(text_of(all)));
  CHECK(report.complete);
  CHECK(report.counts.rows == 20);
  CHECK(report.counts.declared == 1);
  REQUIRE(!acks.empty());
  CHECK(acks.back().high == 25);

  const Landed landed = land(all);

  CHECK(landed.counts.rows == 0);
  CHECK(landed.counts.redelivered == 2);
  CHECK(proof().complete());
  CHECK(proof().lanes[0].landed == 20);
}

TEST_CASE_FIXTURE(ImportFixture, "delivered by MQTT, then imported twice: landed once") {
  const std::vector<Arrival> all = {gateway.send(10), gateway.send(10)};
  land({all[0]});
  const std::string path = write(text_of(all));

  const ImportReport first = import(path);
  const ImportReport second = import(path);

  CHECK(first.complete);
  CHECK(first.counts.rows == 10);
  CHECK(first.counts.redelivered == 1);
  CHECK(second.complete);
  CHECK(second.counts.rows == 0);
  CHECK(second.counts.redelivered == 2);
  CHECK(proof().complete());
}

TEST_CASE_FIXTURE(ImportFixture,
                  "a cut-off copy lands what is whole in it, and says that it is cut off") {
  const std::string whole = text_of({gateway.send(10), gateway.send(10)});
  const ImportReport report = import(write(whole.substr(0, whole.size() - 150)));
  CHECK_FALSE(report.complete);
  CHECK(report.counts.rows == 10);
  CHECK(report.text.find("cut off") != std::string::npos);
  CHECK(import(write(whole)).complete);
  CHECK(proof().complete());
}

TEST_CASE_FIXTURE(ImportFixture,
                  "an envelope that is damaged, and one that contradicts, are refused") {
  Gateway clone;
  std::vector<Arrival> all = {gateway.send(10), gateway.send(10)};
  all[1].payload[all[1].payload.size() - 20] ^= 1;
  CHECK_FALSE(import(write(text_of(all))).complete);
  const ImportReport fork = import(write(text_of({clone.send(9, "forged")})));
  CHECK(fork.counts.forks == 1);
  CHECK_FALSE(fork.complete);
  CHECK(proof().lanes[0].landed == 10);
}

TEST_CASE_FIXTURE(ImportFixture, "what is no export lands nothing and says so") {
  CHECK(import(write("hello\n")).text.find("no export") != std::string::npos);
  CHECK(import(directory / "none.export").text.find("does not exist") != std::string::npos);
}

TEST_CASE_FIXTURE(ImportFixture, "what lies in the folder is landed, reported and taken away") {
  ImportFolder folder(files, directory / "drop");
  REQUIRE(folder.prepare().has_value());
  write(text_of({gateway.send(10)}), "drop/2.export");
  write("no export", "drop/1.export");
  write("not whole yet", "drop/3.export.part");
  std::vector<ImportReport> reports;
  for (folder.poll(); folder.wants();) {
    std::optional<ImportReport> finished;
    REQUIRE(folder.step(*store, {kNoon}, acks, finished).has_value());
    if (finished) reports.push_back(*finished);
  }

  REQUIRE(reports.size() == 2);
  CHECK_FALSE(reports[0].complete);
  CHECK(reports[1].complete);
  CHECK(reports[1].counts.rows == 10);
  CHECK(*files.list(directory / "drop") ==
        std::vector<std::string>{"1.export.report", "2.export.report", "3.export.part"});
  CHECK(files.read_text(directory / "drop/2.export.report", 1000)->find(R"("rows":10)") !=
        std::string::npos);
}

TEST_CASE_FIXTURE(ImportFixture,
                  "an export's dictionaries open its envelopes, and are not counted") {
  const Dictionary dictionary = dictionary_of(1);
  const Arrival told = gateway.tell(dictionary);
  const std::vector<Arrival> all = {gateway.send(5), told, send_packed(gateway, dictionary), told};
  const ImportReport report = import(write(text_of(all)));
  CHECK_MESSAGE(report.complete, report.text);
  CHECK(report.envelopes == 2);
  CHECK(report.counts.envelopes == 2);
  CHECK(report.counts.rows == 15);
  CHECK(proof().complete());
}

TEST_CASE_FIXTURE(ImportFixture, "a damaged dictionary is reported, and what it would open") {
  const Dictionary dictionary = dictionary_of(1);
  Arrival told = gateway.tell(dictionary);
  told.payload.back() ^= 1;
  const ImportReport report =
      import(write(text_of({told, send_packed(gateway, dictionary), gateway.send(5)})));
  CHECK_FALSE(report.complete);
  CHECK(report.envelopes == 2);
  CHECK(report.counts.rejects == 2);
  CHECK(report.counts.rows == 5);
}
