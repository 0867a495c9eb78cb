#include "tests/sim/crash/truth.h"

#include <algorithm>
#include <cstring>

namespace pinaflux::crash {

namespace {

std::uint64_t mix(std::uint64_t x) {
  x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93ull;
  x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93ull;
  return x ^ (x >> 32);
}

}  // namespace

void absorb(std::uint64_t& landed, Digest& chain,
            const std::map<std::uint64_t, std::pair<std::uint64_t, Digest>>& above,
            std::uint64_t end) {
  for (auto next = above.find(landed + 1); next != above.end() && next->first < end;
       next = above.find(landed + 1)) {
    landed = next->second.first;
    chain = next->second.second;
  }
}

std::string lane_key(const LaneState& lane) {
  return lane.gateway + "/" + lane.name + "/" + hex(Bytes(lane.epoch).first(4));
}

void fill_noise(std::string_view name, std::uint64_t number, MutableBytes noise) {
  std::uint64_t x = hash_of(as_bytes(name), number);
  for (std::size_t at = 0; at < noise.size(); at += sizeof x) {
    x += 0x9e3779b97f4a7c15ull;
    const std::uint64_t word = mix(x);
    std::memcpy(noise.data() + at, &word, std::min(sizeof word, noise.size() - at));
  }
}

std::uint64_t hash_of(Bytes bytes, std::uint64_t seed) {
  std::uint64_t hash = mix(seed ^ bytes.size() ^ 0x9e3779b97f4a7c15ull);
  std::size_t at = 0;
  for (std::uint64_t word = 0; at + sizeof word <= bytes.size(); at += sizeof word) {
    std::memcpy(&word, bytes.data() + at, sizeof word);
    hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
    hash ^= hash >> 29;
  }
  for (; at < bytes.size(); ++at) hash = (hash ^ bytes[at]) * 0x9e3779b97f4a7c15ull;
  return mix(hash);
}

}  // namespace pinaflux::crash
