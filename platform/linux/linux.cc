#include "platform/linux/linux.h"

#include <event2/event.h>

namespace pinaflux {

Result<std::unique_ptr<LinuxPlatform>> LinuxPlatform::make() {
  // libevent would write its warnings to standard error, around our log; what matters comes back as
  // errors.
  event_set_log_callback([](int, const char*) {});
  auto loop = LinuxLoop::make();
  if (!loop) return std::unexpected(loop.error());
  return std::unique_ptr<LinuxPlatform>(new LinuxPlatform(std::move(*loop)));
}

}  // namespace pinaflux
