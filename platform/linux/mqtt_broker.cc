#include "platform/linux/mqtt_broker.h"

#include <algorithm>

#include "platform/address.h"

namespace pinaflux {

namespace {

struct Scheme {
  std::string_view ours, paho;
  bool tls, websocket;
};
constexpr Scheme kSchemes[] = {
    {"tcp://", "tcp://", false, false},
    {"tls://", "ssl://", true, false},
    {"ws://", "ws://", false, true},
    {"wss://", "wss://", true, true},
};

}  // namespace

Result<MqttBroker> parse_mqtt_broker(std::string_view text) {
  if (text.starts_with("ssl://") || text.starts_with("mqtts://"))
    return fail(Code::invalid, "MQTT over TLS is written tls://HOST:PORT");
  if (text.starts_with("mqtt://"))
    return fail(Code::invalid, "MQTT without TLS is written tcp://HOST:PORT");
  const auto* scheme =
      std::ranges::find_if(kSchemes, [&](const Scheme& one) { return text.starts_with(one.ours); });
  if (scheme == std::end(kSchemes)) {
    return fail(Code::invalid,
                "a broker is tls://HOST:PORT, tcp://HOST:PORT, wss://HOST:PORT/PATH or "
                "ws://HOST:PORT/PATH");
  }
  const std::string_view rest = text.substr(scheme->ours.size());
  const std::size_t path = std::min(rest.find('/'), rest.size());
  if (path < rest.size() && !scheme->websocket)
    return fail(Code::invalid, "only ws:// and wss:// have a path after HOST:PORT");
  const std::string authority(rest.substr(0, path));
  const auto address = parse_address("tcp://" + authority);
  if (!address) return std::unexpected(address.error());
  if (address->host.empty()) return fail(Code::invalid, "the broker's host is missing");
  return MqttBroker{.tls = scheme->tls,
                    .websocket = scheme->websocket,
                    .paho = std::string(scheme->paho) + std::string(rest),
                    .host = address->host,
                    .port = address->port,
                    .authority = authority,
                    .path = std::string(rest.substr(path))};
}

}  // namespace pinaflux
