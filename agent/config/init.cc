#include "agent/config/init.h"

#include "agent/config/units.h"

namespace pinaflux {

std::string gateway_id(std::string_view host_name) {
  std::string id;
  for (const char c : host_name.substr(0, 64)) {
    const bool sign = c == '-' || c == '_' || c == '.';
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    id += letter || (sign && !id.empty()) ? c : '-';
  }
  const auto begin = id.find_first_not_of("-._");
  if (begin == std::string::npos) return "gateway";
  id.erase(0, begin);
  while (!config::valid_name(id.substr(id.size() - 1)) || id.ends_with('-') || id.ends_with('.'))
    id.pop_back();
  return id;
}

std::string initial_configuration(const InitialOptions& options) {
  return "# Pinaflux Edge, configuration of this gateway.\n"
         "# Check it:       pinaflux config validate FILE\n"
         "# What is a key:  pinaflux config explain sources.*.every\n"
         "# Take it over:   systemctl reload pinaflux, or pinaflux config apply FILE\n"
         "pinaflux: 1\n"
         "\n"
         "# Unique among all gateways that share a collector. Quoted: a name may look like a "
         "number.\n"
         "gateway:\n"
         "  id: \"" +
         gateway_id(options.host_name) +
         "\"\n"
         "\n"
         "# Where records wait until the collector has them.\n"
         "spool:\n"
         "  path: " +
         options.spool +
         "\n"
         "  size_max: 512MiB\n"
         "\n"
         "sources:\n"
         "  # This machine's own figures: processor, memory, disks, network, temperatures.\n"
         "  machine:\n"
         "    type: system\n"
         "    every: 10s\n"
         "\n"
         "  # Readings from a broker on this gateway, acknowledged when they are on disk.\n"
         "  # zigbee:\n"
         "  #   type: mqtt\n"
         "  #   broker: tcp://127.0.0.1:1883\n"
         "  #   topics: [\"zigbee2mqtt/+\"]\n"
         "  #   format: json\n"
         "\n"
         "  # Readings that other programs post: POST /ingest/<stream>, InfluxDB's /write.\n"
         "  # local:\n"
         "  #   type: http\n"
         "  #   listen: tcp://127.0.0.1:8086\n"
         "\n"
         "# What must not be stored: applied before anything else sees a record.\n"
         "# mask:\n"
         "#   - {stream: \"zigbee/*\", field: user, with: drop}\n"
         "\n"
         "# The queue. Without this section one lane, `normal`, takes everything.\n"
         "lanes:\n"
         "  normal:\n"
         "    from: [machine]  # Add the sources that you add above.\n"
         "    keep: 30d\n"
         "\n"
         "uplink:\n"
         "  type: mqtt\n"
         "  broker: " +
         options.broker +
         "  # The broker that the collector listens to.\n"
         "  ack: collector  # A record is deleted here when the collector has landed it.\n";
}

}  // namespace pinaflux
