// SimProcess: one simulated program as its system sees it; no watchdog, no accounting.
//
// Threads    One.
#pragma once

#include <string>
#include <utility>

#include "platform/process.h"
#include "platform/sim/loop.h"

namespace pinaflux {

class SimProcess final : public Process {
 public:
  SimProcess(SimLoop& loop, std::string host, int id)
      : loop_(loop), host_(std::move(host)), id_(id) {}

  void on_signals(std::function<void()> stop, std::function<void()> reload) override {
    stop_ = std::move(stop);
    reload_ = std::move(reload);
  }
  void notify(std::string_view state) override { notified_ = state; }
  std::int64_t watchdog_ms() const override { return 0; }
  std::uint64_t resident_bytes() const override { return 0; }
  std::uint64_t written_bytes() const override { return 0; }
  std::string host_name() const override { return host_; }
  int id() const override { return id_; }

  void terminate() { loop_.post(stop_); }  // SIGTERM.
  void hang_up() { loop_.post(reload_); }  // SIGHUP.
  const std::string& notified() const { return notified_; }

 private:
  SimLoop& loop_;
  const std::string host_;
  const int id_;
  std::function<void()> stop_, reload_;
  std::string notified_;
};

}  // namespace pinaflux
