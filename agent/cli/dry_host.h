// DryHost: what a dry run (agent/dry_run.h) needs of this machine, with one owner.
//
// Promise    Processes are confined as the agent's are. What becomes of them is shown by the run, so nothing is logged.
// Threads    The caller's, whose loop it runs.
// Tests      tests/e2e/run (the_commands_answer)
#pragma once

#include <memory>

#include "agent/agent/companions.h"
#include "platform/base/log.h"
#include "platform/base/random.h"
#include "platform/base/result.h"
#include "platform/linux/children.h"
#include "platform/linux/linux.h"

namespace pinaflux {

class DryHost {
 public:
  static Result<std::unique_ptr<DryHost>> make() {
    return LinuxPlatform::make().transform([](std::unique_ptr<LinuxPlatform> platform) {
      return std::unique_ptr<DryHost>(new DryHost(std::move(platform)));
    });
  }

  LinuxPlatform& platform() { return *platform_; }
  Companions::Host companions() {
    return {&children_, *platform_->loop, platform_->clock, platform_->files, log_, random_};
  }

 private:
  explicit DryHost(std::unique_ptr<LinuxPlatform> platform)
      : platform_(std::move(platform)),
        log_(
            Log::Level::error, [this] { return platform_->clock.now(); }, [](std::string_view) {}),
        random_(platform_->entropy.u64()),
        children_(*platform_->loop) {}

  std::unique_ptr<LinuxPlatform> platform_;
  Log log_;
  Random random_;
  LinuxChildren children_;
};

}  // namespace pinaflux
