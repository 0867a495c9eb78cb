// The table: nodes that add what a table knows.
#include "agent/config/key_table.h"

namespace pinaflux::config {

namespace {

constexpr Key kLookup[] = {
    {.path = "pipeline.*.lookup",
     .type = Type::section,
     .group = "kind",
     .doc = "Adds to a record what a table, a CSV, has beside the value of a field."},
    {.path = "pipeline.*.lookup.file",
     .type = Type::path,
     .max = kTextMax,
     .group = "table",
     .example = "/etc/pinaflux/sites.csv",
     .doc = "File with the table (RFC 4180, with a line of names, at most 4 MiB and 65536 lines), "
            "read with the configuration."},
    {.path = "pipeline.*.lookup.text",
     .type = Type::text,
     .max = 65'536,
     .group = "table",
     .doc = "The table itself."},
    {.path = "pipeline.*.lookup.of",
     .type = Type::text,
     .min = 1,
     .max = kNameMax,
     .required = true,
     .example = "id",
     .doc = "Field whose value is looked up."},
    {.path = "pipeline.*.lookup.column",
     .type = Type::text,
     .min = 1,
     .max = kNameMax,
     .example = "device",
     .doc = "Column that has its values. Not given: the one of the field's name."},
    {.path = "pipeline.*.lookup.give",
     .type = Type::texts,
     .min = 1,
     .max = kNameMax,
     .example = "[site, floor]",
     .doc = "Columns that become fields. Not given: all others."},
    {.path = "pipeline.*.lookup.prefix",
     .type = Type::text,
     .min = 1,
     .max = 64,
     .example = "at.",
     .doc = "What the new fields' names begin with."},
    {.path = "pipeline.*.lookup.else",
     .type = Type::choice,
     .fallback = "pass",
     .choices = "pass|drop|refuse",
     .doc = "What to do with a record whose value the table does not have: pass it on as it is, "
            "drop it, or refuse it (a dead letter)."},
};

}  // namespace

std::span<const Key> lookup_keys() { return kLookup; }

}  // namespace pinaflux::config
