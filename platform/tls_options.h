// tls::Options: what a TLS client trusts, shows and accepts.
//
// Threads    Values; any.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "platform/base/bytes.h"

namespace pinaflux::tls {

enum class Version : std::uint8_t { tls12 = 12, tls13 = 13 };

struct Options {
  // PEM files. Both empty: the system's bundle. With a pre-shared key alone nothing is trusted but that key.
  std::string ca_file;
  std::string ca_directory;  // Every file in it.
  // What we show to a server that asks: a PEM chain, our own certificate first, and its key.
  std::string certificate_file;
  std::string key_file;      // Empty: in the certificate's file.
  std::string key_password;  // Empty: the key is not encrypted.
  std::string psk_identity;  // Empty: no pre-shared key.
  Buffer psk_key;            // 16 to 64 bytes.
  std::vector<std::string> alpn;
  Version version_min = Version::tls12;
  // IANA names, most wanted first. Empty: ours (platform/tls/credentials.cc).
  std::vector<std::string> ciphers;

  bool operator==(const Options&) const = default;
};

// An address whose stream is encrypted.
inline bool spoken(std::string_view address) {
  return address.starts_with("tls://") || address.starts_with("wss://") ||
         address.starts_with("https://");
}

}  // namespace pinaflux::tls
