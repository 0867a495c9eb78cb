#include "tests/platform/tls/authority.h"

#include <arpa/inet.h>
#include <array>
#include <cstdlib>
#include <deque>

#include <mbedtls/ecp.h>
#include <mbedtls/rsa.h>
#include <mbedtls/x509_crt.h>

#include "platform/tls/state.h"

namespace pinaflux::tls_kit {

void must(int result) {
  if (result != 0) std::abort();
}

namespace {

struct Pk {
  Pk() { mbedtls_pk_init(&pk); }
  ~Pk() { mbedtls_pk_free(&pk); }
  Pk(const Pk&) = delete;
  Pk& operator=(const Pk&) = delete;
  mbedtls_pk_context pk;
};

void generate(Key key, mbedtls_pk_context& pk) {
  if (key == Key::rsa2048 || key == Key::rsa1024) {
    must(mbedtls_pk_setup(&pk, mbedtls_pk_info_from_type(MBEDTLS_PK_RSA)));
    const unsigned bits = key == Key::rsa2048 ? 2048 : 1024;
    return must(mbedtls_rsa_gen_key(mbedtls_pk_rsa(pk), tls::random_bytes, nullptr, bits, 65537));
  }
  const auto curve = key == Key::p256 ? MBEDTLS_ECP_DP_SECP256R1 : MBEDTLS_ECP_DP_SECP384R1;
  must(mbedtls_pk_setup(&pk, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY)));
  must(mbedtls_ecp_gen_key(curve, mbedtls_pk_ec(pk), tls::random_bytes, nullptr));
}

std::string pem_of(const mbedtls_pk_context& pk) {
  std::array<unsigned char, 16000> text{};
  must(mbedtls_pk_write_key_pem(&pk, text.data(), text.size()));
  return reinterpret_cast<const char*>(text.data());
}

void parse(const std::string& pem, mbedtls_pk_context& pk) {
  must(mbedtls_pk_parse_key(&pk, reinterpret_cast<const unsigned char*>(pem.c_str()),
                            pem.size() + 1, nullptr, 0, tls::random_bytes, nullptr));
}

std::string sign(const Wanted& wanted, mbedtls_pk_context& subject_key, const std::string& issuer,
                 mbedtls_pk_context& issuer_key) {
  mbedtls_x509write_cert crt;
  mbedtls_x509write_crt_init(&crt);
  static unsigned char serial = 0;
  unsigned char number[2] = {1, ++serial};
  mbedtls_x509write_crt_set_version(&crt, MBEDTLS_X509_CRT_VERSION_3);
  mbedtls_x509write_crt_set_md_alg(&crt, MBEDTLS_MD_SHA256);
  must(mbedtls_x509write_crt_set_serial_raw(&crt, number, sizeof number));
  must(mbedtls_x509write_crt_set_validity(&crt, wanted.from.c_str(), wanted.to.c_str()));
  must(mbedtls_x509write_crt_set_issuer_name(&crt, issuer.c_str()));
  must(mbedtls_x509write_crt_set_subject_name(&crt, ("CN=" + wanted.common_name).c_str()));
  mbedtls_x509write_crt_set_subject_key(&crt, &subject_key);
  mbedtls_x509write_crt_set_issuer_key(&crt, &issuer_key);
  must(mbedtls_x509write_crt_set_basic_constraints(&crt, wanted.authority ? 1 : 0, -1));
  std::deque<mbedtls_x509_san_list> names;
  std::deque<std::array<unsigned char, 16>> addresses;
  const auto add = [&](int type, const unsigned char* p, std::size_t n) {
    mbedtls_x509_san_list entry{};
    entry.node.type = type;
    entry.node.san.unstructured_name = {type, n, const_cast<unsigned char*>(p)};
    entry.next = names.empty() ? nullptr : &names.back();
    names.push_back(entry);
  };
  for (const std::string& name : wanted.names) {
    add(MBEDTLS_X509_SAN_DNS_NAME, reinterpret_cast<const unsigned char*>(name.data()),
        name.size());
  }
  for (const std::string& address : wanted.addresses) {
    auto& bytes = addresses.emplace_back();
    const bool six = address.find(':') != std::string::npos;
    must(::inet_pton(six ? AF_INET6 : AF_INET, address.c_str(), bytes.data()) - 1);
    add(MBEDTLS_X509_SAN_IP_ADDRESS, bytes.data(), six ? 16 : 4);
  }
  if (!names.empty()) must(mbedtls_x509write_crt_set_subject_alternative_name(&crt, &names.back()));
  std::array<unsigned char, 8192> pem{};
  must(mbedtls_x509write_crt_pem(&crt, pem.data(), pem.size(), tls::random_bytes, nullptr));
  mbedtls_x509write_crt_free(&crt);
  return reinterpret_cast<const char*>(pem.data());
}

}  // namespace

Authority::Authority(const std::string& name, Key key) : subject_("CN=" + name) {
  must(psa_crypto_init());
  Pk made;
  generate(key, made.pk);
  own_.key = pem_of(made.pk);
  own_.certificate = sign({.common_name = name, .authority = true}, made.pk, subject_, made.pk);
}

Authority::Authority(const Authority& above, const Wanted& wanted)
    : own_(above.issue(wanted)), subject_("CN=" + wanted.common_name) {}

Issued Authority::issue(const Wanted& wanted) const {
  Pk made, ours;
  generate(wanted.key, made.pk);
  parse(own_.key, ours.pk);
  return {sign(wanted, made.pk, subject_, ours.pk), pem_of(made.pk)};
}

}  // namespace pinaflux::tls_kit
