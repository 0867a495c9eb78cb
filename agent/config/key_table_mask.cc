// The table, second part: what must not be stored.
#include "agent/config/key_table.h"
#include "agent/data/limits.h"
#include "agent/mask/detect.h"

namespace pinaflux::config {

namespace {

constexpr Key kMask[] = {
    {.path = "mask",
     .type = Type::list,
     .doc = "Rules for what must not be stored, applied in order before anything else sees a "
            "record. A rule "
            "that cannot be applied to a value refuses the record."},
    {.path = "mask.*.stream",
     .type = Type::text,
     .fallback = "**",
     .min = 1,
     .max = kNameMax,
     .example = "zigbee/*",
     .doc = "Streams that the rule is for: `<source>/...`, * for one step, ** for any."},
    {.path = "mask.*.field",
     .type = Type::text,
     .min = 1,
     .max = kNameMax,
     .example = "device.*.user",
     .doc = "Fields that the rule is for, by name, nested ones with dots; * for one step, ** for "
            "any."},
    {.path = "mask.*.value",
     .type = Type::texts,
     .choices = kDetectorNames,
     .example = "[email, iban]",
     .doc = "Mask what is found by its form in the texts of the fields (all of them without "
            "`field`), or with "
            "`name` in names: hmac, truncate and replace work on what was found, the text around "
            "it stays; drop "
            "and reject work on the field and the record. What each finds: agent/mask/README.md."},
    {.path = "mask.*.match",
     .type = Type::text,
     .min = 1,
     .max = 512,
     .example = "\"EMP-[0-9]{6}\"",
     .doc = "Instead of value: an expression of your own for what is looked for; the leftmost "
            "match counts, and of "
            "those the longest. It has . [a-z] [^a] \\d \\w \\s \\D \\W \\S \\xHH ^ $ \\b \\B "
            "(a|b) (?:a) * + ? {m,n}, and (?i) at "
            "the beginning for either case."},
    {.path = "mask.*.topic",
     .type = Type::text,
     .min = 1,
     .max = kNameMax,
     .example = "ward/*/bed",
     .doc = "Instead of stream and field: topics whose wildcard steps are masked in the stream's "
            "name, whatever "
            "the source."},
    {.path = "mask.*.allow",
     .type = Type::texts,
     .min = 1,
     .max = kNameMax,
     .example = "[temperature, humidity]",
     .doc = "Instead of field: the fields that stay; `others` says what happens to the rest. The "
            "first "
            "allow-list that matches a stream decides."},
    {.path = "mask.*.others",
     .type = Type::choice,
     .fallback = "drop",
     .choices = "drop|reject",
     .doc = "With allow: drop the other fields, or reject a record that has one."},
    {.path = "mask.*.name",
     .type = Type::choice,
     .choices = "stream|field",
     .example = "field",
     .doc = "Mask names, not values: the steps of the stream's or the field's name that the "
            "pattern does not "
            "write down."},
    {.path = "mask.*.with",
     .type = Type::choice,
     .choices = "drop|hmac|truncate|round|replace|reject|bucket|coarsen|noise|ff1|grid|home_zone",
     .example = "hmac",
     .doc =
         "drop the field; hmac: a token that is the same for the same value; truncate text; round "
         "numbers; replace by a text; reject the record; bucket: the lower edge; coarsen: times go "
         "back to "
         "a step; noise on numbers; ff1: digits become other digits; grid: a position becomes the "
         "centre of "
         "its cell; home_zone: positions near a place go. What each protects: "
         "agent/mask/README.md."},
    {.path = "mask.*.key",
     .type = Type::name,
     .required = true,
     .when = {"with", "hmac|noise|ff1"},
     .example = "people",
     .doc = "Name of the key below `keys`."},
    {.path = "mask.*.length",
     .type = Type::integer,
     .min = 0,
     .max = limits::kRecordBytesMax,
     .required = true,
     .when = {"with", "truncate"},
     .example = "8",
     .doc = "Characters that stay."},
    {.path = "mask.*.step",
     .type = Type::number,
     .min = 0,
     .max = kExactMax,
     .required = true,
     .when = {"with", "round"},
     .example = "0.5",
     .doc = "Numbers become multiples of it; above 0."},
    {.path = "mask.*.text",
     .type = Type::text,
     .min = 0,
     .max = 256,
     .required = true,
     .may_be_empty = true,
     .when = {"with", "replace"},
     .example = "removed",
     .doc = "What stands in the value's place."},
    {.path = "mask.*.width",
     .type = Type::number,
     .min = 0,
     .max = kExactMax,
     .required = true,
     .when = {"with", "noise"},
     .example = "0.5",
     .doc = "The number that is added is evenly spread from minus this to plus this; above 0."},
    {.path = "mask.*.width",
     .type = Type::number,
     .min = 0,
     .max = kExactMax,
     .when = {"with", "bucket"},
     .example = "10",
     .doc = "Numbers become the multiple of it at or below them; above 0."},
    {.path = "mask.*.edges",
     .type = Type::texts,
     .min = 1,
     .max = 64,
     .when = {"with", "bucket"},
     .example = "[0, 18, 65]",
     .doc = "Instead of width: numbers become the last of these at or below them. A number below "
            "the first "
            "refuses the record."},
    {.path = "mask.*.to",
     .type = Type::duration,
     .min = kSecond,
     .max = kDay,
     .required = true,
     .when = {"with", "coarsen"},
     .example = "1h",
     .doc = "Times go back to a multiple of it in their day: a second, a minute, or another even "
            "part of a day. "
            "Texts such as 2026-01-31T12:00:00Z, and numbers."},
    {.path = "mask.*.unit",
     .type = Type::choice,
     .fallback = "ms",
     .choices = "s|ms|us|ns",
     .when = {"with", "coarsen"},
     .doc = "Unit of times that are numbers, since 1970-01-01 UTC. A number that is no time in it "
            "refuses the "
            "record."},
    {.path = "mask.*.time",
     .type = Type::duration,
     .min = kSecond,
     .max = kDay,
     .example = "1m",
     .doc = "Instead of all keys but stream: the record's own time goes back to a multiple of it "
            "in its day."},
    {.path = "mask.*.lat",
     .type = Type::text,
     .min = 1,
     .max = kNameMax,
     .required = true,
     .when = {"with", "grid|home_zone"},
     .example = "gps.lat",
     .doc = "Instead of field: the field with the latitude in degrees, by its whole name."},
    {.path = "mask.*.lon",
     .type = Type::text,
     .min = 1,
     .max = kNameMax,
     .required = true,
     .when = {"with", "grid|home_zone"},
     .example = "gps.lon",
     .doc = "The field with the longitude. One of the two without the other refuses the record."},
    {.path = "mask.*.cell",
     .type = Type::number,
     .min = 1,
     .max = 1'000'000,
     .required = true,
     .when = {"with", "grid"},
     .example = "500",
     .doc = "Edge of a cell in metres."},
    {.path = "mask.*.centre",
     .type = Type::secret,
     .required = true,
     .when = {"with", "home_zone"},
     .example = "{file: /etc/pinaflux/home}",
     .doc = "Centre of the zone, by reference: LATITUDE, LONGITUDE in degrees."},
    {.path = "mask.*.radius",
     .type = Type::number,
     .min = 1,
     .max = 1'000'000,
     .required = true,
     .when = {"with", "home_zone"},
     .example = "300",
     .doc = "Metres around the centre."},
    {.path = "mask.*.inside",
     .type = Type::choice,
     .fallback = "drop",
     .choices = "drop|nulls",
     .when = {"with", "home_zone"},
     .doc = "What becomes of both fields there: drop takes them out, nulls leaves them with null."},

    {.path = "mask_loosen",
     .type = Type::text,
     .min = 1,
     .max = 64,
     .example = "\"0123456789abcdef\"",
     .doc = "Confirms that a reload may let more through than the running mask: the error that "
            "refuses it says what to "
            "write here. It is good for just that change. Rules that are added behind the others "
            "need none."},
};

}  // namespace

std::span<const Key> mask_keys() { return kMask; }

}  // namespace pinaflux::config
