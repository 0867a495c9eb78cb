#include "agent/spool/export.h"

#include "agent/spool/inspect.h"
#include "tests/agent/spool/queue_kit.h"

namespace pinaflux::spool_kit {

namespace {

constexpr const char* kTitle = "pinaflux-export/1 g=pump-7 v=1.2.3 t=1700000000\n";

struct ExportFixture : SpoolFixture {
  Result<bool> read_result = false;

  std::string give(const std::string& lane = "") {
    Export operation({.gateway = "", .lane = lane, .version = "1.2.3", .made_s = 1'700'000'000});
    return answer(*spool, operation);
  }
  std::string write(const std::string& text) {
    const std::string path = directory.path() + "/copy.export";
    REQUIRE(files.replace(path, text).has_value());
    return path;
  }
  // The envelopes of an export, until its end or an error, which is in read_result.
  std::vector<Buffer> read(const std::string& text) {
    auto reader = ExportReader::open(files, write(text));
    REQUIRE(reader.has_value());
    std::vector<Buffer> all;
    for (Buffer one; read_result = (*reader)->next(one), read_result && *read_result;) {
      all.push_back(one);
    }
    return all;
  }
  // Everything that the uplink would get of lane 0.
  std::vector<Buffer> lease_all() {
    std::vector<Buffer> all;
    wish.envelopes.fill(8);
    do {
      commit();
      for (auto& lease : leases) {
        if (lease.lane == 0) all.push_back(lease.bytes);
      }
    } while (!leases.empty());
    return all;
  }
};

}  // namespace

// Golden bytes: this file is read for ever.
TEST_CASE_FIXTURE(ExportFixture, "the bytes of an export are the golden ones") {
  ExportWriter writer;
  Buffer bytes;
  writer.begin({.gateway = "pump-7", .lane = "bulk", .version = "1.2.3", .made_s = 1'700'000'000},
               bytes);
  writer.add(as_bytes("first"), bytes);
  writer.add(as_bytes("the\nsecond\n"), bytes);
  writer.end(bytes);

  const std::string golden =
      "pinaflux-export/1 g=pump-7 v=1.2.3 t=1700000000 l=bulk\n"
      "5\nfirst\n11\nthe\nsecond\n\n"
      "pinaflux-export-end/1 n=2 b=78 "
      "h=5d906f0748de76890bbcf0178e1322d4b411737848254f9e99de00a3b93ed2b1\n";
  CHECK(std::string(as_text(bytes)) == golden);
  CHECK(read(golden).size() == 2);
  CHECK(read_result == false);
}

TEST_CASE_FIXTURE(ExportFixture, "an export holds what the link would get, byte for byte") {
  open();
  wish.envelopes[0] = 1;
  add(0, 0, 20);
  commit();
  wish.envelopes[0] = 0;
  for (int i = 0; i < 3; ++i) {
    add(0, 20 + i * 10, 10);
    commit();
  }

  const std::vector<Buffer> given = read(give());
  ++wish.round[0];
  const std::vector<Buffer> sent = lease_all();

  CHECK(read_result == false);
  REQUIRE(given.size() == 2);
  CHECK(given == sent);
}

TEST_CASE_FIXTURE(ExportFixture,
                  "the queue stays, and what comes after is chained to what was exported") {
  open();
  wish.envelopes.fill(0);
  add(0, 0, 30);
  commit();
  give();
  CHECK(lane_state(0).records_queued == 30);
  add(0, 30, 5);
  commit();
  wish.envelopes.fill(8);
  FarEnd far;
  do {
    commit();
    far.take(leases);
  } while (!leases.empty());
  CHECK(far.lanes[0].landed.size() == 35);
}

TEST_CASE_FIXTURE(ExportFixture,
                  "tombstones are in it, in their place, and stay as they were given") {
  options.lanes = {{.name = "alarm", .when_full = LaneOptions::WhenFull::evict}};
  open();
  for (int i = 0; lane_state(0).records_shed == 0; ++i) {
    add_noise(0, i * 1000, 1000);
    commit();
  }

  const std::vector<Buffer> given = read(give());

  const auto header = Opener::header(given.at(0));
  REQUIRE(header.has_value());
  CHECK(header->count == 0);
  CHECK(header->range.first == 1);
  const std::vector<Buffer> sent = lease_all();
  CHECK(given == sent);
}

TEST_CASE_FIXTURE(ExportFixture, "one lane alone, an empty queue, and a lane that is not there") {
  open();
  CHECK(read(give()).empty());
  CHECK(read_result == false);
  add(0, 0, 5);
  add(1, 0, 5);
  commit();
  CHECK(read(give("bulk")).size() == 1);
  Export none({.gateway = "", .lane = "nosuch", .version = "1", .made_s = 0});
  Buffer out;
  CHECK(spool->operate(none, out).error().code == Code::not_found);
}

TEST_CASE_FIXTURE(ExportFixture, "commits and acks between the steps do no harm") {
  open();
  wish.envelopes.fill(0);
  for (int i = 0; i < 30; ++i) {
    add_noise(0, i * 100, 100);
    commit();
  }
  Export operation({.gateway = "", .lane = "", .version = "1.2.3", .made_s = 1});
  Buffer out;
  wish.envelopes.fill(3);
  for (Result<bool> more = true; *more;) {
    more = spool->operate(operation, out);
    REQUIRE(more.has_value());
    add_noise(0, 100'000, 10);
    commit();
    if (!leases.empty()) ack(0, leases.back().range.last);
  }

  std::uint64_t last = 0;
  for (const Buffer& one : read(std::string(as_text(out)))) {
    const auto header = Opener::header(one);
    REQUIRE(header.has_value());
    CHECK(header->range.first > last);
    last = header->range.last;
  }
  CHECK(last >= 3000);  // And what came before its lane was sealed.
  CHECK(read_result == false);
}

TEST_CASE_FIXTURE(ExportFixture, "a copy that was cut off is recognised wherever it was cut") {
  open();
  add(0, 0, 20);
  commit();
  add(1, 0, 20);
  commit();
  const std::string whole = give();
  REQUIRE(whole.starts_with(kTitle));
  for (std::size_t bytes = 49; bytes < whole.size(); bytes += 1 + bytes / 50) {
    const auto given = read(whole.substr(0, bytes));
    REQUIRE(!read_result.has_value());
    CHECK(read_result.error().code == Code::corrupt);
    CHECK(given.size() <= 2);
  }
  CHECK(read(whole).size() == 2);
  CHECK(read_result.has_value());
}

TEST_CASE_FIXTURE(ExportFixture, "a copy with one changed byte, or with a tail, is recognised") {
  open();
  add(0, 0, 20);
  commit();
  const std::string whole = give();
  for (std::size_t at = 49; at < whole.size(); ++at) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    read(changed);
    CHECK(!read_result.has_value());
  }
  read(whole + "x");
  CHECK(!read_result.has_value());
}

TEST_CASE_FIXTURE(ExportFixture, "what is no export is told from one of a newer version") {
  CHECK(ExportReader::open(files, write("hello\n")).error().code == Code::corrupt);
  CHECK(ExportReader::open(files, write("")).error().code == Code::corrupt);
  CHECK(ExportReader::open(files, write("pinaflux-export/2 g=x\n")).error().code == Code::newer);
  CHECK(ExportReader::open(files, directory.path()).error().code == Code::corrupt);
  CHECK(ExportReader::open(files, directory.path() + "/none").error().code == Code::not_found);
}

}  // namespace pinaflux::spool_kit
