// A record, and what is kept of it ('#' is a canary, another one in each field and in each record):
//
//   n      seq and size               the same
//   noise  bytes                      the same
//   d      "#"                        no such field
//   h      "#", of eight              "mask:", HMAC-SHA-256
//   r      "#"                        "-"
//   t      "x#"                       "x"
//   v      "to #@example.org"         "to -"
//
// Names are short: they stand in every chunk.

#include "tests/sim/crash/records.h"

#include <algorithm>
#include <array>
#include <string>

#include "agent/data/limits.h"
#include "platform/base/assert.h"
#include "platform/crypto/crypto.h"
#include "tests/sim/crash/canary.h"
#include "tests/sim/crash/truth.h"
#include "tests/sim/crash/world.h"

namespace pinaflux::crash {

namespace {

constexpr std::string_view kStream = "boiler/flow";
constexpr std::string_view kRawFields[] = {"n", "noise", "d", "h", "r", "t", "v"};
constexpr std::string_view kFields[] = {"n", "noise", "h", "r", "t", "v"};
constexpr std::string_view kKey = "mask";
constexpr int kSizeBits = 24;          // Of a record's number; the rest is its seq.
constexpr std::size_t kTokens = 8;     // Their HMACs are calculated once.
constexpr std::size_t kTailBytes = 4;  // Of a canary.

MaskOptions mask_options() {
  using Operator = MaskRule::Operator;
  MaskOptions options;
  options.rules = {
      {.stream = "boiler/*", .field = "d", .with = Operator::drop},
      {.field = "h", .with = Operator::hmac, .key_id = std::string(kKey)},
      {.field = "r", .with = Operator::replace, .replacement = "-"},
      {.field = "t", .with = Operator::truncate, .length = 1},
      {.field = "v", .value = only(Detector::email), .with = Operator::replace, .replacement = "-"},
  };
  return options;
}

std::string canary(std::string_view word, std::uint64_t number) {
  std::string text(kCanary);
  text += word;
  std::array<std::uint8_t, kTailBytes> tail{};
  fill_noise(word, number, tail);
  for (const std::uint8_t byte : tail) text += static_cast<char>(byte | 0x80);
  return text;
}

// As agent/mask/README.md says, by other means than the masker's.
std::string token_of(std::string_view text) {
  const Vault vault = make_vault();
  const Digest digest = crypto::hmac_sha256(vault.key(kKey), as_bytes(text));
  std::string token = crypto::base64(Bytes(digest).first(16)).substr(0, 22);
  std::ranges::replace(token, '+', '-');
  std::ranges::replace(token, '/', '_');
  return std::string(kKey) + ":" + token;
}

const std::string& token(std::uint64_t seq) {
  static const std::array<std::string, kTokens> tokens = [] {
    std::array<std::string, kTokens> all;
    for (std::size_t i = 0; i < kTokens; ++i) all[i] = token_of(canary("hmac", i));
    return all;
  }();
  return tokens[seq % kTokens];
}

std::int64_t number_of(std::uint64_t seq, std::size_t noise_bytes) {
  return static_cast<std::int64_t>((seq << kSizeBits) | noise_bytes);
}

Stamp time_of(std::uint64_t seq) {
  return Stamp::wall({static_cast<std::int64_t>(seq) * 1'000'000});
}

}  // namespace

Records::Records(const Vault& vault) : raw_(limits::kGroupBytesMax) {
  auto masker = Masker::make(mask_options(), shapes_, vault);
  ASSERT(masker.has_value());
  masker_ = std::move(*masker);
}

void Records::add(Group& group, LaneIndex index, std::string_view lane, std::uint64_t seq,
                  std::size_t noise_bytes) {
  if (!masks_) {
    group.records[index].push_back(Masker::own(raw(group.arena, lane, seq, noise_bytes)));
    return;
  }
  const auto outcome = masker_->mask({raw(raw_, lane, seq, noise_bytes)}, group.arena);
  ASSERT(outcome.verdict == Masker::Verdict::kept);
  group.records[index].push_back(*outcome.record);
  raw_.reset();
}

Row Records::raw(Arena& arena, std::string_view lane, std::uint64_t seq, std::size_t noise_bytes) {
  auto cells = arena.array<Value>(std::size(kRawFields));
  auto noise = arena.array<std::uint8_t>(noise_bytes + 1);
  ASSERT(!cells.empty() && !noise.empty());
  fill_noise(lane, seq, noise.first(noise_bytes));
  const auto copy = [&](const std::string& text) { return as_bytes(arena.copy(text)); };
  cells[0] = Value::int64(number_of(seq, noise_bytes));
  cells[1] = Value::bytes(noise.first(noise_bytes));
  cells[2] = Value::bytes(copy(canary("drop", seq)));
  cells[3] = Value::bytes(copy(canary("hmac", seq % kTokens)));
  cells[4] = Value::bytes(copy(canary("replace", seq)));
  cells[5] = Value::text(as_text(copy("x" + canary("truncate", seq))));
  cells[6] = Value::bytes(copy("to " + canary("value", seq) + "@example.org"));
  return {shapes_.intern(kStream, kRawFields), cells.data(), time_of(seq)};
}

bool is_record(const Row& row, std::string_view lane, std::uint64_t seq) {
  if (row.shape->stream() != kStream || !std::ranges::equal(row.shape->fields(), kFields)) {
    return false;
  }
  const auto cells = row.cells();
  if (row.time != time_of(seq)) return false;
  if (cells[0].type() != Type::int64 || cells[1].type() != Type::bytes) return false;
  const Bytes noise = cells[1].as_bytes();
  if (cells[0].as_int64() != number_of(seq, noise.size())) return false;
  if (!identical(cells[2], Value::text(token(seq))) || !identical(cells[3], Value::text("-")) ||
      !identical(cells[4], Value::text("x")) ||
      !identical(cells[5], Value::bytes(as_bytes("to -")))) {
    return false;
  }
  Buffer expected(noise.size());
  fill_noise(lane, seq, expected);
  return std::ranges::equal(noise, expected);
}

}  // namespace pinaflux::crash
