// The parts of the table of keys, in their order; read it through keys.h.
//
// Threads    Immutable; any.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config/keys.h"
#include "agent/data/limits.h"
#include "platform/base/time.h"

namespace pinaflux::config {

inline constexpr std::int64_t kMillisecond = Duration::milliseconds(1).ns;
inline constexpr std::int64_t kSecond = Duration::seconds(1).ns;
inline constexpr std::int64_t kDay = Duration::days(1).ns;
inline constexpr std::int64_t kNameMax = limits::kNameBytesMax;
inline constexpr std::int64_t kTextMax = 1024;
inline constexpr std::int64_t kExactMax = kNumberMax;

std::span<const Key> top_keys();
std::span<const Key> source_keys();
std::span<const Key> mask_keys();
std::span<const Key> pipeline_keys();
std::span<const Key> signal_keys();   // More of them.
std::span<const Key> shaping_keys();  // And more.
std::span<const Key> schema_keys();   // And more.
std::span<const Key> lookup_keys();   // And more.
std::span<const Key> alarm_keys();    // And more.
std::span<const Key> merge_keys();    // And more.
std::span<const Key> execd_keys();    // And more.
std::span<const Key> delivery_keys();
std::span<const Key> uplink_keys();
std::span<const Key> named_uplink_keys();
// The keys of TLS: as steps below any section, and of a source.
std::span<const Key> tls_keys();
std::span<const Key> source_tls_keys();
// The keys of a budget: as steps below an uplink, and of a lane.
std::span<const Key> link_budget_keys();
std::span<const Key> lane_budget_keys();

// Keys that several sections have: the same steps below another path.
class KeysBelow {
 public:
  // `when` is for those one step below.
  KeysBelow(std::string_view section, std::span<const Key> keys, When when = {});
  std::span<const Key> keys() const { return keys_; }

 private:
  std::deque<std::string> paths_;
  std::vector<Key> keys_;
};

}  // namespace pinaflux::config
