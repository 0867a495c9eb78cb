// The table reads like the reference that is made from it. Order counts: it is the order of the reference,
// of the schema and of suggestions. A key's parent stands before it.
#include "agent/config/keys.h"

#include <array>

#include "agent/config/units.h"
#include "agent/data/limits.h"
#include "agent/pipeline/pipeline.h"
#include "agent/spool/spool.h"
#include "platform/base/text.h"

namespace pinaflux::config {

namespace {

constexpr std::int64_t kMillisecond = Duration::milliseconds(1).ns;
constexpr std::int64_t kSecond = Duration::seconds(1).ns;
constexpr std::int64_t kDay = Duration::days(1).ns;
constexpr std::int64_t kNameMax = limits::kNameBytesMax;
constexpr std::int64_t kTextMax = 1024;
constexpr std::int64_t kExactMax = 1ll << 53;

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

    {.path = "gateway", .type = Type::section, .required = true, .doc = "Who this gateway is."},
    {.path = "gateway.id",
     .type = Type::name,
     .required = true,
     .example = "pump-station-7",
     .doc = "Name of this gateway, unique among all that share a collector. It is part of every "
            "topic and of "
            "the identity of every record."},

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
     .doc = "Secret keys for `with: hmac`, by name. References only."},
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
};

constexpr Key kSources[] = {
    {.path = "sources",
     .type = Type::names,
     .required = true,
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
     .doc =
         "Stream of all its records, instead of the source's own rule: `<source>/<topic>` for "
         "mqtt, "
         "`<source>/<stream>` for http, `<source>/<group>` for system, `<source>` for the others."},
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
     .doc = "Broker to subscribe at; the port is 1883 if none is given."},
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
     .choices = "drop|hmac|truncate|round|replace|reject",
     .example = "hmac",
     .doc = "drop the field; hmac: a token that is the same for the same value; truncate text; "
            "round numbers; "
            "replace by a text; reject the record."},
    {.path = "mask.*.key",
     .type = Type::name,
     .required = true,
     .when = {"with", "hmac"},
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
};

constexpr Key kPipeline[] = {
    {.path = "pipeline",
     .type = Type::names,
     .doc = "Nodes between sources and lanes, by name: fewer, better records. Each has `from` and "
            "one kind."},
    {.path = "pipeline.*.from",
     .type = Type::texts,
     .min = 1,
     .max = 64,
     .required = true,
     .example = "zigbee",
     .doc = "Sources or nodes that it takes records from."},
    {.path = "pipeline.*.pass",
     .type = Type::section,
     .group = "kind",
     .example = "{}",
     .doc = "Passes every record on: a name for several inputs."},
    {.path = "pipeline.*.filter",
     .type = Type::section,
     .group = "kind",
     .doc = "Keeps the records for which one comparison of a field holds."},
    {.path = "pipeline.*.filter.field",
     .type = Type::text,
     .min = 1,
     .max = kNameMax,
     .required = true,
     .example = "temperature",
     .doc = "Field to look at."},
    {.path = "pipeline.*.filter.equals",
     .type = Type::value,
     .group = "comparison",
     .example = "on",
     .doc = "It equals this number, true, false or text (quote a text that looks like a number)."},
    {.path = "pipeline.*.filter.not",
     .type = Type::value,
     .group = "comparison",
     .example = "0",
     .doc = "It does not equal this."},
    {.path = "pipeline.*.filter.less",
     .type = Type::value,
     .group = "comparison",
     .example = "10",
     .doc = "It is less than this."},
    {.path = "pipeline.*.filter.at_most",
     .type = Type::value,
     .group = "comparison",
     .example = "10",
     .doc = "It is this or less."},
    {.path = "pipeline.*.filter.more",
     .type = Type::value,
     .group = "comparison",
     .example = "80.5",
     .doc = "It is more than this."},
    {.path = "pipeline.*.filter.at_least",
     .type = Type::value,
     .group = "comparison",
     .example = "80.5",
     .doc = "It is this or more."},
    {.path = "pipeline.*.filter.exists",
     .type = Type::choice,
     .choices = "true",
     .group = "comparison",
     .example = "true",
     .doc = "It is there, and not null."},
    {.path = "pipeline.*.filter.missing",
     .type = Type::choice,
     .fallback = "drop",
     .choices = "keep|drop",
     .doc = "What happens to records that do not have the field."},
    {.path = "pipeline.*.rename",
     .type = Type::section,
     .group = "kind",
     .doc = "Gives fields, or the stream, other names."},
    {.path = "pipeline.*.rename.fields",
     .type = Type::pairs,
     .min = 1,
     .max = limits::kFieldsMax,
     .example = "{temp: temperature}",
     .doc = "Old name: new name. All at once, so that two may swap."},
    {.path = "pipeline.*.rename.stream",
     .type = Type::text,
     .min = 1,
     .max = kNameMax,
     .example = "plant/press",
     .doc = "New name of the stream."},
    {.path = "pipeline.*.deadband",
     .type = Type::section,
     .group = "kind",
     .doc = "Drops a record while a field stays near its last kept value."},
    {.path = "pipeline.*.deadband.of",
     .type = Type::text,
     .min = 1,
     .max = kNameMax,
     .required = true,
     .example = "temperature",
     .doc = "Field to look at."},
    {.path = "pipeline.*.deadband.within",
     .type = Type::number,
     .fallback = "0",
     .min = 0,
     .max = kExactMax,
     .example = "0.1",
     .doc = "Absolute difference up to which a record is dropped."},
    {.path = "pipeline.*.deadband.silence_max",
     .type = Type::duration,
     .fallback = "0s",
     .min = 0,
     .max = 366 * kDay,
     .example = "10m",
     .doc = "Keep one at least this often; 0s: no bound."},
    {.path = "pipeline.*.deadband.by",
     .type = Type::texts,
     .min = 1,
     .max = kNameMax,
     .example = "device",
     .doc = "One band for each distinct value of these fields; always one for each stream."},
    {.path = "pipeline.*.deadband.keys_max",
     .type = Type::integer,
     .fallback = "4096",
     .min = 1,
     .max = 65'536,
     .doc = "Bands that are remembered; the least recently used is forgotten first."},
};

constexpr Key kDelivery[] = {
    {.path = "lanes",
     .type = Type::names,
     .doc = "The queue, by name: each lane has its own order, retention and rule when full. "
            "Without them there is one, `normal`, of "
            "everything that nothing else takes."},
    {.path = "lanes.*.from",
     .type = Type::texts,
     .min = 1,
     .max = 64,
     .required = true,
     .example = "[boiler, zigbee]",
     .doc = "Sources or nodes whose records it takes."},
    {.path = "lanes.*.keep",
     .type = Type::duration,
     .min = 60 * kSecond,
     .max = 36'600 * kDay,
     .example = "30d",
     .doc = "Older records are given up, and declared lost; without it, never."},
    {.path = "lanes.*.when_full",
     .type = Type::choice,
     .fallback = "hold",
     .choices = "hold|evict",
     .doc = "hold: sources are held back until there is room. evict: the oldest records are given "
            "up, and "
            "declared lost."},

    {.path = "uplink", .type = Type::section, .required = true, .doc = "How records leave."},
    {.path = "uplink.type",
     .type = Type::choice,
     .fallback = "mqtt",
     .choices = "mqtt",
     .doc = "What is spoken to the far end."},
    {.path = "uplink.broker",
     .type = Type::broker,
     .required = true,
     .example = "tcp://10.0.0.5:1883",
     .doc = "Broker to publish at; the port is 1883 if none is given."},
    {.path = "uplink.ack",
     .type = Type::choice,
     .fallback = "collector",
     .choices = "collector|broker",
     .doc = "collector: a record is deleted when the collector has landed it. broker: when the "
            "broker has "
            "taken it (at least once, and no proof)."},
    {.path = "uplink.user",
     .type = Type::text,
     .min = 1,
     .max = kTextMax,
     .example = "pump-station-7",
     .doc = "User name at the broker."},
    {.path = "uplink.password",
     .type = Type::secret,
     .example = "{file: /etc/pinaflux/uplink.password}",
     .doc = "Password at the broker, by reference."},
    {.path = "uplink.client_id",
     .type = Type::text,
     .min = 1,
     .max = 256,
     .doc = "MQTT client id; without it `pinaflux-<gateway>`."},
    {.path = "uplink.topic_root",
     .type = Type::text,
     .fallback = "pinaflux",
     .min = 1,
     .max = 128,
     .doc = "First part of every topic; the collector must use the same."},
    {.path = "uplink.window",
     .type = Type::integer,
     .fallback = "16",
     .min = 1,
     .max = limits::kWindowMax,
     .doc = "Batches under way at a time."},
    {.path = "uplink.batch_age",
     .type = Type::duration,
     .fallback = "1s",
     .min = 10 * kMillisecond,
     .max = 3600 * kSecond,
     .doc = "How long a live record waits for others to travel with. Longer is denser: fewer bytes "
            "on the "
            "link."},
    {.path = "uplink.keep_alive",
     .type = Type::duration,
     .fallback = "30s",
     .min = 5 * kSecond,
     .max = 65'535 * kSecond,
     .doc = "A silent link is tested this often."},
    {.path = "uplink.back_off_max",
     .type = Type::duration,
     .fallback = "5m",
     .min = kSecond,
     .max = kDay,
     .doc = "Longest pause between two attempts to connect; pauses grow, at random, from 1s."},

    {.path = "control",
     .type = Type::section,
     .doc = "How this machine's operator reaches the agent."},
    {.path = "control.socket",
     .type = Type::path,
     .fallback = "/run/pinaflux/control.sock",
     .max = 107,
     .may_be_empty = true,
     .doc = "Unix socket of the command line; \"\": none."},
    {.path = "control.listen",
     .type = Type::listen,
     .fallback = "tcp://127.0.0.1:9469",
     .may_be_empty = true,
     .doc = "Address of /metrics (Prometheus) and /healthz; \"\": none."},
};

template <std::size_t... N>
constexpr auto joined(const Key (&... parts)[N]) {
  std::array<Key, (N + ...)> all;
  std::size_t at = 0;
  const auto append = [&](const auto& part) {
    for (const Key& key : part) all[at++] = key;
  };
  (append(parts), ...);
  return all;
}
constexpr auto kKeys = joined(kTop, kSources, kMask, kPipeline, kDelivery);

struct Later {
  std::string_view path;
  std::string_view value;  // Empty: the key itself.
  std::string_view instead;
};
constexpr Later kLater[] = {
    {"sources.*.type", "modbus",
     "Modbus comes with a later version; this one reads mqtt, http, lines, file and system"},
    {"sources.*.type", "listener",
     "a broker of its own comes with a later version; type: mqtt subscribes at one that you run"},
    {"sources.*.registers", "", "Modbus comes with a later version"},
    {"sources.*.ca", "", "this version speaks tcp:// only; TLS comes with a later one"},
    {"sources.*.of", "",
     "this version reads all groups; a filter node, or a mask rule with drop, leaves out some"},
    {"pipeline.*.window", "",
     "windows come with a later version; this one has pass, filter, rename and deadband"},
    {"pipeline.*.script", "",
     "scripts come with a later version; this one has pass, filter, rename and deadband"},
    {"pipeline.*.expression", "",
     "expressions come with a later version; this one has pass, filter, rename and deadband"},
    {"lanes.*.order", "", "this version sends every lane oldest first"},
    {"lanes.*.share", "", "shares come with a later version"},
    {"uplink.ca", "", "this version speaks tcp:// only; TLS comes with a later one"},
    {"uplink.certificate", "", "this version speaks tcp:// only; TLS comes with a later one"},
    {"uplink.budget", "", "budgets come with a later version"},
};

}  // namespace

std::span<const Key> all_keys() { return kKeys; }

const Key* find_key(std::string_view path) {
  for (const Key& key : kKeys) {
    if (key.path == path) return &key;
  }
  return nullptr;
}

std::vector<const Key*> keys_below(std::string_view path) {
  std::vector<const Key*> below;
  for (const Key& key : kKeys) {
    std::string_view rest = key.path;
    if (!path.empty()) {
      if (!rest.starts_with(path) || rest.size() <= path.size() || rest[path.size()] != '.')
        continue;
      rest.remove_prefix(path.size() + 1);
    }
    if (rest.find('.') == std::string_view::npos) below.push_back(&key);
  }
  return below;
}

std::string_view last_step(std::string_view path) { return path.substr(path.rfind('.') + 1); }

std::string_view later_key(std::string_view path) { return later_value(path, ""); }

std::string_view later_value(std::string_view path, std::string_view value) {
  for (const Later& later : kLater) {
    if (later.path == path && later.value == value) return later.instead;
  }
  return {};
}

bool is_one_of(std::string_view value, std::string_view choices) {
  Split rest(choices, '|');
  for (std::string_view choice; rest.next(choice);) {
    if (choice == value) return true;
  }
  return false;
}

std::string spoken_choices(std::string_view choices) {
  const auto all = split(choices, '|');
  std::string out;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i > 0) out += i + 1 == all.size() ? " or " : ", ";
    out += all[i];
  }
  return out;
}

std::string spoken_type(const Key& key) {
  switch (key.type) {
    case Type::section: return "a map of keys";
    case Type::names: return "a map of names";
    case Type::list: return "a list";
    case Type::pairs: return "a map of texts";
    case Type::text: return "a text";
    case Type::texts: return "a text or a list of texts";
    case Type::name: return "a name: 1 to 64 of A-Z a-z 0-9 . _ -";
    case Type::choice: return spoken_choices(key.choices);
    case Type::boolean: return "true or false";
    case Type::integer: return "a whole number";
    case Type::number: return "a number";
    case Type::duration: return "a duration such as 250ms, 10s, 5m or 1h30m";
    case Type::size: return "a size such as 64KiB, 512MiB or 2GiB";
    case Type::value: return "a number, true, false or a text";
    case Type::broker: return "an address such as tcp://127.0.0.1:1883";
    case Type::listen: return "an address such as tcp://127.0.0.1:8086";
    case Type::lines: return "stdin:, unix:///PATH or tcp://HOST:PORT";
    case Type::path: return "an absolute path";
    case Type::secret: return "{file: PATH} or {credential: NAME}";
  }
  return {};
}

namespace {

std::string bound(const Key& key, std::int64_t value) {
  if (key.type == Type::duration) return format_duration(Duration{value});
  if (key.type == Type::size) return format_size(static_cast<std::uint64_t>(value));
  return std::to_string(value);
}

}  // namespace

std::string spoken_range(const Key& key) {
  const bool text = key.type == Type::text || key.type == Type::texts || key.type == Type::path;
  const bool counted = text || key.type == Type::integer || key.type == Type::number ||
                       key.type == Type::duration || key.type == Type::size;
  if (!counted || (key.min == 0 && key.max == 0)) return {};
  if (text) return "at most " + std::to_string(key.max) + " bytes";
  if (key.max == kExactMax) return "at least " + bound(key, key.min);
  if (key.min == key.max) return "always " + bound(key, key.min);
  return bound(key, key.min) + " to " + bound(key, key.max);
}

}  // namespace pinaflux::config
