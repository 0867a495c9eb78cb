// How many keys a node may remember, so that a commit that writes all of them takes 2 MiB of the disk: the configuration
// says so first. Bytes are at most, names of keys not counted.
//
// Threads    Constants; any.
#pragma once

#include <cstddef>

namespace pinaflux {

inline constexpr std::size_t kKeysBytesMax = 2 << 20;
// A value of a number (band_table.cc), and its name.
inline constexpr std::size_t kBandBytes = 64;

inline constexpr std::size_t kThinKeysMax = kKeysBytesMax / kBandBytes;  // dedupe, sample, limit.

// A door has its slopes, and a record that it holds back.
inline constexpr std::size_t kDoorBytes = 41;
inline constexpr std::size_t kDoorHeldBytesMax = 1'024;
inline constexpr std::size_t kSwingKeysMax =
    kKeysBytesMax / (kBandBytes + kDoorBytes + kDoorHeldBytesMax);
inline constexpr std::size_t kSwingKeysDefault = 1'024;

// Times fields: each has a value and a total.
inline constexpr std::size_t kChangeRateKeysMax = kKeysBytesMax / (kBandBytes + 18);

// `changes` remembers a row of fields for each key: when it was given whole, and of a number its name, type and value.
inline constexpr std::size_t kChangesHeadBytes = 16;
inline constexpr std::size_t kChangesFieldBytes = 17;
inline constexpr std::size_t kChangesRowBytesMax = 32 << 10;
inline constexpr std::size_t kChangesKeysMax =
    kKeysBytesMax / (kBandBytes + kChangesHeadBytes + kChangesFieldBytes);
// Rows of so many numbers fit so often; 0: never.
constexpr std::size_t changes_keys_max(std::size_t fields) {
  const std::size_t row = kChangesHeadBytes + kChangesFieldBytes * fields;
  return row > kChangesRowBytesMax ? 0 : kKeysBytesMax / (kBandBytes + row);
}
// A row's bytes at most, of 1 to kChangesKeysMax keys.
constexpr std::size_t changes_row_bytes(std::size_t keys_max) {
  const std::size_t bytes = kKeysBytesMax / keys_max - kBandBytes;
  return bytes < kChangesRowBytesMax ? bytes : kChangesRowBytesMax;
}

// Times fields: `anomaly` remembers so many values of each.
constexpr std::size_t anomaly_keys_max(std::size_t history) {
  return kKeysBytesMax / (kBandBytes + 8 * history);
}
inline constexpr std::size_t kAnomalyHistoryMin = 3, kAnomalyHistoryMax = 63;
inline constexpr std::size_t kAnomalyKeysMax = anomaly_keys_max(kAnomalyHistoryMin);

// An alert has when it began and was last given, and a record: a larger one where there are fewer keys.
inline constexpr std::size_t kAlertBytes = 32;
inline constexpr std::size_t kAlertHeldBytesMin = 1'024, kAlertHeldBytesMax = 32 << 10;
inline constexpr std::size_t kAlertKeysMax =
    kKeysBytesMax / (kBandBytes + kAlertBytes + kAlertHeldBytesMin);
// Of 1 to kAlertKeysMax keys.
constexpr std::size_t alert_held_bytes(std::size_t keys_max) {
  const std::size_t bytes = kKeysBytesMax / keys_max - kBandBytes - kAlertBytes;
  return bytes < kAlertHeldBytesMax ? bytes : kAlertHeldBytesMax;
}

// `merge` holds a record of each stream and interval that waits: more of them where there are fewer keys.
inline constexpr std::size_t kMergeStreamsMax = 16;
inline constexpr std::size_t kMergeHeldBytesMin = 1'024, kMergeHeldBytesMax = 32 << 10;
inline constexpr std::size_t kMergeKeysMax = kKeysBytesMax / (kBandBytes + kMergeHeldBytesMin);
// Of 1 to kMergeKeysMax keys.
constexpr std::size_t merge_held_bytes(std::size_t keys_max) {
  const std::size_t bytes = kKeysBytesMax / keys_max - kBandBytes;
  return bytes < kMergeHeldBytesMax ? bytes : kMergeHeldBytesMax;
}

static_assert(kThinKeysMax == 32'768 && kSwingKeysMax == 1'857 && kChangeRateKeysMax == 25'575);
static_assert(kChangesKeysMax == 21'620 && changes_row_bytes(1'024) == 1'984);
static_assert(kAnomalyKeysMax == 23'831 && anomaly_keys_max(31) == 6'721);
static_assert(kAlertKeysMax == 1'872 && alert_held_bytes(1'024) == 1'952);
static_assert(kMergeKeysMax == 1'927 && merge_held_bytes(1'024) == 1'984);
static_assert(kSwingKeysDefault <= kSwingKeysMax);

}  // namespace pinaflux
