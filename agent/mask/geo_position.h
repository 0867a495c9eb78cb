// Geo position: places on the globe, made coarse or compared.
//
// Units      Degrees of WGS 84, north and east positive; metres on a sphere of the earth's mean radius.
// Threads    Pure functions; any.
// Tests      tests/agent/mask/position_test.cc
#pragma once

#include <optional>
#include <string_view>

namespace pinaflux {

struct GeoPosition {
  double latitude = 0.0;
  double longitude = 0.0;

  bool valid() const;
  bool operator==(const GeoPosition&) const = default;
};

// "52.5163, 13.3777". Nothing where that is no place.
std::optional<GeoPosition> parse_geo_position(std::string_view text);
// The centre of its cell in a fixed grid: rows of `cell` metres from the south pole, each cut into whole cells of
// about that width. Six decimals. The centre of a cell is its own.
GeoPosition cell_centre(GeoPosition of, double cell);
// By the haversine formula.
double distance(GeoPosition a, GeoPosition b);

}  // namespace pinaflux
