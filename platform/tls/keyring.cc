#include "platform/tls/keyring.h"

#include <algorithm>
#include <utility>

namespace pinaflux::tls {

namespace {

std::uint64_t mix(std::uint64_t mark, std::uint64_t value) {
  return (mark ^ value) * 0x9E37'79B9'7F4A'7C15U;
}

}  // namespace

std::uint64_t Keyring::mark_of(const Options& options) const {
  std::uint64_t mark = 0;
  for (const std::string* path :
       {&options.ca_file, &options.ca_directory, &options.certificate_file, &options.key_file}) {
    if (path->empty()) continue;
    const auto info = files_.info(*path);
    if (!info) return 0;
    mark = mix(mix(mix(mark, info->bytes), static_cast<std::uint64_t>(info->modified.ns)),
               info->inode);
  }
  return mark;
}

std::expected<std::shared_ptr<Credentials>, Failure> Keyring::get(const Options& options) {
  const std::uint64_t mark = mark_of(options);
  const auto at = std::ranges::find(held_, options, &Held::options);
  if (at != held_.end() && at->mark == mark) return at->credentials;
  auto loaded = Credentials::load(files_, options);
  if (at == held_.end()) {
    if (loaded) held_.push_back({options, mark, *loaded});
    return loaded;
  }
  if (!loaded) return at->credentials;
  at->mark = mark;
  at->credentials = *loaded;
  return loaded;
}

}  // namespace pinaflux::tls
