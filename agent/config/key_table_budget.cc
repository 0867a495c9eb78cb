// The keys of a budget: what of the data plan the uplink, or a lane, may use.
#include <iterator>

#include "agent/config/key_table.h"
#include "agent/uplink/budget.h"

namespace pinaflux::config {

namespace {

constexpr std::int64_t kSizeMax = std::int64_t{1} << 50;
constexpr std::int64_t kLimitMin = Budget::kLimitMin;

constexpr Key kBudget[] = {
    {.path = "budget",
     .type = Type::section,
     .example = "{day: 20MiB, month: 500MiB}",
     .doc = "What may be used of the data plan: whole IP packets both ways, as an operator bills "
            "them, reckoned rather too high. What does not fit waits in the queue."},
    {.path = "budget.second",
     .type = Type::size,
     .min = 128,
     .max = kSizeMax,
     .example = "16KiB",
     .doc = "Bytes a second, on average over some seconds."},
    {.path = "budget.day",
     .type = Type::size,
     .min = kLimitMin,
     .max = kSizeMax,
     .example = "20MiB",
     .doc = "Bytes a day, from 00:00 UTC on."},
    {.path = "budget.month",
     .type = Type::size,
     .min = kLimitMin,
     .max = kSizeMax,
     .example = "500MiB",
     .doc = "Bytes a month."},
    {.path = "budget.times",
     .type = Type::texts,
     .min = 1,
     .max = 16,
     .example = "[\"22:00-05:30\"]",
     .doc = "Times of day in UTC at which data may leave, from and until; without it, always."},
};
constexpr Key kOfTheLink[] = {
    {.path = "budget.interfaces",
     .type = Type::texts,
     .min = 1,
     .max = 16,
     .example = "[wwan0, \"ppp*\"]",
     .doc =
         "The metered interfaces, by name: while the way to the broker is another one, nothing is "
         "counted and nothing bounded. Without it, every interface is metered. To a broker that is "
         "given as a host name, the way is the default route's. A tunnel is an interface of its "
         "own: list it."},
    {.path = "budget.month_begins",
     .type = Type::integer,
     .fallback = "1",
     .min = 1,
     .max = 28,
     .doc = "Day on which the data plan's month begins."},
};

}  // namespace

std::span<const Key> lane_budget_keys() {
  static const KeysBelow kTable("lanes.*", kBudget);
  return kTable.keys();
}

std::span<const Key> link_budget_keys() {
  static const std::vector<Key> kAll = [] {
    std::vector<Key> all(std::begin(kBudget), std::end(kBudget));
    all.insert(all.end(), std::begin(kOfTheLink), std::end(kOfTheLink));
    return all;
  }();
  return kAll;
}

}  // namespace pinaflux::config
