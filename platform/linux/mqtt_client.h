// MqttClient over Paho's asynchronous C library (the C++ one adds exceptions and size, and nothing
// that is used here).
//
// Ownership  The Loop must outlive the maker's clients.
// Threads    The maker and its clients: loop.
// Tests      tests/platform/linux_mqtt/
#pragma once

#include "platform/linux/loop.h"
#include "platform/mqtt_client.h"

namespace pinaflux {

MqttClientMaker make_mqtt_client_maker(LinuxLoop& loop);

}  // namespace pinaflux
