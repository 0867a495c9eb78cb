#include "agent/cli/progress_bar.h"

#include <cstdio>
#include <string>
#include <unistd.h>

namespace pinaflux {

ProgressBar::ProgressBar(const char* what) : what_(what), terminal_(::isatty(STDERR_FILENO) == 1) {}

void ProgressBar::show(std::uint64_t done, std::uint64_t total) {
  if (!terminal_ || total == 0) return;
  const auto percent = done >= total ? 100 : static_cast<int>(done * 100 / total);
  if (percent == shown_) return;
  shown_ = percent;
  const std::string bar(static_cast<std::size_t>(percent) / 4, '#');
  std::fprintf(stderr, "\r%s  [%-25s] %3d %%", what_, bar.c_str(), percent);
  std::fflush(stderr);
}

void ProgressBar::clear() {
  if (shown_ < 0) return;
  std::fputs("\r\033[K", stderr);
  shown_ = -1;
}

}  // namespace pinaflux
