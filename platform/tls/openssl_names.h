// The functions of OpenSSL that Paho's archive calls (toolchains/openssl-names.golden), as we answer them: its
// types are opaque to Paho, and numbers here. Nothing else calls them.
//
// Source     OpenSSL 3.0, their manual pages; Paho C 1.3.14.
// Threads    Paho's.
// Tests      tests/platform/tls/openssl_test.cc
#pragma once

#include <cstddef>

extern "C" {

// openssl.cc
void* SSL_CTX_new(const void* method);
void SSL_CTX_free(void* setting);
long SSL_CTX_ctrl(void* setting, int command, long number, void* pointer);
int SSL_CTX_load_verify_locations(void* setting, const char* file, const char* directory);
int SSL_CTX_set_default_verify_paths(void* setting);
void* SSL_new(void* setting);
void SSL_free(void* handle);
int SSL_set_fd(void* handle, int socket);
long SSL_ctrl(void* handle, int command, long number, void* pointer);
int SSL_connect(void* handle);
int SSL_read(void* handle, void* to, int bytes);
int SSL_write(void* handle, const void* from, int bytes);
int SSL_pending(const void* handle);
int SSL_shutdown(void* handle);
int SSL_get_error(const void* handle, int returned);
void* SSL_get_SSL_CTX(const void* handle);
long SSL_get_verify_result(const void* handle);
void* SSL_get1_peer_certificate(const void* handle);
int X509_check_host(void* certificate, const char* name, std::size_t bytes, unsigned flags,
                    char** peer);
int X509_check_ip_asc(void* certificate, const char* address, unsigned flags);
unsigned long ERR_get_error();
void ERR_clear_error();
void ERR_print_errors_cb(int (*print)(const char* text, std::size_t bytes, void* context),
                         void* context);
// NOLINTNEXTLINE(bugprone-reserved-identifier): the linker's name.
int __wrap_SSLSocket_getPendingRead();

// openssl_websocket.cc
const void* BIO_f_base64();
const void* BIO_s_mem();
void* BIO_new(const void* kind);
void* BIO_push(void* first, void* second);
void BIO_set_flags(void* handle, int flags);
long BIO_ctrl(void* handle, int command, long number, void* pointer);
int BIO_write(void* handle, const void* from, int bytes);
int BIO_read(void* handle, void* to, int bytes);
void BIO_free_all(void* handle);
const void* EVP_sha1();
void* EVP_MD_CTX_new();
void EVP_MD_CTX_free(void* digest);
int EVP_DigestInit(void* digest, const void* kind);
int EVP_DigestUpdate(void* digest, const void* from, std::size_t bytes);
int EVP_DigestFinal(void* digest, unsigned char* to, unsigned* bytes);
int RAND_bytes(unsigned char* to, int bytes);

// openssl_absent.cc
int OPENSSL_init_ssl(unsigned long long options, const void* settings);
int OPENSSL_init_crypto(unsigned long long options, const void* settings);
void OPENSSL_thread_stop();
const void* TLS_client_method();
const char* OpenSSL_version(int what);
int CRYPTO_get_ex_new_index(int kind, long number, void* pointer, void* make, void* copy,
                            void* free);
void CRYPTO_free(void* memory, const char* file, int line);
int SSL_CTX_use_certificate_chain_file(void* setting, const char* file);
int SSL_CTX_use_PrivateKey_file(void* setting, const char* file, int kind);
int SSL_CTX_set_cipher_list(void* setting, const char* ciphers);
int SSL_CTX_set_alpn_protos(void* setting, const unsigned char* protocols, unsigned bytes);
int SSL_CTX_set_ex_data(void* setting, int index, void* pointer);
void* SSL_CTX_get_ex_data(const void* setting, int index);
int SSL_set_session(void* handle, void* session);
void* SSL_get1_session(void* handle);
void SSL_SESSION_free(void* session);
void SSL_CTX_set_default_passwd_cb(void* setting, void* callback);
void SSL_CTX_set_default_passwd_cb_userdata(void* setting, void* context);
void SSL_CTX_set_info_callback(void* setting, void* callback);
void SSL_CTX_set_msg_callback(void* setting, void* callback);
void SSL_CTX_set_psk_client_callback(void* setting, void* callback);
void SSL_CTX_set_verify(void* setting, int mode, void* callback);
const char* SSL_get_cipher_list(const void* handle, int index);
const void* SSL_get_current_cipher(const void* handle);
const char* SSL_CIPHER_get_name(const void* cipher);
const char* SSL_state_string_long(const void* handle);
const char* SSL_alert_type_string_long(int alert);
const char* SSL_alert_desc_string_long(int alert);
void X509_free(void* certificate);

}  // extern "C"
