// Process: this process as the operating system sees it.
//
// Threads    Loop.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "platform/base/result.h"

namespace pinaflux {

class Process {
 public:
  virtual ~Process() = default;
  // Runs on the loop at SIGTERM or SIGINT (`stop`) and at SIGHUP (`reload`).
  virtual void on_signals(std::function<void()> stop, std::function<void()> reload) = 0;
  // sd_notify text such as "READY=1"; does nothing without NOTIFY_SOCKET.
  virtual void notify(std::string_view state) = 0;
  // Half of WATCHDOG_USEC as milliseconds, 0 without a watchdog.
  virtual std::int64_t watchdog_ms() const = 0;
  virtual std::uint64_t resident_bytes() const = 0;
  virtual std::uint64_t written_bytes()
      const = 0;  // The kernel's write_bytes; 0 if it does not tell.
  virtual std::string host_name() const = 0;
  virtual int id() const = 0;
};

}  // namespace pinaflux
