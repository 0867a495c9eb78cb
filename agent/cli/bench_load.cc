#include "agent/cli/bench_load.h"

#include <algorithm>
#include <string_view>

#include "agent/data/limits.h"

namespace pinaflux::bench {

namespace {

constexpr std::string_view kMessage =
    R"({"t":1700000000005,"seq":1000001,"temp_c":21.37,"press":1013.25})";
static_assert(kMessage.size() == Load::kMessageBytes);

constexpr std::string_view kMessageFields[] = {"t", "seq", "temp_c", "press"};
constexpr std::string_view kMeterFields[] = {"active_kw", "reactive_kw", "voltage", "current_a",
                                             "energy_wh", "sub1",        "sub2",    "sub3",
                                             "frequency", "power_factor"};
constexpr std::string_view kNoiseFields[] = {"noise"};

constexpr std::size_t kNoiseBytes = 1000;
constexpr std::int64_t kBegin = 1'700'000'000'000;  // Unix milliseconds.

Stamp stamp(std::int64_t ms) { return Stamp::wall({ms * 1'000'000}); }

Value decimal(std::int64_t digits, double divisor) {
  return Value::float64(static_cast<double>(digits) / divisor);
}

const Shape* shape_of(LoadKind kind, Shapes& shapes) {
  switch (kind) {
    case LoadKind::messages: return shapes.intern("mqtt/plant/pump", kMessageFields);
    case LoadKind::meter: return shapes.intern("meter/house", kMeterFields);
    case LoadKind::noise: return shapes.intern("noise", kNoiseFields);
  }
  return nullptr;
}

}  // namespace

Load::Load(LoadKind kind, Shapes& shapes)
    : kind_(kind),
      shape_(shape_of(kind, shapes)),
      arena_(kind == LoadKind::noise ? 2 * kMakeMax * kNoiseBytes : 128 * 1024) {
  ASSERT(shape_ != nullptr);
}

std::span<const RawRecord> Load::make(std::size_t count) {
  ASSERT(count <= kMakeMax);
  arena_.reset();
  records_.clear();
  for (std::size_t i = 0; i < count; ++i, ++number_) {
    const std::span<Value> cells = arena_.array<Value>(shape_->field_count());
    ASSERT(!cells.empty());
    const Stamp time = fill(cells);
    records_.push_back({{shape_, cells.data(), time}});
  }
  return records_;
}

// Random divides to be without bias: on a machine without 64-bit division that would be half of what is measured.
std::int64_t Load::between(std::int64_t low, std::int64_t high) {
  const auto span = static_cast<std::uint64_t>(high - low) + 1;
  return low + static_cast<std::int64_t>((random_.u64() >> 32) * span >> 32);
}

Stamp Load::fill(std::span<Value> cells) {
  switch (kind_) {
    case LoadKind::messages: return message(cells);
    case LoadKind::meter: return meter(cells);
    case LoadKind::noise: return noise(cells);
  }
  return {};
}

std::int64_t Load::walk(std::size_t i, std::int64_t step, std::int64_t low, std::int64_t high) {
  walks_[i] = std::clamp(walks_[i] + between(-step, step), low, high);
  return walks_[i];
}

Stamp Load::message(std::span<Value> cells) {
  const std::int64_t ms = kBegin + number_ * 5 + between(0, 3);
  cells[0] = Value::int64(ms);
  cells[1] = Value::int64(1'000'000 + number_);
  cells[2] = decimal(one_in(4) ? walk(0, 1, 1800, 2600) : walks_[0], 100);
  cells[3] = decimal(one_in(4) ? walk(1, 1, 99'000, 103'000) : walks_[1], 100);
  return stamp(ms);
}

Stamp Load::meter(std::span<Value> cells) {
  cells[0] = decimal(walk(0, 100, 200, 9'999), 1000);
  cells[1] = decimal(walk(1, 15, 0, 900), 1000);
  cells[2] = decimal(walk(2, 157, 220'000, 250'000), 1000);
  cells[3] = decimal(walk(3, 5, 5, 480), 10);
  walks_[4] += between(0, 15);
  cells[4] = Value::int64(walks_[4]);
  cells[5] = Value::int64(one_in(50) ? 1 : 0);
  cells[6] = Value::int64(one_in(20) ? 2 : 1);
  cells[7] = Value::int64(one_in(4) ? 18 : 17);
  cells[8] = decimal(walk(5, 5, 49'900, 50'100), 1000);
  cells[9] = decimal(walk(6, 5, 700, 1'000), 1000);
  return stamp(kBegin + number_ * 1000);
}

Stamp Load::noise(std::span<Value> cells) {
  const std::span<std::uint64_t> words =
      arena_.array<std::uint64_t>(kNoiseBytes / sizeof(std::uint64_t));
  ASSERT(!words.empty());
  for (std::uint64_t& word : words) word = random_.u64();
  cells[0] = Value::bytes({reinterpret_cast<const std::uint8_t*>(words.data()), kNoiseBytes});
  return stamp(kBegin + number_);
}

}  // namespace pinaflux::bench
