#include "agent/collector/topic.h"

#include <doctest/doctest.h>

#include "agent/collector/losses.h"

using namespace pinaflux;

TEST_CASE("topics of gateways are read behind the root") {
  const auto data = parse_topic("pinaflux", "pinaflux/pump/data/normal");
  REQUIRE(data.has_value());
  CHECK(data->kind == Topic::Kind::data);
  CHECK(data->gateway == "pump");
  CHECK(data->lane == "normal");
  CHECK(parse_topic("a/b", "a/b/pump/hello")->kind == Topic::Kind::hello);
  CHECK(parse_topic("a/b", "a/b/pump/status")->gateway == "pump");
}

TEST_CASE("other topics are not ours") {
  const std::string long_name(256, 'x');
  for (const std::string& topic :
       {std::string("pinaflux"), std::string("pinaflux/"), std::string("pinaflux/pump"),
        std::string("pinafluxx/pump/hello"), std::string("pinaflux/pump/ack"),
        std::string("pinaflux//hello"), std::string("pinaflux/pump/data"),
        std::string("pinaflux/pump/data/"), std::string("pinaflux/pump/data/a/b"),
        std::string("pinaflux/pump/hello/x"), "pinaflux/" + long_name + "/hello",
        "pinaflux/pump/data/" + long_name}) {
    CAPTURE(topic);
    CHECK_FALSE(parse_topic("pinaflux", topic).has_value());
  }
}

TEST_CASE("a header without losses declares none") {
  Header header;
  header.extra = {{"other", "1-2:evicted"}};
  CHECK(losses(header)->empty());
}

TEST_CASE("a loss is a range, a reason and the chain behind it") {
  Header header;
  header.extra = {{"lost", "11-30:evicted"}, {"through", std::string(64, 'c')}};
  const auto declared = losses(header);
  REQUIRE(declared.has_value());
  REQUIRE(declared->size() == 1);
  CHECK((*declared)[0].range == Range{11, 30});
  CHECK((*declared)[0].reason == "evicted");
  CHECK((*declared)[0].through[31] == 0xcc);
}

TEST_CASE("a loss that is no range is refused") {
  for (const char* text : {"", "1", "1-2", "1:x", "2-1:evicted", "0-5:evicted", "1-2:",
                           "1-2:Bad Reason", "a-b:evicted", "1-99999999999999999999:evicted",
                           "1-1099511627776:evicted", "-1-2:evicted", "1-2:a,,"}) {
    CAPTURE(text);
    Header header;
    header.extra = {{"lost", text}};
    CHECK_FALSE(losses(header).has_value());
  }
  Header header;
  header.extra = {{"lost", "1-2:evicted"}, {"through", "xyz"}};
  CHECK_FALSE(losses(header).has_value());
}
