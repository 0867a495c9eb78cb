// The table: nodes that make one record of several.
#include "agent/config/key_table.h"
#include "agent/pipeline/key_limits.h"

namespace pinaflux::config {

namespace {

constexpr Key kMerge[] = {
    {.path = "pipeline.*.merge",
     .type = Type::section,
     .group = "kind",
     .doc = "Makes one record of those of several streams that have one key and one time. Other "
            "streams pass."},
    {.path = "pipeline.*.merge.streams",
     .type = Type::texts,
     .min = 1,
     .max = kNameMax,
     .required = true,
     .example = "[plant/temp, plant/press]",
     .doc = "2 to 16 streams. Their fields are named by the last part of the stream: temp.FIELD, "
            "press.FIELD."},
    {.path = "pipeline.*.merge.every",
     .type = Type::duration,
     .min = kMillisecond,
     .max = 31 * kDay,
     .required = true,
     .example = "1s",
     .doc = "Times in one interval of this length since 1970, in UTC, are one time. Of two records "
            "of a stream in one interval the newer stays."},
    {.path = "pipeline.*.merge.wait",
     .type = Type::duration,
     .fallback = "5s",
     .min = 0,
     .max = 31 * kDay,
     .doc =
         "When a record of each stream has come, they are given at once; else so long after the "
         "end of their interval, without what is missing. What comes then is late, and dropped."},
    {.path = "pipeline.*.merge.by",
     .type = Type::texts,
     .min = 1,
     .max = kNameMax,
     .example = "device",
     .doc = "The key: the values of these fields, which the record given has too. Not given: all "
            "records have one key."},
    {.path = "pipeline.*.merge.stream",
     .type = Type::text,
     .min = 1,
     .max = kNameMax,
     .required = true,
     .example = "plant/both",
     .doc = "Stream of the record given."},
    {.path = "pipeline.*.merge.keys_max",
     .type = Type::integer,
     .fallback = "1024",
     .min = 1,
     .max = kMergeKeysMax,
     .doc = "Keys that are remembered; the least recently used gives what it holds first. Each "
            "holds 2 MiB / keys_max of records, at most 32 KiB: with less than that the earliest "
            "interval is given early."},
};

}  // namespace

std::span<const Key> merge_keys() { return kMerge; }

}  // namespace pinaflux::config
