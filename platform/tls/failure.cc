#include "platform/tls/failure.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>

#include <mbedtls/ssl.h>

namespace pinaflux::tls {

namespace {

struct Known {
  Cause cause;
  const char* name;
  Code code;
  const char* what;
};

// In the order of Cause.
constexpr std::array<Known, 16> kKnown{{
    {Cause::none, "none", Code::internal, "nothing failed"},
    {Cause::file, "file", Code::invalid, "a certificate or key file cannot be used"},
    {Cause::unknown_issuer, "unknown_issuer", Code::refused,
     "TLS: no CA certificate here leads to the server's: check `ca`"},
    {Cause::wrong_name, "wrong_name", Code::refused,
     "TLS: the server's certificate is for another name: check the address"},
    {Cause::expired, "expired", Code::refused,
     "TLS: the server's certificate has expired: let it be renewed"},
    {Cause::not_yet_valid, "not_yet_valid", Code::refused,
     "TLS: the server's certificate is not valid yet: check the clock"},
    {Cause::weak_certificate, "weak_certificate", Code::refused,
     "TLS: the server's certificate is too weak: it needs RSA of 2048 bits or P-256, and SHA-256"},
    {Cause::alert, "alert", Code::refused, "TLS: the server refuses us with an alert: see its log"},
    {Cause::plain_http, "plain_http", Code::refused,
     "TLS: plain HTTP answers: a captive portal, or a web server's port"},
    {Cause::no_tls, "no_tls", Code::refused, "TLS: the server does not speak it: check the port"},
    {Cause::hung_up, "hung_up", Code::closed,
     "TLS: the server hung up in the handshake: check the port, and its log"},
    {Cause::no_common_terms, "no_common_terms", Code::unsupported,
     "TLS: no version or cipher suite in common with the server: check `ciphers`"},
    {Cause::timeout, "timeout", Code::timeout,
     "TLS: the handshake takes too long: check the network"},
    {Cause::ended, "ended", Code::closed, "the server closed the connection"},
    {Cause::cut, "cut", Code::closed, "the connection broke off"},
    {Cause::other, "other", Code::internal, "TLS failed: see the server's log"},
}};

const Known& known(Cause cause) { return kKnown[static_cast<std::size_t>(cause)]; }

struct Alert {
  int number;
  const char* name;  // As RFC 8446 spells it.
  const char* next;
};

constexpr std::array<Alert, 24> kAlerts{{
    {MBEDTLS_SSL_ALERT_MSG_UNEXPECTED_MESSAGE, "unexpected_message", "see the server's log"},
    {MBEDTLS_SSL_ALERT_MSG_BAD_RECORD_MAC, "bad_record_mac",
     "with a pre-shared key: check that both sides have the same"},
    {MBEDTLS_SSL_ALERT_MSG_RECORD_OVERFLOW, "record_overflow", "see the server's log"},
    {MBEDTLS_SSL_ALERT_MSG_HANDSHAKE_FAILURE, "handshake_failure",
     "no cipher suite is in common, or the server wants a client certificate (`certificate`, "
     "`key`) or a pre-shared key that it knows (`psk_identity`, `psk`)"},
    {MBEDTLS_SSL_ALERT_MSG_BAD_CERT, "bad_certificate",
     "the server does not accept our certificate: see its log"},
    {MBEDTLS_SSL_ALERT_MSG_UNSUPPORTED_CERT, "unsupported_certificate",
     "the server does not accept our certificate's kind: see its log"},
    {MBEDTLS_SSL_ALERT_MSG_CERT_REVOKED, "certificate_revoked",
     "our certificate was revoked: get another"},
    {MBEDTLS_SSL_ALERT_MSG_CERT_EXPIRED, "certificate_expired",
     "our certificate has expired by the server's clock: renew it"},
    {MBEDTLS_SSL_ALERT_MSG_CERT_UNKNOWN, "certificate_unknown",
     "the server does not accept our certificate: see its log"},
    {MBEDTLS_SSL_ALERT_MSG_ILLEGAL_PARAMETER, "illegal_parameter",
     "with a pre-shared key: check that both sides have the same; otherwise see the server's log"},
    {MBEDTLS_SSL_ALERT_MSG_UNKNOWN_CA, "unknown_ca",
     "the server does not know who signed our certificate: give it that CA's certificate"},
    {MBEDTLS_SSL_ALERT_MSG_ACCESS_DENIED, "access_denied",
     "the server knows our certificate and lets it do nothing: see its access list"},
    {MBEDTLS_SSL_ALERT_MSG_DECODE_ERROR, "decode_error", "see the server's log"},
    {MBEDTLS_SSL_ALERT_MSG_DECRYPT_ERROR, "decrypt_error",
     "our key does not fit our certificate, or the pre-shared key is another than the server's"},
    {MBEDTLS_SSL_ALERT_MSG_PROTOCOL_VERSION, "protocol_version",
     "the server speaks another TLS version: check `version_min` and `ciphers`, or update it"},
    {MBEDTLS_SSL_ALERT_MSG_INSUFFICIENT_SECURITY, "insufficient_security",
     "the server wants stronger ciphers: check `ciphers`"},
    {MBEDTLS_SSL_ALERT_MSG_INTERNAL_ERROR, "internal_error", "see the server's log"},
    {MBEDTLS_SSL_ALERT_MSG_USER_CANCELED, "user_canceled", "see the server's log"},
    {MBEDTLS_SSL_ALERT_MSG_UNSUPPORTED_EXT, "unsupported_extension", "see the server's log"},
    {MBEDTLS_SSL_ALERT_MSG_UNRECOGNIZED_NAME, "unrecognized_name",
     "the server does not know the host name that was dialled: check the address"},
    {MBEDTLS_SSL_ALERT_MSG_UNKNOWN_PSK_IDENTITY, "unknown_psk_identity",
     "the server does not know the identity of our pre-shared key: check `psk_identity`"},
    {MBEDTLS_SSL_ALERT_MSG_CERT_REQUIRED, "certificate_required",
     "the server wants a client certificate: give `certificate` and `key`"},
    {MBEDTLS_SSL_ALERT_MSG_NO_APPLICATION_PROTOCOL, "no_application_protocol",
     "the server does not speak the protocol of `alpn`"},
    {MBEDTLS_SSL_ALERT_MSG_NO_RENEGOTIATION, "no_renegotiation", "see the server's log"},
}};

bool is_mqtt_answer(Bytes first) {
  return first.size() >= 2 && (first[0] == 0x20 || first[0] == 0xe0 || first[0] == 0xd0);
}

}  // namespace

const char* cause_name(Cause cause) { return known(cause).name; }

Error Failure::error() const { return {known(cause).code, 0, known(cause).what}; }

std::string printed_time(std::int64_t unix_seconds) {
  const std::chrono::sys_seconds at{std::chrono::seconds(unix_seconds)};
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss time{at - day};
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u %02d:%02d:%02d UTC",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(time.hours().count()),
                static_cast<int>(time.minutes().count()), static_cast<int>(time.seconds().count()));
  return text;
}

Failure alert_received(int alert) {
  const auto at = std::ranges::find(kAlerts, alert, &Alert::number);
  const std::string name =
      at == kAlerts.end() ? "number " + std::to_string(alert) : std::string(at->name);
  const char* next = at == kAlerts.end() ? "see the server's log" : at->next;
  return {Cause::alert, "the server refuses us with the TLS alert " + name + ": " + next};
}

Failure not_tls(Bytes first, const std::string& host) {
  if (as_text(first).starts_with("HTTP")) {
    return {
        Cause::plain_http,
        "'" + host +
            "' answers in plain HTTP, not TLS: behind a captive portal sign in first; otherwise "
            "check the port"};
  }
  if (is_mqtt_answer(first)) {
    return {Cause::no_tls, "'" + host +
                               "' answers in plain MQTT, not TLS: use its TLS port (8883 as a "
                               "rule), or tcp:// where the network is yours"};
  }
  return {Cause::no_tls, "'" + host + "' does not speak TLS on this port: check the port"};
}

Failure of_library(int number, const std::string& host) {
  switch (number) {
    case MBEDTLS_ERR_SSL_HANDSHAKE_FAILURE:
    case MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION:
      return {Cause::no_common_terms,
              "no TLS version or cipher suite in common with '" + host +
                  "': it needs TLS 1.2 with ECDHE and AES-GCM or ChaCha20, or TLS 1.3; check "
                  "`version_min` and `ciphers`"};
    case MBEDTLS_ERR_SSL_BAD_CERTIFICATE:
      return {Cause::weak_certificate,
              "the certificate of '" + host +
                  "' is malformed, or not for a server: let it be issued with the extended key "
                  "usage serverAuth"};
    case MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY:
      return {Cause::ended, "'" + host + "' closed the connection"};
    case MBEDTLS_ERR_SSL_INVALID_MAC:
      return {Cause::other,
              "what came from '" + host +
                  "' was changed on its way, or belongs to another connection: look for "
                  "a defective network device, or somebody in between"};
    case MBEDTLS_ERR_SSL_NO_APPLICATION_PROTOCOL:
      return alert_received(MBEDTLS_SSL_ALERT_MSG_NO_APPLICATION_PROTOCOL);
    case MBEDTLS_ERR_SSL_ALLOC_FAILED:
    case MBEDTLS_ERR_X509_ALLOC_FAILED:
      return {Cause::other, "no memory for a TLS connection to '" + host + "': free some"};
    default: break;
  }
  char hex[16];
  std::snprintf(hex, sizeof hex, "-0x%04X", static_cast<unsigned>(-number));
  return {Cause::other, "TLS with '" + host + "' failed (mbedTLS " + hex +
                            "): see the server's log; if it says nothing, tell us this number"};
}

}  // namespace pinaflux::tls
