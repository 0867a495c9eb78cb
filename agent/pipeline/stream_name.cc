#include "agent/pipeline/stream_name.h"

#include <algorithm>

#include "agent/data/anchor.h"
#include "agent/data/limits.h"
#include "platform/base/text.h"

namespace pinaflux {

bool is_stream_name(std::string_view name) {
  const bool own = name == kOwnSource || (name.starts_with(kOwnSource) &&
                                          name.substr(kOwnSource.size()).starts_with('/'));
  const auto bad = [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '+' || c == '#' || c == '*';
  };
  return !own && !name.empty() && name.size() <= limits::kNameBytesMax && utf8_valid(name) &&
         std::ranges::none_of(name, bad);
}

}  // namespace pinaflux
