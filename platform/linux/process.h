// LinuxProcess: signals, systemd's notifications and the kernel's accounting of this process.
//
// Threads    Loop.
// Source     sd_notify(3), sd_watchdog_enabled(3): the protocol is stable and needs no library.
// Tests      tests/platform/linux/process_test.cc
#pragma once

#include <memory>

#include "platform/linux/loop.h"
#include "platform/process.h"

namespace pinaflux {

class LinuxProcess final : public Process {
 public:
  // Ignores SIGPIPE and SIGXFSZ from here on: a peer that is gone and a file that may not grow are
  // answers, not signals.
  explicit LinuxProcess(LinuxLoop& loop);

  void on_signals(std::function<void()> stop, std::function<void()> reload) override;
  void notify(std::string_view state) override;
  std::int64_t watchdog_ms() const override;
  std::uint64_t resident_bytes() const override;
  std::uint64_t written_bytes() const override;
  std::string host_name() const override;
  int id() const override;

 private:
  event_base* const base_;
  std::function<void()> stop_, reload_;
  EventPtr terminated_, interrupted_, hung_up_;
};

}  // namespace pinaflux
