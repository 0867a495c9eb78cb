#include <tuple>

#include <doctest/doctest.h>

#include "tests/agent/config/nodes_kit.h"

namespace pinaflux {
namespace {

TEST_CASE_FIXTURE(NodesFixture, "bands become what the pipeline takes") {
  const auto all = nodes(
      "  a: {from: machine, deadband: {of: x, percent: 2.5, within: 0.1}}\n"
      "  b: {from: machine, deadband: {of: x, swing: 0.5, silence_max: 10m, by: id}}\n"
      "  c: {from: machine, deadband: {of: x, swing: 1e-9, silence_max: 10m, keys_max: 1857}}\n");
  const auto& percent = std::get<Deadband>(all.at(0).kind);
  CHECK((percent.percent == 2.5 && percent.within == 0.1 && percent.swing == 0));
  const auto& swing = std::get<Deadband>(all.at(1).kind);
  CHECK((swing.swing == 0.5 && swing.within == 0 && swing.percent == 0));
  CHECK((swing.silence_max == Duration::minutes(10) && swing.keys_max == 1'024));
  CHECK(std::get<Deadband>(all.at(0).kind).keys_max == 4'096);
  CHECK(std::get<Deadband>(all.at(2).kind).keys_max == 1'857);
  CHECK(swing.keys == std::vector<std::string>{"id"});
}

TEST_CASE_FIXTURE(NodesFixture, "widths of fields become what the pipeline takes") {
  const auto all = nodes(
      "  a: {from: machine, changes: {within: {rpm: 25, coolant: 2 %, flow: 0.1 or 2.5%, 'a b': 1 "
      "% "
      "or 3}, silence_max: 60s, by: [vin]}}\n"
      "  b: {from: machine, changes: {}}\n"
      "  c: {from: machine, changes: {within: {rpm: 0}, keys_max: 21620}}\n");
  const auto& changes = std::get<FieldChanges>(all.at(0).kind);
  const auto width = [&](std::size_t n) {
    return std::tuple(changes.fields.at(n).name, changes.fields[n].within,
                      changes.fields[n].percent);
  };
  CHECK(width(0) == std::tuple("rpm", 25.0, 0.0));
  CHECK(width(1) == std::tuple("coolant", 0.0, 2.0));
  CHECK(width(2) == std::tuple("flow", 0.1, 2.5));
  CHECK(width(3) == std::tuple("a b", 3.0, 1.0));
  CHECK((changes.silence_max == Duration::seconds(60) && changes.keys_max == 1'024));
  CHECK(changes.keys == std::vector<std::string>{"vin"});
  CHECK(std::get<FieldChanges>(all.at(1).kind).fields.empty());
  CHECK(std::get<FieldChanges>(all.at(2).kind).keys_max == 21'620);
}

TEST_CASE_FIXTURE(NodesFixture, "nodes that thin become what the pipeline takes") {
  const auto all = nodes(
      "  a: {from: machine, dedupe: {within: 10m}}\n"
      "  b: {from: machine, dedupe: {within: 1s, by: [id, n], keys_max: 10}}\n"
      "  c: {from: machine, sample: {every: 10s}}\n"
      "  d: {from: machine, sample: {one_in: 10, by: id}}\n"
      "  e: {from: machine, limit: {rate: 100}}\n"
      "  f: {from: machine, limit: {rate: 1, per: 1m, by: id}}\n");
  CHECK(std::get<Dedupe>(all.at(0).kind).keys.empty());
  const auto& dedupe = std::get<Dedupe>(all.at(1).kind);
  CHECK((dedupe.within == Duration::seconds(1) && dedupe.keys.size() == 2));
  CHECK(dedupe.keys_max == 10);
  CHECK(std::get<Sample>(all.at(2).kind).every == Duration::seconds(10));
  CHECK(std::get<Sample>(all.at(2).kind).one_in == 0);
  CHECK(std::get<Sample>(all.at(3).kind).one_in == 10);
  CHECK(std::get<Sample>(all.at(3).kind).keys.size() == 1);
  CHECK(std::get<RateLimit>(all.at(4).kind).per == Duration::seconds(1));
  CHECK(std::get<RateLimit>(all.at(5).kind).per == Duration::minutes(1));
  CHECK(std::get<RateLimit>(all.at(5).kind).rate == 1);
}

TEST_CASE_FIXTURE(NodesFixture, "rates become what the pipeline takes") {
  const auto all = nodes(
      "  a: {from: machine, rate: {of: x}}\n"
      "  b: {from: machine, rate: {of: [x, y], per: 1h, counter: true, wraps_at: 4294967296,\n"
      "      total: true, by: id, keys_max: 100}}\n"
      "  c: {from: machine, rate: {of: x, counter: true, wraps_at: 18446744073709551616}}\n"
      "  d: {from: machine, rate: {of: [a, b, c, d, e, f, g, h, i, j]}}\n");
  const auto& plain = std::get<ChangeRate>(all.at(0).kind);
  CHECK((plain.per == Duration::seconds(1) && !plain.counter && !plain.total));
  const auto& counter = std::get<ChangeRate>(all.at(1).kind);
  CHECK((counter.of.size() == 2 && counter.per == Duration::hours(1) && counter.counter));
  CHECK((counter.total && counter.wraps_at == 4'294'967'296.0 && counter.keys_max == 100));
  CHECK(std::get<ChangeRate>(all.at(2).kind).wraps_at == 0x1p64);
  CHECK(std::get<ChangeRate>(all.at(2).kind).keys_max == 4'096);
  CHECK(std::get<ChangeRate>(all.at(3).kind).keys_max == 2'557);  // As many as fit.
}

}  // namespace
}  // namespace pinaflux
