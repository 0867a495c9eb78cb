// A positive value x is in the bin ceil(log(x) / log(gamma)), gamma = (1 + error) / (1 - error); its key is that plus
// kOffset, which makes it positive for every double. A negative value has the key of its absolute value, negated.
// So the keys' order is the values' order, and "the lowest bins become one" is: of more than 128 keys ever seen,
// the 128 highest are apart, and the lowest of them holds the rest. That does not depend on the order of events.

#include "agent/pipeline/sketch.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace pinaflux {

namespace {

constexpr double kGamma = (1.0 + Sketch::kError) / (1.0 - Sketch::kError);
constexpr std::int32_t kOffset = 20'000;    // log(5e-324) / log(gamma) is about -18,600,
constexpr std::int32_t kInfinity = 40'000;  // log(1.8e308) / log(gamma) about 17,740.

std::int32_t bin_of(double x) {
  if (x == 0.0) return 0;
  const double size = std::abs(x);
  const std::int32_t key =
      std::isinf(x)
          ? kInfinity
          : kOffset + static_cast<std::int32_t>(std::ceil(std::log(size) / std::log(kGamma)));
  return x < 0 ? -key : key;
}

double middle_of(std::int32_t key) {
  if (key == 0) return 0.0;
  const std::int32_t size = std::abs(key);
  const double x = size == kInfinity ? std::numeric_limits<double>::infinity()
                                     : 2.0 / (kGamma + 1.0) * std::pow(kGamma, size - kOffset);
  return key < 0 ? -x : x;
}

}  // namespace

void Sketch::add(double x) { put(bin_of(x), 1); }

void Sketch::merge(const Sketch& other) {
  for (const Bin& bin : other.bins_) put(bin.key, bin.count);
}

void Sketch::put(std::int32_t key, std::uint64_t count) {
  const auto at = std::ranges::lower_bound(bins_, key, {}, &Bin::key);
  if (at != bins_.end() && at->key == key) {
    at->count += count;
    return;
  }
  if (bins_.size() < kBinsMax) {
    bins_.insert(at, {key, count});
  } else if (at == bins_.begin()) {
    at->count += count;
  } else if (at == bins_.begin() + 1) {
    bins_[0] = {key, bins_[0].count + count};
  } else {
    bins_[1].count += bins_[0].count;
    std::move(bins_.begin() + 1, at, bins_.begin());
    *(at - 1) = {key, count};
  }
}

double Sketch::percentile(unsigned percent) const {
  std::uint64_t count = 0;
  for (const Bin& bin : bins_) count += bin.count;
  // Of count - 1 without overflow.
  const std::uint64_t last = count - 1;
  const std::uint64_t rank = last / 100 * percent + last % 100 * percent / 100;
  std::uint64_t below = 0;
  for (const Bin& bin : bins_) {
    below += bin.count;
    if (below > rank) return middle_of(bin.key);
  }
  return middle_of(bins_.back().key);
}

void Sketch::encode(Writer& to) const {
  to.u8(static_cast<std::uint8_t>(bins_.size()));
  std::int32_t before = 0;
  for (const Bin& bin : bins_) {
    to.signed_varint(bin.key - before);
    to.varint(bin.count);
    before = bin.key;
  }
}

bool Sketch::decode(Reader& from) {
  bins_.clear();
  const std::size_t count = from.u8();
  if (count > kBinsMax) return false;
  std::int64_t key = 0;
  for (std::size_t i = 0; i < count && !from.failed(); ++i) {
    const std::int64_t step = from.signed_varint();
    if (step < -kInfinity || step > 2 * kInfinity || (i > 0 && step <= 0)) return false;
    key += step;
    const std::uint64_t values = from.varint();
    if (key < -kInfinity || key > kInfinity || values == 0) return false;
    bins_.push_back({static_cast<std::int32_t>(key), values});
  }
  return !from.failed();
}

}  // namespace pinaflux
