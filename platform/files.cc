#include "platform/files.h"

namespace pinaflux {

Result<std::string> Files::read_text(const std::string& path, std::size_t bytes_max) {
  auto file = open(path, Mode::read);
  if (!file) return std::unexpected(file.error());
  std::string text;
  std::uint8_t block[16 * 1024];
  while (true) {
    auto n = (*file)->read_at(text.size(), block);
    if (!n) return std::unexpected(n.error());
    if (*n == 0) return text;
    if (*n > bytes_max - text.size()) return fail(Code::full, "the file is larger than allowed");
    text.append(reinterpret_cast<const char*>(block), *n);
  }
}

Status Files::replace(const std::string& path, std::string_view text) {
  const std::string temporary = path + ".new";
  if (auto gone = remove(temporary); !gone && gone.error().code != Code::not_found) return gone;
  {
    auto file = open(temporary, Mode::create);
    if (!file) return std::unexpected(file.error());
    if (auto s = (*file)->write_at(0, as_bytes(text)); !s) return s;
    if (auto s = (*file)->sync(); !s) return s;
  }
  if (auto s = rename(temporary, path); !s) return s;
  const auto slash = path.rfind('/');
  return sync_directory(slash == std::string::npos ? "." : path.substr(0, slash + 1));
}

}  // namespace pinaflux
