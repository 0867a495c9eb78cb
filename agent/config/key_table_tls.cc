// The keys of TLS, once for each section that dials: the same steps below another path.
#include "agent/config/key_table.h"

namespace pinaflux::config {

namespace {

constexpr Key kTls[] = {
    {.path = "ca",
     .type = Type::path,
     .min = 1,
     .max = kTextMax,
     .example = "/etc/pinaflux/ca.pem",
     .doc =
         "With tls://: the CA certificates by which the broker is believed, a PEM file or a folder "
         "of them. Without it the system's."},
    {.path = "certificate",
     .type = Type::path,
     .min = 1,
     .max = kTextMax,
     .example = "/etc/pinaflux/gateway.pem",
     .doc = "With tls://: our certificate and what signed it, PEM, for brokers that ask for one."},
    {.path = "key",
     .type = Type::path,
     .min = 1,
     .max = kTextMax,
     .example = "/etc/pinaflux/gateway.key",
     .doc = "The certificate's private key, PEM, mode 600. Without it, it is in the certificate's "
            "file."},
    {.path = "tls", .type = Type::section, .doc = "More about tls://."},
    {.path = "tls.key_password",
     .type = Type::secret,
     .example = "{file: /etc/pinaflux/gateway.key.password}",
     .doc = "Password of an encrypted private key, by reference."},
    {.path = "tls.version_min",
     .type = Type::choice,
     .fallback = "1.2",
     .choices = "1.2|1.3",
     .doc = "The lowest version of TLS that is spoken."},
    {.path = "tls.ciphers",
     .type = Type::texts,
     .min = 1,
     .max = 128,
     .example = "[TLS_AES_128_GCM_SHA256]",
     .doc = "Cipher suites by IANA's names, most wanted first. Without it: TLS 1.3's, and those of "
            "TLS "
            "1.2 with forward secrecy and authenticated encryption."},
    {.path = "tls.alpn",
     .type = Type::texts,
     .min = 1,
     .max = 128,
     .example = "x-amzn-mqtt-ca",
     .doc =
         "Protocols that are offered by ALPN. AWS IoT takes MQTT on port 443 with x-amzn-mqtt-ca."},
    {.path = "tls.psk_identity",
     .type = Type::text,
     .min = 1,
     .max = 128,
     .example = "pump-station-7",
     .doc = "Identity of a pre-shared key, instead of certificates; needs `psk`."},
    {.path = "tls.psk",
     .type = Type::secret,
     .example = "{file: /etc/pinaflux/psk}",
     .doc = "The pre-shared key, by reference: 32 to 128 hexadecimal digits."},
};

}  // namespace

std::span<const Key> source_tls_keys() {
  static const KeysBelow kTable("sources.*", kTls, {"type", "mqtt"});
  return kTable.keys();
}

std::span<const Key> tls_keys() { return kTls; }

}  // namespace pinaflux::config
