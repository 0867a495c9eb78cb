// heard_source: a source of the configuration that is listened to beside the agent, or in its place, and acknowledges nothing.
//
// Promise    An MQTT broker gives a session of its own, which ends with it, and what is retained; files are read from their beginning,
//            and no position is kept. What listens (HTTP, lines) needs its address, so the agent stopped: its senders get no answer,
//            and keep what they sent.
// Ownership  The platform must outlive it.
// Threads    Loop.
// Tests      tests/e2e/run (a_source_is_previewed)
#pragma once

#include <memory>

#include "agent/ingest/factory.h"
#include "platform/linux/linux.h"

namespace pinaflux {

// Started. Errors: those of Source::start().
Result<std::unique_ptr<Source>> heard_source(LinuxPlatform& platform,
                                             const AnySourceOptions& options);

}  // namespace pinaflux
