// The first 8 bits of a hash choose a register, which holds the most zeros that the others were ever seen to begin with,
// plus one: k of them are seen once in 2^k values. The 33rd value turns the 32 hashes into 256 registers in the same
// place. Both are what the set of values makes of them, and so does the union of two sets.
//
// HyperLogLog's own estimator is off by some percent between 500 and 1,500 values and has tables against that; Ertl's is
// not, and needs none.

#include "agent/pipeline/distinct.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "agent/pipeline/band_table.h"
#include "agent/pipeline/node_key.h"

namespace pinaflux {

namespace {

constexpr int kRankMax = 57;  // 56 bits, all of them zero.
constexpr std::uint8_t kSketched = Distinct::kExactMax + 1;

// Austin Appleby's finalizer of MurmurHash3: every bit of the sum tells in every bit of the hash.
std::uint64_t mixed_bits(std::uint64_t hash) {
  hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccdu;
  hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53u;
  return hash ^ (hash >> 33);
}

std::uint64_t distinct_hash(const Value& value) {
  if (value.is_view()) {
    return mixed_bits(stable_hash(value.as_text()) + static_cast<std::uint64_t>(value.type()));
  }
  std::array<char, 16> place;
  KeyWriter key(place);
  key.value(value);
  return mixed_bits(stable_hash(key.result()));
}

// x + x^2 + 2 x^4 + 4 x^8 ..., for the registers that are still empty.
double sum_of_empty(double x) {
  double sum = x, before = -1.0;
  for (double weight = 1.0; sum != before; weight += weight) {
    x *= x;
    before = sum;
    sum += x * weight;
  }
  return sum;
}

}  // namespace

void Distinct::add(const Value& value) {
  if (value.type() == Type::absent || value.type() == Type::null) return;
  if (value.type() == Type::float64 && std::isnan(value.as_float64())) return;
  put(distinct_hash(value));
}

void Distinct::put(std::uint64_t hash) {
  if (!sketched_) {
    const auto at = std::ranges::lower_bound(words_, hash);
    if (at != words_.end() && *at == hash) return;
    if (words_.size() < kExactMax) {
      const auto place = at - words_.begin();
      words_.reserve(kWords);
      words_.insert(words_.begin() + place, hash);
      return;
    }
    sketch();
  }
  raise(hash >> 56, static_cast<std::uint8_t>(std::min(std::countl_zero(hash << 8) + 1, kRankMax)));
}

void Distinct::sketch() {
  std::array<std::uint64_t, kExactMax> hashes;
  const auto end = std::ranges::copy(words_, hashes.begin()).out;
  words_.assign(kWords, 0);
  sketched_ = true;
  std::for_each(hashes.begin(), end, [this](std::uint64_t hash) { put(hash); });
}

std::uint8_t Distinct::rank(std::size_t at) const {
  return static_cast<std::uint8_t>(words_[at / 8] >> (at % 8 * 8));
}

void Distinct::raise(std::size_t at, std::uint8_t to) {
  const std::uint8_t now = rank(at);
  if (to > now) words_[at / 8] += static_cast<std::uint64_t>(to - now) << (at % 8 * 8);
}

void Distinct::merge(const Distinct& other) {
  if (!other.sketched_) {
    for (const std::uint64_t hash : other.words_) put(hash);
    return;
  }
  if (!sketched_) sketch();
  for (std::size_t i = 0; i < kRegisters; ++i) raise(i, other.rank(i));
}

std::int64_t Distinct::count() const {
  if (!sketched_) return static_cast<std::int64_t>(words_.size());
  constexpr double kM = kRegisters;
  std::array<int, kRankMax + 1> seen{};
  for (std::size_t i = 0; i < kRegisters; ++i) ++seen[rank(i)];
  double z = 0.0;
  for (int k = kRankMax; k > 0; --k) z = 0.5 * (z + seen[k]);
  z += kM * sum_of_empty(seen[0] / kM);
  // Only a damaged state says more than 2^62.
  const double estimate = std::fmin(kM * kM / (2.0 * std::log(2.0)) / z, 0x1p62);
  return std::max<std::int64_t>(std::llround(estimate), kExactMax + 1);
}

void Distinct::reset() {
  words_.clear();
  sketched_ = false;
}

void Distinct::encode(Writer& to) const {
  to.u8(sketched_ ? kSketched : static_cast<std::uint8_t>(words_.size()));
  for (const std::uint64_t word : words_) to.u64(word);
}

bool Distinct::decode(Reader& from) {
  reset();
  const std::size_t form = from.u8();
  if (form > kSketched) return false;
  for (std::size_t i = 0; i < std::min(form, kWords) && !from.failed(); ++i) {
    const std::uint64_t word = from.u64();
    if (form != kSketched && i > 0 && word <= words_.back()) return false;
    words_.push_back(word);
  }
  if (from.failed()) return false;
  sketched_ = form == kSketched;
  for (std::size_t i = 0; sketched_ && i < kRegisters; ++i) {
    if (rank(i) > kRankMax) return false;
  }
  return true;
}

}  // namespace pinaflux
