#include "agent/cli/terminal_text.h"

#include "platform/base/text.h"

namespace pinaflux {

namespace {

bool is_harmless(std::string_view letter) {
  const auto first = static_cast<unsigned char>(letter[0]);
  if (letter.size() == 1) return first == '\n' || first == '\t' || (first >= 0x20 && first != 0x7f);
  return first != 0xc2 || static_cast<unsigned char>(letter[1]) >= 0xa0;  // Below: C1.
}

}  // namespace

std::string terminal_text(Bytes bytes) {
  std::string text;
  text.reserve(bytes.size());
  for (std::string_view rest = as_text(bytes); !rest.empty();) {
    const std::size_t size = utf8_bytes(rest);
    const std::string_view letter = rest.substr(0, size > 0 ? size : 1);
    if (size > 0 && is_harmless(letter)) {
      text += letter;
    } else {
      text += '?';
    }
    rest.remove_prefix(letter.size());
  }
  return text;
}

}  // namespace pinaflux
