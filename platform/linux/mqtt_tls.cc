#include "platform/linux/mqtt_tls.h"

#include <utility>

#include "platform/http/url.h"
#include "platform/linux/clock.h"

namespace pinaflux {

std::string MqttTls::begin(const MqttConnect& options) {
  end();
  auto credentials = keyring_.get(options.tls);
  if (!credentials) {
    unloaded_ = std::move(credentials.error());
    return {};
  }
  const std::int64_t wall = LinuxClock().wall().ns / Duration::seconds(1).ns;
  const std::int64_t judged_at = options.judged_at != 0 ? options.judged_at : wall;
  return paho_.emplace(std::move(*credentials), judged_at).name();
}

void MqttTls::end() {
  paho_.reset();
  unloaded_ = {};
}

std::string MqttTls::trouble(bool connected, const MqttConnect& options) const {
  if (unloaded_.any()) return unloaded_.text;
  if (!paho_) return {};
  const tls::Failure failure = paho_->failure();
  // Of TLS that worked these are the link's end, or the broker's.
  const bool worked = connected || ready();
  const bool plain = failure.cause == tls::Cause::ended || failure.cause == tls::Cause::cut;
  if (failure.any() && !(worked && plain))
    return "no TLS with the broker at " + without_query(options.broker) + ": " + failure.text;
  if (paho_->stage() != tls::PahoTls::Stage::handshake) return {};
  return "the TLS handshake with the broker at " + without_query(options.broker) +
         " was not done within " + std::to_string(options.timeout.ns / Duration::seconds(1).ns) +
         " s: check whether the port speaks TLS, and the link";
}

bool MqttTls::ready() const { return paho_ && paho_->stage() == tls::PahoTls::Stage::ready; }

std::string MqttTls::facts() const {
  if (!paho_) return {};
  const tls::Connection::Facts facts = paho_->facts();
  return facts.version + " " + facts.cipher + (facts.resumed ? ", resumed" : "");
}

}  // namespace pinaflux
