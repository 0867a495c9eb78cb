// Progress bar: a line on standard error that is drawn over; nothing where that is no terminal.
//
// Threads    The caller's.
#pragma once

#include <cstdint>

namespace pinaflux {

class ProgressBar {
 public:
  explicit ProgressBar(const char* what);
  ~ProgressBar() { clear(); }
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void show(std::uint64_t done, std::uint64_t total);  // Total 0: not known.
  void clear();

 private:
  const char* what_;
  bool terminal_;
  int shown_ = -1;  // Percent.
};

}  // namespace pinaflux
