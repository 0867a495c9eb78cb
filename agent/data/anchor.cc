// By example: a gateway has been up for 95 s when its clock is set right.
//
//   records of its first minute      5 s @9f..   40 s @9f..
//   the anchor                       boot 9f.., 95 s, 2026-07-25T06:14:09Z
//   they happened at                 06:12:39    06:13:14

#include "agent/data/anchor.h"

#include <charconv>

namespace pinaflux {

namespace {

bool within(std::int64_t ns) { return ns >= 0 && ns < Anchor::kNsMax; }

}  // namespace

bool Anchor::sane() const { return within(monotonic.ns) && within(wall.ns) && uncertainty.ns >= 0; }

Stamp Anchor::resolve(Stamp stamp) const {
  if (stamp.boot != boot || !within(stamp.ns)) return stamp;
  return Stamp::wall({stamp.ns + offset().ns});
}

std::string boot_name(std::uint64_t boot) {
  std::string text(16, '0');
  for (std::size_t i = 16; i-- > 0; boot >>= 4) text[i] = "0123456789abcdef"[boot & 15];
  return text;
}

std::optional<std::uint64_t> parse_boot(std::string_view text) {
  std::uint64_t boot = 0;
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, boot, 16);
  if (text.size() != 16 || read.ec != std::errc() || read.ptr != end || boot == 0) return {};
  return boot;
}

std::optional<Row> anchor_row(const Anchor& anchor, const Shape& shape, Arena& arena) {
  const auto values = arena.array<Value>(kAnchorFields.size());
  const std::string_view boot = arena.copy(boot_name(anchor.boot));
  if (values.empty() || boot.data() == nullptr) return std::nullopt;
  values[0] = Value::text(boot);
  values[1] = Value::int64(anchor.monotonic.ns);
  values[2] = Value::int64(anchor.wall.ns);
  values[3] = Value::int64(anchor.uncertainty.ns);
  return Row{&shape, values.data(), Stamp::wall(anchor.wall)};
}

std::optional<Anchor> read_anchor(const Row& row) {
  if (row.shape->stream() != kAnchorStream) return std::nullopt;
  std::array<Value, kAnchorFields.size()> values;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const int at = row.shape->find(kAnchorFields[i]);
    if (at < 0) return std::nullopt;
    values[i] = row.values[at];
    if (values[i].type() != (i == 0 ? Type::text : Type::int64)) return std::nullopt;
  }
  const auto boot = parse_boot(values[0].as_text());
  if (!boot) return std::nullopt;
  const Anchor anchor{*boot, Instant{values[1].as_int64()}, WallTime{values[2].as_int64()},
                      Duration{values[3].as_int64()}};
  return anchor.sane() ? std::optional(anchor) : std::nullopt;
}

}  // namespace pinaflux
