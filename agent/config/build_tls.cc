// What of TLS is not in the keys alone: files are read here once, so that a certificate that cannot be used is
// found by `config check`, at its line, and not on the roof.

#include <array>

#include "agent/config/build.h"
#include "agent/config/secret.h"
#include "agent/data/identity.h"
#include "platform/tls/credentials.h"

namespace pinaflux::config {

namespace {

constexpr std::array kTlsKeys{"ca", "certificate", "key", "tls"};
constexpr std::size_t kPskBytesMin = 16, kPskBytesMax = 64;

bool is_directory(Files& files, const std::string& path) {
  const auto info = files.info(path);
  return info && info->directory;
}

// False: it is at fault, and reported.
bool read_psk(const Reader& r, Building& building, tls::Options& o) {
  o.psk_identity = r.text("psk_identity");
  if (r.has("psk") != r.has("psk_identity")) {
    const char* given = r.has("psk") ? "psk" : "psk_identity";
    building.findings.error(r.key_place(given), "half of a pre-shared key",
                            "give both, 'psk_identity' and 'psk'");
    return false;
  }
  if (!r.has("psk")) return true;
  std::string text = read_secret(building.files, r, "psk", building.findings);
  if (text.empty()) return false;
  o.psk_key.resize(text.size() / 2);
  const bool hex = unhex(text, o.psk_key);
  wipe({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
  if (hex && o.psk_key.size() >= kPskBytesMin && o.psk_key.size() <= kPskBytesMax) return true;
  building.findings.error(r.key_place("psk"), "this is no pre-shared key",
                          "it is 32 to 128 hexadecimal digits: openssl rand -hex 32");
  return false;
}

void check_key_mode(const Reader& r, Building& building, const std::string& path) {
  const auto info = building.files.info(path);
  if (!info || (info->mode & 077) == 0) return;
  building.findings.error(r.value_place("key"), "the private key is open to its group or to others",
                          "chmod 600 the file");
}

// A failure's text is "what is wrong: what to do".
void report(const Reader& r, Building& building, const tls::Failure& failure) {
  Place place = r.value_place("broker");
  for (const char* name : {"ca", "certificate", "key"}) {
    const std::string path = r.text(name);
    if (!path.empty() && failure.text.find("'" + path + "'") != std::string::npos)
      place = r.value_place(name);
  }
  const std::size_t split = failure.text.find(": ");
  const bool whole = split == std::string::npos;
  building.findings.error(place, failure.text.substr(0, split),
                          whole ? std::string() : failure.text.substr(split + 2));
}

}  // namespace

tls::Options build_tls(const Reader& r, Building& building) {
  tls::Options o;
  if (!tls::spoken(r.address("broker"))) {
    for (const char* name : kTlsKeys) {
      if (!r.has(name)) continue;
      building.findings.error(r.key_place(name),
                              "'" + std::string(name) + "' is for tls://, wss:// and https:// only",
                              "write broker: tls://HOST:8883, or remove it");
    }
    return o;
  }
  const std::string ca = r.text("ca");
  (is_directory(building.files, ca) ? o.ca_directory : o.ca_file) = ca;
  o.certificate_file = r.text("certificate");
  o.key_file = r.text("key");
  const Reader more = r.section("tls");
  o.key_password = read_secret(building.files, more, "key_password", building.findings);
  o.version_min = more.text("version_min") == "1.3" ? tls::Version::tls13 : tls::Version::tls12;
  o.ciphers = more.texts("ciphers");
  o.alpn = more.texts("alpn");
  if (!read_psk(more, building, o)) return o;
  if (!o.key_file.empty()) check_key_mode(r, building, o.key_file);
  const auto loaded = tls::Credentials::load(building.files, o);
  if (!loaded) report(r, building, loaded.error());
  return o;
}

}  // namespace pinaflux::config
