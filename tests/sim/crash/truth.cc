#include "tests/sim/crash/truth.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <type_traits>

#include "platform/base/random.h"

namespace pinaflux::crash {

namespace {

constexpr int kSizeBits = 24;  // Of a record's number; the rest is its seq.

std::uint64_t mix(std::uint64_t x) {
  x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93ull;
  x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93ull;
  return x ^ (x >> 32);
}

// The masker is not under test here: Record has no other maker, and nothing but a Row in it.
Record record_of(const Row& row) {
  static_assert(sizeof(Record) == sizeof(Row) && std::is_trivially_copyable_v<Record>);
  return std::bit_cast<Record>(row);
}

Stamp time_of(std::uint64_t seq) {
  return Stamp::wall({static_cast<std::int64_t>(seq) * 1'000'000});
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

std::int64_t number_of(std::uint64_t seq, std::size_t noise_bytes) {
  return static_cast<std::int64_t>((seq << kSizeBits) | noise_bytes);
}

void fill_noise(std::string_view lane, std::uint64_t seq, MutableBytes noise) {
  std::uint64_t x = hash_of(as_bytes(lane), seq);
  for (std::size_t at = 0; at < noise.size(); at += sizeof x) {
    x += 0x9e3779b97f4a7c15ull;
    const std::uint64_t word = mix(x);
    std::memcpy(noise.data() + at, &word, std::min(sizeof word, noise.size() - at));
  }
}

void add_record(Group& group, Shapes& shapes, LaneIndex index, std::string_view lane,
                std::uint64_t seq, std::size_t noise_bytes) {
  static constexpr std::string_view kFields[] = {"n", "noise"};
  const Shape* shape = shapes.intern("boiler/flow", kFields);
  auto cells = group.arena.array<Value>(2);
  auto noise = group.arena.array<std::uint8_t>(noise_bytes + 1);
  ASSERT(!cells.empty() && !noise.empty());
  fill_noise(lane, seq, noise.first(noise_bytes));
  cells[0] = Value::int64(number_of(seq, noise_bytes));
  cells[1] = Value::bytes(noise.first(noise_bytes));
  group.records[index].push_back(record_of({shape, cells.data(), time_of(seq)}));
}

bool is_record(const Row& row, std::string_view lane, std::uint64_t seq) {
  if (row.shape->field_count() != 2 || row.shape->stream() != "boiler/flow") return false;
  if (row.time != time_of(seq)) return false;
  if (row.values[0].type() != Type::int64 || row.values[1].type() != Type::bytes) return false;
  const Bytes noise = row.values[1].as_bytes();
  if (row.values[0].as_int64() != number_of(seq, noise.size())) return false;
  Buffer expected(noise.size());
  fill_noise(lane, seq, expected);
  return std::ranges::equal(noise, expected);
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
