// Why Paho did not reach a broker, in our words.
//
// Threads    Paho's: inside the callback that tells of the failure.
// Tests      tests/delivery/told
#pragma once

#include <string>
#include <string_view>

namespace pinaflux {

// "what is wrong: what to do"; `paho` itself, where it is not known.
std::string unreached_text(std::string_view paho);

}  // namespace pinaflux
