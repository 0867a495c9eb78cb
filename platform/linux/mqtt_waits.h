// What ends the waits of Paho's receiving thread: a socket that was made, and a connection that has come about.
//
// Threads    Any.
// Tests      tests/platform/linux_mqtt/
#pragma once

namespace pinaflux {

// Paho has made `socket` and told it to connect.
void paho_dialled(int socket);

}  // namespace pinaflux
