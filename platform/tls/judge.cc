#include "platform/tls/judge.h"

#include <algorithm>
#include <arpa/inet.h>
#include <chrono>
#include <utility>

namespace pinaflux::tls {

namespace {

constexpr std::size_t kNamesMax = 6;  // Of a certificate, in a text.
constexpr std::size_t kNameBytesMax = 80;
constexpr int kDnsName = 2, kIpAddress = 7;  // Tags of GeneralName.

Buffer address_of(const std::string& host) {
  Buffer bytes(16);
  if (::inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1) return bytes;
  bytes.resize(4);
  if (::inet_pton(AF_INET, host.c_str(), bytes.data()) == 1) return bytes;
  return {};
}

std::int64_t seconds_of(const mbedtls_x509_time& t) {
  using namespace std::chrono;
  const sys_days day = year(t.year) / month(static_cast<unsigned>(t.mon)) / t.day;
  return duration_cast<seconds>(day.time_since_epoch()).count() + t.hour * 3600 + t.min * 60 +
         t.sec;
}

// A certificate's text is the peer's: what does not print becomes '?'.
std::string printable(std::string_view text) {
  std::string out(text.substr(0, kNameBytesMax));
  for (char& c : out) {
    if (c < 0x20 || c > 0x7e || c == '\'') c = '?';
  }
  return out;
}

std::string printed(const mbedtls_x509_name& name) {
  char text[256];
  const int n = mbedtls_x509_dn_gets(text, sizeof text, &name);
  return n <= 0 ? "no name" : printable({text, static_cast<std::size_t>(n)});
}

template <class F>
void each_alternative(const mbedtls_x509_crt& certificate, F f) {
  for (const mbedtls_x509_sequence* at = &certificate.subject_alt_names;
       at != nullptr && at->buf.p != nullptr; at = at->next) {
    f(at->buf.tag & 0x1f, Bytes(at->buf.p, at->buf.len));
  }
}

std::string printed_address(Bytes bytes) {
  char text[INET6_ADDRSTRLEN] = "?";
  const int family = bytes.size() == 16 ? AF_INET6 : AF_INET;
  if (bytes.size() == 4 || bytes.size() == 16) ::inet_ntop(family, bytes.data(), text, sizeof text);
  return text;
}

// "'a.example', 'b.example' and 3 more"
std::string names_of(const mbedtls_x509_crt& certificate) {
  std::string all;
  std::size_t count = 0;
  each_alternative(certificate, [&](int tag, Bytes bytes) {
    if (tag != kDnsName && tag != kIpAddress) return;
    if (++count > kNamesMax) return;
    all += (all.empty() ? "'" : ", '") +
           (tag == kDnsName ? printable(as_text(bytes)) : printed_address(bytes)) + "'";
  });
  if (count > kNamesMax) all += " and " + std::to_string(count - kNamesMax) + " more";
  return count == 0 ? "'" + printed(certificate.subject) + "'" : all;
}

}  // namespace

Judge::Judge(std::string host, std::int64_t at, std::string trust)
    : host_(std::move(host)), address_(address_of(host_)), at_(at), trust_(std::move(trust)) {}

int Judge::verify(void* self, mbedtls_x509_crt* certificate, int depth, std::uint32_t* flags) {
  static_cast<Judge*>(self)->judge(*certificate, depth, *flags);
  return 0;
}

void Judge::judge(const mbedtls_x509_crt& certificate, int depth, std::uint32_t& flags) {
  called_ = true;
  flags &= ~static_cast<std::uint32_t>(MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE);
  const std::int64_t from = seconds_of(certificate.valid_from);
  const std::int64_t to = seconds_of(certificate.valid_to);
  if (at_ > to) flags |= MBEDTLS_X509_BADCERT_EXPIRED;
  if (at_ < from) flags |= MBEDTLS_X509_BADCERT_FUTURE;
  if (depth == 0 && host_is_address() && !has_address(certificate))
    flags |= MBEDTLS_X509_BADCERT_CN_MISMATCH;
  if (flags == 0) return;

  const std::string subject = "'" + printed(certificate.subject) + "'";
  if ((flags & MBEDTLS_X509_BADCERT_NOT_TRUSTED) != 0 && trust_.empty()) {
    return fail(Cause::unknown_issuer,
                "'" + host_ +
                    "' proves itself by a certificate, not by our pre-shared "
                    "key: give it the key, or give `ca` here in place of "
                    "`psk`");
  }
  if ((flags & MBEDTLS_X509_BADCERT_NOT_TRUSTED) != 0) {
    return fail(Cause::unknown_issuer,
                "the certificate " + subject + " of '" + host_ + "' was issued by '" +
                    printed(certificate.issuer) + "', which is not among " + trust_ +
                    ": put the issuer's CA certificate there (`ca`), or check who answers");
  }
  if ((flags & MBEDTLS_X509_BADCERT_CN_MISMATCH) != 0) {
    return fail(Cause::wrong_name, "the server's certificate is for " + names_of(certificate) +
                                       ", not for '" + host_ +
                                       "': use a name that it has, or check who answers");
  }
  const std::string judged = "by our time of " + printed_time(at_);
  if ((flags & MBEDTLS_X509_BADCERT_EXPIRED) != 0) {
    return fail(Cause::expired, "the certificate " + subject + " of '" + host_ + "' expired on " +
                                    printed_time(to) + ", " + judged +
                                    ": let it be renewed, or set the clock");
  }
  if ((flags & MBEDTLS_X509_BADCERT_FUTURE) != 0) {
    return fail(Cause::not_yet_valid, "the certificate " + subject + " of '" + host_ +
                                          "' is valid from " + printed_time(from) + " on, " +
                                          judged + ": set the clock");
  }
  fail(Cause::weak_certificate,
       "the certificate " + subject + " of '" + host_ +
           "' is too weak or not for a server: it needs RSA of 2048 bits or P-256, SHA-256, and "
           "the right key usage");
}

// mbedTLS goes from the anchor down to the server: the issuer's fault comes first, and counts.
void Judge::fail(Cause cause, std::string text) {
  if (!failure_.any()) failure_ = {cause, std::move(text)};
}

bool Judge::has_address(const mbedtls_x509_crt& certificate) const {
  bool found = false;
  each_alternative(certificate, [&](int tag, Bytes bytes) {
    found = found || (tag == kIpAddress && std::ranges::equal(bytes, address_));
  });
  return found;
}

}  // namespace pinaflux::tls
