// The table: nodes that know which fields a stream has.
#include "agent/config/key_table.h"

namespace pinaflux::config {

namespace {

constexpr Key kSchema[] = {
    {.path = "pipeline.*.schema",
     .type = Type::section,
     .group = "kind",
     .example = "{}",
     .doc = "Knows which fields each stream has, as declared and as learned: a record that breaks "
            "what is declared is refused, and `drift` says what becomes of one that differs."},
    {.path = "pipeline.*.schema.fields",
     .type = Type::list,
     .doc = "Declared fields. Not given: all are learned."},
    {.path = "pipeline.*.schema.fields.*.name",
     .type = Type::text,
     .min = 1,
     .max = kNameMax,
     .required = true,
     .example = "temp",
     .doc = "The field."},
    {.path = "pipeline.*.schema.fields.*.type",
     .type = Type::choice,
     .choices = "bool|int|float|text|bytes",
     .required = true,
     .example = "float",
     .doc = "Its type. A whole number in a float field becomes a float."},
    {.path = "pipeline.*.schema.fields.*.unit",
     .type = Type::text,
     .min = 1,
     .max = 64,
     .example = "C",
     .doc = "Its unit, for who reads the schema; values do not tell it."},
    {.path = "pipeline.*.schema.fields.*.min",
     .type = Type::number,
     .example = "-40",
     .doc = "Of a number: the least that it may be. NaN is never in a range."},
    {.path = "pipeline.*.schema.fields.*.max",
     .type = Type::number,
     .example = "150",
     .doc = "Of a number: the most that it may be."},
    {.path = "pipeline.*.schema.fields.*.required",
     .type = Type::boolean,
     .fallback = "false",
     .doc = "A record without it, or with null there, is refused."},
    {.path = "pipeline.*.schema.fields.*.one_of",
     .type = Type::texts,
     .min = 1,
     .max = kTextMax,
     .may_be_empty = true,
     .example = "[auto, manual]",
     .doc = "Of text and int: the values that it may have."},
    {.path = "pipeline.*.schema.drift",
     .type = Type::choice,
     .fallback = "evolve",
     .choices = "evolve|coerce|quarantine|reject",
     .doc = "What becomes of a record that differs. evolve: the schema learns new fields, missing "
            "ones and int as float; what a field cannot hold exactly goes to FIELD_TYPE. coerce: "
            "the same, but such a value refuses the record. quarantine: it goes unchanged to those "
            "that take `from: NODE.drifted`. reject: it is refused."},
    {.path = "pipeline.*.schema.streams_max",
     .type = Type::integer,
     .fallback = "256",
     .min = 1,
     .max = 1'024,
     .doc = "Streams whose schema is known; the least recently used is forgotten first."},
    {.path = "pipeline.*.schema.fields_max",
     .type = Type::integer,
     .fallback = "256",
     .min = 1,
     .max = 4'096,
     .doc = "Fields of one stream; a record that brings more is refused."},
};

}  // namespace

std::span<const Key> schema_keys() { return kSchema; }

}  // namespace pinaflux::config
