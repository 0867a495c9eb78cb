// SimMqttClient: the uplink's MqttClient over any Network, by our own MQTT session.
//
// Ownership  Loop and network outlive the maker's clients.
// Threads    One.
// Tests      tests/platform/mqtt_client_contract.h
#pragma once

#include "platform/loop.h"
#include "platform/mqtt_client.h"
#include "platform/network.h"

namespace pinaflux {

MqttClientMaker make_sim_mqtt_client_maker(Loop& loop, Network& network);

}  // namespace pinaflux
