// LinuxPlatform: every maker that main.cc hands in, with one owner.
//
// Order      Call configure_names() first in main, make() before any other thread.
// Ownership  Must outlive everything made from it.
// Threads    Loop, except where an interface says otherwise.
#pragma once

#include <memory>

#include "platform/base/result.h"
#include "platform/http/servers.h"
#include "platform/linux/clock.h"
#include "platform/linux/entropy.h"
#include "platform/linux/files.h"
#include "platform/linux/loop.h"
#include "platform/linux/names.h"
#include "platform/linux/network.h"
#include "platform/linux/process.h"
#include "platform/linux/worker.h"

namespace pinaflux {

struct LinuxPlatform {
  static Result<std::unique_ptr<LinuxPlatform>> make();

  // One more thread for what may block.
  Result<std::unique_ptr<LinuxWorker>> worker() { return LinuxWorker::make(*loop); }

  LinuxClock clock;
  LinuxEntropy entropy;
  LinuxFiles files;
  std::unique_ptr<LinuxLoop> loop;
  LinuxProcess process;
  LinuxNetwork network;
  StreamHttpServers http_servers;

 private:
  explicit LinuxPlatform(std::unique_ptr<LinuxLoop> its)
      : loop(std::move(its)), process(*loop), network(*loop), http_servers(network, *loop) {}
};

}  // namespace pinaflux
