#include "agent/cli/heard_source.h"

#include "agent/cli/visitor.h"

namespace pinaflux {

namespace {

std::unique_ptr<Source> visiting(LinuxPlatform& platform, MqttSourceOptions options,
                                 const SourceHost& host) {
  options.retained = true;
  options.qos = 0;
  return std::make_unique<MqttSource>(
      options, host, [&platform, options](const mqtt::Options& its, mqtt::Session::Events& events) {
        mqtt::Options visit = visitor(options, "preview", platform.entropy);
        visit.version = its.version;
        return mqtt::Session::connect(platform.network, *platform.loop, visit, events);
      });
}

}  // namespace

Result<std::unique_ptr<Source>> heard_source(LinuxPlatform& platform,
                                             const AnySourceOptions& options) {
  SourceHost host{*platform.loop,
                  platform.clock,
                  platform.network,
                  platform.http_servers,
                  platform.files,
                  platform.entropy,
                  [&platform] { return Stamp::wall(platform.clock.wall()); },
                  InstallKey{},
                  {}};
  platform.entropy.fill(host.install_key);
  const auto* mqtt = std::get_if<MqttSourceOptions>(&options);
  auto source = mqtt != nullptr ? visiting(platform, *mqtt, host) : nullptr;
  if (!source) {
    auto made = make_source(options, host);
    if (!made) return made;
    source = std::move(*made);
  }
  source->restore({});
  if (Status s = source->start(); !s) return std::unexpected(s.error());
  return source;
}

}  // namespace pinaflux
