// What Paho references of OpenSSL and does not need from us: certificates, keys and pre-shared keys that would
// come through Paho (they come by PahoTls, so these refuse), sessions (they are resumed inside Credentials),
// texts for Paho's trace (which is off), and set-up of a library that is not there.

#include "platform/tls/openssl_names.h"

extern "C" {

// Set-up: 1 is success.
int OPENSSL_init_ssl(unsigned long long, const void*) { return 1; }
int OPENSSL_init_crypto(unsigned long long, const void*) { return 1; }
void OPENSSL_thread_stop() {}
const void* TLS_client_method() { return nullptr; }
const char* OpenSSL_version(int) { return "none: mbedTLS answers"; }
int CRYPTO_get_ex_new_index(int, long, void*, void*, void*, void*) { return 0; }
void CRYPTO_free(void*, const char*, int) {}  // Of X509_check_host()'s peer, which is null.

// Refused: 0, and of set_alpn_protos 1.
int SSL_CTX_use_certificate_chain_file(void*, const char*) { return 0; }
int SSL_CTX_use_PrivateKey_file(void*, const char*, int) { return 0; }
int SSL_CTX_set_cipher_list(void*, const char*) { return 0; }
int SSL_CTX_set_alpn_protos(void*, const unsigned char*, unsigned) { return 1; }
int SSL_CTX_set_ex_data(void*, int, void*) { return 0; }
void* SSL_CTX_get_ex_data(const void*, int) { return nullptr; }
int SSL_set_session(void*, void*) { return 0; }
void* SSL_get1_session(void*) { return nullptr; }
void SSL_SESSION_free(void*) {}

// Nobody is called back: verification is never off, and no password is asked for.
void SSL_CTX_set_default_passwd_cb(void*, void*) {}
void SSL_CTX_set_default_passwd_cb_userdata(void*, void*) {}
void SSL_CTX_set_info_callback(void*, void*) {}
void SSL_CTX_set_msg_callback(void*, void*) {}
void SSL_CTX_set_psk_client_callback(void*, void*) {}
void SSL_CTX_set_verify(void*, int, void*) {}

// For the trace. A null ends Paho's walk over the ciphers.
const char* SSL_get_cipher_list(const void*, int) { return nullptr; }
const void* SSL_get_current_cipher(const void*) { return nullptr; }
const char* SSL_CIPHER_get_name(const void*) { return ""; }
const char* SSL_state_string_long(const void*) { return ""; }
const char* SSL_alert_type_string_long(int) { return ""; }
const char* SSL_alert_desc_string_long(int) { return ""; }
void X509_free(void*) {}  // A number.

}  // extern "C"
