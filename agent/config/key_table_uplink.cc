// The keys of an uplink: of the first one, and of each that has a name.
#include <string_view>
#include <vector>

#include "agent/config/key_table.h"
#include "agent/data/limits.h"

namespace pinaflux::config {

namespace {

constexpr Key kWay[] = {
    {.path = "type",
     .type = Type::choice,
     .fallback = "mqtt",
     .choices = "mqtt",
     .doc = "What is spoken to the far end."},
    {.path = "broker",
     .type = Type::broker,
     .required = true,
     .example = "tcp://10.0.0.5:1883",
     .doc = "Broker to publish at: tcp://, tls://, or over WebSockets ws://HOST/PATH and "
            "wss://HOST/PATH, "
            "where a firewall lets nothing else through. Or http:// and https:// URLs: each batch "
            "is a POST, {topic} in the URL "
            "is its topic (appended for our collector, run --http), and with format influx or json "
            "any server that takes "
            "those will do. The port is 1883 (tls://: 8883, ws:// and http://: 80, wss:// and "
            "https://: 443) if none is given."},
    {.path = "fallback",
     .type = Type::broker,
     .example = "tls://10.8.0.1:8883",
     .doc = "Broker to use while `broker` cannot be reached, with the same user and TLS "
            "settings."},
    {.path = "proxy",
     .type = Type::proxy,
     .example = "http://10.0.0.8:3128",
     .doc = "HTTP proxy that the way to `broker` and `fallback` leads through (CONNECT), "
            "where nothing "
            "else leaves the network. Without it the way is direct, whatever http_proxy and "
            "https_proxy say. A "
            "name of a broker is looked up by the proxy."},
    {.path = "proxy_user",
     .type = Type::text,
     .min = 1,
     .max = kTextMax,
     .example = "pump-station-7",
     .doc = "User name at the proxy, where it asks for one (Basic)."},
    {.path = "proxy_password",
     .type = Type::secret,
     .example = "{file: /etc/pinaflux/proxy.password}",
     .doc = "Password at the proxy, by reference."},
    {.path = "return_every",
     .type = Type::duration,
     .fallback = "5m",
     .min = kSecond,
     .max = kDay,
     .doc = "While the fall-back is in use, `broker` is tried this often, beside it; the link "
            "goes back once it "
            "answers."},
    {.path = "ack",
     .type = Type::choice,
     .fallback = "collector",
     .choices = "collector|broker",
     .doc = "collector: a record is deleted when the collector has landed it. broker: when the "
            "broker has "
            "taken it (at least once, and no proof)."},
    {.path = "format",
     .type = Type::choice,
     .fallback = "envelope",
     .choices = "envelope|json|influx",
     .doc = "envelope: dense, for our collector. json and influx (line protocol): for other "
            "receivers, with "
            "ack: broker; what is lost for want of space is said on the stream pinaflux/lost. To "
            "InfluxDB, records of "
            "one stream and one time are one point."},
    {.path = "topic",
     .type = Type::text,
     .min = 1,
     .max = 1024,
     .example = "\"plant/{gateway}/{stream}\"",
     .doc = "With format json or influx: where records go, with {gateway}, {lane} and {stream}; "
            "without it "
            "<topic_root>/{gateway}/<format>/{stream}."},
    {.path = "json",
     .type = Type::choice,
     .fallback = "lines",
     .choices = "lines|array|message",
     .doc = "With format json, a message holds: lines (one record each, up to 64 KiB), an array of "
            "records, or one "
            "record."},
    {.path = "gzip",
     .type = Type::boolean,
     .fallback = "false",
     .doc = "With format json or influx: what is sent is compressed, to about an eighth. It says "
            "so by Content-Encoding: gzip (HTTP), by a user property of that name (MQTT 5), by its "
            "first two bytes only (MQTT 3.1.1)."},
    {.path = "properties",
     .type = Type::boolean,
     .fallback = "false",
     .doc = "With MQTT 5: each batch says gateway, lane, epoch and range as user properties, too, "
            "for a broker's rules; about 110 bytes a batch."},
    {.path = "dictionaries",
     .type = Type::boolean,
     .fallback = "false",
     .doc = "Small batches of a live lane are packed with a dictionary that the collector keeps: "
            "of batches of 10 a twentieth to a half is saved. They no longer stand alone: whoever "
            "else reads them needs it, too (decode --dictionary)."},
    {.path = "user",
     .type = Type::text,
     .min = 1,
     .max = kTextMax,
     .example = "pump-station-7",
     .doc = "User name at the broker."},
    {.path = "password",
     .type = Type::secret,
     .example = "{file: /etc/pinaflux/uplink.password}",
     .doc = "Password at the broker, by reference."},
};
// Behind TLS's.
constexpr Key kSession[] = {
    {.path = "client_id",
     .type = Type::text,
     .min = 1,
     .max = 256,
     .doc =
         "MQTT client id; without it `pinaflux-<gateway>`, or `pinaflux-<gateway>-uplink-<name>`."},
    {.path = "topic_root",
     .type = Type::text,
     .fallback = "pinaflux",
     .min = 1,
     .max = 128,
     .doc = "First part of every topic; the collector must use the same."},
    {.path = "mac",
     .type = Type::text,
     .example = "link",
     .doc = "Name of a key: all that is sent carries a MAC by it, and only acks that carry one are "
            "believed, so "
            "that not even the broker can forge or delete. The collector needs the same key "
            "(--keys). 30 bytes a batch."},
    {.path = "sign",
     .type = Type::text,
     .example = "pump-7",
     .doc = "Name of a private key (PEM, P-256, not encrypted): all that is sent is signed by it "
            "(ES256), so that "
            "not even the broker can forge. Instead of mac: the collector needs the public key "
            "only (--keys). "
            "100 bytes a batch."},
    {.path = "acks_by",
     .type = Type::texts,
     .min = 1,
     .max = 64,
     .example = "collector",
     .doc = "Names of public keys (PEM, P-256): only acks that the collector has signed by one of "
            "them "
            "(--sign-key) are believed, so that not even the broker can delete."},
    {.path = "window",
     .type = Type::integer,
     .fallback = "16",
     .min = 1,
     .max = limits::kWindowMax,
     .doc = "Batches under way at a time."},
};
// Behind the budget's.
constexpr Key kPace[] = {
    {.path = "batch_age",
     .type = Type::duration,
     .fallback = "1s",
     .min = 10 * kMillisecond,
     .max = 3600 * kSecond,
     .doc = "How long a live record waits for others to travel with. Longer is denser: fewer bytes "
            "on the "
            "link."},
    {.path = "keep_alive",
     .type = Type::duration,
     .fallback = "30s",
     .min = 5 * kSecond,
     .max = 65'535 * kSecond,
     .doc = "A silent link is tested this often."},
    {.path = "back_off_max",
     .type = Type::duration,
     .fallback = "5m",
     .min = kSecond,
     .max = kDay,
     .doc = "Longest pause between two attempts to connect; pauses grow, at random, from 1s."},
};

std::vector<Key> steps() {
  std::vector<Key> all;
  for (const std::span<const Key> part :
       {std::span<const Key>(kWay), tls_keys(), std::span<const Key>(kSession), link_budget_keys(),
        std::span<const Key>(kPace)}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

}  // namespace

std::span<const Key> uplink_keys() {
  static const KeysBelow kTable("uplink", steps());
  return kTable.keys();
}

std::span<const Key> named_uplink_keys() {
  static const KeysBelow kTable("uplinks.*", steps());
  return kTable.keys();
}

}  // namespace pinaflux::config
