// Suites: TLS 1.3's, and of TLS 1.2 those with ephemeral keys and authenticated encryption; with a pre-shared
// key its plain exchanges too, which is what small brokers offer. ChaCha20 goes first where AES has no
// instructions (see platform/crypto/aead.cc).

#include "platform/tls/credentials.h"

#include <algorithm>
#include <array>
#include <utility>

#include <mbedtls/error.h>

#include "platform/base/assert.h"
#include "platform/tls/state.h"

namespace pinaflux::tls {

namespace {

constexpr const char* kSystemBundles[] = {
    "/etc/ssl/certs/ca-certificates.crt",  // Debian, OpenWrt, Buildroot, Yocto.
    "/etc/pki/tls/certs/ca-bundle.crt",    // Fedora.
    "/etc/ssl/cert.pem",                   // Alpine.
};

constexpr std::array kChaCha{
    MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
};
constexpr std::array kAes{
    MBEDTLS_TLS1_3_AES_128_GCM_SHA256,
    MBEDTLS_TLS1_3_AES_256_GCM_SHA384,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
};
constexpr std::array kPsk{
    MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256,
    MBEDTLS_TLS1_3_AES_128_GCM_SHA256,
    MBEDTLS_TLS1_3_AES_256_GCM_SHA384,
    MBEDTLS_TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256,
    MBEDTLS_TLS_PSK_WITH_CHACHA20_POLY1305_SHA256,
    MBEDTLS_TLS_PSK_WITH_AES_128_GCM_SHA256,
    MBEDTLS_TLS_PSK_WITH_AES_256_GCM_SHA384,
};

#if defined(__x86_64__) || defined(__aarch64__)
constexpr bool kAesInstructions = true;
#else
constexpr bool kAesInstructions = false;
#endif

bool is_tls13(int suite) { return suite >> 8 == 0x13; }  // RFC 8446 section B.4.

Failure bad_file(const std::string& path, const std::string& why) {
  return {Cause::file, "'" + path + "' " + why};
}

std::expected<std::string, Failure> read(Files& files, const std::string& path,
                                         std::size_t bytes_max) {
  auto text = files.read_text(path, bytes_max);
  if (text) return std::move(*text);
  switch (text.error().code) {
    case Code::not_found:
      return std::unexpected(bad_file(path, "does not exist: put the PEM file there"));
    case Code::denied:
      return std::unexpected(bad_file(path, "may not be read: let the agent's user read it"));
    case Code::full:
      return std::unexpected(
          bad_file(path, "is too large for a PEM file: leave only its certificates in it"));
    default: return std::unexpected(bad_file(path, "cannot be read: check the disk"));
  }
}

// How many certificates were added; mbedTLS wants the ending zero with the text.
int add_certificates(Chain& to, const std::string& pem) {
  const auto count = [&] {
    int n = 0;
    for (const mbedtls_x509_crt* c = &to.crt; c != nullptr && c->raw.p != nullptr; c = c->next) ++n;
    return n;
  };
  const int before = count();
  const int left_out = mbedtls_x509_crt_parse(
      &to.crt, reinterpret_cast<const unsigned char*>(pem.c_str()), pem.size() + 1);
  return left_out < 0 ? 0 : count() - before;
}

std::optional<Failure> add_file(Files& files, const std::string& path, std::size_t bytes_max,
                                Chain& to) {
  const auto pem = read(files, path, bytes_max);
  if (!pem) return pem.error();
  if (add_certificates(to, *pem) > 0) return {};
  if (pem->find("-----BEGIN ") == std::string::npos)
    return bad_file(
        path,
        "is no PEM file, as it has no line '-----BEGIN CERTIFICATE-----': put the certificate "
        "there in PEM");
  return bad_file(path, "holds no certificate that can be read: copy it there again");
}

std::optional<Failure> add_directory(Files& files, const std::string& path, Chain& to) {
  const auto names = files.list(path);
  if (!names) return bad_file(path, "is no directory that can be read: check its path and mode");
  int added = 0;
  for (const std::string& name : *names) {
    const auto pem = files.read_text(path + "/" + name, Credentials::kPemBytesMax);
    if (pem) added += add_certificates(to, *pem);
  }
  if (added == 0) return bad_file(path, "holds no PEM file with a certificate: put the CA's there");
  return {};
}

std::optional<Failure> add_system(Files& files, Chain& to) {
  for (const char* path : kSystemBundles) {
    const auto pem = files.read_text(path, Credentials::kAnchorBytesMax);
    if (pem && add_certificates(to, *pem) > 0) return {};
  }
  return Failure{Cause::file,
                 "this system has no CA certificates (package ca-certificates): install them, or "
                 "name the server's CA with `ca`"};
}

std::optional<Failure> load_trust(Files& files, const Options& options, Chain& anchors,
                                  std::string& trust) {
  trust = !options.ca_file.empty() ? "'" + options.ca_file + "'" : "";
  if (!options.ca_directory.empty()) {
    trust += (trust.empty() ? "'" : " and '") + options.ca_directory + "'";
  }
  if (!options.ca_file.empty()) {
    auto failed = add_file(files, options.ca_file, Credentials::kAnchorBytesMax, anchors);
    if (failed) return failed;
  }
  if (!options.ca_directory.empty()) {
    if (auto failed = add_directory(files, options.ca_directory, anchors)) return failed;
  }
  if (!trust.empty() || !options.psk_identity.empty()) return {};
  trust = "the system's CA certificates";
  return add_system(files, anchors);
}

std::optional<Failure> load_key(Files& files, const Options& options, PrivateKey& key) {
  const std::string& path = options.key_file.empty() ? options.certificate_file : options.key_file;
  auto pem = read(files, path, Credentials::kPemBytesMax);
  if (!pem) return pem.error();
  const std::string& password = options.key_password;
  const int failed = mbedtls_pk_parse_key(
      &key.pk, reinterpret_cast<const unsigned char*>(pem->c_str()), pem->size() + 1,
      password.empty() ? nullptr : reinterpret_cast<const unsigned char*>(password.data()),
      password.size(), random_bytes, nullptr);
  // One password in 256 gives padding that fits, and a key that is none.
  const bool decrypted = pem->contains("ENCRYPTED") && !password.empty();
  wipe({reinterpret_cast<std::uint8_t*>(pem->data()), pem->size()});
  switch (decrypted && failed != 0 ? MBEDTLS_ERR_PK_PASSWORD_MISMATCH : failed) {
    case 0: return {};
    case MBEDTLS_ERR_PK_PASSWORD_REQUIRED:
      return bad_file(path, "is an encrypted key: give its password with `key_password`");
    case MBEDTLS_ERR_PK_PASSWORD_MISMATCH:
      return bad_file(path, "is an encrypted key of another password: check `key_password`");
    default:
      return bad_file(path, "holds no private key in PEM that can be read: copy it there again");
  }
}

std::optional<Failure> load_own(Files& files, const Options& options, Chain& own, PrivateKey& key) {
  if (options.certificate_file.empty() && options.key_file.empty()) return {};
  if (options.certificate_file.empty())
    return Failure{Cause::file, "a key without its certificate: give both, or none"};
  auto failed = add_file(files, options.certificate_file, Credentials::kPemBytesMax, own);
  if (!failed) failed = load_key(files, options, key);
  if (failed) return failed;
  if (mbedtls_pk_check_pair(&own.crt.pk, &key.pk, random_bytes, nullptr) != 0) {
    return bad_file(options.certificate_file,
                    "and its key do not belong together: give the key of the file's first "
                    "certificate, which must be the gateway's own");
  }
  return {};
}

std::optional<Failure> choose_suites(const Options& options, std::vector<int>& suites) {
  for (const std::string& name : options.ciphers) {
    std::string dashed = name;  // mbedTLS writes TLS-ECDHE-..., IANA TLS_ECDHE_...
    std::ranges::replace(dashed, '_', '-');
    int id = mbedtls_ssl_get_ciphersuite_id(dashed.c_str());
    if (id == 0 && dashed.starts_with("TLS-")) {
      id = mbedtls_ssl_get_ciphersuite_id(("TLS1-3-" + dashed.substr(4)).c_str());
    }
    if (id == 0) {
      return Failure{Cause::file, "the cipher suite '" + name +
                                      "' is unknown here: write IANA's name of one, for example "
                                      "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"};
    }
    suites.push_back(id);
  }
  const auto add = [&](const auto& some) { suites.insert(suites.end(), some.begin(), some.end()); };
  if (!suites.empty()) {
    // The list is whole.
  } else if (!options.psk_identity.empty()) {
    add(kPsk);
  } else {
    if (!kAesInstructions) add(kChaCha);
    add(kAes);
    if (kAesInstructions) add(kChaCha);
  }
  suites.push_back(0);
  return {};
}

}  // namespace

std::unique_ptr<SavedSession> Credentials::State::take_session(const std::string& host) {
  const std::lock_guard lock(mutex_);
  const auto at = sessions_.find(host);
  if (at == sessions_.end()) return nullptr;
  auto session = std::move(at->second);
  sessions_.erase(at);
  return session;
}

void Credentials::State::keep_session(const std::string& host,
                                      std::unique_ptr<SavedSession> session) {
  const std::lock_guard lock(mutex_);
  if (sessions_.size() >= kHostsMax && !sessions_.contains(host)) sessions_.clear();
  sessions_[host] = std::move(session);
}

Credentials::Credentials() : state_(std::make_unique<State>()) {}
Credentials::~Credentials() = default;

const std::string& Credentials::trust() const { return state_->trust; }

std::expected<std::shared_ptr<Credentials>, Failure> Credentials::load(Files& files,
                                                                       const Options& options) {
  if (psa_crypto_init() != PSA_SUCCESS)
    return std::unexpected(Failure{Cause::other, "this system gives no random numbers"});
  std::shared_ptr<Credentials> made(new Credentials());
  State& s = *made->state_;
  if (auto failed = load_trust(files, options, s.anchors, s.trust)) return std::unexpected(*failed);
  if (auto failed = load_own(files, options, s.own, s.key)) return std::unexpected(*failed);
  if (auto failed = choose_suites(options, s.suites)) return std::unexpected(*failed);

  int failed = mbedtls_ssl_config_defaults(
      &s.config, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);
  mbedtls_ssl_conf_authmode(&s.config, MBEDTLS_SSL_VERIFY_REQUIRED);
  mbedtls_ssl_conf_ca_chain(&s.config, &s.anchors.crt, nullptr);
  mbedtls_ssl_conf_rng(&s.config, random_bytes, nullptr);
  mbedtls_ssl_conf_ciphersuites(&s.config, s.suites.data());
  mbedtls_ssl_conf_min_tls_version(&s.config, options.version_min == Version::tls13
                                                  ? MBEDTLS_SSL_VERSION_TLS1_3
                                                  : MBEDTLS_SSL_VERSION_TLS1_2);
  if (std::ranges::none_of(s.suites, is_tls13))
    mbedtls_ssl_conf_max_tls_version(&s.config, MBEDTLS_SSL_VERSION_TLS1_2);
  mbedtls_ssl_conf_tls13_enable_signal_new_session_tickets(
      &s.config, MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_ENABLED);
  if (s.own.crt.raw.p != nullptr && failed == 0)
    failed = mbedtls_ssl_conf_own_cert(&s.config, &s.own.crt, &s.key.pk);
  if (!options.psk_identity.empty() && failed == 0) {
    failed =
        mbedtls_ssl_conf_psk(&s.config, options.psk_key.data(), options.psk_key.size(),
                             reinterpret_cast<const unsigned char*>(options.psk_identity.data()),
                             options.psk_identity.size());
  }
  s.alpn = options.alpn;
  for (const std::string& name : s.alpn) s.alpn_views.push_back(name.c_str());
  s.alpn_views.push_back(nullptr);
  if (!s.alpn.empty() && failed == 0)
    failed = mbedtls_ssl_conf_alpn_protocols(&s.config, s.alpn_views.data());
  if (failed != 0) return std::unexpected(of_library(failed, "the server"));
  return made;
}

}  // namespace pinaflux::tls
