#include "tests/sim/crash/canary.h"

#include <algorithm>

namespace pinaflux::crash {

std::string wrong_with_bytes(Bytes bytes, std::string_view done) {
  const std::string_view text = as_text(bytes);
  const std::size_t at = text.find(kCanary);
  if (at == text.npos) return {};
  const std::string_view rest = text.substr(at + kCanary.size());
  const auto end = std::ranges::find_if(rest, [](char c) { return c < 'a' || c > 'z'; });
  return "what may not be kept was " + std::string(done) + " in plain text (" +
         std::string(rest.begin(), end) + ")";
}

}  // namespace pinaflux::crash
