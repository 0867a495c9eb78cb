#include "agent/uplink/translator.h"

#include <set>

#include <doctest/doctest.h>

#include "platform/base/text.h"
#include "tests/agent/uplink/fixture.h"
#include "tests/kit/sealed_rows.h"

namespace pinaflux::tests {
namespace {

OutputOptions json(JsonShape shape, std::string topic = "out/{gateway}/{stream}") {
  return {OutputFormat::json, shape, std::move(topic)};
}

std::vector<OutMessage> translated(const OutputOptions& options, Bytes envelope) {
  auto messages = Translator(options).translate(envelope);
  REQUIRE(messages);
  for (const OutMessage& message : *messages) {
    for (const char c : message.payload.substr(0, 30))
      CHECK(((c >= 0x20 && c < 0x7f) || c == '\n'));
    CHECK(message.payload.size() >= 30);
  }
  return std::move(*messages);
}

struct Mixed {
  kit::SealedRows rows;
  Buffer envelope;
  Mixed() {
    rows.row("pump", {"speed"}, {Value::int64(3)}, {1'700'000'000'000'000'000, 0});
    rows.row("pump", {"speed"}, {Value::int64(4)}, {1'700'000'001'000'000'000, 0});
    rows.row("tür/+#\x01", {"größe"}, {Value::float64(20.5)}, {5'000, 7});
    rows.row("pump", {"speed"}, {Value::null()}, {1'700'000'002'000'000'000, 0});
    envelope = rows.envelope();
  }
};

}  // namespace

TEST_CASE("an envelope becomes JSON lines, one topic after the other, each record with its name") {
  const Mixed mixed;
  const auto messages = translated(json(JsonShape::lines), mixed.envelope);
  REQUIRE(messages.size() == 3);
  CHECK(messages[0].topic == "out/pump-7/pump");
  CHECK(messages[1].topic == "out/pump-7/tür/___");
  CHECK(messages[2].topic == "out/pump-7/pump");
  const std::string who =
      R"({"_gateway":"pump-7","_epoch":"abababababababababababababababab","_lane":"normal","_seq":)";
  CHECK(messages[0].payload ==
        who + R"(1,"_stream":"pump","_time":"2023-11-14T22:13:20.000000000Z","speed":3})" + "\n" +
            who + R"(2,"_stream":"pump","_time":"2023-11-14T22:13:21.000000000Z","speed":4})" +
            "\n");
  CHECK(messages[1].payload.ends_with("\"_since_boot_ns\":5000,\"_boot\":7,\"größe\":20.5}\n"));
  CHECK(messages[2].payload.ends_with("\"speed\":null}\n"));
}

TEST_CASE("an array holds what lines hold, and a message of its own one record") {
  const Mixed mixed;
  const auto arrays = translated(json(JsonShape::array), mixed.envelope);
  REQUIRE(arrays.size() == 3);
  CHECK(arrays[0].payload.starts_with("[{\"_gateway\""));
  CHECK(arrays[0].payload.ends_with("\"speed\":4}]"));
  CHECK(arrays[0].payload.contains("},{"));
  const auto each = translated(json(JsonShape::message), mixed.envelope);
  REQUIRE(each.size() == 4);
  CHECK(each[1].payload.ends_with("\"speed\":4}"));
}

TEST_CASE("line protocol leaves out what it has no spelling for") {
  const Mixed mixed;
  const auto messages = translated({OutputFormat::influx, {}, "all"}, mixed.envelope);
  REQUIRE(messages.size() == 1);
  CHECK(messages[0].topic == "all");
  const auto lines = split(messages[0].payload, '\n');
  REQUIRE(lines.size() == 4);
  CHECK(lines[0] == "pump speed=3i 1700000000000000000");
  CHECK(lines[2].contains("größe=20.5,_since_boot_ns=5000i,_boot=\"7\""));
  CHECK(lines[3].empty());
}

TEST_CASE("messages are bounded, and hold each record once, in order") {
  kit::SealedRows rows;
  rows.walk(3'000);
  const Buffer envelope = rows.envelope();
  for (const JsonShape shape : {JsonShape::lines, JsonShape::array}) {
    const auto messages = translated(json(shape), envelope);
    CHECK(messages.size() > 5);
    std::uint64_t seq = 0;
    for (const OutMessage& message : messages) {
      CHECK(message.payload.size() < Translator::kMessageBytesMax + 1'000);
      for (std::size_t at = 0; (at = message.payload.find("\"_seq\":", at)) != std::string::npos;
           ++at) {
        const std::string_view rest = std::string_view(message.payload).substr(at + 7);
        CHECK(parse_integer<std::uint64_t>(rest.substr(0, rest.find(','))) == ++seq);
      }
    }
    CHECK(seq == 3'000);
  }
}

TEST_CASE("a record that does not fit into a message any more begins another") {
  kit::SealedRows rows;
  const std::string text(30'000, 'x');
  for (int i = 0; i < 5; ++i) rows.row("s", {"t"}, {Value::text(text)}, {i, 0});
  for (const JsonShape shape : {JsonShape::lines, JsonShape::array}) {
    const auto messages = translated(json(shape), rows.envelope());
    CHECK(messages.size() == 3);
    for (const OutMessage& message : messages) {
      CHECK(message.payload.size() <= Translator::kMessageBytesMax);
      CHECK(message.payload.starts_with(shape == JsonShape::array ? "[{" : "{"));
      CHECK(message.payload.ends_with(shape == JsonShape::array ? "}]" : "}\n"));
    }
  }
}

TEST_CASE("what an envelope declares lost is said") {
  kit::SealedRows rows;
  const Buffer envelope =
      rows.envelope(Effort::fast, limits::kOpenedBytesMax, {{"lost", "1-9:evicted"}});
  const auto messages = translated(json(JsonShape::lines), envelope);
  REQUIRE(messages.size() == 1);
  CHECK(messages[0].topic == "out/pump-7/pinaflux/lost");
  CHECK(messages[0].payload.ends_with("\"_lost\":\"1-9:evicted\"}\n"));
  CHECK(translated({OutputFormat::influx, {}, "all"}, envelope)[0].payload.contains(
      "ranges=\"1-9:evicted\""));
  CHECK_FALSE(Translator(json(JsonShape::lines)).translate(as_bytes(std::string("no envelope"))));
}

TEST_CASE("a stream's name makes no topic that a broker refuses") {
  kit::SealedRows rows;
  const std::string deep = [] {
    std::string text = "a";
    for (int i = 0; i < 200; ++i) text += "/a";
    return text;
  }();
  for (const char* stream :
       {"$SYS/x", "a+b", "#", "\xc2\x85y", "\xef\xbf\xbez", "\xef\xb7\x90", "größe", deep.c_str()})
    rows.row(stream, {"v"}, {Value::int64(1)}, {1, 0});
  const auto messages = translated(json(JsonShape::lines, "{stream}"), rows.envelope());
  REQUIRE(messages.size() == 8);
  CHECK(messages[0].topic == "_SYS/x");
  CHECK(messages[1].topic == "a_b");
  CHECK(messages[2].topic == "_");
  CHECK(messages[3].topic == "_y");
  CHECK(messages[4].topic == "_z");
  CHECK(messages[5].topic == "_");
  CHECK(messages[6].topic == "größe");
  CHECK(std::ranges::count(messages[7].topic, '/') < 100);
}

TEST_CASE("a topic's template is looked at") {
  for (const char* good : {"a", "a/{stream}", "{gateway}/{lane}/{stream}", "x{lane}y"}) {
    CHECK(wrong_topic_template(good) == nullptr);
  }
  for (const char* bad :
       {"", "a/+/{stream}", "#", "$SYS/{lane}", "{site}", "{lane", "lane}", "{}"}) {
    CAPTURE(bad);
    CHECK(wrong_topic_template(bad) != nullptr);
  }
}

namespace {

struct OutputFixture : UplinkFixture {
  kit::SealedRows rows;
  OutputFixture() {
    options.ack = UplinkOptions::Ack::broker;
    options.output = json(JsonShape::message, "out/{stream}");
    start();
    up();
  }
  void hand(std::size_t records) {
    rows.rows.clear();
    rows.walk(records);
    Lease made = lease(1, rows.next, rows.next + records - 1);
    made.bytes = rows.envelope();
    send(std::move(made));
  }
  std::size_t out() const {
    return static_cast<std::size_t>(std::ranges::count(published, "out/pump", &Published::topic));
  }
};

}  // namespace

TEST_CASE_FIXTURE(OutputFixture, "a batch is gone when the broker has each of its messages") {
  hand(3);
  CHECK(out() == 3);
  const auto tokens = [&] {
    std::vector<std::uint64_t> all;
    for (const Published& p : published) {
      if (p.topic == "out/pump") all.push_back(p.token);
    }
    return all;
  }();
  client->events.published(tokens[2], 0);
  client->events.published(tokens[0], 0);
  CHECK(highs().empty());
  client->events.published(tokens[1], 0);
  CHECK(highs() == std::vector<std::uint64_t>{3});
  CHECK(uplink->health().envelopes_acked == 1);
}

TEST_CASE_FIXTURE(
    OutputFixture,
    "a batch with a topic that nobody wants is gone, one that nobody wants at all is kept") {
  rows.rows.clear();
  rows.walk(1);
  rows.row("noise", {"n"}, {Value::int64(1)}, {1'700'000'000'000'000'000, 0});
  Lease both = lease(1, rows.next, rows.next + 1);
  both.bytes = rows.envelope();
  send(std::move(both));
  const std::uint64_t last = published.back().token;
  client->events.published(last, 0x10);
  CHECK(uplink->take_lost().empty());
  client->events.published(last - 1, 0);
  CHECK(highs() == std::vector<std::uint64_t>{2});

  hand(2);
  const std::uint64_t again = published.back().token;
  client->events.published(again - 1, 0x10);
  client->events.published(again, 0x10);
  CHECK(highs().empty());
  CHECK(uplink->take_lost() == std::vector<LaneIndex>{1});
  CHECK(uplink->health().text.contains("no subscriber"));
}

TEST_CASE_FIXTURE(OutputFixture, "what had no subscriber is sent again, once there is one") {
  hand(3);
  std::uint64_t last = published.back().token;
  std::size_t before = out(), expected = 3;
  SUBCASE("none of it had one") {
    for (const std::uint64_t token : {last - 2, last - 1, last})
      client->events.published(token, 0x10);
  }
  SUBCASE("he came while it was sent") {
    for (const std::uint64_t token : {last - 2, last - 1}) client->events.published(token, 0x10);
    client->events.published(last, 0);
  }
  SUBCASE("he went while it was sent") {
    client->events.published(last - 2, 0);
    for (const std::uint64_t token : {last - 1, last}) client->events.published(token, 0x10);
    expected = 2;
  }
  SUBCASE("the link broke before all of it was answered") {
    client->events.published(last - 2, 0x10);
    client->events.published(last - 1, 0);
    down();
    wait(Duration::seconds(3));
    up();
  }
  CHECK(highs().empty());
  wait(Duration::seconds(30));
  Lease again = lease(1, 1, 3);
  rows.next = 1;
  again.bytes = rows.envelope();
  send(std::move(again));

  CHECK(out() == before + expected);
  CHECK(highs().empty());
  last = published.back().token;
  for (std::uint64_t token = last + 1 - expected; token <= last; ++token)
    client->events.published(token, 0);
  CHECK(highs() == std::vector<std::uint64_t>{3});
}

TEST_CASE_FIXTURE(OutputFixture, "after a lost link a batch goes on behind what the broker has") {
  hand(5);
  const std::uint64_t last = published.back().token;
  for (const std::uint64_t token : {last - 4, last - 3, last - 1})
    client->events.published(token, 0);
  for (int cut = 0; cut < 2; ++cut) {
    down();
    wait(Duration::seconds(3));
    up();
  }
  (void)uplink->take_lost();
  const std::size_t before = out();
  Lease again = lease(1, 1, 5);
  rows.next = 1;
  again.bytes = rows.envelope();
  send(std::move(again));
  CHECK(out() == before + 3);  // The third, and all behind it.
  puback();
  CHECK(highs() == std::vector<std::uint64_t>{5});
}

TEST_CASE_FIXTURE(OutputFixture,
                  "a message that is refused, or a link that breaks, sends the batch again") {
  hand(2);
  const std::uint64_t last = published.back().token;
  client->events.published(last - 1, 0);
  client->events.published(last, 0x87);
  CHECK(highs().empty());
  CHECK(uplink->take_lost() == std::vector<LaneIndex>{1});
}

}  // namespace pinaflux::tests
