#include "agent/pipeline/drawing.h"

#include <doctest/doctest.h>

namespace pinaflux {
namespace {

const PipelineOptions kPlant{{"boiler", "zigbee", "spare"},
                             {{"hot", {"boiler"}, Condition{"temp > 80 AND state = \"on\""}},
                              {"power", {"boiler", "hot"}, Derive{{{"p", "u * i"}}}},
                              {"dry", {"zigbee"}, Deadband{.field = "temp", .within = 0.1}},
                              {"less", {"dry", "dry"}, Select{{"debug", "raw"}, true}}},
                             {{"alarm", {"hot"}}, {"normal", {"power", "less", "zigbee"}}}};

TEST_CASE("text follows the records") {
  CHECK(draw(kPlant, Drawing::text) ==
        "boiler\n"
        "  hot: where temp > 80 AND state = \"on\"\n"
        "    power: derive p = u * i\n"
        "      -> normal\n"
        "    -> alarm\n"
        "  power: derive p = u * i (see above)\n"
        "zigbee\n"
        "  dry: deadband temp within 0.1\n"
        "    less: drop debug, raw\n"
        "      -> normal\n"
        "  -> normal\n"
        "spare\n"
        "  (no lane takes it)\n");
}

TEST_CASE("bands and what thins a stream say how") {
  const auto drawn = [](NodeKind kind) {
    const std::string text =
        draw({{"in"}, {{"n", {"in"}, std::move(kind)}}, {{"out", {"n"}}}}, Drawing::text);
    const std::size_t begin = text.find("n: ") + 3;
    return text.substr(begin, text.find('\n', begin) - begin);
  };
  CHECK(drawn(Deadband{.field = "t", .percent = 2}) == "deadband t within 2 %");
  CHECK(drawn(Deadband{.field = "t", .within = 0.5, .percent = 2}) ==
        "deadband t within 2 % or 0.5");
  CHECK(drawn(Deadband{.field = "t", .swing = 0.5}) == "deadband t swing 0.5");
  CHECK(drawn(FieldChanges{.fields = {{"rpm", 25, 0}, {"t", 0.5, 2}}}) ==
        "changes rpm within 25, t within 2 % or 0.5");
  CHECK(drawn(FieldChanges{}) == "changes");
  CHECK(drawn(Dedupe{.within = Duration::seconds(5)}) == "dedupe all fields within 5 s");
  CHECK(drawn(Dedupe{.within = Duration::seconds(5), .keys = {"id", "n"}}) ==
        "dedupe id, n within 5 s");
  CHECK(drawn(Sample{.every = Duration::seconds(10)}) == "sample every 10 s");
  CHECK(drawn(Sample{.one_in = 10}) == "sample one in 10");
  CHECK(drawn(Merge{.streams = {"a/b", "a/c"}, .every = Duration::seconds(1)}) ==
        "merge a/b, a/c every 1 s");
  CHECK(drawn(Lookup{.of = "id", .give = {"site", "floor"}}) == "lookup id for site, floor");
  CHECK(drawn(Lookup{.of = "id"}) == "lookup id");
  CHECK(drawn(Execd{.command = {"/bin/score", "-x"}}) == "execd /bin/score");
  CHECK(drawn(RateLimit{.rate = 5, .per = Duration::seconds(1)}) == "limit 5 per 1 s");
  CHECK(drawn(ChangeRate{.of = {"a", "b"}}) == "rate a, b per 1 s");
  CHECK(drawn(Anomaly{.of = {"a", "b"}, .threshold = 3.5}) == "anomaly a, b above 3.5");
  CHECK(drawn(Alert{.when = "t > 80", .lasting = Duration::seconds(10)}) ==
        "alert t > 80 for 10 s");
  CHECK(drawn(Alert{.when = "t > 80"}) == "alert t > 80");
  CHECK(drawn(Convert{{{"t", "F", "C"}, {"p", "psi", "bar"}}}) == "convert t F to C, p psi to bar");
  CHECK(drawn(TypeCast{{{"n", FieldType::integer}, {"on", FieldType::boolean}}}) ==
        "cast n to int, on to bool");
}

TEST_CASE("what tools draw") {
  const PipelineOptions small{
      {"in"}, {{"n", {"in"}, Condition{"a = \"b\""}}}, {{"out", {"n", "in"}}}};
  CHECK(draw(small, Drawing::mermaid) ==
        "flowchart LR\n"
        "  s0([\"in\"])\n"
        "  n0[\"n: where a = #quot;b#quot;\"]\n"
        "  s0 --> n0\n"
        "  l0[(\"out\")]\n"
        "  n0 --> l0\n"
        "  s0 --> l0\n");
  CHECK(draw(small, Drawing::dot) ==
        "digraph pipeline {\n"
        "  rankdir=LR;\n"
        "  s0 [shape=ellipse, label=\"in\"];\n"
        "  n0 [shape=box, label=\"n: where a = \\\"b\\\"\"];\n"
        "  s0 -> n0;\n"
        "  l0 [shape=cylinder, label=\"out\"];\n"
        "  n0 -> l0;\n"
        "  s0 -> l0;\n"
        "}\n");
}

TEST_CASE("JSON, a contract") {
  CHECK(draw({{"in"},
              {{"n", {"in"}, Rename{.fields = {{"a", "b"}}, .stream = "s"}}},
              {{"out", {"n"}}}},
             Drawing::json) ==
        "{\"schema\":\"pinaflux.graph/"
        "1\",\"sources\":[\"in\"],\"nodes\":[{\"name\":\"n\",\"kind\":\"rename\","
        "\"what\":\"a to b, stream "
        "s\",\"from\":[\"in\"]}],\"lanes\":[{\"name\":\"out\",\"from\":[\"n\"]}]}\n");
}

TEST_CASE("windows, and what comes late to them") {
  TimeWindow window{.every = Duration::seconds(60)};
  window.of = {"flow"};
  window.give = {"mean", "max"};
  window.pass_late = true;
  const PipelineOptions plant{
      {"in"}, {{"w", {"in"}, window}}, {{"out", {"w"}}, {"rest", {"w.late"}}}};
  CHECK(draw(plant, Drawing::text) ==
        "in\n"
        "  w: window every 60 s of flow: mean, max\n"
        "    -> out\n"
        "    -> rest (what is late)\n");
  CHECK(draw(plant, Drawing::dot).contains("n0 -> l1"));
}

TEST_CASE("formats by name") {
  CHECK(drawing_of("dot") == Drawing::dot);
  CHECK_FALSE(drawing_of("png").has_value());
}

}  // namespace
}  // namespace pinaflux
