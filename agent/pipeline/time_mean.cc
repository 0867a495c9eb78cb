// Values at 2, 5 and 9, over [0, 10):
//
//        held  2---------5-------------9--      settled up to 5: begin = 2, last = 5, area = 3 x first
//   |----|-----|---------|-------------|--|     kept as samples: 9
//   0                                     10
//
// Two paths of which one is later are one path: the area between them is what the first one's last value holds.

#include "agent/pipeline/time_mean.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace pinaflux {

void TimeMean::Path::hold_until(std::int64_t time) {
  // Two times may be further apart than an int64_t holds.
  const std::uint64_t ns = static_cast<std::uint64_t>(time) - static_cast<std::uint64_t>(last.time);
  if (ns == 0) return;
  area.add(std::isinf(last.x) ? WideSum::of(last.x) : WideSum::of(ns).times(last.x));
}

void TimeMean::Path::follow(const Path& later) {
  if (!later.begun) return;
  if (!begun) {
    *this = later;
    return;
  }
  hold_until(later.begin);
  area.add(later.area);
  last = later.last;
}

void TimeMean::settle(std::size_t count) {
  const auto end = samples_.begin() + static_cast<std::ptrdiff_t>(count);
  for (auto at = samples_.begin(); at != end; ++at) settled_.go(*at);
  samples_.erase(samples_.begin(), end);
}

void TimeMean::add(double x, std::int64_t time, std::int64_t watermark) {
  if (time < watermark || (settled_.begun && time <= settled_.last.time)) return;
  x += 0.0;  // Of two zeros at one time none is the larger.
  const auto before = [](const Sample& a, std::int64_t b) { return a.time < b; };
  const auto open = std::lower_bound(samples_.begin(), samples_.end(), watermark, before);
  settle(static_cast<std::size_t>(open - samples_.begin()));
  const auto at = std::lower_bound(samples_.begin(), samples_.end(), time, before);
  if (at != samples_.end() && at->time == time) {
    at->x = std::max(at->x, x);
    return;
  }
  samples_.insert(at, {time, x});
  if (samples_.size() > kSamplesMax) settle(samples_.size() - kSamplesMax);
}

void TimeMean::merge(const TimeMean& later) {
  if (later.settled_.begun) {
    settle(samples_.size());
    settled_.follow(later.settled_);
  }
  samples_.insert(samples_.end(), later.samples_.begin(), later.samples_.end());
  if (samples_.size() > kSamplesMax) settle(samples_.size() - kSamplesMax);
}

double TimeMean::last() const {
  if (!samples_.empty()) return samples_.back().x;
  return settled_.begun ? settled_.last.x : NAN;
}

std::optional<double> TimeMean::mean(std::int64_t begin, std::int64_t end, double held) const {
  Path path;
  if (!std::isnan(held)) path.go({begin, held});
  path.follow(settled_);
  for (const Sample& sample : samples_) path.go(sample);
  if (!path.begun) return {};
  path.hold_until(end);
  const std::uint64_t ns = static_cast<std::uint64_t>(end) - static_cast<std::uint64_t>(path.begin);
  if (ns == 0) return path.last.x;
  if (!std::isfinite(path.area.high)) return path.area.high;
  return path.area.divided_by(WideSum::of(ns)).value();
}

void TimeMean::reset() {
  settled_ = {};
  samples_.clear();
}

//   u8 settled | u8 samples | if settled: zigzag begin | varint last - begin | f64 last value | f64 area.high, area.low
//   | for each sample: varint time - time of the one before (the first: zigzag time) | f64 value
void TimeMean::encode(Writer& to) const {
  const auto bits = [&to](double x) { to.u64(std::bit_cast<std::uint64_t>(x)); };
  const auto apart = [](std::int64_t from, std::int64_t until) {
    return static_cast<std::uint64_t>(until) - static_cast<std::uint64_t>(from);
  };
  to.u8(settled_.begun ? 1 : 0);
  to.u8(static_cast<std::uint8_t>(samples_.size()));
  if (settled_.begun) {
    to.signed_varint(settled_.begin);
    to.varint(apart(settled_.begin, settled_.last.time));
    bits(settled_.last.x);
    bits(settled_.area.high);
    bits(settled_.area.low);
  }
  for (std::size_t i = 0; i < samples_.size(); ++i) {
    if (i == 0) to.signed_varint(samples_[i].time);
    if (i > 0) to.varint(apart(samples_[i - 1].time, samples_[i].time));
    bits(samples_[i].x);
  }
}

bool TimeMean::decode(Reader& from) {
  reset();
  const auto number = [&from] { return std::bit_cast<double>(from.u64()); };
  const std::uint8_t begun = from.u8();
  const std::size_t count = from.u8();
  if (begun > 1 || count > kSamplesMax) return false;
  bool sound = true;
  if (begun == 1) {
    settled_.begun = true;
    settled_.begin = from.signed_varint();
    sound = !__builtin_add_overflow(settled_.begin, from.varint(), &settled_.last.time);
    settled_.last.x = number();
    settled_.area.high = number();
    settled_.area.low = number();
    sound = sound && !std::isnan(settled_.last.x);
  }
  std::int64_t time = settled_.last.time;
  for (std::size_t i = 0; i < count && !from.failed(); ++i) {
    const std::int64_t before = time;
    if (i == 0) time = from.signed_varint();
    if (i > 0) sound = sound && !__builtin_add_overflow(before, from.varint(), &time);
    sound = sound && ((i == 0 && begun == 0) || time > before);
    samples_.push_back({time, number()});
    sound = sound && !std::isnan(samples_.back().x);
  }
  return sound && !from.failed();
}

}  // namespace pinaflux
