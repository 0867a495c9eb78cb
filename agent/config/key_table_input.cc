// The table, first part: what comes in.
#include "agent/config/key_table.h"
#include "agent/data/limits.h"
#include "agent/spool/spool.h"

namespace pinaflux::config {

namespace {

constexpr When kMqtt{"type", "mqtt"};
constexpr When kHttp{"type", "http"};
constexpr When kLines{"type", "lines"};
constexpr When kFile{"type", "file"};
constexpr When kSystem{"type", "system"};
constexpr When kParsed{"type", "mqtt|http|lines|file"};

constexpr Key kTop[] = {
    {.path = "pinaflux",
     .type = Type::integer,
     .min = 1,
     .max = 1,
     .required = true,
     .example = "1",
     .doc = "Version of this format: always 1."},

    {.path = "gateway",
     .type = Type::section,
     .required = true,
     .example = "{id: pump-station-7}",
     .doc = "Who this gateway is."},
    {.path = "gateway.id",
     .type = Type::name,
     .required = true,
     .example = "pump-station-7",
     .doc = "Name of this gateway, unique among all that share a collector. It is part of every "
            "topic and of "
            "the identity of every record."},
    {.path = "gateway.clock",
     .type = Type::choice,
     .fallback = "synchronised",
     .choices = "synchronised|plausible",
     .doc = "When calendar time is believed: once the kernel says that a time service has set the "
            "clock since boot, "
            "or, on a machine with a battery-backed clock and no time service, as soon as its date "
            "is plausible."},

    {.path = "spool",
     .type = Type::section,
     .doc = "Where records wait until the far end has them."},
    {.path = "spool.path",
     .type = Type::path,
     .fallback = "/var/lib/pinaflux",
     .doc = "Folder of the queue, on a file system that survives a power cut."},
    {.path = "spool.size_max",
     .type = Type::size,
     .fallback = "512MiB",
     .min = Spool::kBytesMin,
     .max = 1ll << 44,
     .doc = "Bytes that the queue may take on disk, its write-ahead log included."},
    {.path = "spool.raw",
     .type = Type::section,
     .example = "{keep: 7d, size_max: 64MiB}",
     .doc = "How much is kept of sources with `keep: raw`: beyond this, and where the queue is "
            "full, the oldest goes."},
    {.path = "spool.raw.keep",
     .type = Type::duration,
     .fallback = "7d",
     .min = Duration::minutes(1).ns,
     .max = Duration::days(3660).ns,
     .doc = "A record goes when it is older than this."},
    {.path = "spool.raw.size_max",
     .type = Type::size,
     .min = 64 * 1024,
     .max = 1ll << 44,
     .doc = "Bytes that they may take together; a quarter of `spool.size_max` without it."},
    {.path = "spool.dead_letters",
     .type = Type::size,
     .min = 64 * 1024,
     .max = 1ll << 30,
     .example = "4MiB",
     .doc =
         "Bytes of the queue that dead letters may take, with the masked records that they hold; "
         "the "
         "oldest go first. At most a quarter of `size_max`; without it, a hundredth of it, between "
         "64KiB and 1MiB."},
    {.path = "spool.keep_refused",
     .type = Type::boolean,
     .fallback = "false",
     .doc =
         "Keep in dead letters the bytes that a source could not read, too (up to 16KiB of each): "
         "only encrypted, so `key` must be set. Without it, their length and keyed hash."},
    {.path = "spool.key",
     .type = Type::name,
     .example = "disk",
     .doc =
         "Name of the key below `keys` that the queue is encrypted with from now on; without it, "
         "plain text. "
         "A spool opens only with the key that it was written with."},
    {.path = "spool.key_previous",
     .type = Type::name,
     .example = "disk_2024",
     .doc = "Name of the key that what already waits was encrypted with: after `key` was changed "
            "or removed, until "
            "that is sent."},
    {.path = "spool.commit_every",
     .type = Type::duration,
     .fallback = "1s",
     .min = kMillisecond,
     .max = 60 * kSecond,
     .doc = "A record is on disk, and its source acknowledged, at most this long after it came; "
            "sooner when "
            "every source waits. Longer spares flash memory."},

    {.path = "keys",
     .type = Type::names,
     .doc = "Keys for `with: hmac`, `spool.key` and the proofs of the uplink, by name. References "
            "only."},
    {.path = "keys.*.file",
     .type = Type::path,
     .group = "reference",
     .example = "/etc/pinaflux/mask.key",
     .doc = "File that holds the key: 16 to 4,096 bytes, readable by its owner only (chmod 600)."},
    {.path = "keys.*.credential",
     .type = Type::name,
     .group = "reference",
     .example = "mask.key",
     .doc = "Name of a systemd credential (LoadCredential=) that holds the key."},

    {.path = "tests",
     .type = Type::names,
     .doc = "Tests of mask and pipeline, by name: `pinaflux config test` runs them, the agent does "
            "not."},
    {.path = "tests.*.lines",
     .type = Type::text,
     .max = 65'536,
     .required = true,
     .example = "zigbee/kitchen {\"temp\":21.5}",
     .doc =
         "Lines `STREAM PAYLOAD` that a source brings, and behind them `-> LANE STREAM {FIELDS}` "
         "that are to come of them."},
};

constexpr Key kSources[] = {
    {.path = "sources",
     .type = Type::names,
     .required = true,
     .example = "{machine: {type: system}}",
     .doc = "Where records come from, by name."},
    {.path = "sources.*.type",
     .type = Type::choice,
     .choices = "mqtt|http|lines|file|system",
     .required = true,
     .example = "mqtt",
     .doc = "mqtt subscribes at a broker, http and lines listen, file follows files that grow, "
            "system reads "
            "this machine's own figures."},
    {.path = "sources.*.stream",
     .type = Type::text,
     .min = 1,
     .max = kNameMax,
     .example = "plant/press",
     .doc = "Stream of its records. Without it `<source>/<topic>` for mqtt, and the source's name "
            "for the others; http and "
            "system append `/<stream>` and `/<group>`."},
    {.path = "sources.*.format",
     .type = Type::choice,
     .fallback = "json",
     .choices = "json|ndjson|influx|raw",
     .when = kParsed,
     .doc = "json: a message is one document; ndjson: one document a line (lines and file read "
            "json so, "
            "too); influx: InfluxDB line protocol; raw: the message is one field, `value`. With "
            "http each "
            "request says what it brings."},
    {.path = "sources.*.keep",
     .type = Type::choice,
     .choices = "raw",
     .example = "raw",
     .doc = "raw: each record is on disk as it came, masked, whatever the pipeline makes of it, so "
            "that `pinaflux queue "
            "replay` can run it through a mended pipeline again. It takes its place in the queue "
            "once more, within "
            "`spool.raw`."},
    {.path = "sources.*.time",
     .type = Type::section,
     .when = kParsed,
     .doc = "The field that holds a record's own time. Without it the time of arrival counts."},
    {.path = "sources.*.time.field",
     .type = Type::text,
     .min = 1,
     .max = kNameMax,
     .required = true,
     .example = "ts",
     .doc = "Name of the field; it is taken out of the record."},
    {.path = "sources.*.time.unit",
     .type = Type::choice,
     .fallback = "ms",
     .choices = "s|ms|us|ns|rfc3339",
     .doc = "Unit since 1970-01-01 UTC, or rfc3339 for text such as 2026-01-31T12:00:00Z."},
    {.path = "sources.*.record_max",
     .type = Type::size,
     .fallback = "64KiB",
     .min = 64,
     .max = limits::kRecordBytesMax,
     .when = kParsed,
     .doc = "A record that arrives with more bytes is refused and counted."},
    {.path = "sources.*.broker",
     .type = Type::broker,
     .required = true,
     .when = kMqtt,
     .example = "tcp://127.0.0.1:1883",
     .doc = "Broker to subscribe at; the port is 1883 (tls://: 8883) if none is given."},
    {.path = "sources.*.topics",
     .type = Type::texts,
     .min = 1,
     .max = kTextMax,
     .required = true,
     .when = kMqtt,
     .example = "[\"zigbee2mqtt/+\"]",
     .doc = "Topic filters: + stands for one level, # for the rest."},
    {.path = "sources.*.user",
     .type = Type::text,
     .min = 1,
     .max = kTextMax,
     .when = kMqtt,
     .example = "gateway",
     .doc = "User name at the broker."},
    {.path = "sources.*.password",
     .type = Type::secret,
     .when = kMqtt,
     .example = "{file: /etc/pinaflux/broker.password}",
     .doc = "Password at the broker, by reference."},
    {.path = "sources.*.client_id",
     .type = Type::text,
     .min = 1,
     .max = 256,
     .when = kMqtt,
     .doc = "MQTT client id; without it `pinaflux-<gateway>-<source>`. The broker keeps "
            "unacknowledged "
            "messages under it."},
    {.path = "sources.*.retained",
     .type = Type::boolean,
     .fallback = "false",
     .when = kMqtt,
     .doc = "Also take retained messages, which a broker sends on every new subscription."},
    {.path = "sources.*.qos",
     .type = Type::integer,
     .fallback = "1",
     .min = 0,
     .max = 1,
     .when = kMqtt,
     .doc = "1: exactly once, acknowledged when on disk. 0: what is under way in a crash is lost."},
    {.path = "sources.*.listen",
     .type = Type::listen,
     .fallback = "tcp://127.0.0.1:8086",
     .when = kHttp,
     .doc = "Address to serve: POST /ingest/<stream> (NDJSON or JSON), /write and /api/v2/write "
            "(InfluxDB)."},
    {.path = "sources.*.token",
     .type = Type::secret,
     .when = kHttp,
     .example = "{file: /etc/pinaflux/ingest.token}",
     .doc = "Token that requests must carry (Authorization: Bearer or Token), by reference."},
    {.path = "sources.*.from",
     .type = Type::lines,
     .required = true,
     .when = kLines,
     .example = "unix:///run/pinaflux/lines.sock",
     .doc = "Standard input, or where to listen for connections that send lines."},
    {.path = "sources.*.from",
     .type = Type::choice,
     .fallback = "start",
     .choices = "start|end",
     .when = kFile,
     .doc = "Where to begin in files that are there at the very first start; later ones are read "
            "from their "
            "start."},
    {.path = "sources.*.ack",
     .type = Type::choice,
     .fallback = "none",
     .choices = "none|count",
     .when = kLines,
     .doc = "count: after each commit the sender is told how many of its lines are on disk."},
    {.path = "sources.*.path",
     .type = Type::path,
     .required = true,
     .when = kFile,
     .example = "/var/log/plant/*.log",
     .doc = "File to follow, through rotation; its last part may hold * and ?."},
    {.path = "sources.*.every",
     .type = Type::duration,
     .fallback = "10s",
     .min = 100 * kMillisecond,
     .max = kDay,
     .when = kSystem,
     .doc = "How often to read."},
    {.path = "sources.*.mounts",
     .type = Type::texts,
     .fallback = "/",
     .min = 1,
     .max = kTextMax,
     .when = kSystem,
     .example = "[/, /data]",
     .doc = "File systems whose room is read."},
};

}  // namespace

std::span<const Key> top_keys() { return kTop; }
std::span<const Key> source_keys() { return kSources; }

}  // namespace pinaflux::config
