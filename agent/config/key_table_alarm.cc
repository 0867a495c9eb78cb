// The table: nodes that find what is out of the ordinary.
#include "agent/config/key_table.h"
#include "agent/pipeline/expression.h"
#include "agent/pipeline/key_limits.h"

namespace pinaflux::config {

namespace {

constexpr Key kAlarm[] = {
    {.path = "pipeline.*.anomaly",
     .type = Type::section,
     .group = "kind",
     .doc = "Adds how far fields are from what they were lately: FIELD_score, FIELD_anomaly."},
    {.path = "pipeline.*.anomaly.of",
     .type = Type::texts,
     .min = 1,
     .max = kNameMax,
     .required = true,
     .example = "temp",
     .doc = "Fields to look at. What is no number has no score, and is not remembered."},
    {.path = "pipeline.*.anomaly.threshold",
     .type = Type::number,
     .fallback = "6",
     .min = 0,
     .max = kExactMax,
     .doc = "Above 0. A score above this is an anomaly: so many standard deviations, where values "
            "are spread as usual."},
    {.path = "pipeline.*.anomaly.least_spread",
     .type = Type::number,
     .fallback = "0",
     .min = 0,
     .max = kExactMax,
     .example = "0.05",
     .doc = "The standard deviation that values have at least, such as the sensor's resolution. "
            "With 0, any change of a field that has stood still is an anomaly."},
    {.path = "pipeline.*.anomaly.history",
     .type = Type::integer,
     .fallback = "31",
     .min = kAnomalyHistoryMin,
     .max = kAnomalyHistoryMax,
     .doc =
         "Values of each key and field that are remembered. A new level is an anomaly until half "
         "of them are of it."},
    {.path = "pipeline.*.anomaly.warm_up",
     .type = Type::integer,
     .fallback = "10",
     .min = kAnomalyHistoryMin,
     .max = kAnomalyHistoryMax,
     .doc = "No score before so many values are remembered; at most `history`, which it is where "
            "that is less than 10."},
    {.path = "pipeline.*.anomaly.by",
     .type = Type::texts,
     .min = 1,
     .max = kNameMax,
     .example = "id",
     .doc = "Each distinct value of these fields by itself; always each stream by itself."},
    {.path = "pipeline.*.anomaly.keys_max",
     .type = Type::integer,
     .fallback = "1024",
     .min = 1,
     .max = kAnomalyKeysMax,
     .doc = "Keys that are remembered, times the number of fields at most 6721 with a history of "
            "31 (not given: as many as fit, if that is less); the least recently used is forgotten "
            "first."},
    {.path = "pipeline.*.alert",
     .type = Type::section,
     .group = "kind",
     .doc = "Gives a record when a condition has held for a time, and one when it is over; passes "
            "no others on."},
    {.path = "pipeline.*.alert.when",
     .type = Type::text,
     .min = 1,
     .max = Expression::kTextMax,
     .required = true,
     .example = "temp > 80",
     .doc = "The condition, an expression. Where it has no value (a field is missing) the record "
            "changes nothing."},
    {.path = "pipeline.*.alert.clear",
     .type = Type::text,
     .min = 1,
     .max = Expression::kTextMax,
     .example = "temp < 75",
     .doc = "Another that ends it; not given: it ends where `when` does not hold."},
    {.path = "pipeline.*.alert.for",
     .type = Type::duration,
     .fallback = "0s",
     .min = 0,
     .max = 31 * kDay,
     .example = "10s",
     .doc = "So long `when` must hold without a break; 0s: at once."},
    {.path = "pipeline.*.alert.repeat",
     .type = Type::duration,
     .min = kSecond,
     .max = 366 * kDay,
     .example = "1h",
     .doc = "While it lasts it is said again so often; not given: never."},
    {.path = "pipeline.*.alert.stream",
     .type = Type::text,
     .min = 1,
     .max = kNameMax,
     .example = "alerts/hot",
     .doc = "Stream of the records given, which then have the one of those that came in "
            "alert_stream; not given: that one."},
    {.path = "pipeline.*.alert.by",
     .type = Type::texts,
     .min = 1,
     .max = kNameMax,
     .example = "id",
     .doc = "An alert of its own for each distinct value of these fields; always for each stream."},
    {.path = "pipeline.*.alert.keys_max",
     .type = Type::integer,
     .fallback = "1024",
     .min = 1,
     .max = kAlertKeysMax,
     .doc = "Keys that are remembered; the least recently used is forgotten first. Each may hold a "
            "record of 1952 bytes with 1024 keys, of 32 KiB with 63."},
};

}  // namespace

std::span<const Key> alarm_keys() { return kAlarm; }

}  // namespace pinaflux::config
