// The table: nodes that give values and records another form.
#include "agent/config/key_table.h"

namespace pinaflux::config {

namespace {

constexpr Key kShaping[] = {
    {.path = "pipeline.*.convert",
     .type = Type::pairs,
     .min = 1,
     .max = 256,
     .group = "kind",
     .example = "{temp: F to C, flow: l/min to m3/h}",
     .doc = "Field: its unit, to, the unit it should have. C F K; Pa hPa kPa MPa mbar bar atm psi; "
            "mm cm "
            "m km in ft yd mi; mg g kg t lb oz; ml l m3 gal; l/h l/min l/s m3/h m3/s gal/min; m/s "
            "km/h mph kn; "
            "J kJ MJ Wh kWh MWh; W kW MW hp; ns us ms s min h d; deg rad turn; 1 % ppm; Hz kHz "
            "rpm; mV "
            "V kV; mA A."},
    {.path = "pipeline.*.cast",
     .type = Type::pairs,
     .min = 1,
     .max = 256,
     .group = "kind",
     .example = "{temp: float, count: int, on: bool or keep, code: text}",
     .doc = "Field: the type that it should have, float, int, bool or text. A value that has no "
            "equal there "
            "refuses the record; with `or keep` it stays, with `or drop` it is left out."},
    {.path = "pipeline.*.parse",
     .type = Type::section,
     .group = "kind",
     .doc = "Makes fields of what the text of a field holds."},
    {.path = "pipeline.*.parse.of",
     .type = Type::text,
     .min = 1,
     .max = kNameMax,
     .required = true,
     .example = "line",
     .doc = "Field with the text. A record without it passes."},
    {.path = "pipeline.*.parse.as",
     .type = Type::choice,
     .choices = "pairs|delimited|json|pattern",
     .required = true,
     .example = "pairs",
     .doc = "pairs: NAME=VALUE, several of them. delimited: values in an order that is known. "
            "json: a JSON "
            "document, as a source would read it. pattern: what the groups of a regular "
            "expression hold."},
    {.path = "pipeline.*.parse.names",
     .type = Type::texts,
     .min = 1,
     .max = kNameMax,
     .required = true,
     .when = {"as", "delimited"},
     .example = "[voltage, current, state]",
     .doc = "The fields, in the order of their values: as many as there are."},
    {.path = "pipeline.*.parse.pattern",
     .type = Type::text,
     .min = 1,
     .max = 512,
     .required = true,
     .when = {"as", "pattern"},
     .example = "'^(?<level>\\w+) t=(?<temp>-?\\d+)'",
     .doc = "Regular expression, anywhere in the text, over bytes: each group `(?<name> )` is a "
            "field. It has `a . [a-z] [^x] \\d \\w \\s \\D \\W \\S \\t \\n \\r \\xHH ^ $ \\b \\B ( "
            ") (?: ) | * + ? "
            "{m,n}`, lazy `*? +? ?? {m,n}?`, and `(?i)` at its beginning for either case."},
    {.path = "pipeline.*.parse.separator",
     .type = Type::text,
     .min = 1,
     .max = 1,
     .when = {"as", "pairs|delimited"},
     .example = "\";\"",
     .doc = "The one byte between pairs (not given: blanks) or values (not given: a comma); "
            "\"\\t\" is a tab."},
    {.path = "pipeline.*.parse.equals",
     .type = Type::text,
     .fallback = "=",
     .min = 1,
     .max = 1,
     .when = {"as", "pairs"},
     .example = "\":\"",
     .doc = "The one byte between a name and its value."},
    {.path = "pipeline.*.parse.prefix",
     .type = Type::text,
     .min = 1,
     .max = 64,
     .example = "line.",
     .doc = "What the new fields' names begin with."},
    {.path = "pipeline.*.parse.keep",
     .type = Type::boolean,
     .fallback = "false",
     .doc = "The field that was read stays beside them."},
    {.path = "pipeline.*.parse.types",
     .type = Type::choice,
     .fallback = "number",
     .choices = "number|text",
     .doc = "number: what is written as a number is one. text: it stays as it is written."},
    {.path = "pipeline.*.parse.else",
     .type = Type::choice,
     .fallback = "refuse",
     .choices = "refuse|pass",
     .doc = "What to do with a record whose text cannot be read: refuse it (a dead letter), or "
            "pass it on as it is."},
    {.path = "pipeline.*.parse.fields_max",
     .type = Type::integer,
     .fallback = "32",
     .min = 1,
     .max = 256,
     .when = {"as", "pairs|json"},
     .doc = "Fields that a text may hold; one with more cannot be read."},
    {.path = "pipeline.*.split",
     .type = Type::section,
     .group = "kind",
     .doc = "Makes a record of each element of an array."},
    {.path = "pipeline.*.split.of",
     .type = Type::text,
     .min = 1,
     .max = kNameMax,
     .required = true,
     .example = "values",
     .doc = "Field with the array. A record without it passes."},
    {.path = "pipeline.*.split.as",
     .type = Type::text,
     .min = 1,
     .max = kNameMax,
     .example = "value",
     .doc = "Field for the element; an object's members are fields behind it: value.x. Not given: "
            "that of the array."},
    {.path = "pipeline.*.split.every",
     .type = Type::duration,
     .fallback = "0s",
     .min = 0,
     .max = 366 * kDay,
     .example = "10ms",
     .doc = "Time between one element and the next: the first has the record's time."},
    {.path = "pipeline.*.split.else",
     .type = Type::choice,
     .fallback = "refuse",
     .choices = "refuse|pass",
     .doc = "What to do with a record whose field is no array: refuse it (a dead letter), or pass "
            "it on as it is."},
    {.path = "pipeline.*.split.records_max",
     .type = Type::integer,
     .fallback = "16",
     .min = 1,
     .max = 256,
     .doc = "Elements that an array may have; one with more is as one that is none. Room for so "
            "many is held for each record."},
    {.path = "pipeline.*.split.fields_max",
     .type = Type::integer,
     .fallback = "8",
     .min = 1,
     .max = 256,
     .doc = "Fields that an element may have; an array with one that has more is as one that is "
            "none."},
};

}  // namespace

std::span<const Key> shaping_keys() { return kShaping; }

}  // namespace pinaflux::config
