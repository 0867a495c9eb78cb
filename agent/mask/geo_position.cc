#include "agent/mask/geo_position.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "platform/base/text.h"

namespace pinaflux {

namespace {

constexpr double kEarthRadius = 6'371'008.8;  // Metres: IUGG's mean radius.
constexpr double kRadian = std::numbers::pi / 180.0;
constexpr double kMetresOfDegree = kEarthRadius * kRadian;

double six_decimals(double d) {
  const double rounded = std::round(d * 1e6) / 1e6;
  return rounded == 0.0 ? 0.0 : rounded;
}

// The middle of the part that `d` is in, of `count` equal parts from `first` over `size` degrees.
double middle_of_part(double d, double first, double size, double count) {
  const double part = std::clamp(std::floor((d - first) / size * count), 0.0, count - 1);
  return first + (part + 0.5) * size / count;
}

double square(double d) { return d * d; }

}  // namespace

bool GeoPosition::valid() const {
  return latitude >= -90.0 && latitude <= 90.0 && longitude >= -180.0 && longitude <= 180.0;
}

std::optional<GeoPosition> parse_geo_position(std::string_view text) {
  const auto pieces = split(text, ',');
  if (pieces.size() != 2) return std::nullopt;
  const auto latitude = parse_double(trim(pieces[0])), longitude = parse_double(trim(pieces[1]));
  if (!latitude || !longitude) return std::nullopt;
  const GeoPosition position{*latitude, *longitude};
  return position.valid() ? std::optional(position) : std::nullopt;
}

GeoPosition cell_centre(GeoPosition of, double cell) {
  const double rows = std::max(1.0, std::round(180.0 * kMetresOfDegree / cell));
  const double latitude = middle_of_part(of.latitude, -90.0, 180.0, rows);
  const double around = 360.0 * kMetresOfDegree * std::cos(latitude * kRadian);
  const double columns = std::max(1.0, std::round(around / cell));
  const double longitude = middle_of_part(of.longitude, -180.0, 360.0, columns);
  return {six_decimals(latitude), six_decimals(longitude)};
}

double distance(GeoPosition a, GeoPosition b) {
  const double north = square(std::sin((b.latitude - a.latitude) * kRadian / 2));
  const double east = square(std::sin((b.longitude - a.longitude) * kRadian / 2));
  const double both =
      north + std::cos(a.latitude * kRadian) * std::cos(b.latitude * kRadian) * east;
  return 2 * kEarthRadius * std::asin(std::min(1.0, std::sqrt(both)));
}

}  // namespace pinaflux
