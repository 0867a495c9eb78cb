// grid and home_zone: two fields that are one position.

#include <cmath>
#include <string>

#include <doctest/doctest.h>

#include "agent/mask/geo_position.h"
#include "tests/agent/mask/mask_kit.h"

namespace pinaflux {
namespace {

using Operator = MaskRule::Operator;

constexpr GeoPosition kGate{52.5163, 13.3777}, kTower{52.5208, 13.4094};

TEST_CASE("distances are those of the sphere") {
  CHECK(distance(kGate, kTower) == doctest::Approx(2203).epsilon(0.005));
  CHECK(distance(kGate, kGate) == 0);
  CHECK(distance({0, 179.999}, {0, -179.999}) == doctest::Approx(222.4).epsilon(0.001));
  CHECK(distance({90, 0}, {-90, 0}) == doctest::Approx(20015115).epsilon(0.0001));
}

TEST_CASE("places of a cell have one centre, which is near, and its own") {
  for (const double cell : {10.0, 500.0, 20'000.0}) {
    for (double latitude = -90; latitude <= 90; latitude += 7.5) {
      for (double longitude = -180; longitude <= 180; longitude += 13.7) {
        CAPTURE(cell);
        CAPTURE(latitude);
        CAPTURE(longitude);
        const GeoPosition centre = cell_centre({latitude, longitude}, cell);
        CHECK(centre.valid());
        CHECK(distance({latitude, longitude}, centre) < cell * 0.9 + 0.2);
        const GeoPosition again = cell_centre(centre, cell);
        CHECK((again.latitude == centre.latitude && again.longitude == centre.longitude));
      }
    }
  }
}

TEST_CASE("a position is two numbers on the globe") {
  const auto gate = parse_geo_position(" 52.5163,13.3777 ");
  REQUIRE(gate.has_value());
  CHECK((gate->latitude == kGate.latitude && gate->longitude == kGate.longitude));
  for (const char* text :
       {"", "52.5", "52.5,13.3,1", "91,0", "0,181", "a,b", "52.5;13.3", "nan,0"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_geo_position(text).has_value());
  }
}

struct PositionFixture : MaskFixture {
  static MaskRule grid(double cell) {
    return {.with = Operator::grid, .latitude = "lat", .longitude = "lon", .cell = cell};
  }
  static MaskRule home() {
    return {.with = Operator::home_zone,
            .latitude = "lat",
            .longitude = "lon",
            .centre = kGate,
            .radius = 300};
  }
  std::string at(double latitude, double longitude) {
    return masked("s", {{"lat", Value::float64(latitude)},
                        {"v", Value::int64(7)},
                        {"lon", Value::float64(longitude)}});
  }
};

TEST_CASE_FIXTURE(PositionFixture, "grid gives one place for all within a cell") {
  rules({grid(500)});
  const std::string here = at(52.5163, 13.3777);
  const GeoPosition centre = cell_centre(kGate, 500);
  CHECK(here ==
        "s: lat=" + format_double(centre.latitude) + " v=7 lon=" + format_double(centre.longitude));
  CHECK(at(centre.latitude + 0.002, centre.longitude - 0.003) == here);
  CHECK(at(52.5208, 13.4094) != here);
}

TEST_CASE_FIXTURE(PositionFixture, "positions in a home zone go, others stay") {
  rules({home()});
  CHECK(at(52.5163, 13.3777) == "s: lat=- v=7 lon=-");
  CHECK(at(52.5183, 13.3777) == "s: lat=- v=7 lon=-");              // 222 m.
  CHECK(at(52.5193, 13.3777) == "s: lat=52.5193 v=7 lon=13.3777");  // 334 m.
  MaskRule nulls = home();
  nulls.null_inside = true;
  rules({nulls});
  CHECK(at(52.5163, 13.3777) == "s: lat=null v=7 lon=null");
}

TEST_CASE_FIXTURE(PositionFixture,
                  "rules on positions follow one another, and come before those of a field") {
  rules({{.field = "lat", .with = Operator::round, .step = 10}, home(), grid(500)});
  CHECK(at(52.5163, 13.3777) == "s: lat=- v=7 lon=-");
  const GeoPosition centre = cell_centre(kTower, 500);
  CHECK(at(52.5208, 13.4094) == "s: lat=50 v=7 lon=" + format_double(centre.longitude));
}

TEST_CASE_FIXTURE(PositionFixture, "half a position refuses the record, none does not") {
  rules({grid(500)});
  const Value place = Value::float64(13.5);
  CHECK(masked("s", {{"v", Value::int64(7)}}) == "s: v=7");
  CHECK(masked("s", {{"lat", Value()}, {"lon", Value::null()}}) == "s: lat=- lon=null");
  CHECK(refusal("s", {{"lat", place}}) == Reason::mask_failed);
  CHECK(refusal("s", {{"lon", place}, {"lat", Value()}}) == Reason::mask_failed);
  CHECK(refusal("s", {{"lon", place}, {"lat", Value::text("52.5")}}) == Reason::mask_failed);
  CHECK(refusal("s", {{"lon", place}, {"lat", Value::float64(90.5)}}) == Reason::mask_failed);
  CHECK(refusal("s", {{"lon", place}, {"lat", Value::float64(NAN)}}) == Reason::mask_failed);
}

TEST_CASE_FIXTURE(PositionFixture, "grid and home zone give the same again for a letter") {
  rules({home(), grid(500)});
  for (const GeoPosition p : {kGate, kTower}) {
    const auto once =
        mask("s", {{"lat", Value::float64(p.latitude)}, {"lon", Value::float64(p.longitude)}});
    REQUIRE(once.has_value());
    const auto again = masker->mask({once->row()}, arena, Masker::Origin::letter).record;
    REQUIRE(again.has_value());
    CHECK(text_of(*again) == text_of(*once));
  }
}

TEST_CASE_FIXTURE(PositionFixture, "rules on positions that make no sense are refused at once") {
  const auto accepted = [&](auto change, MaskRule rule) {
    change(rule);
    return Masker::make({{rule}}, shapes, vault).has_value();
  };
  CHECK(accepted([](MaskRule&) {}, grid(500)));
  CHECK(accepted([](MaskRule&) {}, home()));
  CHECK_FALSE(accepted([](MaskRule& r) { r.cell = 0; }, grid(500)));
  CHECK_FALSE(accepted([](MaskRule& r) { r.longitude = ""; }, grid(500)));
  CHECK_FALSE(accepted([](MaskRule& r) { r.longitude = r.latitude; }, grid(500)));
  CHECK_FALSE(accepted([](MaskRule& r) { r.field = "x"; }, grid(500)));
  CHECK_FALSE(accepted([](MaskRule& r) { r.radius = 0; }, home()));
  CHECK_FALSE(accepted([](MaskRule& r) { r.centre.latitude = 91; }, home()));
}

}  // namespace
}  // namespace pinaflux
