// The parts of the table of keys, in their order; read it through keys.h.
//
// Threads    Immutable; any.
#pragma once

#include <span>

#include "agent/config/keys.h"

namespace pinaflux::config {

std::span<const Key> top_keys();
std::span<const Key> source_keys();
std::span<const Key> mask_keys();
std::span<const Key> pipeline_keys();
std::span<const Key> delivery_keys();
// The keys of TLS, of a source and of the uplink.
std::span<const Key> source_tls_keys();
std::span<const Key> uplink_tls_keys();

}  // namespace pinaflux::config
